//! The entries of one block of a run: sorted, each key without what it shares with the one before.

use super::Held;
use crate::table::TableError;
use sled::IVec;

/// Bytes of entries at which a block ends.
pub(super) const BLOCK_BYTES: usize = 8 * 1024;

/// A block in the making.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) bytes: Vec<u8>,
    last: Vec<u8>,
}

fn put_number(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

fn number(bytes: &mut &[u8]) -> Option<usize> {
    let mut found = 0;
    for shift in (0..usize::BITS).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        found |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(found);
        }
    }
    None
}

fn part<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (part, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(part)
}

impl Builder {
    pub(super) fn push(&mut self, key: &[u8], value: Option<&[u8]>) {
        let shared = self.last.iter().zip(key).take_while(|(one, two)| one == two).count();
        put_number(&mut self.bytes, shared);
        put_number(&mut self.bytes, key.len() - shared);
        put_number(&mut self.bytes, value.map_or(0, |value| value.len() + 1));
        self.bytes.extend_from_slice(&key[shared..]);
        self.bytes.extend_from_slice(value.unwrap_or_default());
        self.last.truncate(shared);
        self.last.extend_from_slice(&key[shared..]);
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.last.clear();
    }
}

fn damaged() -> TableError {
    TableError("a block of rows is damaged".into())
}

/// An entry's value, or none for a key that was deleted.
type Value<'a> = Option<&'a [u8]>;

/// Reads the entries of a block one after the other.
pub(super) struct Entries<'a> {
    rest: &'a [u8],
    pub(super) key: Vec<u8>,
}

impl<'a> Entries<'a> {
    pub(super) fn of(block: &'a [u8]) -> Self {
        Self { rest: block, key: Vec::with_capacity(80) }
    }

    /// The next value; its key stands in `key`.
    pub(super) fn step(&mut self) -> Result<Option<Value<'a>>, TableError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        self.read().map(Some).ok_or_else(damaged)
    }

    fn read(&mut self) -> Option<Value<'a>> {
        let (shared, own, value) = (number(&mut self.rest)?, number(&mut self.rest)?, number(&mut self.rest)?);
        if shared > self.key.len() {
            return None;
        }
        self.key.truncate(shared);
        self.key.extend_from_slice(part(&mut self.rest, own)?);
        match value.checked_sub(1) {
            None => Some(None),
            Some(length) => Some(Some(part(&mut self.rest, length)?)),
        }
    }
}

/// What a block holds for a key.
pub(super) fn get(block: &[u8], key: &[u8]) -> Result<Option<Held>, TableError> {
    let mut entries = Entries::of(block);
    while let Some(value) = entries.step()? {
        match entries.key.as_slice().cmp(key) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal => return Ok(Some(value.map(IVec::from))),
            std::cmp::Ordering::Greater => return Ok(None),
        }
    }
    Ok(None)
}

/// All entries of a block.
pub(super) fn all(block: &[u8]) -> Result<Vec<(Vec<u8>, Held)>, TableError> {
    let mut found = Vec::new();
    let mut entries = Entries::of(block);
    while let Some(value) = entries.step()? {
        found.push((entries.key.clone(), value.map(IVec::from)));
    }
    Ok(found)
}
