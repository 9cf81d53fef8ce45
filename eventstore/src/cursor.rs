//! How far someone has read: one sequence per partition, opaque text to clients.

use clew_domain::fact::Position;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// For each partition the last sequence seen, 0 for none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cursor(Vec<u64>);

/// The text is not a cursor of this workspace.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a position; give back one that an answer or the feed carried, unchanged")]
pub struct NotACursor(String);

impl Cursor {
    /// Before the first fact of every partition.
    pub fn start(partitions: u16) -> Self {
        Self(vec![0; usize::from(partitions)])
    }

    /// Everything up to `position`, and nothing of other partitions.
    pub fn at(position: Position) -> Self {
        let mut cursor = Self::default();
        cursor.advance(position);
        cursor
    }

    /// The last sequence seen of a partition.
    pub fn sequence(&self, partition: u16) -> u64 {
        self.0.get(usize::from(partition)).copied().unwrap_or(0)
    }

    /// The position seen last in a partition.
    pub fn position(&self, partition: u16) -> Position {
        Position { partition, sequence: self.sequence(partition) }
    }

    /// Takes a position into account; one that was seen before changes nothing.
    pub fn advance(&mut self, position: Position) {
        let index = usize::from(position.partition);
        if self.0.len() <= index {
            self.0.resize(index + 1, 0);
        }
        self.0[index] = self.0[index].max(position.sequence);
    }

    /// Whether all that `other` has seen was seen here too.
    pub fn covers(&self, other: &Self) -> bool {
        (0..).zip(&other.0).all(|(partition, sequence)| self.sequence(partition) >= *sequence)
    }

    /// Whether the fact at `position` was seen.
    pub fn has_seen(&self, position: Position) -> bool {
        self.sequence(position.partition) >= position.sequence
    }

    /// How many partitions it speaks of.
    pub fn partitions(&self) -> u16 {
        u16::try_from(self.0.len()).expect("a cursor is made of u16 partitions")
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("p")?;
        for (index, sequence) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "." };
            write!(f, "{separator}{sequence:x}")?;
        }
        Ok(())
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;
    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let wrong = || NotACursor(text.chars().take(64).collect());
        let digits = text.strip_prefix('p').ok_or_else(wrong)?;
        if digits.is_empty() {
            return Ok(Self::default());
        }
        let sequences: Result<Vec<u64>, _> = digits.split('.').map(|part| u64::from_str_radix(part, 16)).collect();
        let sequences = sequences.map_err(|_| wrong())?;
        if sequences.len() > usize::from(u16::MAX) {
            return Err(wrong());
        }
        Ok(Self(sequences))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_nonsense_is_refused() {
        for cursor in [Cursor::default(), Cursor(vec![7]), Cursor(vec![0, u64::MAX, 255])] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for text in ["", "7", "p1.", "p-1", "pzz", "p1,2"] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }

    #[test]
    fn covering_is_by_partition() {
        let mut cursor = Cursor::start(2);
        cursor.advance(Position { partition: 1, sequence: 5 });
        assert!(cursor.covers(&Cursor(vec![0, 5])));
        assert!(!cursor.covers(&Cursor(vec![1])));
        assert!(Cursor::default().covers(&Cursor::start(3)));
        assert!(cursor.has_seen(Position { partition: 1, sequence: 5 }));
        assert!(!cursor.has_seen(Position { partition: 1, sequence: 6 }));
    }
}
