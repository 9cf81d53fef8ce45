//! When what routing knows is kept, so that the next start needs only the facts behind it. What is kept is
//! `clew_projections::floor`'s; it may be lost at any time.

use clew_domain::routing::{Floor, Saved};
use clew_eventstore::store::EventStore;
use clew_projections::floor::{self, Reached};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How many facts lie between two that are kept, at least; a start reads about as many in a tenth of a second.
const FACTS_APART_MIN: u64 = 100_000;
/// How long, at least: while the log is read from its start, facts come by the million.
const APART_MIN: Duration = Duration::from_secs(60);

/// The file in which what routing knows is kept, and when.
pub struct Kept {
    path: PathBuf,
    facts_apart_min: u64,
    apart_min: Duration,
    /// Facts taken since it was kept.
    behind: u64,
    since: Instant,
    writing: Option<JoinHandle<()>>,
}

impl Kept {
    /// In the directory of what is derived.
    pub fn among(derived: &Path) -> Self {
        Self::at(&derived.join(floor::FILE), FACTS_APART_MIN, APART_MIN)
    }

    /// In this file, with at least so many facts and so long in between.
    pub fn at(path: &Path, facts_apart_min: u64, apart_min: Duration) -> Self {
        let (path, since) = (path.to_owned(), Instant::now());
        Self { path, facts_apart_min, apart_min, behind: 0, since, writing: None }
    }

    /// What was kept, if it can be used.
    pub(super) async fn load(&self, store: &dyn EventStore) -> Option<Reached<Floor>> {
        match floor::kept(&self.path, store).await {
            Ok(kept) => kept,
            Err(why) => {
                let file = self.path.display();
                tracing::warn!(%file, %why, "what routing had kept is passed over; it reads the whole log");
                None
            }
        }
    }

    /// So many facts more were taken.
    pub(super) fn took(&mut self, facts: u64) {
        self.behind += facts;
    }

    /// Whether to keep what is known now, that being so much: when as much is new as there is to be written, so that
    /// writing costs no more for each fact however much is known.
    pub(super) fn is_due(&self, size: usize) -> bool {
        let is_writing = self.writing.as_ref().is_some_and(|writing| !writing.is_finished());
        let enough = self.behind >= self.facts_apart_min.max(size as u64);
        enough && !is_writing && self.since.elapsed() >= self.apart_min
    }

    /// Whether anything is new.
    pub(super) fn is_behind(&self) -> bool {
        self.behind > 0
    }

    /// Begins to write what is known.
    pub(super) fn begin(&mut self, reached: Reached<Saved>, store: Arc<dyn EventStore>) {
        (self.behind, self.since) = (0, Instant::now());
        let path = self.path.clone();
        self.writing = Some(tokio::spawn(async move {
            if let Err(why) = floor::keep(&path, reached, store.as_ref()).await {
                tracing::warn!(file = %path.display(), %why, "what routing knows could not be kept");
            }
        }));
    }

    /// Waits for what is being written.
    pub(super) async fn written(&mut self) {
        if let Some(writing) = self.writing.take() {
            // One that panicked has kept nothing; the one before is still there.
            let _ = writing.await;
        }
    }
}
