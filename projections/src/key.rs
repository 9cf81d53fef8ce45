//! Keys of rows and index entries: parts one after the other, so that their bytes sort as their values do.

use clew_domain::fact::Position;
use clew_domain::time::Timestamp;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use uuid::Uuid;

/// Bytes of the longest key: a table, two marks and four ids are 67.
const KEY_BYTES_MAX: usize = 87;

/// A key in the making. The first byte names the table inside the projection; 0 is kept for the checkpoint.
/// It lies where it is used, as folds make several for each fact.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    length: u8,
    bytes: [u8; KEY_BYTES_MAX],
}

impl Key {
    pub(crate) fn of(table: u8) -> Self {
        debug_assert_ne!(table, 0, "table 0 holds the checkpoint");
        Self { length: 0, bytes: [0; KEY_BYTES_MAX] }.byte(table)
    }

    pub(crate) fn byte(self, byte: u8) -> Self {
        self.bytes(&[byte])
    }

    pub(crate) fn id(self, id: Uuid) -> Self {
        self.bytes(id.as_bytes())
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        let from = usize::from(self.length);
        let place = self.bytes.get_mut(from..from + bytes.len());
        place.expect("a key is made of a table and at most five ids or numbers").copy_from_slice(bytes);
        self.length += u8::try_from(bytes.len()).expect("the key's length was checked");
        self
    }

    pub(crate) fn u16(self, value: u16) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(crate) fn u64(self, value: u64) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    /// Earlier instants first.
    pub(crate) fn at(self, at: Timestamp) -> Self {
        self.u64(ascending(at))
    }

    /// By partition, then by sequence.
    pub(crate) fn position(self, position: Position) -> Self {
        self.u16(position.partition).u64(position.sequence)
    }

    pub(crate) fn done(self) -> Vec<u8> {
        self.as_ref().to_vec()
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.as_ref() == other.as_ref()
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write(self.as_ref());
    }
}

/// Hashes keys fast. Ids are random or come out of a keyed hash, so nobody can choose keys that collide.
pub(crate) type Fast = BuildHasherDefault<FastHasher>;

/// A word at a time, mixed at the end.
#[derive(Default)]
pub(crate) struct FastHasher(u64);

const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

impl Hasher for FastHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        for word in words.iter().chain([&last]) {
            self.0 = (self.0.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(ODD);
        }
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

/// An instant as a number that sorts as it does.
pub(crate) fn ascending(at: Timestamp) -> u64 {
    at.micros().cast_unsigned() ^ (1 << 63)
}

/// The first key behind all that start with `prefix`; none if there is no such key.
pub(crate) fn behind(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_sort_as_their_numbers_do() {
        let ordered = [i64::MIN, -1, 0, 1, i64::MAX].map(Timestamp::from_micros);
        for pair in ordered.windows(2) {
            assert!(ascending(pair[0]) < ascending(pair[1]));
        }
    }

    #[test]
    fn the_end_of_a_prefix_is_behind_all_that_start_with_it() {
        assert_eq!(behind(&[1, 2]), Some(vec![1, 3]));
        assert_eq!(behind(&[1, 255]), Some(vec![2]));
        assert_eq!(behind(&[255, 255]), None);
    }
}
