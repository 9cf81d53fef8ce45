//! Keys of rows and index entries: parts one after the other, so that their bytes sort as their values do.

use clew_domain::fact::Position;
use clew_domain::time::Timestamp;
use uuid::Uuid;

/// A key in the making. The first byte names the table inside the projection; 0 is kept for the checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(Vec<u8>);

impl Key {
    pub(crate) fn of(table: u8) -> Self {
        debug_assert_ne!(table, 0, "table 0 holds the checkpoint");
        let mut bytes = Vec::with_capacity(64);
        bytes.push(table);
        Self(bytes)
    }

    pub(crate) fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    pub(crate) fn id(mut self, id: Uuid) -> Self {
        self.0.extend_from_slice(id.as_bytes());
        self
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
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
        self.0
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.0
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
