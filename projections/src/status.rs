//! How a projection fares, as operators see it.

use clew_domain::fact::Position;
use clew_domain::ids::EventId;
use clew_domain::time::Timestamp;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::store::{EventStore, StoreError};
use serde::Serialize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Whether a projection goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    /// It follows the log.
    Running,
    /// It stopped and does not go on by itself. What it shows stays as it was; other projections go on.
    Halted {
        /// The event that it could not fold, if it was one that stopped it.
        event: Option<EventId>,
        /// Where that stands.
        position: Option<Position>,
        /// Why.
        reason: String,
    },
    /// Rows of another version of the fold are served as they were, while those of this version are built. Nobody
    /// waits for it.
    Upgrading,
    /// Its rows were found damaged on disk. They are built anew from the log; what can still be read of them is served
    /// meanwhile, and nobody waits for it.
    Mending,
    /// It was shut down.
    Stopped,
}

/// How a projection fares.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// What it is called.
    pub name: &'static str,
    /// The version of its fold.
    pub version: u32,
    /// The version whose rows are served; another one while a rebuild after an upgrade is under way.
    pub served_version: u32,
    /// Whether it goes on.
    #[serde(flatten)]
    pub state: State,
    /// How far it has read, as text.
    pub position: String,
    /// Facts behind the log's end: a bound from above where positions are not dense.
    pub lag_events: u64,
    /// When the fact that it folded last was recorded.
    pub folded_recorded_at: Option<Timestamp>,
    /// Facts folded since the process started.
    pub folded: u64,
    /// Bytes on disk of what is served.
    pub bytes: u64,
}

/// A wait that ended before a projection had seen enough.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the projection {projection} is behind{}", if *halted { ": it has halted and someone must see to it" } else { "; try again" })]
pub struct Behind {
    /// Which one.
    pub projection: &'static str,
    /// Whether it has halted.
    pub halted: bool,
}

/// Facts of `head` that `seen` has not reached.
pub(crate) fn lag(head: &Cursor, seen: &Cursor) -> u64 {
    (0..head.partitions()).map(|at| head.sequence(at).saturating_sub(seen.sequence(at))).sum()
}

/// How long ago the first fact was recorded that `seen` has not reached, in seconds; 0 if there is none.
pub(crate) async fn lag_s(store: &dyn EventStore, seen: &Cursor) -> Result<f64, StoreError> {
    let now_us = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let mut longest_us = 0;
    for partition in 0..store.partitions() {
        if let Some(next) = store.read_all(seen.position(partition), 1).await?.first() {
            let recorded_us = u128::try_from(next.recorded_at.micros()).unwrap_or(0);
            longest_us = longest_us.max(now_us.saturating_sub(recorded_us));
        }
    }
    Ok(Duration::from_micros(u64::try_from(longest_us).unwrap_or(u64::MAX)).as_secs_f64())
}
