//! Threads that sync a file while the writer does something else: a commit with contents waits for the disk once, and
//! the proofs' hashes are computed in that time. Which of two files is durable first does not matter: opening cuts a
//! group of which either lacks.

use super::disk::Disk;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// The thread, as long as this lives.
pub(super) struct Beside {
    files: SyncSender<Arc<File>>,
    synced: Receiver<io::Result<()>>,
}

impl Beside {
    pub(super) fn new(name: &str, disk: Arc<dyn Disk>) -> io::Result<Self> {
        let (files, taken) = sync_channel::<Arc<File>>(1);
        let (answer, synced) = sync_channel(1);
        let work = move || {
            for file in taken {
                if answer.send(disk.sync(&file)).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name(name.into()).spawn(work)?;
        Ok(Self { files, synced })
    }

    /// Syncs `file` while `meanwhile` goes on; answers when both are done.
    pub(super) fn sync(&self, file: &Arc<File>, meanwhile: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let gone = || io::Error::other("the thread that syncs the log's files is gone");
        self.files.send(Arc::clone(file)).map_err(|_| gone())?;
        let done = meanwhile();
        // Waited for in any case: what comes next must not meet this answer.
        let synced = self.synced.recv().map_err(|_| gone())?;
        synced.and(done)
    }
}
