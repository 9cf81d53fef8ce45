//! `clew import`: takes the messages of a file into the log, as if their channels told them.

use super::offline::Offline;
use super::progress::Progress;
use super::{Exit, Failure};
use crate::config::Place;
use crate::import::file::File;
use crate::import::{Import as Work, Summary, Told};
use clap::Args;
use std::path::PathBuf;

/// The arguments of `clew import`.
#[derive(Args)]
pub(super) struct Import {
    /// The file: one JSON object a line with id, parent, author, inbound, ts, text and brand
    file: PathBuf,
    /// Print nothing but one JSON object with what it came to
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

impl Import {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let bytes = std::fs::read(&self.file)
            .map_err(|error| Failure::new(Exit::NotFound, format!("can't read {}: {error}", self.file.display())))?;
        let file = File::parse(&bytes);
        let desk = Offline::open(&self.place).await?;
        let taken = self.take(&desk, &file).await;
        desk.close().await;
        let summary = taken?;
        if self.json {
            println!("{}", serde_json::json!(summary));
        } else {
            let Summary { lines, messages, duplicates, rejected, conversations, events_appended } = summary;
            println!("{lines} lines: {messages} messages taken in, {duplicates} known already, {rejected} rejected");
            println!("{conversations} conversations, {events_appended} events appended");
        }
        match summary.rejected {
            0 => Ok(()),
            some => Err(Failure::new(Exit::Partial, format!("{some} lines were rejected; the rest was taken in"))),
        }
    }

    async fn take(&self, desk: &Offline, file: &File) -> Result<Summary, Failure> {
        let state = &desk.app.state;
        let work = Work { store: &*state.store, ingest: &state.ingest, now: state.clock.now() };
        let progress = Progress::new(!self.json, file.messages.len() as u64, "messages");
        let mut told = |told: Told<'_>| match told {
            Told::Done(done) => progress.at(done as u64),
            Told::Rejected(line) => progress.warn(&format!("line {}: {}", line.line, line.why)),
        };
        let summary = work.run(file, &mut told).await;
        progress.finish();
        summary.map_err(|error| Failure::new(Exit::Failed, error.to_string()))
    }
}
