//! Makes a sealed segment out of facts in order: blocks, compressed where it pays, then the index.
//! The layout stands in `sealed.rs`.

use super::columns;
use super::contents::Mark;
use super::disk::{Disk, sync_dir, unavailable};
use super::index::{ByStream, by_hash};
use super::layout::{self, FileKind};
use super::sealed::{
    BLOCK_HEAD_BYTES, ENTRY_HEAD_BYTES, Entry, Footer, LAST, Sealed, TABLE_ROW_BYTES, bucket_of, hash,
};
use crate::codec::Header;
use crate::store::StoreError;
use clew_domain::ids::StreamId;
use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Plain bytes after which a block is closed: small enough that reading one fact is cheap, large enough for LZ4.
const BLOCK_BYTES: usize = 16 * 1024;
/// Compressed bytes of a plain hundred at which plain is kept, for the time that reading saves.
const WORTH_PERCENT: usize = 90;
const WRITE_BYTES: usize = 1 << 20;

/// A sealed segment in the making.
pub(super) struct Sealer<'a> {
    disk: &'a dyn Disk,
    path: PathBuf,
    made: PathBuf,
    file: File,
    compress: bool,
    written: u64,
    pending: Vec<u8>,
    plain: Vec<u8>,
    facts: u32,
    block_first: u64,
    block_recorded: i64,
    table: Vec<u8>,
    streams: ByStream<Entry>,
    footer: Footer,
}

impl<'a> Sealer<'a> {
    /// Begins the sealed segment of that number.
    pub(super) fn new(disk: &'a dyn Disk, dir: &Path, number: u32, compress: bool) -> Result<Self, StoreError> {
        let path = FileKind::SealedFacts.path(dir, number);
        let made = path.with_extension("sealed-tmp");
        let file = disk.create(&made).map_err(unavailable("can't create", &made))?;
        let footer = Footer {
            first: 0,
            last: 0,
            first_recorded: 0,
            last_recorded: 0,
            mark: Mark::default(),
            plain_bytes: 0,
            table_at: 0,
            blocks: 0,
            directory_at: 0,
            buckets: 1,
            entries_at: 0,
            table_crc: 0,
        };
        Ok(Self {
            disk,
            path,
            made,
            file,
            compress,
            written: 0,
            pending: layout::header(FileKind::SealedFacts, number, 0).to_vec(),
            plain: Vec::with_capacity(2 * BLOCK_BYTES),
            facts: 0,
            block_first: 0,
            block_recorded: 0,
            table: Vec::new(),
            streams: ByStream::default(),
            footer,
        })
    }

    /// Adds the next fact. `before` is the segment that has the stream before this one, asked once a stream.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        header: &Header,
        ends_commit: bool,
        before: impl FnOnce() -> Result<u32, StoreError>,
    ) -> Result<(), StoreError> {
        let (sequence, recorded) = (header.place.position.sequence, header.place.recorded_at.micros());
        if self.footer.last == 0 {
            (self.footer.first, self.footer.first_recorded) = (sequence, recorded);
        }
        if self.facts == 0 {
            (self.block_first, self.block_recorded) = (sequence, recorded);
        }
        (self.footer.last, self.footer.last_recorded) = (sequence, recorded);
        self.footer.plain_bytes += bytes.len() as u64;
        let length = u32::try_from(bytes.len()).expect("limits keep a fact small");
        self.plain.extend_from_slice(&(length | if ends_commit { LAST } else { 0 }).to_le_bytes());
        self.plain.extend_from_slice(bytes);
        self.facts += 1;
        let block = u32::try_from(self.written + self.pending.len() as u64).expect("segments are below 4 GiB");
        let entry = match self.streams.entry(header.stream) {
            Occupied(entry) => entry.into_mut(),
            Vacant(place) => place.insert(Entry { before: before()?, last_version: 0, blocks: Vec::new() }),
        };
        entry.last_version = header.place.version;
        if entry.blocks.last() != Some(&block) {
            entry.blocks.push(block);
        }
        if self.plain.len() >= BLOCK_BYTES { self.close_block() } else { Ok(()) }
    }

    fn close_block(&mut self) -> Result<(), StoreError> {
        if self.facts == 0 {
            return Ok(());
        }
        let offset = self.written + self.pending.len() as u64;
        for long in [offset, self.block_first, self.block_recorded.cast_unsigned()] {
            self.table.extend_from_slice(&long.to_le_bytes());
        }
        let start = self.pending.len();
        self.pending.resize(start + BLOCK_HEAD_BYTES, 0);
        let arranged = columns::arrange(&self.plain);
        let mut stored = arranged.len();
        if self.compress {
            let room = lz4_flex::block::get_maximum_output_size(self.plain.len());
            self.pending.resize(start + BLOCK_HEAD_BYTES + room, 0);
            let compressed = lz4_flex::block::compress_into(&arranged, &mut self.pending[start + BLOCK_HEAD_BYTES..]);
            stored = compressed.expect("the room is what LZ4 needs at most");
        }
        let worth = self.compress && stored * 100 < self.plain.len() * WORTH_PERCENT;
        if worth {
            self.pending.truncate(start + BLOCK_HEAD_BYTES + stored);
        } else {
            stored = self.plain.len();
            self.pending.truncate(start + BLOCK_HEAD_BYTES);
            self.pending.extend_from_slice(&arranged);
        }
        let word = |length: usize| u32::try_from(length).expect("a block is small").to_le_bytes();
        let block = &mut self.pending[start..];
        block[4..8].copy_from_slice(&word(stored));
        block[8..12].copy_from_slice(&word(self.plain.len()));
        block[12..16].copy_from_slice(&self.facts.to_le_bytes());
        block[16..24].copy_from_slice(&self.block_first.to_le_bytes());
        let crc = crc32fast::hash(&block[4..]);
        block[..4].copy_from_slice(&crc.to_le_bytes());
        self.plain.clear();
        self.facts = 0;
        if self.pending.len() >= WRITE_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let write = self.disk.write_all_at(&self.file, &self.pending, self.written);
        // In steps, so that the log's own syncs never queue behind a whole segment.
        write.and_then(|()| self.disk.sync(&self.file)).map_err(unavailable("can't write", &self.made))?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// Writes the index, makes the file durable under its name, and opens it.
    pub(super) fn finish(mut self, dir: &Path, number: u32, mark: Mark) -> Result<Sealed, StoreError> {
        self.close_block()?;
        self.footer.mark = mark;
        self.footer.blocks = (self.table.len() / TABLE_ROW_BYTES) as u64;
        self.footer.table_crc = crc32fast::hash(&self.table);
        self.footer.table_at = self.written + self.pending.len() as u64;
        self.footer.directory_at = self.footer.table_at + self.table.len() as u64;
        self.pending.append(&mut self.table);
        let mut streams: Vec<_> = std::mem::take(&mut self.streams).into_iter().collect();
        by_hash(&mut streams);
        self.footer.buckets = (streams.len() as u64 / 16).max(1).next_power_of_two();
        let (directory, entries) = directory(&streams, self.footer.buckets);
        self.footer.entries_at = self.footer.directory_at + directory.len() as u64;
        self.pending.extend_from_slice(&directory);
        self.pending.extend_from_slice(&entries);
        self.pending.extend_from_slice(&self.footer.to_bytes());
        self.flush()?;
        let publish = || -> io::Result<()> {
            self.file.sync_all()?;
            std::fs::rename(&self.made, &self.path)?;
            sync_dir(self.path.parent().expect("segments lie in a folder"))
        };
        publish().map_err(unavailable("can't finish", &self.path))?;
        Sealed::open(dir, number)
    }
}

fn directory(streams: &[(StreamId, Entry)], buckets: u64) -> (Vec<u8>, Vec<u8>) {
    let (mut rows, mut entries) = (Vec::new(), Vec::new());
    let mut rest = streams;
    for bucket in 0..buckets {
        let count = rest.partition_point(|(stream, _)| bucket_of(hash(*stream), buckets) <= bucket);
        let (here, behind) = rest.split_at(count);
        let start = entries.len();
        for (stream, entry) in here {
            write_entry(*stream, entry, &mut entries);
        }
        push_row(&mut rows, start, crc32fast::hash(&entries[start..]));
        rest = behind;
    }
    push_row(&mut rows, entries.len(), 0);
    (rows, entries)
}

fn push_row(rows: &mut Vec<u8>, start: usize, crc: u32) {
    let start = u32::try_from(start).expect("an index is smaller than its segment");
    rows.extend_from_slice(&start.to_le_bytes());
    rows.extend_from_slice(&crc.to_le_bytes());
}

fn write_entry(stream: StreamId, entry: &Entry, out: &mut Vec<u8>) {
    out.reserve(ENTRY_HEAD_BYTES + 4 * entry.blocks.len());
    out.push(stream.kind as u8);
    out.extend_from_slice(stream.id.as_bytes());
    out.extend_from_slice(&entry.before.to_le_bytes());
    out.extend_from_slice(&entry.last_version.to_le_bytes());
    let blocks = u32::try_from(entry.blocks.len()).expect("fewer than facts");
    out.extend_from_slice(&blocks.to_le_bytes());
    for block in &entry.blocks {
        out.extend_from_slice(&block.to_le_bytes());
    }
}
