//! Where the rows of a projection lie on disk: `<dir>/<name>/<generation>/`, one set of rows each, and the file
//! `served` that names the one in use. Whatever is here can be thrown away and rebuilt from the log.

use crate::catalogue::{Catalogue, Kept, Record};
use crate::projection::Spec;
use crate::table::{Table, TableError};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const SERVED: &str = "served";

/// Rows are let go of a little after the last handle is gone: so long they are asked for again.
const RELEASED_WITHIN: Duration = Duration::from_secs(5);

/// How soon they are asked for again.
const ASKED_AGAIN_AFTER: Duration = Duration::from_millis(10);

/// One set of rows: of which version, and the how-manieth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Generation {
    pub(crate) version: u32,
    pub(crate) number: u32,
}

impl Generation {
    fn directory(self) -> String {
        format!("v{}-g{}", self.version, self.number)
    }

    fn named(text: &str) -> Option<Self> {
        let (version, number) = text.trim().strip_prefix('v')?.split_once("-g")?;
        Some(Self { version: version.parse().ok()?, number: number.parse().ok()? })
    }
}

/// The generations of one projection.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    dir: PathBuf,
    name: &'static str,
    cache_bytes: u64,
    catalogue: Catalogue,
}

impl Home {
    /// The place of a projection under `dir`.
    pub(crate) fn of(spec: Spec, dir: &Path, cache_bytes: u64) -> io::Result<Self> {
        let catalogue = Catalogue::open(dir)?;
        let dir = dir.join(spec.name);
        fs::create_dir_all(&dir)?;
        Ok(Self { dir, name: spec.name, cache_bytes, catalogue })
    }

    pub(crate) fn path(&self, generation: Generation) -> PathBuf {
        self.dir.join(generation.directory())
    }

    /// The generation that is served, if one was chosen and can be told.
    pub(crate) fn served(&self) -> io::Result<Option<Generation>> {
        match fs::read(self.dir.join(SERVED)) {
            Ok(bytes) => Ok(Generation::named(&String::from_utf8_lossy(&bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes it the one that is served, from the next start on too.
    pub(crate) fn serve(&self, generation: Generation) -> io::Result<()> {
        let written = self.dir.join("served.new");
        fs::write(&written, generation.directory())?;
        fs::File::open(&written)?.sync_all()?;
        fs::rename(written, self.dir.join(SERVED))?;
        fs::File::open(&self.dir)?.sync_all()
    }

    /// All generations that are there, the newest last.
    pub(crate) fn generations(&self) -> io::Result<Vec<Generation>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            found.extend(entry?.file_name().to_str().and_then(Generation::named));
        }
        found.sort_unstable_by_key(|it| it.number);
        Ok(found)
    }

    /// A generation that is not there yet.
    pub(crate) fn next(&self, version: u32) -> io::Result<Generation> {
        let last = self.generations()?.last().map_or(0, |it| it.number);
        Ok(Generation { version, number: last + 1 })
    }

    /// What was rebuilt, wholly or in part, with this version of the fold, and is not served.
    pub(crate) fn candidate(&self, version: u32) -> io::Result<Option<Kept>> {
        let (kept, served) = (self.record()?.candidate, self.served()?);
        Ok(kept.filter(|it| {
            it.generation.version == version && Some(it.generation) != served && self.path(it.generation).is_dir()
        }))
    }

    /// What was served before the last exchange, if it is still there and of this version.
    pub(crate) fn before(&self, version: u32) -> io::Result<Option<Generation>> {
        let (before, served) = (self.record()?.before, self.served()?);
        Ok(before.filter(|it| it.version == version && Some(*it) != served && self.path(*it).is_dir()))
    }

    /// What is remembered of rebuilds.
    pub(crate) fn record(&self) -> io::Result<Record> {
        self.catalogue.record(self.name)
    }

    /// Changes what is remembered of rebuilds.
    pub(crate) fn remember(&self, change: impl FnOnce(&mut Record)) -> io::Result<()> {
        self.catalogue.remember(self.name, change)
    }

    /// Serves what was rebuilt, or what was served before, and remembers what was served until now.
    pub(crate) fn exchange(&self, generation: Generation) -> io::Result<()> {
        let until_now = self.served()?;
        self.serve(generation)?;
        self.remember(|record| {
            record.before = until_now;
            record.candidate = record.candidate.filter(|it| it.generation != generation);
        })
    }

    /// Where to build: on from what an interrupted rebuild left, or `afresh` into empty rows.
    pub(crate) fn begin_rebuild(&self, version: u32, afresh: bool) -> io::Result<Generation> {
        let unfinished = self.candidate(version)?;
        if let (Some(kept), true) = (unfinished, afresh) {
            self.drop(kept.generation)?;
        }
        let generation = match unfinished {
            Some(kept) if !afresh => kept.generation,
            Some(_) | None => self.next(version)?,
        };
        self.remember(|record| record.candidate = Some(Kept { generation, ready: false, same: false }))?;
        Ok(generation)
    }

    /// Deletes all rows but those that are served; nothing of them may be open.
    pub(crate) fn drop_all_but_served(&self) -> io::Result<()> {
        let served = self.served()?;
        self.remember(|record| (record.candidate, record.before) = (None, None))?;
        for generation in self.generations()? {
            if Some(generation) != served {
                self.drop(generation)?;
            }
        }
        Ok(())
    }

    /// Bytes on disk of all that is not served.
    pub(crate) fn kept_bytes(&self) -> io::Result<u64> {
        let served = self.served()?;
        let others = self.generations()?.into_iter().filter(|it| Some(*it) != served);
        Ok(others.map(|it| self.bytes(it)).sum())
    }

    /// Deletes the rows of a generation that is not open, or just being closed.
    pub(crate) fn drop(&self, generation: Generation) -> io::Result<()> {
        // Opened once more, so that nobody who lets go of them writes there any longer.
        match self.open(generation) {
            Err(error) if error.0.contains("acquire lock") => return Err(io::Error::other(error)),
            opened => drop(opened),
        }
        fs::remove_dir_all(self.path(generation))
    }

    /// Opens the rows of a generation, empty ones if there are none.
    pub(crate) fn open(&self, generation: Generation) -> Result<Table, TableError> {
        let path = self.path(generation);
        when_released(|| Table::open(&path, self.cache_bytes))
    }

    /// Opens a state of the rows that was kept.
    pub(crate) fn open_kept(&self, path: &Path) -> Result<Table, TableError> {
        when_released(|| Table::open_kept(path, self.cache_bytes))
    }

    /// Where states of the rows that are served are kept, if those are of this version.
    pub(crate) fn kept_states(&self, version: u32) -> Option<PathBuf> {
        let served = self.served().ok()??;
        (served.version == version).then(|| self.past_of(served))
    }

    /// Where states of a generation are kept.
    pub(crate) fn past_of(&self, generation: Generation) -> PathBuf {
        self.path(generation).join("past")
    }

    /// Opens what is served. What will not open is set aside, for somebody to look at, and an empty one begun.
    pub(crate) fn open_served(&self, spec: Spec) -> Result<(Generation, Table), TableError> {
        let io_error = |error: io::Error| TableError(error.to_string());
        // A name of rows that are not there is a lost or damaged one: never rows that happen to be empty.
        let served = self.served().map_err(io_error)?.filter(|it| self.path(*it).is_dir());
        if let Some(generation) = served {
            match self.open(generation) {
                Ok(table) => return Ok((generation, table)),
                Err(error) => {
                    tracing::error!(projection = spec.name, %error, "rows set aside; they are rebuilt from the log");
                    self.set_aside(generation).map_err(io_error)?;
                }
            }
        }
        let generation = self.next(spec.version).map_err(io_error)?;
        let table = self.open(generation)?;
        self.serve(generation).map_err(io_error)?;
        Ok((generation, table))
    }

    /// Keeps rows that are of no more use for somebody to look at.
    pub(crate) fn set_aside(&self, generation: Generation) -> io::Result<()> {
        let path = self.path(generation);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        match fs::rename(&path, self.dir.join(format!("set-aside-{}-{since}", generation.directory()))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    /// Bytes on disk of a generation, with the states that are kept of it; files that they share count once.
    pub(crate) fn bytes(&self, generation: Generation) -> u64 {
        bytes_under(&self.path(generation), &mut HashSet::new())
    }
}

fn when_released(open: impl Fn() -> Result<Table, TableError>) -> Result<Table, TableError> {
    let asked_until = Instant::now() + RELEASED_WITHIN;
    loop {
        match open() {
            Err(error) if error.0.contains("acquire lock") && Instant::now() < asked_until => {
                thread::sleep(ASKED_AGAIN_AFTER);
            }
            opened => return opened,
        }
    }
}

fn bytes_under(path: &Path, counted: &mut HashSet<u64>) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_under(&entry.path(), counted),
        Ok(metadata) if counted.insert(metadata.ino()) => metadata.len(),
        Ok(_) | Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
