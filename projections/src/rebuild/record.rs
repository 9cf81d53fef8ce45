//! What is remembered of the rebuilds of one projection, beside its rows: so that a rebuild that was interrupted is
//! gone on with, one that is ready can be served after a restart, and operators see how the last one went.

use crate::generation::Generation;
use clew_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::path::Path;

const FILE: &str = "rebuild.json";

/// How the last rebuild of a projection went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastRebuild {
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
    pub(crate) last: Option<LastRebuild>,
}

impl Record {
    /// What is remembered in this directory. A record that can't be read is as none: rows are never lost by it.
    pub(crate) fn read(dir: &Path) -> io::Result<Self> {
        match fs::read(dir.join(FILE)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn write(&self, dir: &Path) -> io::Result<()> {
        let written = dir.join("rebuild.new");
        fs::write(&written, serde_json::to_vec_pretty(self).map_err(io::Error::other)?)?;
        File::open(&written)?.sync_all()?;
        fs::rename(written, dir.join(FILE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_and_a_torn_one_is_as_none() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Record::read(dir.path()).unwrap(), Record::default());
        let generation = Generation { version: 3, number: 7 };
        let ended_at = Timestamp::from_micros(5);
        let last = LastRebuild { outcome: "ready".into(), ended_at, events: 9, took_s: 0.5 };
        let kept = Kept { generation, ready: true, same: false };
        let record = Record { candidate: Some(kept), before: Some(generation), last: Some(last) };
        record.write(dir.path()).unwrap();
        assert_eq!(Record::read(dir.path()).unwrap(), record);
        fs::write(dir.path().join(FILE), b"{\"candidate\":").unwrap();
        assert_eq!(Record::read(dir.path()).unwrap(), Record::default());
    }
}
