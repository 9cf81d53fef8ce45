//! Compares two sets of rows, key by key. Rows hold references and commitments only, so both values can be shown.

use crate::table::{Range, Table, TableError};
use clew_eventstore::msgpack;
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::cmp::Ordering;
use std::fmt::{self, Write};

/// What came out of a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Rows and index entries of what is served.
    pub served_rows: u64,
    /// Rows and index entries of what was rebuilt.
    pub rebuilt_rows: u64,
    /// Keys at which they differ.
    pub differing: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
}

/// A key at which two sets of rows differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The table, a letter.
    pub table: char,
    /// The rest of the key: an id, or in hexadecimal.
    pub key: String,
    /// What is served; none if there is no such row.
    pub served: Option<String>,
    /// What was rebuilt; none if there is no such row.
    pub rebuilt: Option<String>,
}

impl Comparison {
    /// Whether they are the same, row for row.
    pub fn is_same(&self) -> bool {
        self.differing == 0
    }
}

/// Compares all rows; of the differences the first `shown_max` are told. Neither may be written meanwhile.
pub fn compare(served: &Table, rebuilt: &Table, shown_max: usize) -> Result<Comparison, TableError> {
    let mut comparison = Comparison { served_rows: 0, rebuilt_rows: 0, differing: 0, differences: Vec::new() };
    let (mut ones, mut twos) = (served.all(), rebuilt.all());
    let (mut one, mut two) = (next(&mut ones)?, next(&mut twos)?);
    loop {
        let order = match (&one, &two) {
            (None, None) => return Ok(comparison),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((left, _)), Some((right, _))) => left.cmp(right),
        };
        let left = if order.is_le() { std::mem::replace(&mut one, next(&mut ones)?) } else { None };
        let right = if order.is_ge() { std::mem::replace(&mut two, next(&mut twos)?) } else { None };
        comparison.served_rows += u64::from(left.is_some());
        comparison.rebuilt_rows += u64::from(right.is_some());
        if left.as_ref().map(|it| &it.1) != right.as_ref().map(|it| &it.1) {
            comparison.differing += 1;
            if comparison.differences.len() < shown_max {
                comparison.differences.extend(difference(left, right));
            }
        }
    }
}

type Pair = (sled::IVec, sled::IVec);

fn next(range: &mut Range) -> Result<Option<Pair>, TableError> {
    range.next().transpose()
}

fn difference(left: Option<Pair>, right: Option<Pair>) -> Option<Difference> {
    let key = left.as_ref().or(right.as_ref())?.0.clone();
    let value = |pair: Option<Pair>| pair.map(|(_, value)| readable(&value));
    let (table, rest) = key.split_first()?;
    Some(Difference {
        table: char::from(*table),
        key: uuid::Uuid::from_slice(rest).map_or_else(|_| crate::page::to_text(rest), |id| id.to_string()),
        served: value(left),
        rebuilt: value(right),
    })
}

/// A row's bytes so that a person can read them.
fn readable(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "(index entry)".to_owned();
    }
    msgpack::from_slice::<Readable>(bytes).map_or_else(|_| crate::page::to_text(bytes), |it| it.0)
}

struct Readable(String);

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading).map(Self)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_i64<E>(self, value: i64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_u64<E>(self, value: u64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_str<E>(self, value: &str) -> Result<String, E> {
        Ok(format!("{value:?}"))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<String, E> {
        Ok(match uuid::Uuid::from_slice(value) {
            Ok(id) => id.to_string(),
            Err(_) => format!("x{}", crate::page::to_text(value)),
        })
    }

    fn visit_unit<E>(self) -> Result<String, E> {
        Ok("null".to_owned())
    }

    fn visit_none<E>(self) -> Result<String, E> {
        Ok("null".to_owned())
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<String, D::Error> {
        value.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<String, A::Error> {
        let mut text = String::from("[");
        while let Some(Readable(item)) = seq.next_element()? {
            let separator = if text.len() == 1 { "" } else { ", " };
            write!(text, "{separator}{item}").map_err(serde::de::Error::custom)?;
        }
        text.push(']');
        Ok(text)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<String, A::Error> {
        let mut text = String::from("{");
        while let Some((Readable(key), Readable(value))) = map.next_entry()? {
            let separator = if text.len() == 1 { "" } else { ", " };
            write!(text, "{separator}{key}: {value}").map_err(serde::de::Error::custom)?;
        }
        text.push('}');
        Ok(text)
    }
}
