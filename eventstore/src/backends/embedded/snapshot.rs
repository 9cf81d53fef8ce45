//! A consistent copy of a log that may be open and written to meanwhile: which bytes of which files are the log up to
//! some commit. Nothing is locked; what the writer does while this reads is told apart by checksums.

use super::contents::{self, Mark};
use super::disk::unavailable;
use super::frame::{self, Kind};
use super::layout::{self, FileKind};
use super::read::corrupt;
use super::recover::frame_behind;
use super::sealed::Sealed;
use crate::codec;
use crate::store::StoreError;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often a file that changes under the reader's hands is read again before it counts as damaged.
const ATTEMPTS: u32 = 20;
/// The writer ends what it is at in less.
const PAUSE: Duration = Duration::from_millis(10);
/// A file changed more recently may change again without a newer time of change.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// The log up to a commit.
#[derive(Debug)]
pub struct Snapshot {
    /// The sequence of its last fact.
    pub last: u64,
    /// The files that it is made of.
    pub parts: Vec<Part>,
}

/// What belongs to a snapshot of one file.
#[derive(Debug)]
pub struct Part {
    /// The file's path within the log's directory.
    pub path: PathBuf,
    /// How long the file is; behind what [`Self::read`] gives, all of it is zeros.
    pub length: u64,
    /// Size and time of the last change of a file that is full, so that an equal one need not be read again.
    pub stamp: Option<Stamp>,
    kind: Reading,
    file: File,
    source: PathBuf,
}

/// What tells whether a file has changed: its length, and the time of its last change in nanoseconds since 1970.
pub type Stamp = (u64, i64);

#[derive(Debug)]
enum Reading {
    /// The first so many bytes, which never change again.
    Fixed(u64),
    /// Contents, of which some may be erased while they are read.
    Contents(u64),
}

/// What of the log in `dir` is written, up to the last whole commit. Another process may have it open.
///
/// Fails with [`StoreError::Corrupt`] on damage: what is damaged is not copied as if it were sound.
pub fn snapshot(dir: &Path) -> Result<Snapshot, StoreError> {
    for _ in 0..ATTEMPTS {
        if let Some(snapshot) = attempt(dir)? {
            return Ok(snapshot);
        }
        std::thread::sleep(PAUSE);
    }
    Err(StoreError::Unavailable(format!("the segments in {} do not come to rest; try again", dir.display())))
}

/// One attempt; none if a segment was sealed meanwhile.
fn attempt(dir: &Path) -> Result<Option<Snapshot>, StoreError> {
    // In this order a segment that is being sealed is in one of the lists, or in both.
    let raw = FileKind::OpenFacts.numbers(dir)?;
    let sealed = FileKind::SealedFacts.numbers(dir)?;
    let (mut parts, mut last, mut mark) = (Vec::new(), 0, Mark::default());
    for (number, expected) in sealed.iter().zip(1..) {
        if *number != expected {
            return Err(missing(dir, FileKind::SealedFacts, expected));
        }
        let segment = Sealed::open(dir, *number)?;
        (last, mark) = (segment.footer.last, segment.footer.mark);
        parts.push(Part::whole(dir, FileKind::SealedFacts, *number)?);
    }
    let unsealed = raw.into_iter().filter(|number| Some(number) > sealed.last());
    for (number, expected) in unsealed.zip(sealed.last().map_or(1, |last| last + 1)..) {
        if number != expected {
            return Ok(None);
        }
        let Some(open) = Open::read(dir, number)? else { return Ok(None) };
        last = open.last.unwrap_or(last);
        mark = open.mark.unwrap_or(mark);
        let full = open.full;
        parts.push(open.part);
        if !full {
            break;
        }
    }
    contents(dir, mark, &mut parts)?;
    Ok(Some(Snapshot { last, parts }))
}

fn missing(dir: &Path, kind: FileKind, number: u32) -> StoreError {
    corrupt(&kind.path(dir, number), 0, "this segment is missing, while later ones are there")
}

fn contents(dir: &Path, mark: Mark, parts: &mut Vec<Part>) -> Result<(), StoreError> {
    for number in 1..=mark.segment {
        let mut part = Part::whole(dir, FileKind::Contents, number)?;
        if number == mark.segment {
            part.kind = Reading::Contents(u64::from(mark.end));
            part.stamp = None;
        } else {
            part.kind = Reading::Contents(part.length);
        }
        parts.push(part);
    }
    Ok(())
}

/// An unsealed segment, up to its last whole commit.
struct Open {
    part: Part,
    last: Option<u64>,
    mark: Option<Mark>,
    /// Whether it takes no more.
    full: bool,
}

impl Open {
    /// None if it was sealed and removed meanwhile.
    fn read(dir: &Path, number: u32) -> Result<Option<Self>, StoreError> {
        let source = FileKind::OpenFacts.path(dir, number);
        let part = match Part::open(dir, FileKind::OpenFacts, number) {
            Ok(part) => part,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unavailable("can't open", &source)(error)),
        };
        layout::check_header(&part.file, &source, FileKind::OpenFacts, number)?;
        let mut open = Self { part, last: None, mark: None, full: false };
        let (mut unsound_before, mut attempts) = (0, 0);
        loop {
            let bytes = open.part.bytes(open.part.length).map_err(unavailable("can't read", &source))?;
            // The last record may itself end in zeros, so it is looked for in all of the file.
            let end = open.commits(&bytes);
            let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            open.part.kind = Reading::Fixed(end as u64);
            if open.full || used <= end || frame_behind(&bytes[..used], end).is_none() {
                return Ok(Some(open));
            }
            // Either a group that was being written while this read on, or damage, which stays where it is.
            attempts = if end > unsound_before { 0 } else { attempts + 1 };
            unsound_before = end;
            if attempts > ATTEMPTS {
                return Err(corrupt(&source, end as u64, "a record does not match its checksum, while later ones do"));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Takes in all whole commits; where the last one ends.
    fn commits(&mut self, bytes: &[u8]) -> usize {
        let (mut end, mut at) = (layout::HEADER_BYTES, layout::HEADER_BYTES);
        let (mut last, mut mark, mut full) = (None, None, false);
        while !full && let Some(frame) = bytes.get(at..).and_then(frame::parse) {
            match frame.kind {
                Kind::Fact => {
                    let header = codec::decode_header(frame.payload).ok();
                    last = header.map(|header| header.place.position.sequence).or(last);
                }
                Kind::Mark => mark = Mark::from_bytes(frame.payload).or(mark),
                Kind::End => full = true,
            }
            at += frame.bytes();
            if frame.ends_commit {
                end = at;
                (self.last, self.mark, self.full) = (last.or(self.last), mark.or(self.mark), full);
            }
        }
        end
    }
}

impl Part {
    fn open(dir: &Path, kind: FileKind, number: u32) -> std::io::Result<Self> {
        let source = kind.path(dir, number);
        let file = File::open(&source)?;
        let metadata = file.metadata()?;
        let changed = metadata.modified()?;
        let settled = SystemTime::now().duration_since(changed).is_ok_and(|age| age > SETTLED_AFTER);
        let stamp = (metadata.len(), metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec());
        let path = source.strip_prefix(dir).expect("made from it").to_path_buf();
        let (length, stamp) = (metadata.len(), settled.then_some(stamp));
        Ok(Self { path, length, stamp, kind: Reading::Fixed(length), file, source })
    }

    fn whole(dir: &Path, kind: FileKind, number: u32) -> Result<Self, StoreError> {
        Self::open(dir, kind, number).map_err(|error| match error.kind() {
            ErrorKind::NotFound => missing(dir, kind, number),
            _ => unavailable("can't open", &kind.path(dir, number))(error),
        })
    }

    fn bytes(&self, length: u64) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(length).expect("segments are below 4 GiB")];
        self.file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// The bytes of the file that belong to the snapshot.
    pub fn read(&self) -> Result<Vec<u8>, StoreError> {
        let (Reading::Fixed(length) | Reading::Contents(length)) = self.kind;
        let mut bytes = self.bytes(length).map_err(unavailable("can't read", &self.source))?;
        if matches!(self.kind, Reading::Contents(_)) {
            self.sound_contents(&mut bytes)?;
        }
        Ok(bytes)
    }

    /// A content that is being erased is read again until it is one or the other.
    fn sound_contents(&self, bytes: &mut [u8]) -> Result<(), StoreError> {
        let mut at = layout::HEADER_BYTES;
        while at < bytes.len() && bytes[at..].iter().take(contents::HEAD_BYTES).any(|byte| *byte != 0) {
            let mut attempts = 0;
            let bytes_of_it = loop {
                if let Some(head) = contents::parse(&bytes[at..]) {
                    break usize::try_from(head.bytes()).expect("within the file");
                }
                attempts += 1;
                if attempts > ATTEMPTS {
                    return Err(corrupt(&self.source, at as u64, "this content does not match its checksum"));
                }
                std::thread::sleep(PAUSE);
                let again = self.file.read_exact_at(&mut bytes[at..], at as u64);
                again.map_err(unavailable("can't read", &self.source))?;
            };
            at += bytes_of_it;
        }
        Ok(())
    }
}
