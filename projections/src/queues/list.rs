//! A long ordered list in little memory: numbers of conversations, four bytes each, in chunks. What orders them is
//! looked up where they are kept.

use super::desk::Place;

/// Numbers in a chunk at most.
const CHUNK_MAX: usize = 512;

/// Numbers in order; no chunk is empty.
#[derive(Default)]
pub(super) struct List(Vec<Vec<u32>>);

impl List {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends a number that comes behind all others.
    pub(super) fn push(&mut self, number: u32) {
        match self.0.last_mut() {
            Some(last) if last.len() < CHUNK_MAX => last.push(number),
            _ => self.0.push(vec![number]),
        }
    }

    /// The chunk, and the place in it, of the first number of which `before` does not hold.
    fn seek(&self, before: impl Fn(u32) -> bool) -> (usize, usize) {
        let chunk = self.0.partition_point(|chunk| chunk.last().is_some_and(|last| before(*last)));
        let at = self.0.get(chunk).map_or(0, |chunk| chunk.partition_point(|number| before(*number)));
        (chunk, at)
    }

    pub(super) fn insert(&mut self, number: u32, place_of: impl Fn(u32) -> Place) {
        let place = place_of(number);
        let (mut chunk, mut at) = self.seek(|other| place_of(other) < place);
        if chunk == self.0.len() {
            let Some(last) = self.0.last() else { return self.push(number) };
            (chunk, at) = (chunk - 1, last.len());
        }
        self.0[chunk].insert(at, number);
        if self.0[chunk].len() > CHUNK_MAX {
            let upper = self.0[chunk].split_off(CHUNK_MAX / 2);
            self.0[chunk].shrink_to(CHUNK_MAX / 2 + CHUNK_MAX / 8);
            self.0.insert(chunk + 1, upper);
        }
    }

    /// Removes the number at a place.
    pub(super) fn remove(&mut self, place: &Place, place_of: impl Fn(u32) -> Place) {
        let (chunk, at) = self.seek(|other| place_of(other) < *place);
        let Some(numbers) = self.0.get_mut(chunk) else { return };
        if numbers.get(at).is_some_and(|number| place_of(*number) == *place) {
            numbers.remove(at);
            if numbers.is_empty() {
                self.0.remove(chunk);
            }
        }
    }

    /// A walk from behind a place on, or from before it backwards; from the first or the last number without one.
    pub(super) fn walk(&self, after: Option<&Place>, backwards: bool, place_of: impl Fn(u32) -> Place) -> Walk<'_> {
        let (chunk, at) = match (after, backwards) {
            (None, false) => (0, 0),
            (None, true) => (self.0.len(), 0),
            (Some(after), false) => self.seek(|other| place_of(other) <= *after),
            (Some(after), true) => self.seek(|other| place_of(other) < *after),
        };
        let mut walk = Walk { list: self, chunk, at, backwards, head: None };
        walk.advance();
        walk
    }
}

/// A walk along a list.
pub(super) struct Walk<'a> {
    list: &'a List,
    chunk: usize,
    at: usize,
    backwards: bool,
    head: Option<u32>,
}

impl Walk<'_> {
    /// What comes next.
    pub(super) fn head(&self) -> Option<u32> {
        self.head
    }

    fn advance(&mut self) {
        let chunks = &self.list.0;
        if self.backwards {
            if self.at == 0 {
                let Some(before) = self.chunk.checked_sub(1) else {
                    self.head = None;
                    return;
                };
                (self.chunk, self.at) = (before, chunks[before].len());
            }
            self.at -= 1;
            self.head = Some(chunks[self.chunk][self.at]);
        } else {
            self.head = chunks.get(self.chunk).and_then(|chunk| chunk.get(self.at)).copied();
            self.at += 1;
            if chunks.get(self.chunk).is_some_and(|chunk| self.at >= chunk.len()) {
                (self.chunk, self.at) = (self.chunk + 1, 0);
            }
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let number = self.head;
        self.advance();
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use uuid::Uuid;

    fn place_of(number: u32) -> Place {
        // An order of its own, unlike that of the numbers.
        (0, u64::from(number.wrapping_mul(2_654_435_761)) % 1_000, Uuid::from_u128(u128::from(number)))
    }

    proptest! {
        #[test]
        fn it_is_an_ordered_set(steps in prop::collection::vec((0_u32..3_000, any::<bool>()), 1..4_000), after in 0_u32..3_000) {
            let (mut list, mut set) = (List::default(), BTreeSet::new());
            for (number, put) in steps {
                if put && set.insert((place_of(number), number)) {
                    list.insert(number, place_of);
                } else if !put && set.remove(&(place_of(number), number)) {
                    list.remove(&place_of(number), place_of);
                }
            }
            let all: Vec<u32> = set.iter().map(|it| it.1).collect();
            prop_assert_eq!(list.walk(None, false, place_of).collect::<Vec<_>>(), all.clone());
            let backwards: Vec<u32> = all.iter().rev().copied().collect();
            prop_assert_eq!(list.walk(None, true, place_of).collect::<Vec<_>>(), backwards);
            let after = place_of(after);
            let behind: Vec<u32> = set.iter().filter(|it| it.0 > after).map(|it| it.1).collect();
            prop_assert_eq!(list.walk(Some(&after), false, place_of).collect::<Vec<_>>(), behind);
            let before: Vec<u32> = set.iter().rev().filter(|it| it.0 < after).map(|it| it.1).collect();
            prop_assert_eq!(list.walk(Some(&after), true, place_of).collect::<Vec<_>>(), before);
        }
    }
}
