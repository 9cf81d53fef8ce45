//! What is remembered of the rebuilds of all projections, beside their rows: so that a rebuild that was interrupted is
//! gone on with, one that is ready can be served after a restart, and operators see how earlier ones went. A sled
//! database of its own; losing it loses no row, only what was remembered.

use crate::generation::Generation;
use clew_domain::time::Timestamp;
use clew_eventstore::msgpack;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const DIRECTORY: &str = "catalogue";
const CACHE_BYTES: u64 = 1024 * 1024;

/// Ended rebuilds that are remembered of each projection.
const HISTORY_MAX: usize = 20;

/// sled lets go of its files a little after the last handle is gone: so long they are asked for again.
const RELEASED_WITHIN: Duration = Duration::from_secs(5);
const ASKED_AGAIN_AFTER: Duration = Duration::from_millis(10);

/// How a rebuild of a projection went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndedRebuild {
    /// `ready`, `cancelled` or `failed`.
    pub outcome: String,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Facts that it folded; of one that was interrupted, in its last part.
    pub events: u64,
    /// Seconds that this took.
    pub took_s: f64,
}

/// Rows that were rebuilt, wholly or in part, and are not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) generation: Generation,
    /// Whether it reached the log's end.
    pub(crate) ready: bool,
    /// Whether a comparison found it the same as what is served.
    pub(crate) same: bool,
}

/// The rebuilds of one projection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) candidate: Option<Kept>,
    /// What was served before the last exchange.
    pub(crate) before: Option<Generation>,
    /// The rebuilds that ended, the last one last.
    pub(crate) ended: Vec<EndedRebuild>,
}

impl Record {
    /// The rebuild that ended last.
    pub(crate) fn last(&self) -> Option<&EndedRebuild> {
        self.ended.last()
    }

    /// Remembers one more, and no more than so many.
    pub(crate) fn ended(&mut self, rebuild: EndedRebuild) {
        self.ended.push(rebuild);
        self.ended.drain(..self.ended.len().saturating_sub(HISTORY_MAX));
    }
}

/// What this process has open: sled gives a directory to one opener, and each projection asks for it.
static OPENED: Mutex<BTreeMap<PathBuf, Weak<sled::Db>>> = Mutex::new(BTreeMap::new());

/// The records of all projections of one directory. Clones share the database.
#[derive(Clone, Debug)]
pub(crate) struct Catalogue(Arc<sled::Db>);

impl Catalogue {
    /// Opens it under `dir`. One that can't be read is set aside, for somebody to look at, and an empty one begun.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let dir = dir.canonicalize()?;
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        opened.retain(|_, db| db.strong_count() > 0);
        if let Some(db) = opened.get(&dir).and_then(Weak::upgrade) {
            return Ok(Self(db));
        }
        let db = Arc::new(open_or_begin(&dir)?);
        opened.insert(dir, Arc::downgrade(&db));
        Ok(Self(db))
    }

    /// What is remembered of a projection. A record that can't be read is as none: rows are never lost by it.
    pub(crate) fn record(&self, projection: &str) -> io::Result<Record> {
        let found = guarded(|| self.0.get(projection))?;
        Ok(found.and_then(|bytes| read(&bytes)).unwrap_or_default())
    }

    /// Changes what is remembered of a projection, on disk when it answers.
    pub(crate) fn remember(&self, projection: &str, change: impl FnOnce(&mut Record)) -> io::Result<()> {
        let _one_at_a_time = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        let mut record = self.record(projection)?;
        change(&mut record);
        let bytes = rmp_serde::to_vec_named(&record).map_err(io::Error::other)?;
        guarded(|| self.0.insert(projection, bytes).and_then(|_| self.0.flush()))?;
        Ok(())
    }
}

fn open_or_begin(dir: &Path) -> io::Result<sled::Db> {
    let path = dir.join(DIRECTORY);
    let asked_until = Instant::now() + RELEASED_WITHIN;
    loop {
        match open(&path) {
            Ok(db) => return Ok(db),
            Err(error) if is_held(&error) && Instant::now() < asked_until => thread::sleep(ASKED_AGAIN_AFTER),
            Err(error) if is_held(&error) || !path.exists() => return Err(error),
            Err(error) => {
                tracing::error!(%error, "the catalogue of rebuilds is set aside and begun anew");
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
                fs::rename(&path, dir.join(format!("set-aside-{DIRECTORY}-{since}")))?;
            }
        }
    }
}

fn open(path: &Path) -> io::Result<sled::Db> {
    let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    let db = guarded(|| config.open())?;
    // Damage shows itself where it lies: all of it is read, which is little.
    guarded(|| db.iter().try_for_each(|entry| entry.map(drop)))?;
    Ok(db)
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    msgpack::from_slice(bytes).inspect_err(|error| tracing::warn!(%error, "a record of rebuilds is unreadable")).ok()
}

/// sled answers some damage with a panic.
fn guarded<T>(work: impl FnOnce() -> sled::Result<T>) -> io::Result<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(outcome) => outcome.map_err(io::Error::other),
        Err(_) => Err(io::Error::other("sled broke off")),
    }
}

fn is_held(error: &io::Error) -> bool {
    error.to_string().contains("acquire lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rebuild(events: u64) -> EndedRebuild {
        EndedRebuild { outcome: "ready".into(), ended_at: Timestamp::from_micros(5), events, took_s: 0.5 }
    }

    #[test]
    fn what_is_remembered_is_there_after_it_was_closed_and_only_so_much() {
        let dir = tempfile::tempdir().unwrap();
        let generation = Generation { version: 3, number: 7 };
        let candidate = Some(Kept { generation, ready: true, same: false });
        let catalogue = Catalogue::open(dir.path()).unwrap();
        assert_eq!(catalogue.record("queues").unwrap(), Record::default());
        for events in 0..30 {
            catalogue.remember("queues", |record| record.ended(rebuild(events))).unwrap();
        }
        catalogue.remember("queues", |record| record.candidate = candidate).unwrap();
        drop(catalogue);
        let record = Catalogue::open(dir.path()).unwrap().record("queues").unwrap();
        assert_eq!((record.candidate, record.last()), (candidate, Some(&rebuild(29))));
        assert_eq!(record.ended.len(), HISTORY_MAX);
        assert_eq!(Catalogue::open(dir.path()).unwrap().record("audit").unwrap(), Record::default());
    }

    #[test]
    fn whatever_byte_is_damaged_it_opens_and_what_it_tells_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::open(dir.path()).unwrap();
        catalogue.remember("queues", |record| record.ended(rebuild(1))).unwrap();
        drop(catalogue);
        drop(Catalogue::open(dir.path()).unwrap());
        let path = dir.path().join(DIRECTORY);
        let files = [path.join("db"), path.join("conf")].map(|file| (fs::read(&file).unwrap(), file));
        for (bytes, file) in &files {
            let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            for at in (0..used).step_by(7) {
                let copy = tempfile::tempdir().unwrap();
                fs::create_dir(copy.path().join(DIRECTORY)).unwrap();
                for (bytes, file) in &files {
                    fs::write(copy.path().join(DIRECTORY).join(file.file_name().unwrap()), bytes).unwrap();
                }
                let mut damaged = bytes.clone();
                damaged[at] ^= 0x10;
                fs::write(copy.path().join(DIRECTORY).join(file.file_name().unwrap()), damaged).unwrap();
                let catalogue = Catalogue::open(copy.path()).unwrap();
                let ended = catalogue.record("queues").unwrap().ended;
                assert!(ended.is_empty() || ended == [rebuild(1)], "byte {at} of {}: {ended:?}", file.display());
                catalogue.remember("queues", |record| record.ended(rebuild(2))).unwrap();
            }
        }
    }
}
