//! What the log is compared with: the same bytes at the end of a plain file that grows, one `fdatasync` for all that
//! gathered while the one before went on. No index, no versions, no checksums.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

type Waiting = (Vec<u8>, oneshot::Sender<bool>);

#[derive(Default)]
struct Queue {
    state: Mutex<(Vec<Waiting>, bool)>,
    filled: Condvar,
}

/// A plain file with a thread that appends to it.
pub(super) struct Plain {
    queue: Arc<Queue>,
    writer: Option<JoinHandle<()>>,
}

impl Plain {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = File::create_new(path)?;
        let queue = Arc::new(Queue::default());
        let taken = Arc::clone(&queue);
        let writer = std::thread::Builder::new().name("bench-plain-file".into()).spawn(move || write(&file, &taken))?;
        Ok(Self { queue, writer: Some(writer) })
    }

    /// Answers when the bytes are on disk, or that they could not be written.
    pub(super) async fn append(&self, bytes: Vec<u8>) -> bool {
        let (answer, answered) = oneshot::channel();
        let was_empty = {
            let mut state = self.queue.state.lock().expect("no panic under it");
            state.0.push((bytes, answer));
            state.0.len() == 1
        };
        if was_empty {
            self.queue.filled.notify_one();
        }
        answered.await.unwrap_or(false)
    }
}

fn write(mut file: &File, queue: &Queue) {
    let mut batch = Vec::new();
    loop {
        let waiting = {
            let mut state = queue.state.lock().expect("no panic under it");
            while state.0.is_empty() && !state.1 {
                state = queue.filled.wait(state).expect("no panic under it");
            }
            std::mem::take(&mut state.0)
        };
        if waiting.is_empty() {
            return;
        }
        batch.clear();
        for (bytes, _) in &waiting {
            batch.extend_from_slice(bytes);
        }
        let written = file.write_all(&batch).and_then(|()| file.sync_data()).is_ok();
        for (_, answer) in waiting {
            // A writer that is gone needs no answer.
            let _ = answer.send(written);
        }
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        self.queue.state.lock().expect("no panic under it").1 = true;
        self.queue.filled.notify_one();
        if let Some(writer) = self.writer.take() {
            writer.join().expect("the writer does not panic");
        }
    }
}
