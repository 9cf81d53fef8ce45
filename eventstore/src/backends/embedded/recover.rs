//! Opening a log: what a crash left half written at its end is cut off and reported; anything else that does not
//! match stops the opening.
//!
//! Frames tell where a group of commits began. A later group was only written once the one before was durable, so an
//! unsound frame with a group behind it is damage; without one it is the torn tail of what was never acknowledged.

use super::OpenReport;
use super::TornTail;
use super::contents::{self, Contents, ContentsFile, Mark};
use super::contents_index::ContentsIndex;
use super::disk::{Disk, sync_dir, unavailable};
use super::frame::{self, Kind};
use super::index::{ByStream, Head, Index, Raw};
use super::layout::{self, FileKind};
use super::read::{UNKNOWN, corrupt};
use super::sealed::Sealed;
use super::writer::{Start, Tail};
use crate::codec::{self, Header};
use crate::store::{StoreError, limits};
use clew_domain::time::Timestamp;
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What opening found.
pub(super) struct Opened {
    pub(super) index: Index,
    pub(super) contents: Contents,
    pub(super) start: Start,
    pub(super) report: OpenReport,
}

/// How large segments are that are made on opening.
pub(super) struct Capacities {
    pub(super) facts: u64,
    pub(super) contents: u64,
}

/// Opens the log in `dir`, or begins one there.
pub(super) fn open(dir: &Path, disk: &dyn Disk, capacities: &Capacities) -> Result<Opened, StoreError> {
    for folder in ["facts", "contents"] {
        let folder = dir.join(folder);
        std::fs::create_dir_all(&folder).map_err(unavailable("can't create", &folder))?;
        remove_unfinished(&folder)?;
    }
    sync_dir(dir).map_err(unavailable("can't sync", dir))?;
    let mut report = OpenReport::default();
    loop {
        let facts = Facts::open(dir, disk, capacities, &mut report)?;
        match open_contents(dir, disk, capacities, &facts, &mut report)? {
            Ok((contents, tail)) => return Ok(facts.opened(contents, tail, report)),
            // A commit of the last group lacks contents: it goes, with all behind it, and the log is looked at anew.
            Err(cut) => {
                let torn = wipe(disk, &facts.tail.file, &facts.path, cut, facts.tail.capacity)?;
                report.torn.extend(torn);
            }
        }
    }
}

/// Files that were being made when the process ended; none of them is part of the log.
fn remove_unfinished(folder: &Path) -> Result<(), StoreError> {
    for entry in std::fs::read_dir(folder).map_err(unavailable("can't list", folder))? {
        let path = entry.map_err(unavailable("can't list", folder))?.path();
        if path.extension().is_some_and(|ending| ending.to_string_lossy().ends_with("tmp")) {
            std::fs::remove_file(&path).map_err(unavailable("can't remove", &path))?;
        }
    }
    Ok(())
}

struct Facts {
    sealed: Vec<Arc<Sealed>>,
    raw: Vec<Raw>,
    heads: ByStream<Head>,
    tail: Tail<Arc<File>>,
    path: PathBuf,
    mark: Mark,
    /// Commits of the last group, which alone may lack something.
    last_group: Vec<Commit>,
    mark_before_last_group: Mark,
    last_recorded: Timestamp,
}

/// A commit of the last group.
#[derive(Clone, Copy, Debug)]
struct Commit {
    offset: u64,
    mark: Mark,
}

impl Facts {
    fn open(dir: &Path, disk: &dyn Disk, capacities: &Capacities, report: &mut OpenReport) -> Result<Self, StoreError> {
        let sealed = open_sealed(dir)?;
        let numbers = raw_numbers(dir, sealed.last().map_or(0, |last| last.number))?;
        let last = sealed.last();
        let mut scan = Scan {
            heads: ByStream::default(),
            sequence: last.map_or(0, |last| last.footer.last),
            recorded: last.map_or(Timestamp::MIN, |last| Timestamp::from_micros(last.footer.last_recorded)),
            mark: last.map_or(Mark::default(), |last| last.footer.mark),
            last_group: Vec::new(),
            mark_before_last_group: Mark::default(),
            nothing_is_sealed: last.is_none(),
        };
        let mut raw = Vec::new();
        let mut tail: Option<(Tail<Arc<File>>, PathBuf)> = None;
        for number in numbers {
            let path = FileKind::OpenFacts.path(dir, number);
            if let Some((open, ..)) = &tail {
                check_unused(&path, number, open.number)?;
                continue;
            }
            let (segment, capacity, end) = scan.segment(disk, path.clone(), number, report)?;
            if let End::Open(end) = end {
                tail = Some((Tail { number, file: Arc::clone(&segment.file), end, capacity }, path));
            }
            raw.push(segment);
        }
        let (tail, path) = if let Some(tail) = tail {
            tail
        } else {
            let number = raw.last().map_or(sealed.last().map_or(0, |last| last.number), |last| last.number) + 1;
            let file = layout::create_segment(disk, dir, FileKind::OpenFacts, number, capacities.facts)?;
            let (file, path) = (Arc::new(file), FileKind::OpenFacts.path(dir, number));
            raw.push(Raw::new(number, path.clone(), Arc::clone(&file), scan.sequence + 1));
            scan.last_group.clear();
            (Tail { number, file, end: layout::HEADER_BYTES as u64, capacity: capacities.facts }, path)
        };
        let Scan { heads, mark, last_group, mark_before_last_group, recorded: last_recorded, .. } = scan;
        Ok(Self { sealed, raw, heads, tail, path, mark, last_group, mark_before_last_group, last_recorded })
    }

    fn opened(self, contents: Contents, contents_tail: Tail<Arc<ContentsFile>>, mut report: OpenReport) -> Opened {
        let last = self.raw.last().expect("one is always appended to").last();
        report.facts = last;
        report.segments_sealed = self.sealed.len();
        report.segments_unsealed = self.raw.len();
        let index = Index {
            heads_complete: self.sealed.is_empty(),
            sealed: Arc::new(self.sealed),
            raw: self.raw,
            heads: self.heads,
            last,
            last_recorded: self.last_recorded,
        };
        Opened { index, contents, start: Start { facts: self.tail, contents: contents_tail, mark: self.mark }, report }
    }
}

fn open_sealed(dir: &Path) -> Result<Vec<Arc<Sealed>>, StoreError> {
    let mut sealed: Vec<Arc<Sealed>> = Vec::new();
    for (number, expected) in FileKind::SealedFacts.numbers(dir)?.into_iter().zip(1..) {
        let path = FileKind::SealedFacts.path(dir, expected);
        if number != expected {
            return Err(corrupt(&path, 0, "this segment is missing, while later ones are there"));
        }
        let segment = Sealed::open(dir, number)?;
        if segment.footer.first != sealed.last().map_or(0, |before| before.footer.last) + 1 {
            return Err(corrupt(&path, 0, "it does not continue the segment before"));
        }
        sealed.push(Arc::new(segment));
    }
    Ok(sealed)
}

/// The unsealed segments; those that were sealed already are removed.
fn raw_numbers(dir: &Path, sealed: u32) -> Result<Vec<u32>, StoreError> {
    let mut numbers = Vec::new();
    for number in FileKind::OpenFacts.numbers(dir)? {
        let path = FileKind::OpenFacts.path(dir, number);
        if number <= sealed {
            std::fs::remove_file(&path).map_err(unavailable("can't remove", &path))?;
            continue;
        }
        let expected = numbers.last().map_or(sealed, |last| *last) + 1;
        if number != expected {
            let path = FileKind::OpenFacts.path(dir, expected);
            return Err(corrupt(&path, 0, "this segment is missing, while later ones are there"));
        }
        numbers.push(number);
    }
    Ok(numbers)
}

/// A segment behind the one that is appended to was prepared and must be empty; it is made anew when needed.
fn check_unused(path: &Path, number: u32, open: u32) -> Result<(), StoreError> {
    if !is_unused(path).map_err(unavailable("can't read", path))? {
        let what = format!("segment {number} has facts, but segment {open} before it does not end as it should");
        return Err(StoreError::Corrupt { place: path.display().to_string(), what });
    }
    std::fs::remove_file(path).map_err(unavailable("can't remove", path))
}

/// What was read so far, segment after segment.
struct Scan {
    heads: ByStream<Head>,
    sequence: u64,
    recorded: Timestamp,
    mark: Mark,
    last_group: Vec<Commit>,
    mark_before_last_group: Mark,
    /// Whether the unsealed segments are all there is, so that a stream not seen is a stream that is not there.
    nothing_is_sealed: bool,
}

/// How a segment ends.
enum End {
    /// It takes no more.
    Full,
    /// It is appended to, from here.
    Open(u64),
}

impl Scan {
    fn segment(
        &mut self,
        disk: &dyn Disk,
        path: PathBuf,
        number: u32,
        report: &mut OpenReport,
    ) -> Result<(Raw, u64, End), StoreError> {
        let opened = File::options().read(true).write(true).open(&path);
        let file = opened.map_err(unavailable("can't open", &path))?;
        let capacity = layout::check_header(&file, &path, FileKind::OpenFacts, number)?;
        let bytes = read_whole(&file).map_err(unavailable("can't read", &path))?;
        let bytes = &bytes[APART_BYTES..];
        if (bytes.len() as u64) < capacity {
            let what = format!("the file was cut: it has {} of {capacity} bytes", bytes.len());
            return Err(corrupt(&path, bytes.len() as u64, &what));
        }
        let mut raw = Raw::new(number, path, Arc::new(file), self.sequence + 1);
        self.last_group.clear();
        let mut at = layout::HEADER_BYTES;
        let mut full = false;
        while !full && let Some((next, ends)) = self.commit(bytes, at, &mut raw)? {
            (at, full) = (next, ends);
        }
        raw.end = at as u64;
        if full {
            return Ok((raw, capacity, End::Full));
        }
        if used(&bytes[at..]) > 0 {
            let first = frame_behind(bytes, at);
            if let Some(later) = first {
                let what = format!("a record does not match its checksum, while later ones do (at byte {later})");
                return Err(corrupt(&raw.path, at as u64, &what));
            }
            let torn = wipe(disk, &raw.file, &raw.path, at as u64, capacity)?;
            report.torn.extend(torn);
        }
        Ok((raw, capacity, End::Open(at as u64)))
    }

    /// Takes in the commit at `start` if all of it is there. Answers where it ends and whether the segment does.
    fn commit(&mut self, bytes: &[u8], start: usize, raw: &mut Raw) -> Result<Option<(usize, bool)>, StoreError> {
        let mut at = start;
        let mut facts: Vec<(usize, Header)> = Vec::new();
        let (mut mark, mut full) = (self.mark, false);
        let mut begins_group = false;
        loop {
            let Some(frame) = frame::parse(&bytes[at..]) else { return Ok(None) };
            let wrong = |what: &str| corrupt(&raw.path, at as u64, what);
            if frame.begins_group && at > start {
                // The group before ended within a commit, and yet there is one behind it.
                return Err(wrong("a commit is not whole, while later records are there"));
            }
            begins_group |= frame.begins_group;
            match frame.kind {
                Kind::Fact => {
                    let header = codec::decode_header(frame.payload).map_err(|error| wrong(&error.to_string()))?;
                    if header.place.position.sequence != self.sequence + facts.len() as u64 + 1 {
                        return Err(wrong("its position does not continue the one before"));
                    }
                    facts.push((at, header));
                }
                Kind::Mark => mark = Mark::from_bytes(frame.payload).ok_or_else(|| wrong("a mark is too short"))?,
                Kind::End => full = true,
            }
            at += frame.bytes();
            if frame.ends_commit {
                break;
            }
        }
        if begins_group {
            self.last_group.clear();
            self.mark_before_last_group = self.mark;
        }
        self.last_group.push(Commit { offset: start as u64, mark });
        self.mark = mark;
        for (offset, header) in facts {
            self.push(offset, &header, raw)?;
        }
        Ok(Some((at, full)))
    }

    fn push(&mut self, offset: usize, header: &Header, raw: &mut Raw) -> Result<(), StoreError> {
        let known = self.heads.get(&header.stream);
        let version = u32::try_from(header.place.version).unwrap_or(u32::MAX);
        let expected = known.map(|head| head.version).or(self.nothing_is_sealed.then_some(0));
        if expected.is_some_and(|expected| expected + 1 != version) {
            let what = format!("{} has version {version} here, which does not follow", header.stream);
            return Err(corrupt(&raw.path, offset as u64, &what));
        }
        let unknown = if self.nothing_is_sealed { 0 } else { UNKNOWN };
        let before = known.map_or(unknown, |head| head.segment);
        raw.push(u32::try_from(offset).expect("segments are below 4 GiB"), header.stream, before);
        self.heads.insert(header.stream, Head { segment: raw.number, version });
        self.sequence = header.place.position.sequence;
        self.recorded = self.recorded.max(header.place.recorded_at);
        Ok(())
    }
}

/// What is left free before the bytes of a file in memory. The kernel copies several times slower, on some processors,
/// to a place that lies a few bytes further in its page than where it comes from.
const APART_BYTES: usize = 256;

/// A whole file, behind [`APART_BYTES`].
fn read_whole(file: &File) -> std::io::Result<Vec<u8>> {
    let length = usize::try_from(file.metadata()?.len()).map_err(std::io::Error::other)?;
    let mut bytes = vec![0; APART_BYTES + length];
    file.read_exact_at(&mut bytes[APART_BYTES..], 0)?;
    Ok(bytes)
}

/// Whether nothing but zeros lies behind the header.
fn is_unused(path: &Path) -> std::io::Result<bool> {
    let file = File::open(path)?;
    let mut window = vec![0; 128 * 1024];
    let mut at = layout::HEADER_BYTES as u64;
    loop {
        let read = file.read_at(&mut window, at)?;
        if read == 0 || used(&window[..read]) > 0 {
            return Ok(read == 0);
        }
        at += read as u64;
    }
}

/// Bytes up to the last that is not zero. Compares by pages: most of a segment may lie behind.
fn used(bytes: &[u8]) -> usize {
    const PAGE: [u8; 4096] = [0; 4096];
    let zeros =
        bytes.rchunks(PAGE.len()).take_while(|page| **page == PAGE[..page.len()]).map(<[u8]>::len).sum::<usize>();
    let rest = &bytes[..bytes.len() - zeros];
    rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// The first sound frame behind `at` that begins a group.
pub(super) fn frame_behind(bytes: &[u8], at: usize) -> Option<usize> {
    let longest = limits::FACT_BYTES_MAX + frame::HEAD_BYTES;
    (at + 1..bytes.len().saturating_sub(frame::HEAD_BYTES)).find(|at| {
        let bytes = &bytes[*at..];
        // Most places are ruled out by the length before a checksum is computed.
        frame::length(bytes) <= longest && frame::parse(bytes).is_some_and(|frame| frame.begins_group)
    })
}

/// Overwrites what lies behind `from` with zeros, as a segment must be before it is appended to.
fn wipe(disk: &dyn Disk, file: &File, path: &Path, from: u64, until: u64) -> Result<Option<TornTail>, StoreError> {
    let length = usize::try_from(until - from).expect("segments are below 4 GiB");
    let mut bytes = vec![0; length];
    let read = file.read_exact_at(&mut bytes, from);
    read.map_err(unavailable("can't read", path))?;
    let used = used(&bytes);
    if used == 0 {
        return Ok(None);
    }
    bytes.truncate(used);
    bytes.fill(0);
    let write = disk.write_all_at(file, &bytes, from).and_then(|()| disk.sync(file));
    write.map_err(unavailable("can't cut the torn tail of", path))?;
    Ok(Some(TornTail { file: path.to_path_buf(), at: from, bytes: bytes.len() as u64 }))
}

type OpenedContents = (Contents, Tail<Arc<ContentsFile>>);

/// Opens the contents. The inner error is where the facts must be cut, because a commit lacks contents.
fn open_contents(
    dir: &Path,
    disk: &dyn Disk,
    capacities: &Capacities,
    facts: &Facts,
    report: &mut OpenReport,
) -> Result<Result<OpenedContents, u64>, StoreError> {
    let number = facts.mark.segment.max(1);
    let mut full = Vec::new();
    let numbers = FileKind::Contents.numbers(dir)?;
    for earlier in 1..number {
        if !numbers.contains(&earlier) {
            let path = FileKind::Contents.path(dir, earlier);
            return Err(corrupt(&path, 0, "this segment is missing, while commits refer to later ones"));
        }
        let (file, capacity) = ContentsFile::open(dir, earlier)?;
        check_length(&file, capacity)?;
        let file = Arc::new(file);
        let index = if let Some(index) = ContentsIndex::open(dir, Arc::clone(&file))? {
            index
        } else {
            report.indexes_rebuilt += 1;
            ContentsIndex::create(disk, dir, file, u64::MAX)?
        };
        full.push(Arc::new(index));
    }
    // What lies in later segments belongs to no commit.
    for later in numbers.iter().filter(|found| **found > number) {
        let path = FileKind::Contents.path(dir, *later);
        std::fs::remove_file(&path).map_err(unavailable("can't remove", &path))?;
    }
    let exists = numbers.contains(&number);
    if !exists {
        if facts.mark.segment == number && facts.mark.end > 0 {
            return cut_or_damage(facts, number, 0, &FileKind::Contents.path(dir, number));
        }
        layout::create_segment(disk, dir, FileKind::Contents, number, capacities.contents)?;
    }
    let (file, capacity) = ContentsFile::open(dir, number)?;
    let end = if facts.mark.segment == number { u64::from(facts.mark.end) } else { layout::HEADER_BYTES as u64 };
    check_length(&file, capacity)?;
    let ids = match scan_contents(&file, end)? {
        Ok(ids) => ids,
        Err(unsound) => return cut_or_damage(facts, number, unsound, &file.path),
    };
    // Contents of commits that were not completed.
    report.torn.extend(wipe(disk, &file.file, &file.path, end, capacity)?);
    let open = Arc::new(file);
    let tail = Tail { number, file: Arc::clone(&open), end, capacity };
    Ok(Ok((Contents { full, filled: Vec::new(), open, ids }, tail)))
}

/// A segment keeps its length from the day it was prepared.
fn check_length(file: &ContentsFile, capacity: u64) -> Result<(), StoreError> {
    let bytes = file.file.metadata().map_err(unavailable("can't read", &file.path))?.len();
    if bytes >= capacity {
        return Ok(());
    }
    Err(corrupt(&file.path, bytes, &format!("the file was cut: it has {bytes} of {capacity} bytes")))
}

/// A commit of the last group may lack contents, as that group may not have been durable. Any other may not.
fn cut_or_damage(
    facts: &Facts,
    number: u32,
    unsound: u64,
    path: &Path,
) -> Result<Result<OpenedContents, u64>, StoreError> {
    let reaches = |mark: Mark| mark.segment > number || (mark.segment == number && u64::from(mark.end) > unsound);
    match facts.last_group.iter().find(|commit| reaches(commit.mark)) {
        Some(commit) if !reaches(facts.mark_before_last_group) => Ok(Err(commit.offset)),
        _ => Err(corrupt(path, unsound, "a content does not match its checksum, though its commit was durable")),
    }
}

/// Where contents lie up to `end`. The inner error is where the first unsound one begins.
fn scan_contents(
    file: &ContentsFile,
    end: u64,
) -> Result<Result<HashMap<clew_domain::content::ContentId, u32>, u64>, StoreError> {
    let mut bytes = vec![0; usize::try_from(end).expect("segments are below 4 GiB")];
    let read = file.file.read_exact_at(&mut bytes, 0);
    read.map_err(unavailable("can't read", &file.path))?;
    let mut ids = HashMap::new();
    let mut at = layout::HEADER_BYTES;
    while at < bytes.len() {
        let Some(head) = contents::parse(&bytes[at..]) else { return Ok(Err(at as u64)) };
        ids.insert(head.id, u32::try_from(at).expect("segments are below 4 GiB"));
        at += usize::try_from(head.bytes()).expect("within the file");
    }
    Ok(Ok(ids))
}
