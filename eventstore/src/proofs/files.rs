//! The hashes of the tree on disk: one file a level, the n-th hash at byte 32 n, so that a tile is one read.
//! Derived from the facts; what they prove, and when they are trusted, is `log.rs`' business.

use super::ProofError;
use super::tile::{decode_hashes, encode_hashes, level_len};
use super::tree::Hash;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many hashes of a level wait in memory before they are written.
const PENDING_MAX: usize = 4_096;

/// The files of all levels.
pub(super) struct HashFiles {
    directory: PathBuf,
    levels: Vec<Level>,
}

struct Level {
    path: PathBuf,
    file: Arc<File>,
    written: u64,
    pending: Vec<Hash>,
}

impl HashFiles {
    /// Opens the files of a tree of `size` leaves and cuts off what lies behind; `None` if they hold less.
    pub(super) fn open(directory: &Path, size: u64) -> Result<Option<Self>, ProofError> {
        let mut files = Self { directory: directory.to_owned(), levels: Vec::new() };
        for level in 0.. {
            let hashes = level_len(size, level);
            let path = files.path(level);
            if hashes == 0 && !path.exists() {
                return Ok(Some(files));
            }
            let opened = Level::open(path)?;
            if opened.length()? < hashes * 32 {
                return Ok(None);
            }
            opened.file.set_len(hashes * 32).map_err(ProofError::io(&opened.path))?;
            files.levels.push(Level { written: hashes, ..opened });
        }
        unreachable!("a tree has at most 8 levels of tiles")
    }

    fn path(&self, level: u8) -> PathBuf {
        path_of(&self.directory, level)
    }

    /// Appends a hash to a level; it is kept in memory until [`Self::write`].
    pub(super) fn push(&mut self, level: u8, hash: Hash) -> Result<(), ProofError> {
        if self.levels.len() == usize::from(level) {
            let opened = Level::open(self.path(level))?;
            self.levels.push(opened);
        }
        let level = &mut self.levels[usize::from(level)];
        level.pending.push(hash);
        if level.pending.len() >= PENDING_MAX { level.write() } else { Ok(()) }
    }

    /// Hands what waits in memory to the system.
    pub(super) fn write(&mut self) -> Result<(), ProofError> {
        self.levels.iter_mut().try_for_each(Level::write)
    }

    /// The files to sync, after [`Self::write`].
    pub(super) fn to_sync(&self) -> Vec<(PathBuf, Arc<File>)> {
        self.levels.iter().map(|level| (level.path.clone(), Arc::clone(&level.file))).collect()
    }

    /// `count` hashes of a level, from `first` on, written or not.
    pub(super) fn read(&self, level: u8, first: u64, count: u64) -> Result<Vec<Hash>, ProofError> {
        let out_of_range = || ProofError::OutOfRange { asked: first.saturating_add(count), size: 0 };
        let level = self.levels.get(usize::from(level)).ok_or_else(out_of_range)?;
        let from_file = count.min(level.written.saturating_sub(first));
        let mut hashes = level.read(first, from_file)?;
        if from_file < count {
            let start = (first + from_file).checked_sub(level.written).ok_or_else(out_of_range)?;
            let start = usize::try_from(start).map_err(|_| out_of_range())?;
            let end = start + usize::try_from(count - from_file).map_err(|_| out_of_range())?;
            hashes.extend_from_slice(level.pending.get(start..end).ok_or_else(out_of_range)?);
        }
        Ok(hashes)
    }
}

/// Where the hashes of a level lie.
pub(super) fn path_of(directory: &Path, level: u8) -> PathBuf {
    directory.join(format!("hashes-{level}"))
}

impl Level {
    fn open(path: PathBuf) -> Result<Self, ProofError> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = Arc::new(file.map_err(ProofError::io(&path))?);
        Ok(Self { path, file, written: 0, pending: Vec::new() })
    }

    fn length(&self) -> Result<u64, ProofError> {
        Ok(self.file.metadata().map_err(ProofError::io(&self.path))?.len())
    }

    fn write(&mut self) -> Result<(), ProofError> {
        if !self.pending.is_empty() {
            let bytes = encode_hashes(&self.pending);
            self.file.write_all_at(&bytes, self.written * 32).map_err(ProofError::io(&self.path))?;
            self.written += self.pending.len() as u64;
            self.pending.clear();
        }
        Ok(())
    }

    fn read(&self, first: u64, count: u64) -> Result<Vec<Hash>, ProofError> {
        let width = u16::try_from(count).map_err(|_| ProofError::malformed("tile", "it is over 65,535 hashes"))?;
        let mut bytes = vec![0; usize::from(width) * 32];
        self.file.read_exact_at(&mut bytes, first * 32).map_err(ProofError::io(&self.path))?;
        decode_hashes(&bytes, width)
    }
}

/// Puts a small file in place whole or not at all, and durably.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), ProofError> {
    let new = path.with_extension("new");
    let write = || {
        let mut file = File::create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        File::open(path.parent().expect("a file lies in a directory"))?.sync_all()
    };
    write().map_err(ProofError::io(path))
}

/// A small file's text; `None` if it is not there.
pub(super) fn read_text(path: &Path) -> Result<Option<String>, ProofError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ProofError::io(path)(error)),
    }
}
