//! What is left of a key tree after punctures: the roots of its largest whole subtrees, and their encoding.
//! A cover knows nothing of files; `tree.rs` joins two layers of them.

use super::key::{Descent, KEY_BYTES, Key, TreeKind};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// The remaining nodes of a perfect binary tree of `2^height` leaves, whose leaves lie `base` above the bottom
/// of the whole tree.
#[derive(Clone)]
pub(super) struct Cover {
    tree: TreeKind,
    base: u8,
    height: u8,
    /// By first leaf. Neither do two overlap nor could two be one.
    nodes: BTreeMap<u64, Node>,
}

#[derive(Clone)]
pub(super) struct Node {
    /// Above this cover's leaves.
    pub(super) height: u8,
    pub(super) key: Key,
}

/// Where a cover lies in its tree.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) tree: TreeKind,
    pub(super) base: u8,
    pub(super) height: u8,
}

impl Cover {
    /// A tree of which nothing is punctured.
    pub(super) fn whole(place: Place, root: Key) -> Self {
        let nodes = BTreeMap::from([(0, Node { height: place.height, key: root })]);
        Self { tree: place.tree, base: place.base, height: place.height, nodes }
    }

    /// A tree of which everything is punctured.
    pub(super) fn none(place: Place) -> Self {
        Self { tree: place.tree, base: place.base, height: place.height, nodes: BTreeMap::new() }
    }

    /// The node above a leaf, with its first leaf; none if the leaf is punctured.
    pub(super) fn above(&self, leaf: u64) -> Option<(u64, &Node)> {
        let (first, node) = self.nodes.range(..=leaf).next_back()?;
        (leaf < first + (1 << node.height)).then_some((*first, node))
    }

    /// Whether any of the leaves `from..to` can still be derived.
    pub(super) fn holds_any(&self, from: u64, to: u64) -> bool {
        self.above(from).is_some() || self.nodes.range(from..to).next().is_some()
    }

    /// Makes the leaves `from..to` underivable.
    pub(super) fn puncture(&mut self, from: u64, to: u64) {
        let first = self.above(from).map_or(from, |(first, _)| first);
        let hit: Vec<u64> = self.nodes.range(first..to).map(|(first, _)| *first).collect();
        for first in hit {
            let node = self.nodes.remove(&first).expect("it was just listed");
            self.keep_outside(first, node.height, node.key.bytes(), from..to);
        }
    }

    fn keep_outside(&mut self, first: u64, height: u8, key: &[u8; KEY_BYTES], gone: std::ops::Range<u64>) {
        let end = first + (1 << height);
        if end <= gone.start || gone.end <= first {
            self.nodes.insert(first, Node { height, key: Key::copied(key) });
        } else if first < gone.start || gone.end < end {
            for (right, first) in [(false, first), (true, first + (1 << (height - 1)))] {
                let mut below = Zeroizing::new([0; KEY_BYTES]);
                Descent::in_tree(self.tree).child(key, self.base + height - 1, right, &mut below);
                self.keep_outside(first, height - 1, &below, gone.clone());
            }
        }
    }

    /// Whether every leaf is punctured.
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The runs of punctured leaves, in order, as (first, end).
    pub(super) fn gaps(&self) -> Vec<(u64, u64)> {
        let mut gaps = Vec::new();
        let mut at = 0;
        for (&first, node) in &self.nodes {
            if at < first {
                gaps.push((at, first));
            }
            at = first + (1 << node.height);
        }
        let end = 1 << self.height;
        if at < end {
            gaps.push((at, end));
        }
        gaps
    }

    /// The gaps (count, then the distance from the end of the one before and the length of each), then the keys
    /// in order. Where the nodes stand follows from the gaps.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let gaps = self.gaps();
        put_varint(out, gaps.len() as u64);
        let mut at = 0;
        for (first, end) in gaps {
            put_varint(out, first - at);
            put_varint(out, end - first);
            at = end;
        }
        for node in self.nodes.values() {
            out.extend_from_slice(node.key.bytes());
        }
    }

    /// Bytes that [`encode`](Self::encode) adds at most.
    pub(super) fn encoded_bytes_max(&self) -> usize {
        (1 + 2 * self.gaps().len()) * 10 + self.nodes.len() * KEY_BYTES
    }

    /// Takes what [`encode`](Self::encode) put from the front of `bytes`; none if that is not such a thing.
    pub(super) fn decode(place: Place, bytes: &mut &[u8]) -> Option<Self> {
        let end = 1_u64 << place.height;
        let gaps = take_varint(bytes)?;
        let mut nodes = BTreeMap::new();
        let mut whole = Vec::new();
        let mut at = 0_u64;
        for _ in 0..gaps {
            let first = at.checked_add(take_varint(bytes)?)?;
            let next = first.checked_add(take_varint(bytes)?)?;
            if next > end || next == first {
                return None;
            }
            whole.extend(blocks(at, first, place.height));
            at = next;
        }
        whole.extend(blocks(at, end, place.height));
        for (first, height) in whole {
            let (key, rest) = bytes.split_first_chunk()?;
            nodes.insert(first, Node { height, key: Key::copied(key) });
            *bytes = rest;
        }
        Some(Self { tree: place.tree, base: place.base, height: place.height, nodes })
    }
}

/// The largest aligned blocks that make up `from..to`, as (first, height).
fn blocks(mut from: u64, to: u64, height_max: u8) -> impl Iterator<Item = (u64, u8)> {
    std::iter::from_fn(move || {
        let left = to.checked_sub(from).filter(|left| *left > 0)?;
        let height = from.trailing_zeros().min(left.ilog2()).min(u32::from(height_max));
        let height = u8::try_from(height).expect("the height of a tree is small");
        let block = (from, height);
        from += 1 << height;
        Some(block)
    })
}

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).expect("seven bits") | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).expect("seven bits"));
}

pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// The node `depth` levels below `node`, on the way to `leaf`; heights count from the bottom of the whole tree.
pub(super) fn descend(
    node: &[u8; KEY_BYTES],
    tree: TreeKind,
    from: u8,
    to: u8,
    leaf: u64,
) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut descent = Descent::in_tree(tree);
    let (mut key, mut above) = (Zeroizing::new(*node), Zeroizing::new([0; KEY_BYTES]));
    for height in (to..from).rev() {
        std::mem::swap(&mut *key, &mut *above);
        descent.child(&above, height, leaf >> height & 1 == 1, &mut key);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLACE: Place = Place { tree: TreeKind::Contents, base: 0, height: 8 };

    fn leaf(cover: &Cover, leaf: u64) -> Option<[u8; 32]> {
        cover.above(leaf).map(|(_, node)| *descend(node.key.bytes(), PLACE.tree, node.height, 0, leaf))
    }

    proptest! {
        #[test]
        fn punctured_leaves_are_gone_and_all_others_stay(
            spans in prop::collection::vec((0_u64..256, 1_u64..40), 0..20)
        ) {
            let whole = Cover::whole(PLACE, Key::copied(&[3; 32]));
            let mut cover = whole.clone();
            let mut gone = [false; 256];
            for (from, count) in spans {
                let to = (from + count).min(256);
                cover.puncture(from, to);
                (from..to).for_each(|leaf| gone[usize::try_from(leaf).expect("small")] = true);
            }
            let mut bytes = Vec::new();
            cover.encode(&mut bytes);
            prop_assert!(bytes.len() <= cover.encoded_bytes_max());
            let mut rest = &bytes[..];
            let decoded = Cover::decode(PLACE, &mut rest).expect("what was just encoded");
            prop_assert!(rest.is_empty());
            prop_assert_eq!(decoded.gaps(), cover.gaps());
            let any_left = |from: usize, to: usize| gone[from..to].iter().any(|gone| !gone);
            prop_assert_eq!(decoded.holds_any(9, 77), any_left(9, 77));
            for (index, gone) in (0..).zip(gone) {
                let expected = if gone { None } else { leaf(&whole, index) };
                prop_assert_eq!(leaf(&cover, index), expected);
                prop_assert_eq!(leaf(&decoded, index), expected);
            }
        }

        #[test]
        fn no_bytes_make_decoding_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(cover) = Cover::decode(PLACE, &mut &bytes[..]) {
                prop_assert!(cover.gaps().iter().all(|(first, end)| first < end && *end <= 256));
            }
        }
    }
}
