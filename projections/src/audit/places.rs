//! The lists of the trail: for each actor, action, stream and contact the places of its entries, packed. Places of a
//! partition only grow, so a list is a row of what came last, and rows of so many places that never change again.

use super::{PLACE_BYTES, Scope, scope_key};
use crate::key::{self, Key};
use crate::projection::FoldError;
use crate::reader::{QueryError, View};
use crate::rows::Rows;
use crate::table::Range;
use clew_domain::fact::Fact;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Places in a row that does not change any more.
const PLACES_MAX: usize = 128;

/// An entry's place: when it was recorded, then its position, so that its bytes sort.
pub(super) type Place = [u8; PLACE_BYTES];

/// Places, one after the other.
#[derive(Debug, Default)]
struct Places(Vec<u8>);

impl Serialize for Places {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

struct Bytes;

impl Visitor<'_> for Bytes {
    type Value = Places;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("places")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Places, E> {
        Ok(Places(bytes.to_vec()))
    }
}

impl<'de> Deserialize<'de> for Places {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(Bytes)
    }
}

/// A scope's list of one partition: no fold depends on the order between partitions.
fn list_key(scope: Scope, partition: u16) -> Key {
    scope_key(scope).u16(partition)
}

/// What came last of a list; it sorts behind the rest.
fn tail_key(list: &Key) -> Key {
    list.clone().bytes(&[u8::MAX; PLACE_BYTES])
}

pub(super) fn place_of(fact: &Fact) -> Place {
    let mut place = [0; PLACE_BYTES];
    place[..8].copy_from_slice(&key::ascending(fact.recorded_at).to_be_bytes());
    place[8..10].copy_from_slice(&fact.position.partition.to_be_bytes());
    place[10..].copy_from_slice(&fact.position.sequence.to_be_bytes());
    place
}

/// Puts a fact's entry into a list.
pub(super) fn append(rows: &mut Rows, scope: Scope, fact: &Fact) -> Result<(), FoldError> {
    let list = list_key(scope, fact.position.partition);
    let full = rows.update(&tail_key(&list), |tail: &mut Places| {
        tail.0.extend_from_slice(&place_of(fact));
        (tail.0.len() == PLACES_MAX * PLACE_BYTES).then(|| std::mem::take(tail))
    })?;
    let Some(full) = full else { return Ok(()) };
    rows.write_once(&list.bytes(&full.0[..PLACE_BYTES]), &full)
}

/// A walk along a scope's lists of all partitions, from `from` on and before `to`.
pub(super) struct Walk {
    lists: Vec<ListWalk>,
    backwards: bool,
}

struct ListWalk {
    /// Rows that do not change any more.
    rows: Range,
    tail: Option<Places>,
    /// What comes next, the next one last.
    ahead: Vec<Place>,
    from: Vec<u8>,
    to: Option<Vec<u8>>,
    backwards: bool,
}

impl Walk {
    pub(super) fn begin(
        view: &View<'_>,
        scope: Scope,
        from: &[u8],
        to: Option<&[u8]>,
        backwards: bool,
    ) -> Result<Self, QueryError> {
        let partitions = 0..view.cursor().partitions();
        let lists = partitions.map(|partition| ListWalk::begin(view, &list_key(scope, partition), from, to, backwards));
        Ok(Self { lists: lists.collect::<Result<_, _>>()?, backwards })
    }

    pub(super) fn next(&mut self, view: &View<'_>) -> Result<Option<Place>, QueryError> {
        let mut best: Option<(Place, usize)> = None;
        for (at, list) in self.lists.iter_mut().enumerate() {
            let Some(head) = list.head(view)? else { continue };
            let better = best.is_none_or(|(found, _)| if self.backwards { head > found } else { head < found });
            if better {
                best = Some((head, at));
            }
        }
        let Some((place, at)) = best else { return Ok(None) };
        self.lists[at].ahead.pop();
        Ok(Some(place))
    }
}

impl ListWalk {
    fn begin(view: &View<'_>, list: &Key, from: &[u8], to: Option<&[u8]>, backwards: bool) -> Result<Self, QueryError> {
        let tail = tail_key(list);
        let mut start = list.clone().bytes(from).done();
        // The row that `from` lies in begins before it.
        start.push(0);
        let holds_from = view.range(list.as_ref(), Some(&start), true).next().transpose()?;
        let start = holds_from.map_or_else(|| list.as_ref().to_vec(), |(key, _)| key.to_vec());
        let end = to.map_or_else(|| tail.clone().done(), |to| [list.as_ref(), to].concat());
        let rows = view.range(&start, Some(&end), backwards);
        let (from, to) = (from.to_vec(), to.map(<[u8]>::to_vec));
        Ok(Self { rows, tail: view.get(tail)?, ahead: Vec::new(), from, to, backwards })
    }

    fn head(&mut self, view: &View<'_>) -> Result<Option<Place>, QueryError> {
        loop {
            if let Some(head) = self.ahead.last() {
                return Ok(Some(*head));
            }
            // The newest come first backwards and last forwards.
            let row = match self.tail.take() {
                Some(tail) if self.backwards => Some(tail),
                tail => match self.rows.next() {
                    Some(entry) => {
                        self.tail = tail;
                        Some(view.decode(&entry?.1)?)
                    }
                    None => tail,
                },
            };
            let Some(Places(places)) = row else { return Ok(None) };
            let (places, rest) = places.as_chunks::<PLACE_BYTES>();
            if !rest.is_empty() {
                return Err(view.damaged());
            }
            let within =
                |place: &&Place| place[..] >= self.from[..] && self.to.as_ref().is_none_or(|to| place[..] < to[..]);
            self.ahead = places.iter().filter(within).copied().collect();
            if !self.backwards {
                self.ahead.reverse();
            }
        }
    }
}
