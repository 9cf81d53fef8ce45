//! Names and headers of the files of a log, and how a segment is laid out before it is written to.
//!
//! Every file begins with 32 bytes: magic (8), format (4), number (4), capacity (8), zero (4), CRC-32 of these
//! 28 bytes (4). An open segment is written full of zeros in advance, so that a sync of appended bytes has no
//! metadata to write.

use super::disk::{Disk, sync_dir, unavailable};
use crate::store::StoreError;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The format of all files of the log; a greater one is refused.
pub const FORMAT: u32 = 1;
/// Bytes of the header.
pub(super) const HEADER_BYTES: usize = 32;
/// Plain bytes of a block of sealed facts at most: the largest fact on top of an almost full block.
pub(super) const PLAIN_BLOCK_BYTES_MAX: usize = 256 * 1024;

/// What a file of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    /// Facts that are appended to, or wait to be sealed.
    OpenFacts,
    /// Facts in blocks, with their index.
    SealedFacts,
    /// Contents.
    Contents,
    /// Where each content of a full segment lies.
    ContentsIndex,
}

impl FileKind {
    fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::OpenFacts => b"CLEWfact",
            Self::SealedFacts => b"CLEWseal",
            Self::Contents => b"CLEWcont",
            Self::ContentsIndex => b"CLEWcidx",
        }
    }

    fn folder_and_ending(self) -> (&'static str, &'static str) {
        match self {
            Self::OpenFacts => ("facts", "open"),
            Self::SealedFacts => ("facts", "sealed"),
            Self::Contents => ("contents", "contents"),
            Self::ContentsIndex => ("contents", "index"),
        }
    }

    /// Where the file of that number lies.
    pub(super) fn path(self, dir: &Path, number: u32) -> PathBuf {
        let (folder, ending) = self.folder_and_ending();
        dir.join(folder).join(format!("{number:08}.{ending}"))
    }

    /// The numbers of all files of this kind, in order.
    pub(super) fn numbers(self, dir: &Path) -> Result<Vec<u32>, StoreError> {
        let (folder, ending) = self.folder_and_ending();
        let folder = dir.join(folder);
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(unavailable("can't list", &folder))? {
            let name = entry.map_err(unavailable("can't list", &folder))?.file_name();
            let number: Option<u32> =
                name.to_str().and_then(|name| name.strip_suffix(ending)?.strip_suffix('.')?.parse().ok());
            numbers.extend(number);
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}

/// The header's bytes.
pub(super) fn header(kind: FileKind, number: u32, capacity: u64) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(kind.magic());
    bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    bytes[12..16].copy_from_slice(&number.to_le_bytes());
    bytes[16..24].copy_from_slice(&capacity.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..28]);
    bytes[28..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Checks the header of a file and gives its capacity.
pub(super) fn check_header(file: &File, path: &Path, kind: FileKind, number: u32) -> Result<u64, StoreError> {
    let corrupt = |what: &str| StoreError::Corrupt { place: path.display().to_string(), what: what.into() };
    let mut bytes = [0; HEADER_BYTES];
    if file.read_exact_at(&mut bytes, 0).is_err() {
        return Err(corrupt("it is cut off within its header"));
    }
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    if crc32fast::hash(&bytes[..28]) != word(28) || &bytes[..8] != kind.magic() {
        return Err(corrupt("its header does not match its checksum"));
    }
    if word(8) > FORMAT {
        let place = path.display();
        let what = format!("{place} has format {}, which a newer Clew wrote; this one reads up to {FORMAT}", word(8));
        return Err(StoreError::Unavailable(what));
    }
    if word(12) != number {
        return Err(corrupt("its header names another segment"));
    }
    Ok(u64::from_le_bytes(bytes[16..24].try_into().expect("eight bytes")))
}

/// A segment that can be written to: zeros to its capacity behind the header, durable with its name.
pub(super) fn create_segment(
    disk: &dyn Disk,
    dir: &Path,
    kind: FileKind,
    number: u32,
    capacity: u64,
) -> Result<File, StoreError> {
    const CHUNK_BYTES: u64 = 1 << 20;
    let path = kind.path(dir, number);
    let made = path.with_extension("tmp");
    let write = || {
        let file = disk.create(&made)?;
        disk.write_all_at(&file, &header(kind, number, capacity), 0)?;
        let zeros = vec![0; usize::try_from(CHUNK_BYTES.min(capacity)).expect("a mebibyte")];
        let mut at = HEADER_BYTES as u64;
        while at < capacity {
            let length = usize::try_from((capacity - at).min(zeros.len() as u64)).expect("a mebibyte");
            disk.write_all_at(&file, &zeros[..length], at)?;
            at += length as u64;
            // In steps, so that the log's own syncs never queue behind a whole segment of zeros.
            disk.sync(&file)?;
        }
        file.sync_all()?;
        std::fs::rename(&made, &path)?;
        sync_dir(path.parent().expect("segments lie in a folder"))?;
        Ok(file)
    };
    write().map_err(|error: std::io::Error| {
        // Its space is what may be lacking; that it stays would be no harm.
        let _ = std::fs::remove_file(&made);
        unavailable("can't prepare", &path)(error)
    })
}
