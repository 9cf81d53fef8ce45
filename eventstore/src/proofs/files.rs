//! The hashes of the tree on disk: one file a level, the n-th hash at byte 32 n, so that a tile is one read.
//! Without a directory all of them stay in memory.
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
#[derive(Default)]
pub(super) struct HashFiles {
    directory: Option<PathBuf>,
    levels: Vec<Level>,
}

#[derive(Default)]
struct Level {
    path: PathBuf,
    file: Option<Arc<File>>,
    written: u64,
    pending: Vec<Hash>,
}

impl HashFiles {
    /// Opens the files of a tree of `size` leaves and cuts off what lies behind; `None` if they hold less.
    pub(super) fn open(directory: &Path, size: u64) -> Result<Option<Self>, ProofError> {
        let mut files = Self { directory: Some(directory.to_owned()), levels: Vec::new() };
        for level in 0.. {
            let hashes = level_len(size, level);
            let path = path_of(directory, level);
            if hashes == 0 && !path.exists() {
                return Ok(Some(files));
            }
            let file = open(&path)?;
            if file.metadata().map_err(ProofError::io(&path))?.len() < hashes * 32 {
                return Ok(None);
            }
            file.set_len(hashes * 32).map_err(ProofError::io(&path))?;
            files.levels.push(Level { path, file: Some(Arc::new(file)), written: hashes, pending: Vec::new() });
        }
        unreachable!("a tree has at most 8 levels of tiles")
    }

    /// Appends a hash to a level; it is kept in memory until [`Self::write`].
    pub(super) fn push(&mut self, level: u8, hash: Hash) -> Result<(), ProofError> {
        if self.levels.len() == usize::from(level) {
            let mut opened = Level::default();
            if let Some(directory) = &self.directory {
                opened.path = path_of(directory, level);
                opened.file = Some(Arc::new(open(&opened.path)?));
            }
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
        let file = |level: &Level| Some((level.path.clone(), Arc::clone(level.file.as_ref()?)));
        self.levels.iter().filter_map(file).collect()
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

fn open(path: &Path) -> Result<File, ProofError> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    file.map_err(ProofError::io(path))
}

impl Level {
    fn write(&mut self) -> Result<(), ProofError> {
        if let Some(file) = self.file.as_ref().filter(|_| !self.pending.is_empty()) {
            let bytes = encode_hashes(&self.pending);
            file.write_all_at(&bytes, self.written * 32).map_err(ProofError::io(&self.path))?;
            self.written += self.pending.len() as u64;
            self.pending.clear();
        }
        Ok(())
    }

    fn read(&self, first: u64, count: u64) -> Result<Vec<Hash>, ProofError> {
        let width = u16::try_from(count).map_err(|_| ProofError::malformed("tile", "it is over 65,535 hashes"))?;
        let mut bytes = vec![0; usize::from(width) * 32];
        if let Some(file) = self.file.as_ref().filter(|_| count > 0) {
            file.read_exact_at(&mut bytes, first * 32).map_err(ProofError::io(&self.path))?;
        }
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
