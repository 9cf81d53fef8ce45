//! Which runs there are and up to where they hold, in a file that is replaced whole.

use super::failed;
use super::run::{self, Run};
use crate::table::TableError;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::msgpack;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

const NAME: &str = "manifest";

/// The layout of runs and manifest.
const FORMAT: u32 = 1;

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) checkpoint: Option<Cursor>,
    /// Their numbers, the oldest first.
    pub(super) runs: Vec<u64>,
}

fn damaged() -> TableError {
    TableError("the list of runs is damaged".into())
}

impl Manifest {
    /// What is in `dir`; an empty one if there is none.
    pub(super) fn read(dir: &Path) -> Result<Self, TableError> {
        let bytes = match fs::read(dir.join(NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            read => read.map_err(|error| failed(&error))?,
        };
        let (header, body) = bytes.split_first_chunk::<8>().ok_or_else(damaged)?;
        let (format, sum) = header.split_at(4);
        if *format != FORMAT.to_le_bytes() {
            return Err(TableError("the rows were written by another Clew".into()));
        }
        if *sum != crc32fast::hash(body).to_le_bytes() {
            return Err(damaged());
        }
        msgpack::from_slice(body).map_err(|_| damaged())
    }

    /// Replaces what is in `dir`; the runs must be on disk already.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        let body = rmp_serde::to_vec(self).map_err(io::Error::other)?;
        let written = dir.join("manifest.new");
        let mut file = File::create(&written)?;
        file.write_all(&FORMAT.to_le_bytes())?;
        file.write_all(&crc32fast::hash(&body).to_le_bytes())?;
        file.write_all(&body)?;
        file.sync_all()?;
        fs::rename(written, dir.join(NAME))?;
        File::open(dir)?.sync_all()
    }
}

/// Removes runs that an interrupted flush or merge has left.
pub(super) fn remove_strays(dir: &Path, runs: &[u64]) -> Result<(), TableError> {
    for entry in fs::read_dir(dir).map_err(|error| failed(&error))?.flatten() {
        let number = entry.file_name().to_str().and_then(run::number_of);
        if number.is_some_and(|number| !runs.contains(&number)) {
            fs::remove_file(entry.path()).map_err(|error| failed(&error))?;
        }
    }
    Ok(())
}

/// Puts runs of `dir` into `to` as well, with a manifest of theirs; runs never change, so their files are shared.
/// Fails with `NotFound` if a run was merged away meanwhile.
pub(super) fn share(dir: &Path, to: &Path, runs: &[Arc<Run>], checkpoint: Option<Cursor>) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for run in runs {
        let name = run::file_name(run.number);
        match fs::hard_link(dir.join(&name), to.join(&name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            linked => linked?,
        }
    }
    Manifest { checkpoint, runs: runs.iter().map(|run| run.number).collect() }.write(to)
}
