//! What a rebuild would take, told before it is begun: from a short trial on this machine and from what is served.

use super::job::{RebuildError, weight};
use super::{Feeder, RebuildOptions};
use crate::generation::Home;
use crate::projection::Spec;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::store::EventStore;
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// How long the trial folds.
const TRIAL: Duration = Duration::from_secs(2);

/// Facts that the trial reads at once.
const FACTS_READ: usize = 4_096;

/// What a rebuild would take.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Facts to fold.
    pub events: u64,
    /// Facts in a second, as a trial with the first of them went, or the last rebuild if that was slower.
    pub events_per_s: f64,
    /// Seconds.
    pub time_s: f64,
    /// Bytes on disk, for as long as both sets of rows are kept.
    pub bytes: u64,
    /// Facts that the trial folded.
    pub tried: u64,
}

/// Folds the first facts of the log into rows of their own for a short while, deletes them again, and concludes.
/// `done` facts were folded by a rebuild that is gone on with. The fold slows down as rows grow more; the last rebuild knows by how much, where there was one.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(crate) fn estimate(
    spec: Spec,
    home: &Home,
    store: &Arc<dyn EventStore>,
    runtime: &Handle,
    options: RebuildOptions,
    done: u64,
) -> Result<Estimate, RebuildError> {
    let trial = home.next(spec.version)?;
    let tried = try_out(spec, home.open(trial)?, store, runtime);
    let trial_bytes = home.bytes(trial);
    home.drop(trial)?;
    let (tried, took) = tried?;
    let (record, all) = (home.record()?, weight(&store.head()));
    let events = all.saturating_sub(done);
    let mut events_per_s = tried as f64 / took.as_secs_f64().max(1e-6);
    if let Some(last) = record.last().filter(|last| last.events >= tried && last.took_s > 0.0) {
        events_per_s = events_per_s.min(last.events as f64 / last.took_s);
    }
    if let Some(rate) = options.max_rate {
        events_per_s = events_per_s.min(f64::from(rate));
    }
    let served = home.served()?.filter(|it| it.version == spec.version).map_or(0, |it| home.bytes(it));
    let by_trial = if tried == 0 { 0.0 } else { trial_bytes as f64 / tried as f64 * all as f64 };
    let bytes = if served > trial_bytes { served } else { by_trial as u64 };
    Ok(Estimate { events, events_per_s, time_s: events as f64 / events_per_s.max(1e-6), bytes, tried })
}

fn try_out(
    spec: Spec,
    table: crate::table::Table,
    store: &Arc<dyn EventStore>,
    runtime: &Handle,
) -> Result<(u64, Duration), RebuildError> {
    let mut feeder = Feeder::resume(spec, table, store.partitions())?;
    let began = Instant::now();
    for partition in 0..store.partitions() {
        while began.elapsed() < TRIAL {
            let facts = runtime.block_on(store.read_all(feeder.cursor().position(partition), FACTS_READ))?;
            feeder.take(&facts)?;
            if facts.len() < FACTS_READ {
                break;
            }
        }
    }
    feeder.save()?;
    let tried: &Cursor = feeder.cursor();
    Ok((weight(tried), began.elapsed()))
}
