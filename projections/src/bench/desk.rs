//! A desk's log over any store, and how long views take over it.

use super::{BenchError, live::commit_of};
use crate::histories::Traffic;
use crate::registry::{Options, Projections};
use clew_eventstore::store::{Commit, EventStore, limits};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long views may take to be made.
const MADE_WITHIN: Duration = Duration::from_secs(7_200);

/// What happens at a desk, commit by commit, each to be written after the one before. The same seed gives the same.
pub struct Desk(Traffic);

impl Desk {
    /// One that has just begun.
    pub fn new(seed: u64) -> Self {
        Self(Traffic::new(seed))
    }

    /// One at which nobody answers, so that every conversation stays open.
    pub fn unanswered(seed: u64) -> Self {
        Self(Traffic::unanswered(seed))
    }

    /// What happens next, about as much as goes into one commit, and how many facts that are.
    pub fn commit(&mut self) -> (Commit, u64) {
        let (mut facts, mut streams) = (Vec::new(), HashSet::new());
        while streams.len() < limits::STREAMS_PER_COMMIT_MAX / 2 && facts.len() < limits::FACTS_PER_COMMIT_MAX / 2 {
            let told = self.0.advance();
            streams.extend(told.iter().map(|fact| fact.stream));
            facts.extend(told);
        }
        let count = facts.len() as u64;
        (commit_of(facts), count)
    }
}

/// Opens all views of this log under `dir`, and answers how long it takes until they show all of it: from the log's start
/// where there are none, else from where they are.
pub async fn views(dir: &Path, store: Arc<dyn EventStore>) -> Result<Duration, BenchError> {
    let (head, began) = (store.head(), Instant::now());
    let failed = |error: &dyn std::fmt::Display| BenchError::Store(error.to_string());
    let projections = Projections::open(Some(dir), store, Options::default()).await.map_err(|error| failed(&error))?;
    projections.wait_for(&head, MADE_WITHIN).await.map_err(|error| failed(&error))?;
    let took = began.elapsed();
    projections.shutdown().await;
    Ok(took)
}
