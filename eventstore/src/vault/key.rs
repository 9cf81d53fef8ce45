//! One node of a key tree, and how its two children follow from it. Where nodes are kept is `cover.rs`'s.

use sha2::block_api::compress256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of a node, and of every key derived from one.
pub(super) const KEY_BYTES: usize = 32;

/// A secret of 32 bytes that stays in one place in memory and is wiped when it goes.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct Key(Box<[u8; KEY_BYTES]>);

impl Key {
    /// A fresh one.
    pub(super) fn random() -> Result<Self, getrandom::Error> {
        let mut key = Self(Box::new([0; KEY_BYTES]));
        getrandom::fill(key.0.as_mut_slice())?;
        Ok(key)
    }

    /// The key with these bytes; the caller wipes its own copy.
    pub(super) fn copied(bytes: &[u8; KEY_BYTES]) -> Self {
        let mut key = Self(Box::new([0; KEY_BYTES]));
        key.0.copy_from_slice(bytes);
        key
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

/// Which of the two trees a node belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(super) enum TreeKind {
    /// Indexed by content number.
    Contents = 1,
    /// Indexed by contact number.
    Contacts = 2,
}

const SHA256_INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
const LABEL_BYTES: usize = 3;

/// The left or right child, at `height` above the leaves: `SHA-256(node || tree || height || side)`, which is
/// a single compression. The construction is that of Goldreich, Goldwasser and Micali (1986).
pub(super) fn child(node: &[u8; KEY_BYTES], tree: TreeKind, height: u8, right: bool) -> [u8; KEY_BYTES] {
    let mut block = [0; 64];
    block[..KEY_BYTES].copy_from_slice(node);
    block[KEY_BYTES] = tree as u8;
    block[KEY_BYTES + 1] = height;
    block[KEY_BYTES + 2] = u8::from(right);
    block[KEY_BYTES + LABEL_BYTES] = 0x80;
    block[56..].copy_from_slice(&((KEY_BYTES + LABEL_BYTES) as u64 * 8).to_be_bytes());
    let mut state = SHA256_INITIAL;
    compress256(&mut state, std::slice::from_ref(&block));
    block.zeroize();
    let mut out = [0; KEY_BYTES];
    for (bytes, word) in out.chunks_exact_mut(4).zip(&mut state) {
        bytes.copy_from_slice(&word.to_be_bytes());
        word.zeroize();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    #[test]
    fn a_child_is_the_plain_sha256_of_its_parent_and_place() {
        for (kind, height, right) in [(TreeKind::Contents, 39, false), (TreeKind::Contacts, 0, true)] {
            let mut bytes = vec![7; KEY_BYTES];
            bytes.extend([kind as u8, height, u8::from(right)]);
            assert_eq!(child(&[7; KEY_BYTES], kind, height, right)[..], Sha256::digest(bytes)[..]);
        }
    }
}
