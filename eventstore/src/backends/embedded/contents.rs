//! Sealed contents on disk: appended, found by number, overwritten in place when erased. Which contents belong to
//! a commit that happened is told by the marks in the facts, not here.
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 4 | CRC-32 of bytes 4 to 24 |
//! | 4 | 4 | bytes of ciphertext and tag |
//! | 8 | 8 | number of the content |
//! | 16 | 8 | number of the contact |
//! | 24 | 1 | `0x0f` stored, `0xf0` erased: one byte, so that a crash can't tear it |
//! | 25 | 3 | zero |
//! | 28 | 4 | CRC-32 of all that follows; zero once erased |
//! | 32 | 16 | salt; zero once erased, like all that follows |
//! | 48 | 32 | commitment to the key |
//! | 80 | … | ciphertext and tag |

use super::contents_index::ContentsIndex;
use super::layout::{self, FileKind};
use crate::sealed::SealedContent;
use crate::store::StoreError;
use clew_domain::content::{ContactNumber, ContentId};
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes before salt, commitment and ciphertext.
pub(super) const HEAD_BYTES: usize = 32;
/// Bytes before the ciphertext.
pub(super) const BODY_AT: usize = 80;
/// Where the byte lies that says whether it is erased.
pub(super) const STATE_AT: u64 = 24;
const STORED: u8 = 0x0f;
/// The state of what was erased.
pub(super) const ERASED: u8 = 0xf0;
/// Where that begins which an erasure overwrites with zeros.
pub(super) const WIPED_AT: u64 = 28;

/// How far the contents of a commit reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) segment: u32,
    pub(super) end: u32,
}

impl Mark {
    pub(super) fn to_bytes(self) -> [u8; 8] {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&self.segment.to_le_bytes());
        bytes[4..].copy_from_slice(&self.end.to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (segment, end) = bytes.first_chunk::<8>()?.split_at(4);
        let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
        Some(Self { segment: word(segment), end: word(end) })
    }
}

/// The head of a stored content.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) id: ContentId,
    owner: ContactNumber,
    length: u32,
    pub(super) erased: bool,
    crc: u32,
}

impl Head {
    /// Bytes of head and body.
    pub(super) fn bytes(&self) -> u64 {
        BODY_AT as u64 + u64::from(self.length)
    }
}

/// Appends the content's bytes to `out`.
pub(super) fn encode(content: &SealedContent, out: &mut Vec<u8>) {
    let start = out.len();
    let length = u32::try_from(content.sealed.len()).expect("limits keep a content far below 4 GiB");
    out.extend_from_slice(&[0; HEAD_BYTES]);
    out.extend_from_slice(&content.salt);
    out.extend_from_slice(&content.key_commit);
    out.extend_from_slice(&content.sealed);
    let bytes = &mut out[start..];
    let crc = crc32fast::hash(&bytes[HEAD_BYTES..]);
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
    bytes[8..16].copy_from_slice(&content.id.0.to_le_bytes());
    bytes[16..24].copy_from_slice(&content.owner.0.to_le_bytes());
    bytes[24] = STORED;
    bytes[28..32].copy_from_slice(&crc.to_le_bytes());
    let crc = crc32fast::hash(&bytes[4..24]);
    bytes[..4].copy_from_slice(&crc.to_le_bytes());
}

/// The head at the start of `bytes`, if it is sound.
pub(super) fn parse_head(bytes: &[u8]) -> Option<Head> {
    let bytes = bytes.first_chunk::<HEAD_BYTES>()?;
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    let erased = match bytes[24] {
        STORED => false,
        ERASED => true,
        _ => return None,
    };
    let sound = crc32fast::hash(&bytes[4..24]) == word(0) && bytes[25..28] == [0; 3];
    let head = Head { id: ContentId(long(8)), owner: ContactNumber(long(16)), length: word(4), erased, crc: word(28) };
    sound.then_some(head)
}

/// Whether head and body at the start of `bytes` are sound; how long they are.
pub(super) fn parse(bytes: &[u8]) -> Option<Head> {
    let head = parse_head(bytes)?;
    let body = bytes.get(HEAD_BYTES..usize::try_from(head.bytes()).ok()?)?;
    (head.erased || crc32fast::hash(body) == head.crc).then_some(head)
}

/// A file of contents.
#[derive(Debug)]
pub(super) struct ContentsFile {
    pub(super) number: u32,
    pub(super) path: PathBuf,
    pub(super) file: Arc<File>,
}

impl ContentsFile {
    pub(super) fn open(dir: &Path, number: u32) -> Result<(Self, u64), StoreError> {
        let path = FileKind::Contents.path(dir, number);
        let opened = File::options().read(true).write(true).open(&path);
        let file = opened.map_err(super::disk::unavailable("can't open", &path))?;
        let capacity = layout::check_header(&file, &path, FileKind::Contents, number)?;
        Ok((Self { number, path, file: Arc::new(file) }, capacity))
    }

    fn corrupt(&self, offset: u32, what: &str) -> StoreError {
        StoreError::Corrupt { place: format!("{} at byte {offset}", self.path.display()), what: what.into() }
    }

    /// The content at `offset`, which must be `id`; `None` if it was erased.
    pub(super) fn read(&self, offset: u32, id: ContentId) -> Result<Option<SealedContent>, StoreError> {
        let head = self.read_head(offset, id)?;
        if head.erased {
            return Ok(None);
        }
        let mut body = vec![0; usize::try_from(head.bytes()).expect("checked with the head") - HEAD_BYTES];
        let read = self.file.read_exact_at(&mut body, u64::from(offset) + HEAD_BYTES as u64);
        read.map_err(|_| self.corrupt(offset, "the file is cut off within this content"))?;
        if crc32fast::hash(&body) != head.crc {
            // It may have been erased between the two reads.
            if self.read_head(offset, id)?.erased {
                return Ok(None);
            }
            return Err(self.corrupt(offset, "this content does not match its checksum"));
        }
        let sealed = body.split_off(BODY_AT - HEAD_BYTES);
        let salt = body[..16].try_into().expect("sixteen bytes");
        let key_commit = body[16..].try_into().expect("thirty-two bytes");
        Ok(Some(SealedContent { id, owner: head.owner, salt, key_commit, sealed }))
    }

    /// The head at `offset`, which must be of `id`.
    pub(super) fn read_head(&self, offset: u32, id: ContentId) -> Result<Head, StoreError> {
        let mut bytes = [0; HEAD_BYTES];
        let read = self.file.read_exact_at(&mut bytes, u64::from(offset));
        read.map_err(|_| self.corrupt(offset, "the file is cut off before this content"))?;
        let head = parse_head(&bytes).filter(|head| head.id == id);
        head.ok_or_else(|| self.corrupt(offset, "the head of this content does not match its checksum"))
    }

    /// All numbers and offsets up to `end`, or up to the zeros behind the last, in order. A head that is unsound is
    /// damage.
    pub(super) fn scan(&self, end: u64) -> Result<Vec<(ContentId, u32)>, StoreError> {
        let mut found = Vec::new();
        let mut at = layout::HEADER_BYTES as u64;
        let file_bytes = self.file.metadata().map_err(super::disk::unavailable("can't read", &self.path))?.len();
        while at < end && (end < u64::MAX || at < file_bytes) {
            let offset = u32::try_from(at).expect("segments are below 4 GiB");
            let mut bytes = [0; HEAD_BYTES];
            let wanted = HEAD_BYTES.min(usize::try_from(file_bytes.saturating_sub(at)).unwrap_or(HEAD_BYTES));
            let read = self.file.read_exact_at(&mut bytes[..wanted.max(1)], at);
            read.map_err(|_| self.corrupt(offset, "the file is cut off"))?;
            if end == u64::MAX && bytes == [0; HEAD_BYTES] {
                break;
            }
            let head = parse_head(&bytes).ok_or_else(|| self.corrupt(offset, "a head does not match its checksum"))?;
            found.push((head.id, offset));
            at += head.bytes();
        }
        Ok(found)
    }
}

/// Whether a content is either stored or gone from the file to the last byte.
pub(super) fn is_stored_or_wiped(file: &ContentsFile, offset: u32, id: ContentId) -> Result<bool, StoreError> {
    let head = file.read_head(offset, id)?;
    if !head.erased {
        return Ok(true);
    }
    let mut bytes = vec![0; usize::try_from(head.bytes() - WIPED_AT).expect("a content is small")];
    let read = file.file.read_exact_at(&mut bytes, u64::from(offset) + WIPED_AT);
    read.map_err(|_| file.corrupt(offset, "the file is cut off within this content"))?;
    Ok(bytes.iter().all(|byte| *byte == 0))
}

/// Where every content is. Shared by readers and the one writer.
#[derive(Debug)]
pub(super) struct Contents {
    /// Segments that take no more, in order.
    pub(super) full: Vec<Arc<ContentsIndex>>,
    /// Segments that take no more and are not indexed yet.
    pub(super) filled: Vec<Filled>,
    /// The segment that is appended to.
    pub(super) open: Arc<ContentsFile>,
    /// What lies in the open segment.
    pub(super) ids: HashMap<ContentId, u32>,
}

/// A segment that takes no more and is not indexed yet.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) file: Arc<ContentsFile>,
    pub(super) ids: HashMap<ContentId, u32>,
}

/// Where a content may lie.
pub(super) enum Candidates {
    /// There, if anywhere.
    Open(Arc<ContentsFile>, u32),
    /// In one of these.
    Full(Vec<Arc<ContentsIndex>>),
}

impl Contents {
    /// Where a content may lie, without reading the disk.
    pub(super) fn candidates(&self, id: ContentId) -> Candidates {
        if let Some(offset) = self.ids.get(&id) {
            return Candidates::Open(Arc::clone(&self.open), *offset);
        }
        for filled in &self.filled {
            if let Some(offset) = filled.ids.get(&id) {
                return Candidates::Open(Arc::clone(&filled.file), *offset);
            }
        }
        Candidates::Full(self.full.iter().rev().filter(|full| full.may_hold(id)).cloned().collect())
    }
}

impl Candidates {
    /// Where the content lies, if it was ever stored.
    pub(super) fn locate(&self, id: ContentId) -> Result<Option<(Arc<ContentsFile>, u32)>, StoreError> {
        match self {
            Self::Open(file, offset) => Ok(Some((Arc::clone(file), *offset))),
            Self::Full(indexes) => {
                for index in indexes {
                    if let Some(offset) = index.find(id)? {
                        return Ok(Some((Arc::clone(&index.contents), offset)));
                    }
                }
                Ok(None)
            }
        }
    }

    /// The content, if it is stored and was not erased.
    pub(super) fn read(&self, id: ContentId) -> Result<Option<SealedContent>, StoreError> {
        self.locate(id)?.map_or(Ok(None), |(file, offset)| file.read(offset, id))
    }
}
