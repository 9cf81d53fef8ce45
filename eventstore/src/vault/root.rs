//! The root of the key state: everything but the pages, as bytes. It is written whole at every puncture,
//! under a key of its own; where it goes is `disk.rs`'s.

use super::cover::{Cover, put_varint, take_varint};
use super::key::{KEY_BYTES, Key, TreeKind};
use super::tree::{PageRef, Shape, top_place};
use std::collections::BTreeMap;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What the root holds.
#[derive(Clone)]
pub(super) struct Root {
    /// What the secrets of the workspace derive from.
    pub(super) secret: Key,
    pub(super) contents: Arc<Shape>,
    pub(super) contacts: Arc<Shape>,
    /// The custody copies that were exported, oldest first.
    pub(super) custody: Vec<Custody>,
}

/// A custody copy that somebody holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Custody {
    /// Who or where, as the operator named it.
    pub holder: String,
    /// The generation of the key state that it holds.
    pub generation: u64,
    /// When it was made, in microseconds since 1970.
    pub exported_at_micros: i64,
}

impl Root {
    /// The root as bytes. The buffer is allocated once, so that no copy is left behind by its growth.
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let shapes = [&self.contents, &self.contacts];
        let pages: usize = shapes.iter().map(|shape| shape.pages.len() * (3 * 10 + KEY_BYTES) + 10).sum();
        let tops: usize = shapes.iter().map(|shape| shape.top.encoded_bytes_max()).sum();
        let custody: usize = self.custody.iter().map(|copy| copy.holder.len() + 30).sum();
        let mut out = Zeroizing::new(Vec::with_capacity(KEY_BYTES + pages + tops + custody + 10));
        out.extend_from_slice(self.secret.bytes());
        for shape in shapes {
            encode_shape(shape, &mut out);
        }
        self.encode_custody(&mut out);
        out
    }

    pub(super) fn encode_custody(&self, out: &mut Vec<u8>) {
        put_varint(out, self.custody.len() as u64);
        for copy in &self.custody {
            put_varint(out, copy.holder.len() as u64);
            out.extend_from_slice(copy.holder.as_bytes());
            put_varint(out, copy.generation);
            out.extend_from_slice(&copy.exported_at_micros.to_le_bytes());
        }
    }

    /// What [`encode`](Self::encode) gave; none if that is not such a thing.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let (secret, rest) = bytes.split_first_chunk()?;
        let secret = Key::copied(secret);
        bytes = rest;
        let contents = Arc::new(decode_shape(TreeKind::Contents, &mut bytes)?);
        let contacts = Arc::new(decode_shape(TreeKind::Contacts, &mut bytes)?);
        let custody = Self::decode_custody(&mut bytes)?;
        bytes.is_empty().then_some(Self { secret, contents, contacts, custody })
    }

    pub(super) fn decode_custody(bytes: &mut &[u8]) -> Option<Vec<Custody>> {
        let mut custody = Vec::new();
        for _ in 0..take_varint(bytes)? {
            let length = usize::try_from(take_varint(bytes)?).ok()?;
            let (holder, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            let generation = take_varint(bytes)?;
            let (at, rest) = bytes.split_first_chunk()?;
            *bytes = rest;
            let holder = String::from_utf8(holder.to_vec()).ok()?;
            custody.push(Custody { holder, generation, exported_at_micros: i64::from_le_bytes(*at) });
        }
        Some(custody)
    }
}

fn encode_shape(shape: &Shape, out: &mut Vec<u8>) {
    shape.top.encode(out);
    put_varint(out, shape.pages.len() as u64);
    let mut before = 0;
    for (&number, page) in &shape.pages {
        put_varint(out, u64::from(number - before));
        put_varint(out, page.offset);
        put_varint(out, u64::from(page.bytes));
        out.extend_from_slice(page.key.bytes());
        before = number;
    }
}

fn decode_shape(tree: TreeKind, bytes: &mut &[u8]) -> Option<Shape> {
    let top = Cover::decode(top_place(tree), bytes)?;
    let mut pages = BTreeMap::new();
    let mut number = 0_u32;
    for _ in 0..take_varint(bytes)? {
        number = number.checked_add(u32::try_from(take_varint(bytes)?).ok()?)?;
        let offset = take_varint(bytes)?;
        let length = u32::try_from(take_varint(bytes)?).ok()?;
        let (key, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        pages.insert(number, PageRef { offset, bytes: length, key: Key::copied(key) });
    }
    Some(Shape { top, pages })
}
