//! One run: a file of sorted entries in compressed, checksummed blocks, then an index of the blocks and a filter of
//! the keys. Written once, never changed.
//!
//! | part | what |
//! | --- | --- |
//! | blocks | each: CRC-32 of what follows, length of the entries, the entries in LZ4 |
//! | index | `MessagePack`: first key, offset and length of each block; entries; the filter's words |
//! | end | offset of the index, CRC-32 of it, magic |

use super::block::{self, BLOCK_BYTES, Builder};
use super::cache::Cache;
use super::filter::{self, Filter};
use super::{Held, failed};
use crate::table::TableError;
use clew_eventstore::msgpack;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

const MAGIC: u32 = 0x434c_5257;
const END_BYTES: usize = 16;
const PREFIX: &str = "run-";

pub(super) fn file_name(number: u64) -> String {
    format!("{PREFIX}{number}")
}

/// The number in the name of a run's file.
pub(super) fn number_of(name: &str) -> Option<u64> {
    name.strip_prefix(PREFIX)?.parse().ok()
}

#[derive(Debug, Serialize, Deserialize)]
struct Index {
    blocks: Vec<(serde_bytes_key::Key, u64, u32)>,
    entries: u64,
    filter: Vec<u64>,
}

/// Keys as byte strings: a sequence of numbers would take twice the room.
mod serde_bytes_key {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::fmt;

    #[derive(Debug)]
    pub(super) struct Key(pub(super) Box<[u8]>);

    impl Serialize for Key {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&self.0)
        }
    }

    struct Bytes;

    impl serde::de::Visitor<'_> for Bytes {
        type Value = Key;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bytes")
        }

        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Key, E> {
            Ok(Key(bytes.into()))
        }
    }

    impl<'de> Deserialize<'de> for Key {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_bytes(Bytes)
        }
    }
}

/// A run that can be read.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) number: u64,
    pub(super) bytes: u64,
    pub(super) entries: u64,
    file: File,
    blocks: Vec<(serde_bytes_key::Key, u64, u32)>,
    filter: Filter,
}

fn damaged(number: u64) -> TableError {
    TableError(format!("run {number} of the rows is damaged"))
}

impl Run {
    pub(super) fn open(dir: &Path, number: u64) -> Result<Self, TableError> {
        let file = File::open(dir.join(file_name(number))).map_err(|error| failed(&error))?;
        let bytes = file.metadata().map_err(|error| failed(&error))?.len();
        let end_at = bytes.checked_sub(END_BYTES as u64).ok_or_else(|| damaged(number))?;
        let mut end = [0; END_BYTES];
        file.read_exact_at(&mut end, end_at).map_err(|error| failed(&error))?;
        let field = |at: usize| u32::from_le_bytes([end[at], end[at + 1], end[at + 2], end[at + 3]]);
        let index_at = u64::from(field(0)) | (u64::from(field(4)) << 32);
        let length = end_at.checked_sub(index_at).filter(|_| field(12) == MAGIC).ok_or_else(|| damaged(number))?;
        let mut index = vec![0; usize::try_from(length).map_err(|_| damaged(number))?];
        file.read_exact_at(&mut index, index_at).map_err(|error| failed(&error))?;
        if crc32fast::hash(&index) != field(8) {
            return Err(damaged(number));
        }
        let Index { blocks, entries, filter } = msgpack::from_slice(&index).map_err(|_| damaged(number))?;
        if filter.is_empty() {
            return Err(damaged(number));
        }
        Ok(Self { number, bytes, entries, file, blocks, filter: Filter(filter) })
    }

    pub(super) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The number of the only block that may hold the key; none if it lies before all.
    pub(super) fn block_of(&self, key: &[u8]) -> Option<usize> {
        self.blocks.partition_point(|(first, ..)| &*first.0 <= key).checked_sub(1)
    }

    /// The entries of a block.
    pub(super) fn block(&self, at: usize, cache: Option<&Cache>) -> Result<Arc<Vec<u8>>, TableError> {
        let place = (self.number, u32::try_from(at).map_err(|_| damaged(self.number))?);
        if let Some(found) = cache.and_then(|cache| cache.get(place)) {
            return Ok(found);
        }
        let (_, offset, length) = self.blocks[at];
        let mut stored = vec![0; length as usize];
        self.file.read_exact_at(&mut stored, offset).map_err(|error| failed(&error))?;
        let (sum, packed) = stored.split_first_chunk::<4>().ok_or_else(|| damaged(self.number))?;
        if crc32fast::hash(packed).to_le_bytes() != *sum {
            return Err(damaged(self.number));
        }
        let entries = lz4_flex::block::decompress_size_prepended(packed).map_err(|_| damaged(self.number))?;
        let block = Arc::new(entries);
        if let Some(cache) = cache {
            cache.put(place, &block);
        }
        Ok(block)
    }

    /// Whether every block of it can be read.
    pub(super) fn is_sound(&self) -> bool {
        (0..self.blocks()).all(|at| self.block(at, None).is_ok())
    }

    /// What the run holds for a key of this hash; none if nothing.
    pub(super) fn get(&self, key: &[u8], hash: u64, cache: &Cache) -> Result<Option<Held>, TableError> {
        if !self.filter.may_hold(hash) {
            return Ok(None);
        }
        let Some(at) = self.block_of(key) else { return Ok(None) };
        block::get(&self.block(at, Some(cache))?, key)
    }
}

/// A run in the making.
pub(super) struct Writer {
    file: BufWriter<File>,
    at: u64,
    builder: Builder,
    first: Vec<u8>,
    blocks: Vec<(serde_bytes_key::Key, u64, u32)>,
    filter: Filter,
    entries: u64,
}

impl Writer {
    /// Begins a run of at most so many entries.
    pub(super) fn begin(dir: &Path, number: u64, entries_max: u64) -> io::Result<Self> {
        let file = BufWriter::with_capacity(256 * 1024, File::create(dir.join(file_name(number)))?);
        let filter = Filter::for_keys(entries_max);
        let (blocks, first) = (Vec::new(), Vec::new());
        Ok(Self { file, at: 0, builder: Builder::default(), first, blocks, filter, entries: 0 })
    }

    /// Appends an entry, behind all before it.
    pub(super) fn push(&mut self, key: &[u8], value: Option<&[u8]>) -> io::Result<()> {
        if self.builder.bytes.is_empty() {
            self.first.clear();
            self.first.extend_from_slice(key);
        }
        // Entries without a value are found by walking alone.
        if value.is_none_or(|value| !value.is_empty()) {
            self.filter.add(filter::hash(key));
        }
        self.builder.push(key, value);
        self.entries += 1;
        if self.builder.bytes.len() >= BLOCK_BYTES { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> io::Result<()> {
        if self.builder.bytes.is_empty() {
            return Ok(());
        }
        let packed = lz4_flex::block::compress_prepend_size(&self.builder.bytes);
        self.file.write_all(&crc32fast::hash(&packed).to_le_bytes())?;
        self.file.write_all(&packed)?;
        let length = u32::try_from(packed.len() + 4).map_err(io::Error::other)?;
        self.blocks.push((serde_bytes_key::Key(self.first.as_slice().into()), self.at, length));
        self.at += u64::from(length);
        self.builder.clear();
        Ok(())
    }

    /// Ends the run; it is on disk when this answers.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.end_block()?;
        let index = Index { blocks: self.blocks, entries: self.entries, filter: self.filter.0 };
        let index = rmp_serde::to_vec(&index).map_err(io::Error::other)?;
        self.file.write_all(&index)?;
        self.file.write_all(&self.at.to_le_bytes())?;
        self.file.write_all(&crc32fast::hash(&index).to_le_bytes())?;
        self.file.write_all(&MAGIC.to_le_bytes())?;
        self.file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()
    }
}
