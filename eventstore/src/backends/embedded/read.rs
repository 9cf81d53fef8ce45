//! Reading facts from segments: a stream, or all in order. It blocks on the disk and knows nothing of tasks.

use super::frame::{self, Kind};
use super::index::{Index, Raw, head_in};
use super::layout;
use super::sealed::{Block, Entry, Sealed};
use crate::codec;
use crate::store::StoreError;
use clew_domain::fact::Fact;
use clew_domain::ids::StreamId;
use clew_domain::time::Timestamp;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

/// Bytes of an unsealed segment that are read at once: few at first, for a reader who wants few.
const FIRST_WINDOW_BYTES: usize = 32 * 1024;
const WINDOW_BYTES_MAX: usize = 128 * 1024;
/// Bytes that are read for a single fact first; most are smaller.
const FACT_GUESS_BYTES: usize = 1024;
/// A block that takes longer comes from the disk.
const FROM_MEMORY_MAX: Duration = Duration::from_micros(60);
/// The segment before is not known yet: sealed segments tell it.
pub(super) const UNKNOWN: u32 = u32::MAX;

/// The shared index for reading. No change of it panics midway.
pub(super) fn read(index: &RwLock<Index>) -> RwLockReadGuard<'_, Index> {
    index.read().unwrap_or_else(PoisonError::into_inner)
}

/// Damage in a file at an offset.
pub(super) fn corrupt(path: &Path, offset: u64, what: &str) -> StoreError {
    StoreError::Corrupt { place: format!("{} at byte {offset}", path.display()), what: what.into() }
}

/// What unsealed segments have of a stream: the file and the frames in it.
struct RawPart {
    path: PathBuf,
    file: Arc<File>,
    offsets: Vec<u32>,
}

/// The facts of a stream whose version is greater than `after`.
pub(super) fn stream(index: &RwLock<Index>, stream: StreamId, after: u64) -> Result<Vec<Fact>, StoreError> {
    let (known, sealed, raws) = {
        let index = read(index);
        let parts = raw_parts(&index.raw, stream);
        (index.known(stream), Arc::clone(&index.sealed), parts)
    };
    let Some(head) = known.resolve(stream)? else { return Ok(Vec::new()) };
    if u64::from(head.version) <= after {
        return Ok(Vec::new());
    }
    let mut facts = Vec::new();
    let mut before = match raws.first() {
        Some((_, before)) => *before,
        None => head.segment,
    };
    if before == UNKNOWN {
        before = head_in(&sealed, stream)?.map_or(0, |head| head.segment);
    }
    let mut parts = Vec::new();
    while let Some(segment) = find(&sealed, before) {
        let entry = segment.entry(stream)?.ok_or_else(|| corrupt(&segment.path, 0, "it lacks a stream"))?;
        if entry.last_version <= after {
            break;
        }
        before = entry.before;
        parts.push((segment, entry));
    }
    sealed_facts(&parts, stream, &mut facts)?;
    let mut buffer = Vec::new();
    for (part, _) in &raws {
        for offset in &part.offsets {
            facts.push(raw_fact(part, u64::from(*offset), &mut buffer)?);
        }
    }
    check_versions(&mut facts, stream, after, u64::from(head.version))?;
    Ok(facts)
}

/// The facts of a stream in sealed segments, which are given from the last to the first.
fn sealed_facts(parts: &[(&Arc<Sealed>, Entry)], stream: StreamId, facts: &mut Vec<Fact>) -> Result<(), StoreError> {
    let (mut block, mut here) = (Block::default(), Vec::new());
    let began = Instant::now();
    for (nth, (segment, entry)) in parts.iter().rev().enumerate() {
        for (at, offset) in entry.blocks.iter().enumerate() {
            segment.read_block(u64::from(*offset), &mut block)?;
            if (nth, at) == (0, 0) && began.elapsed() > FROM_MEMORY_MAX {
                // What comes from the disk is asked for all at once.
                for (segment, entry) in parts {
                    segment.will_need(&entry.blocks);
                }
            }
            block.facts_of(stream, |n, bytes| {
                if is_of(bytes, stream) {
                    here.push((n, decode(bytes, &segment.path, u64::from(*offset))));
                }
            });
            here.sort_unstable_by_key(|(n, _)| *n);
            for (_, fact) in here.drain(..) {
                facts.push(fact?);
            }
        }
    }
    Ok(())
}

fn raw_parts(raws: &[Raw], stream: StreamId) -> Vec<(RawPart, u32)> {
    let with = raws.iter().filter_map(|raw| raw.streams.get(&stream).map(|of| (raw, of)));
    with.map(|(raw, of)| {
        let part = RawPart { path: raw.path.clone(), file: Arc::clone(&raw.file), offsets: raw.offsets_of(*of) };
        (part, of.before)
    })
    .collect()
}

fn find(sealed: &[Arc<Sealed>], number: u32) -> Option<&Arc<Sealed>> {
    let first = sealed.first()?.number;
    sealed.get(number.checked_sub(first)? as usize)
}

/// Whether an encoded fact is of a stream, without decoding it.
fn is_of(bytes: &[u8], stream: StreamId) -> bool {
    bytes.len() >= codec::HEADER_BYTES
        && bytes[1] == stream.kind as u8
        && bytes[codec::STREAM_AT..codec::STREAM_AT + 16] == *stream.id.as_bytes()
}

/// The fact that these bytes are, or damage at a place.
pub(super) fn decode(bytes: &[u8], path: &Path, offset: u64) -> Result<Fact, StoreError> {
    codec::decode(bytes).map_err(|error| match error {
        // Nothing is wrong with these bytes.
        codec::CodecError::NewerSchema(_) => {
            StoreError::Unavailable(format!("a fact can't be read: {error}; start that version here"))
        }
        _ => corrupt(path, offset, &error.to_string()),
    })
}

fn raw_fact(part: &RawPart, offset: u64, buffer: &mut Vec<u8>) -> Result<Fact, StoreError> {
    let mut wanted = FACT_GUESS_BYTES;
    loop {
        buffer.resize(wanted, 0);
        let got = part.file.read_at(buffer, offset);
        let got = got.map_err(|error| corrupt(&part.path, offset, &format!("it can't be read: {error}")))?;
        if let Some(frame) = frame::parse(&buffer[..got]).filter(|frame| frame.kind == Kind::Fact) {
            return decode(frame.payload, &part.path, offset);
        }
        if got < frame::HEAD_BYTES || frame::length(buffer) <= wanted {
            return Err(corrupt(&part.path, offset, "a record does not match its checksum"));
        }
        wanted = frame::length(buffer);
    }
}

/// The log promises versions without a gap; what was read must keep it.
fn check_versions(facts: &mut Vec<Fact>, stream: StreamId, after: u64, last: u64) -> Result<(), StoreError> {
    facts.retain(|fact| fact.version > after);
    let sound = (after + 1..).zip(facts.iter()).all(|(version, fact)| fact.version == version && fact.stream == stream);
    // A commit that came in between may have added to what the head said.
    if sound && (after + facts.len() as u64) >= last {
        return Ok(());
    }
    Err(StoreError::Corrupt { place: stream.to_string(), what: "its facts are not all where the index says".into() })
}

/// Gives each leaf behind `after` to `sink`, in order, until the end of the log or until it says to stop.
///
/// Answers the last sequence that was given.
pub(super) fn leaves(
    index: &RwLock<Index>,
    after: u64,
    mut sink: impl FnMut(u64, &[u8], Place<'_>) -> Result<bool, StoreError>,
) -> Result<u64, StoreError> {
    let until = read(index).last;
    let mut seen = after;
    let mut block = Block::default();
    let mut window = Vec::new();
    while seen < until {
        let source = source_of(&read(index), seen + 1);
        let go_on = match source {
            Source::Sealed(segment) => sealed_leaves(&segment, &mut seen, &mut block, &mut sink)?,
            Source::Raw(part) => raw_leaves(&part, &mut seen, until, &mut window, &mut sink)?,
        };
        if !go_on {
            break;
        }
    }
    Ok(seen)
}

/// Where a leaf was read, for messages about damage.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) path: &'a Path,
    pub(super) offset: u64,
}

enum Source {
    Sealed(Arc<Sealed>),
    Raw(RawRange),
}

struct RawRange {
    path: PathBuf,
    file: Arc<File>,
    from: u64,
    end: u64,
}

fn source_of(index: &Index, sequence: u64) -> Source {
    let at = index.sealed.partition_point(|segment| segment.footer.last < sequence);
    if let Some(segment) = index.sealed.get(at) {
        return Source::Sealed(Arc::clone(segment));
    }
    let raw = index.raw.iter().find(|raw| raw.last() >= sequence).expect("a sequence up to the last is in a segment");
    let at = usize::try_from(sequence - raw.first).expect("an index within the segment");
    let (path, file) = (raw.path.clone(), Arc::clone(&raw.file));
    Source::Raw(RawRange { path, file, from: u64::from(raw.offsets[at]), end: raw.end })
}

fn sealed_leaves(
    segment: &Sealed,
    seen: &mut u64,
    block: &mut Block,
    sink: &mut impl FnMut(u64, &[u8], Place<'_>) -> Result<bool, StoreError>,
) -> Result<bool, StoreError> {
    let mut offset =
        if *seen + 1 == segment.footer.first { layout::HEADER_BYTES as u64 } else { segment.block_of(*seen + 1)? };
    while *seen < segment.footer.last {
        segment.read_block_in_order(offset, block)?;
        let place = Place { path: &segment.path, offset };
        let before = *seen;
        for (sequence, bytes) in (block.first..).zip(block.facts()) {
            if sequence <= *seen {
                continue;
            }
            if sequence != *seen + 1 {
                break;
            }
            if !sink(sequence, bytes, place)? {
                return Ok(false);
            }
            *seen = sequence;
        }
        if *seen == before {
            return Err(corrupt(&segment.path, offset, "a block does not continue the one before"));
        }
        offset = block.next;
    }
    Ok(true)
}

fn raw_leaves(
    part: &RawRange,
    seen: &mut u64,
    until: u64,
    window: &mut Vec<u8>,
    sink: &mut impl FnMut(u64, &[u8], Place<'_>) -> Result<bool, StoreError>,
) -> Result<bool, StoreError> {
    let mut at = part.from;
    let mut window_bytes = FIRST_WINDOW_BYTES;
    while *seen < until && at < part.end {
        let length = usize::try_from(part.end - at).expect("a segment").min(window_bytes);
        window.resize(length, 0);
        let read = part.file.read_exact_at(window, at);
        read.map_err(|error| corrupt(&part.path, at, &format!("it can't be read: {error}")))?;
        let mut used = 0;
        while *seen < until
            && let Some(frame) = frame::parse(&window[used..])
        {
            if frame.kind == Kind::Fact {
                let place = Place { path: &part.path, offset: at + used as u64 };
                if !sink(*seen + 1, frame.payload, place)? {
                    return Ok(false);
                }
                *seen += 1;
            }
            used += frame.bytes();
        }
        at += used as u64;
        if used > 0 {
            window_bytes = (window_bytes * 2).min(WINDOW_BYTES_MAX);
        } else {
            let needed = if window.len() >= frame::HEAD_BYTES { frame::length(window) } else { usize::MAX };
            if needed <= length || at + needed as u64 > part.end {
                return Err(corrupt(&part.path, at, "a record does not match its checksum"));
            }
            window_bytes = needed;
        }
    }
    Ok(true)
}

/// The last sequence that was recorded at or before `at`.
pub(super) fn sequence_at(index: &RwLock<Index>, at: Timestamp) -> Result<u64, StoreError> {
    let from = {
        let index = read(index);
        if index.last_recorded <= at {
            return Ok(index.last);
        }
        let later = index.sealed.partition_point(|segment| segment.footer.last_recorded <= at.micros());
        match index.sealed.get(later) {
            Some(segment) => Err(Arc::clone(segment)),
            None => Ok(index.sealed.last().map_or(0, |segment| segment.footer.last)),
        }
    };
    // From the last block or segment that begins no later than `at`, facts are looked at one after the other.
    let mut last = match from {
        Err(segment) => {
            let rows = segment.table()?;
            let behind = rows.partition_point(|row| row.recorded <= at.micros());
            behind.checked_sub(1).map_or(segment.footer.first, |row| rows[row].first) - 1
        }
        Ok(last) => raw_start(index, last, at)?,
    };
    leaves(index, last, |sequence, bytes, place| {
        let header = codec::decode_header(bytes);
        let header = header.map_err(|error| corrupt(place.path, place.offset, &error.to_string()))?;
        if header.place.recorded_at > at {
            return Ok(false);
        }
        last = sequence;
        Ok(true)
    })?;
    Ok(last)
}

/// A sequence in the unsealed segments shortly before `at`, found by halving; at least `least`.
fn raw_start(index: &RwLock<Index>, least: u64, at: Timestamp) -> Result<u64, StoreError> {
    let (mut low, mut high) = (least, read(index).last);
    while high - low > 64 {
        let middle = low + (high - low) / 2;
        let mut recorded = None;
        leaves(index, middle, |_, bytes, place| {
            let header = codec::decode_header(bytes);
            let header = header.map_err(|error| corrupt(place.path, place.offset, &error.to_string()))?;
            recorded = Some(header.place.recorded_at);
            Ok(false)
        })?;
        // The fact behind `middle` decides on which side of it the search goes on.
        if recorded.is_some_and(|recorded| recorded <= at) { low = middle } else { high = middle }
    }
    Ok(low)
}
