//! What is known in memory of the facts on disk: segments in order, the heads of streams, and what lies where in
//! segments that are not sealed. Readers share it with the writer, which alone changes it, after a sync.

use super::sealed::{Sealed, hash};
use crate::store::StoreError;
use clew_domain::ids::StreamId;
use clew_domain::time::Timestamp;
use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasherDefault, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

/// A map by stream. Stream ids are derived by hashing or drawn at random, so mixing their bytes is hash enough.
pub(super) type ByStream<T> = HashMap<StreamId, T, BuildHasherDefault<Mix>>;

/// Folds the bytes of a stream id.
#[derive(Default)]
pub(super) struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

/// How far a stream reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The segment of its last fact.
    pub(super) segment: u32,
    /// Its version. A stream has fewer than 2^32 facts.
    pub(super) version: u32,
}

/// A segment that is not sealed: appended to, or full and waiting.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) number: u32,
    pub(super) path: PathBuf,
    pub(super) file: Arc<File>,
    /// The sequence of its first fact; of the next one if it has none.
    pub(super) first: u64,
    /// Where each fact's frame begins.
    pub(super) offsets: Vec<u32>,
    /// For each fact 1 + the index of the one before it in its stream, 0 if there is none in this segment.
    previous: Vec<u32>,
    pub(super) streams: ByStream<RawStream>,
    /// Where its durable frames end.
    pub(super) end: u64,
}

/// What an unsealed segment has of a stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawStream {
    last: u32,
    /// The segment that has the stream before this one, or 0.
    pub(super) before: u32,
}

impl Raw {
    pub(super) fn new(number: u32, path: PathBuf, file: Arc<File>, first: u64) -> Self {
        let (offsets, previous) = (Vec::new(), Vec::new());
        let end = super::layout::HEADER_BYTES as u64;
        Self { number, path, file, first, offsets, previous, streams: ByStream::default(), end }
    }

    /// The sequence of its last fact; `first - 1` if it has none.
    pub(super) fn last(&self) -> u64 {
        self.first + self.offsets.len() as u64 - 1
    }

    /// Notes the next fact. `before` is the segment that had the stream last, or 0.
    pub(super) fn push(&mut self, offset: u32, stream: StreamId, before: u32) {
        let index = u32::try_from(self.offsets.len()).expect("a segment is below 4 GiB");
        let at = self.streams.entry(stream);
        let mut earlier = 0;
        at.and_modify(|known| {
            earlier = known.last + 1;
            known.last = index;
        })
        .or_insert(RawStream { last: index, before });
        self.offsets.push(offset);
        self.previous.push(earlier);
    }

    /// Where the frames of a stream begin, in order.
    pub(super) fn offsets_of(&self, stream: RawStream) -> Vec<u32> {
        let mut offsets = Vec::new();
        let mut next = stream.last + 1;
        while let Some(index) = next.checked_sub(1) {
            offsets.push(self.offsets[index as usize]);
            next = self.previous[index as usize];
        }
        offsets.reverse();
        offsets
    }

    /// The streams with facts in it, by hash.
    pub(super) fn before_of(&self, stream: StreamId) -> u32 {
        self.streams.get(&stream).map_or(0, |stream| stream.before)
    }
}

/// All of it.
#[derive(Debug)]
pub(super) struct Index {
    /// Sealed segments in order; their numbers have no gap, and all raw ones follow.
    pub(super) sealed: Arc<Vec<Arc<Sealed>>>,
    /// Segments that are not sealed, in order; the last is appended to.
    pub(super) raw: Vec<Raw>,
    pub(super) heads: ByStream<Head>,
    /// Whether `heads` has all streams; until then sealed segments are asked too.
    pub(super) heads_complete: bool,
    /// The sequence of the last durable fact.
    pub(super) last: u64,
    /// When that was recorded.
    pub(super) last_recorded: Timestamp,
}

/// What is known of a stream without reading the disk.
pub(super) enum Known {
    /// Its head, or that there is no such stream.
    Head(Option<Head>),
    /// These segments must be asked, the last first.
    Ask(Arc<Vec<Arc<Sealed>>>),
}

impl Index {
    /// What is known of a stream without reading the disk.
    pub(super) fn known(&self, stream: StreamId) -> Known {
        match self.heads.get(&stream) {
            Some(head) => Known::Head(Some(*head)),
            None if self.heads_complete => Known::Head(None),
            None => Known::Ask(Arc::clone(&self.sealed)),
        }
    }

    /// Notes a durable fact in the segment that is appended to.
    pub(super) fn push(&mut self, offset: u32, stream: StreamId, version: u32, before: u32) {
        let raw = self.raw.last_mut().expect("one segment is always appended to");
        raw.push(offset, stream, before);
        let segment = raw.number;
        self.heads.insert(stream, Head { segment, version });
        self.last += 1;
    }
}

impl Known {
    /// The head of the stream.
    pub(super) fn resolve(self, stream: StreamId) -> Result<Option<Head>, StoreError> {
        match self {
            Self::Head(head) => Ok(head),
            Self::Ask(sealed) => head_in(&sealed, stream),
        }
    }
}

/// The head of a stream as sealed segments tell it.
pub(super) fn head_in(sealed: &[Arc<Sealed>], stream: StreamId) -> Result<Option<Head>, StoreError> {
    for segment in sealed.iter().rev() {
        if let Some(entry) = segment.entry(stream)? {
            let version = u32::try_from(entry.last_version).expect("a stream has fewer than 2^32 facts");
            return Ok(Some(Head { segment: segment.number, version }));
        }
    }
    Ok(None)
}

/// Sorts streams as directories hold them.
pub(super) fn by_hash<T>(streams: &mut [(StreamId, T)]) {
    streams.sort_unstable_by_key(|(stream, _)| (hash(*stream), *stream));
}
