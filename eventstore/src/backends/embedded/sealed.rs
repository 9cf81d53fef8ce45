//! A sealed segment of facts: immutable blocks, compressed where it pays, with an index by stream, position and
//! time in the same file. How it is made stands in `seal.rs`.
//!
//! Behind the file's header come blocks, then the table of blocks, the directory and the entries of streams, and
//! the footer. A block is a head of 24 bytes (CRC-32 of the rest of the block, stored bytes, plain bytes, facts,
//! `u32` each; first sequence, `u64`) and LZ4 data, or plain data where that is no larger; how facts are arranged in
//! it stands in `columns.rs`. A row of the table is offset, first
//! sequence and first recorded time (8 bytes each). The directory has a row for each bucket of streams, by the
//! upper bits of their hash, and one more: start within the entries and CRC-32 of the bucket (4 bytes each). An
//! entry is kind (1), stream (16), the segment that has the stream before this one or 0 (4), its last version
//! here (8), number of blocks (4) and the offsets of these blocks (4 each).

use super::columns::{self, Columns};
use super::contents::Mark;
use super::disk::unavailable;
use super::layout::{self, FileKind};
use crate::codec;
use crate::store::StoreError;
use clew_domain::ids::StreamId;
use std::fs::File;
use std::num::NonZero;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub(super) const BLOCK_HEAD_BYTES: usize = 24;
pub(super) const TABLE_ROW_BYTES: usize = 24;
pub(super) const DIRECTORY_ROW_BYTES: usize = 8;
pub(super) const ENTRY_HEAD_BYTES: usize = 33;
pub(super) const FOOTER_BYTES: usize = 104;
/// Marks the last fact of a commit in the length before it.
pub(super) const LAST: u32 = 1 << 31;
/// A block is read with what lies behind it, as far as this, when the log is read in order: what stays in the cache of a
/// processor until it is decoded.
const READ_AHEAD_BYTES: usize = 128 * 1024;
/// So far ahead of that the disk is asked to read, once in each mebibyte.
const DISK_AHEAD_BYTES: u64 = 2 << 20;
/// A block is read with so much behind it when it is read alone: it seldom takes more.
const BLOCK_GUESS_BYTES: usize = 12 * 1024;

/// What stands at the end of a sealed segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) first_recorded: i64,
    pub(super) last_recorded: i64,
    /// How far contents reach that belong to commits up to here.
    pub(super) mark: Mark,
    /// Bytes of facts, before compression.
    pub(super) plain_bytes: u64,
    pub(super) table_at: u64,
    pub(super) blocks: u64,
    pub(super) directory_at: u64,
    /// A power of two.
    pub(super) buckets: u64,
    pub(super) entries_at: u64,
    pub(super) table_crc: u32,
}

impl Footer {
    pub(super) fn to_bytes(self) -> [u8; FOOTER_BYTES] {
        let mut bytes = Vec::with_capacity(FOOTER_BYTES);
        for long in [self.first, self.last] {
            bytes.extend_from_slice(&long.to_le_bytes());
        }
        for long in [self.first_recorded, self.last_recorded] {
            bytes.extend_from_slice(&long.to_le_bytes());
        }
        bytes.extend_from_slice(&self.mark.to_bytes());
        let places = [self.plain_bytes, self.table_at, self.blocks, self.directory_at, self.buckets, self.entries_at];
        for long in places {
            bytes.extend_from_slice(&long.to_le_bytes());
        }
        bytes.extend_from_slice(&self.table_crc.to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes.try_into().expect("as many bytes as fields")
    }

    fn from_bytes(bytes: &[u8; FOOTER_BYTES]) -> Option<Self> {
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let signed = |at: usize| i64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let footer = Self {
            first: long(0),
            last: long(8),
            first_recorded: signed(16),
            last_recorded: signed(24),
            mark: Mark::from_bytes(&bytes[32..40])?,
            plain_bytes: long(40),
            table_at: long(48),
            blocks: long(56),
            directory_at: long(64),
            buckets: long(72),
            entries_at: long(80),
            table_crc: word(88),
        };
        (crc32fast::hash(&bytes[..100]) == word(100)).then_some(footer)
    }
}

/// Where a block begins, and with which fact.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) offset: u64,
    pub(super) first: u64,
    pub(super) recorded: i64,
}

/// What a segment has of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The segment that has the stream before this one, or 0.
    pub(super) before: u32,
    pub(super) last_version: u64,
    /// The blocks that hold its facts, in order.
    pub(super) blocks: Vec<u32>,
}

/// An open sealed segment.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) number: u32,
    pub(super) path: PathBuf,
    file: File,
    pub(super) footer: Footer,
    table: OnceLock<Vec<Row>>,
}

/// A block's facts, and the read-ahead of the file that it came from.
#[derive(Debug, Default)]
pub(super) struct Block {
    columns: Columns,
    /// The facts in rows, if they were read in order.
    rows: Vec<u8>,
    row: Vec<u8>,
    /// Sequence of its first fact.
    pub(super) first: u64,
    /// Where the next block begins.
    pub(super) next: u64,
    ahead: Vec<u8>,
    ahead_at: u64,
    ahead_of: u32,
}

impl Block {
    /// The bytes of all facts in order, of a block that was read in order.
    pub(super) fn facts(&self) -> impl Iterator<Item = &[u8]> {
        columns::rows(&self.rows).map(|(_, fact)| fact)
    }

    /// Gives `sink` the facts of a stream, and possibly others, each with its place among the facts; in any order.
    pub(super) fn facts_of(&mut self, stream: StreamId, sink: impl FnMut(usize, &[u8])) {
        self.columns.each_with(codec::STREAM_AT, *stream.id.as_bytes(), &mut self.row, sink);
    }
}

/// A stream's hash: fixed for ever, since directories are sorted by it. `SplitMix64`'s finalizer over both halves.
pub(super) fn hash(stream: StreamId) -> u64 {
    let mix = |value: u64| {
        let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    };
    let (high, low) = stream.id.as_u64_pair();
    mix(high ^ mix(low ^ mix(stream.kind as u64)))
}

/// The bucket of a hash among so many, a power of two.
pub(super) fn bucket_of(hash: u64, buckets: u64) -> u64 {
    if buckets <= 1 { 0 } else { hash >> (64 - buckets.trailing_zeros()) }
}

impl Sealed {
    /// Opens a sealed segment and checks its header and footer.
    pub(super) fn open(dir: &Path, number: u32) -> Result<Self, StoreError> {
        let path = FileKind::SealedFacts.path(dir, number);
        let file = File::open(&path).map_err(unavailable("can't open", &path))?;
        layout::check_header(&file, &path, FileKind::SealedFacts, number)?;
        let length = file.metadata().map_err(unavailable("can't read", &path))?.len();
        let mut bytes = [0; FOOTER_BYTES];
        let footer = length.checked_sub(FOOTER_BYTES as u64).and_then(|at| {
            file.read_exact_at(&mut bytes, at).ok()?;
            Footer::from_bytes(&bytes).filter(|footer| {
                let rows = footer.blocks * TABLE_ROW_BYTES as u64;
                footer.table_at + rows == footer.directory_at && footer.entries_at <= at
            })
        });
        let Some(footer) = footer else {
            let what = "its footer does not match its checksum, or the file was cut; put the file back from a copy";
            return Err(StoreError::Corrupt { place: path.display().to_string(), what: what.into() });
        };
        Ok(Self { number, path, file, footer, table: OnceLock::new() })
    }

    fn corrupt(&self, offset: u64, what: &str) -> StoreError {
        StoreError::Corrupt { place: format!("{} at byte {offset}", self.path.display()), what: what.into() }
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> Result<(), StoreError> {
        let read = self.file.read_exact_at(bytes, offset);
        read.map_err(|error| self.corrupt(offset, &format!("it can't be read: {error}")))
    }

    /// The table of blocks.
    pub(super) fn table(&self) -> Result<&[Row], StoreError> {
        if let Some(table) = self.table.get() {
            return Ok(table);
        }
        let length = usize::try_from(self.footer.directory_at - self.footer.table_at).expect("checked on opening");
        let mut bytes = vec![0; length];
        self.read_at(&mut bytes, self.footer.table_at)?;
        if crc32fast::hash(&bytes) != self.footer.table_crc {
            return Err(self.corrupt(self.footer.table_at, "the table of blocks does not match its checksum"));
        }
        let row = |row: &[u8]| {
            let long = |at: usize| u64::from_le_bytes(row[at..at + 8].try_into().expect("eight bytes"));
            Row { offset: long(0), first: long(8), recorded: long(16).cast_signed() }
        };
        let rows = bytes.chunks_exact(TABLE_ROW_BYTES).map(row).collect();
        Ok(self.table.get_or_init(|| rows))
    }

    /// Where the block begins that holds a sequence of this segment.
    pub(super) fn block_of(&self, sequence: u64) -> Result<u64, StoreError> {
        let table = self.table()?;
        let at = table.partition_point(|row| row.first <= sequence);
        let row = at.checked_sub(1).map(|at| table[at]);
        row.map(|row| row.offset).ok_or_else(|| self.corrupt(self.footer.table_at, "it lacks its first block"))
    }

    /// Reads the block at `offset` alone.
    pub(super) fn read_block(&self, offset: u64, block: &mut Block) -> Result<(), StoreError> {
        self.load(offset, block, BLOCK_GUESS_BYTES)
    }

    /// Reads the block at `offset`, and ahead.
    pub(super) fn read_block_in_order(&self, offset: u64, block: &mut Block) -> Result<(), StoreError> {
        self.load(offset, block, READ_AHEAD_BYTES)?;
        block.columns.restore(&mut block.rows);
        Ok(())
    }

    /// Has the disk begin to read these blocks, all at once.
    pub(super) fn will_need(&self, blocks: &[u32]) {
        for offset in blocks {
            self.will_need_bytes(u64::from(*offset), BLOCK_GUESS_BYTES as u64);
        }
    }

    fn will_need_bytes(&self, offset: u64, bytes: u64) {
        // Advice: without it, it is slower.
        let _ = rustix::fs::fadvise(&self.file, offset, NonZero::new(bytes), rustix::fs::Advice::WillNeed);
    }

    fn load(&self, offset: u64, block: &mut Block, ahead_bytes: usize) -> Result<(), StoreError> {
        if offset + BLOCK_HEAD_BYTES as u64 > self.footer.table_at {
            return Err(self.corrupt(offset, "no block begins here"));
        }
        let head: [u8; BLOCK_HEAD_BYTES] = self.window(offset, BLOCK_HEAD_BYTES, block, ahead_bytes)?;
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
        let (crc, stored, plain, facts) = (word(0), word(4) as usize, word(8) as usize, word(12) as usize);
        let whole = BLOCK_HEAD_BYTES + stored;
        let mismatch = || self.corrupt(offset, "a block of facts does not match its checksum");
        if offset + whole as u64 > self.footer.table_at || plain > layout::PLAIN_BLOCK_BYTES_MAX {
            return Err(mismatch());
        }
        let from = self.fill(offset, whole, block, ahead_bytes)?;
        let bytes = &block.ahead[from..from + whole];
        if crc32fast::hash(&bytes[4..]) != crc {
            return Err(mismatch());
        }
        let data = &bytes[BLOCK_HEAD_BYTES..];
        let room = block.columns.room(plain);
        let filled = if stored == plain {
            room.copy_from_slice(data);
            true
        } else {
            lz4_flex::block::decompress_into(data, room).is_ok_and(|bytes| bytes == plain)
        };
        if !filled || block.columns.understand(facts).is_none() {
            return Err(self.corrupt(offset, "a block of facts can't be decompressed"));
        }
        block.first = u64::from_le_bytes(head[16..24].try_into().expect("eight bytes"));
        block.next = offset + whole as u64;
        Ok(())
    }

    fn window<const N: usize>(
        &self,
        offset: u64,
        length: usize,
        block: &mut Block,
        ahead: usize,
    ) -> Result<[u8; N], StoreError> {
        let from = self.fill(offset, length, block, ahead)?;
        Ok(block.ahead[from..from + N].try_into().expect("as many bytes as asked"))
    }

    /// Makes sure that `length` bytes from `offset` lie in the read-ahead, and says where.
    fn fill(&self, offset: u64, length: usize, block: &mut Block, ahead: usize) -> Result<usize, StoreError> {
        let held = block.ahead_at..block.ahead_at + block.ahead.len() as u64;
        if block.ahead_of != self.number || offset < held.start || offset + length as u64 > held.end {
            let until = self.footer.table_at.min(offset + length.max(ahead) as u64);
            let count = usize::try_from(until - offset).expect("a read-ahead");
            block.ahead.resize(count, 0);
            let elsewhere = block.ahead_of != self.number || block.ahead_at >> 20 != offset >> 20;
            if ahead == READ_AHEAD_BYTES && elsewhere {
                // The disk reads on while these are decoded.
                self.will_need_bytes(until, DISK_AHEAD_BYTES);
            }
            (block.ahead_at, block.ahead_of) = (offset, 0);
            self.read_at(&mut block.ahead, offset)?;
            block.ahead_of = self.number;
        }
        Ok(usize::try_from(offset - block.ahead_at).expect("within the read-ahead"))
    }

    /// What it has of a stream.
    pub(super) fn entry(&self, stream: StreamId) -> Result<Option<Entry>, StoreError> {
        let bucket = bucket_of(hash(stream), self.footer.buckets);
        let bytes = self.bucket(bucket)?;
        Ok(entries(&bytes).find_map(|(found, entry)| (found == stream).then_some(entry)))
    }

    /// What it has of every stream, bucket after bucket.
    pub(super) fn entries(&self) -> Result<Vec<(StreamId, Entry)>, StoreError> {
        let rows = usize::try_from(self.footer.buckets + 1).expect("fewer than streams");
        let mut directory = vec![0; rows * DIRECTORY_ROW_BYTES];
        self.read_at(&mut directory, self.footer.directory_at)?;
        let (last, _) = directory_row(&directory[directory.len() - DIRECTORY_ROW_BYTES..]);
        let mut bytes = vec![0; last as usize];
        self.read_at(&mut bytes, self.footer.entries_at)?;
        let mut all = Vec::new();
        for pair in directory.windows(2 * DIRECTORY_ROW_BYTES).step_by(DIRECTORY_ROW_BYTES) {
            let (start, crc) = directory_row(pair);
            let (end, _) = directory_row(&pair[DIRECTORY_ROW_BYTES..]);
            let bucket = bytes.get(start as usize..end as usize).filter(|bucket| crc32fast::hash(bucket) == crc);
            all.extend(entries(bucket.ok_or_else(|| self.damaged_index())?));
        }
        Ok(all)
    }

    fn bucket(&self, bucket: u64) -> Result<Vec<u8>, StoreError> {
        let mut rows = [0; 2 * DIRECTORY_ROW_BYTES];
        self.read_at(&mut rows, self.footer.directory_at + bucket * DIRECTORY_ROW_BYTES as u64)?;
        let (start, crc) = directory_row(&rows);
        let (end, _) = directory_row(&rows[DIRECTORY_ROW_BYTES..]);
        let length = end.checked_sub(start).ok_or_else(|| self.damaged_index())?;
        let at = self.footer.entries_at + u64::from(start);
        let file_bytes = self.file.metadata().map_err(unavailable("can't read", &self.path))?.len();
        if at + u64::from(length) > file_bytes {
            return Err(self.damaged_index());
        }
        let mut bytes = vec![0; length as usize];
        self.read_at(&mut bytes, at)?;
        if crc32fast::hash(&bytes) == crc { Ok(bytes) } else { Err(self.damaged_index()) }
    }

    fn damaged_index(&self) -> StoreError {
        let what = "the index of streams does not match its checksum; put the file back from a copy";
        self.corrupt(self.footer.directory_at, what)
    }
}

fn directory_row(bytes: &[u8]) -> (u32, u32) {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    (word(0), word(4))
}

/// The entries of a bucket whose checksum holds.
fn entries(mut bytes: &[u8]) -> impl Iterator<Item = (StreamId, Entry)> {
    std::iter::from_fn(move || {
        let (head, rest) = bytes.split_first_chunk::<ENTRY_HEAD_BYTES>()?;
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
        let kind = clew_domain::ids::StreamKind::from_byte(head[0])?;
        let id = uuid::Uuid::from_bytes(head[1..17].try_into().expect("sixteen bytes"));
        let (blocks, rest) = rest.split_at_checked(word(29) as usize * 4)?;
        let last_version = u64::from_le_bytes(head[21..29].try_into().expect("eight bytes"));
        let blocks = blocks.chunks_exact(4).map(|at| u32::from_le_bytes(at.try_into().expect("four bytes"))).collect();
        bytes = rest;
        Some((StreamId { kind, id }, Entry { before: word(17), last_version, blocks }))
    })
}
