//! `clew export`: all conversations as one JSON object a line, in the shape in which the API shows them.

use super::offline::Offline;
use super::progress::Progress;
use super::{Exit, Failure};
use crate::config::Place;
use crate::error::Problem;
use crate::routes::conversations::view;
use clap::Args;
use clew_domain::conversation::Queue;
use clew_domain::installation::DataReading;
use clew_projections::queues::{Filter, Order};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

/// Conversations read at once.
const PAGE: usize = 500;

/// The arguments of `clew export`.
#[derive(Args)]
pub(super) struct Export {
    /// The file to write, which must not be there yet [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

impl Export {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let mut output: Box<dyn Write + Send> = match &self.output {
            None => Box::new(io::stdout()),
            Some(path) => Box::new(BufWriter::new(
                File::create_new(path)
                    .map_err(|error| Failure::new(Exit::Failed, format!("can't make {}: {error}", path.display())))?,
            )),
        };
        let desk = Offline::open(&self.place).await?;
        let written = write(&desk, &mut *output, self.output.is_some()).await;
        desk.close().await;
        let conversations = written?;
        output.flush()?;
        if let Some(path) = self.output {
            println!("{conversations} conversations written to {}", path.display());
        }
        Ok(())
    }
}

/// Writes every conversation, queue after queue, and tells how many there were.
async fn write(desk: &Offline, output: &mut (dyn Write + Send), show_progress: bool) -> Result<u64, Failure> {
    desk.catch_up().await?;
    desk.record_reading(DataReading::Export).await?;
    let app = &desk.app.state;
    let queues = app.projections.queues();
    let everything = Filter::default();
    let mut total = 0;
    for queue in [Queue::New, Queue::Pending, Queue::Resolved] {
        total += queues.count(queue, &everything).map_err(Problem::from)?;
    }
    let progress = Progress::new(show_progress, total, "conversations");
    let mut written = 0;
    for queue in [Queue::New, Queue::Pending, Queue::Resolved] {
        let mut cursor = None;
        loop {
            let page = queues.page(queue, &everything, Order::Oldest, cursor.as_deref(), PAGE);
            let (page, _) = page.map_err(Problem::from)?;
            for row in &page.items {
                let shown = view::show(app, None, row.id, None).await?;
                writeln!(output, "{}", serde_json::json!(shown))?;
                written += 1;
                progress.at(written);
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
    }
    progress.finish();
    Ok(written)
}
