//! Pages of long lists: a cursor names the last entry shown, so a page stays right while the list changes.

use crate::reader::QueryError;

/// Entries of a page at most, whatever is asked for.
pub const PAGE_ENTRIES_MAX: usize = 500;

/// Entries looked at for one page at most, where most of them do not match.
pub(crate) const PAGE_SCANNED_MAX: usize = 20_000;

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries, in order. There may be fewer than asked for, or none, although `next` is given.
    pub items: Vec<T>,
    /// Where the next page begins; none behind the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// No entries, and none to come.
    pub fn empty() -> Self {
        Self { items: Vec::new(), next: None }
    }
}

/// A key inside a list as text.
pub(crate) fn to_text(key: &[u8]) -> String {
    use std::fmt::Write;
    key.iter().fold(String::with_capacity(key.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String does not fail");
        text
    })
}

/// The key that [`to_text`] wrote, if it is `bytes` long.
pub(crate) fn from_text(text: &str, bytes: usize) -> Result<Vec<u8>, QueryError> {
    let wrong = || QueryError::NotACursor(text.chars().take(128).collect());
    if text.len() != bytes * 2 || !text.is_ascii() {
        return Err(wrong());
    }
    let digits = |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    text.as_bytes().chunks_exact(2).map(|pair| digits(pair).ok_or_else(wrong)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_round_trips_and_nonsense_is_refused() {
        assert_eq!(from_text(&to_text(&[0, 1, 255]), 3), Ok(vec![0, 1, 255]));
        for text in ["", "00", "zzzzzz", "0001ff00", "é0001"] {
            assert!(from_text(text, 3).is_err(), "{text}");
        }
    }
}
