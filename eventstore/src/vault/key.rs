//! One node of a key tree, and how its two children follow from it. Where nodes are kept is `cover.rs`'s.

use sha2::block_api::compress256;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Bytes of a node, and of every key derived from one.
pub(super) const KEY_BYTES: usize = 32;

/// A secret of 32 bytes that stays in one place in memory and is wiped when the last who holds it lets go.
#[derive(Clone)]
pub(super) struct Key(Arc<Zeroizing<[u8; KEY_BYTES]>>);

impl Key {
    /// A fresh one.
    pub(super) fn random() -> Result<Self, getrandom::Error> {
        Self::filled(|key| getrandom::fill(key))
    }

    /// The key with these bytes; the caller wipes its own copy.
    pub(super) fn copied(bytes: &[u8; KEY_BYTES]) -> Self {
        let copied: Result<Self, std::convert::Infallible> = Self::filled(|key| {
            key.copy_from_slice(bytes);
            Ok(())
        });
        let Ok(key) = copied;
        key
    }

    /// Filled where it stays, so that no copy is left on the stack.
    fn filled<E>(fill: impl FnOnce(&mut [u8; KEY_BYTES]) -> Result<(), E>) -> Result<Self, E> {
        let mut key = Arc::new(Zeroizing::new([0; KEY_BYTES]));
        fill(Arc::get_mut(&mut key).expect("nobody else has it yet"))?;
        Ok(Self(key))
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

/// Derives the nodes of one tree, one after the other in the same buffer, which is wiped when it goes.
pub(super) struct Descent {
    block: Zeroizing<[u8; 64]>,
    state: Zeroizing<[u32; 8]>,
}

impl Descent {
    pub(super) fn in_tree(tree: TreeKind) -> Self {
        let mut block = Zeroizing::new([0; 64]);
        block[KEY_BYTES] = tree as u8;
        block[KEY_BYTES + LABEL_BYTES] = 0x80;
        block[56..].copy_from_slice(&((KEY_BYTES + LABEL_BYTES) as u64 * 8).to_be_bytes());
        Self { block, state: Zeroizing::new(SHA256_INITIAL) }
    }

    /// The left or right child of `node`, at `height` above the leaves: `SHA-256(node || tree || height || side)`,
    /// which is a single compression. The construction is that of Goldreich, Goldwasser and Micali (1986).
    pub(super) fn child(&mut self, node: &[u8; KEY_BYTES], height: u8, right: bool, out: &mut [u8; KEY_BYTES]) {
        self.block[..KEY_BYTES].copy_from_slice(node);
        self.block[KEY_BYTES + 1] = height;
        self.block[KEY_BYTES + 2] = u8::from(right);
        *self.state = SHA256_INITIAL;
        compress256(&mut self.state, std::slice::from_ref(&*self.block));
        for (bytes, word) in out.as_chunks_mut().0.iter_mut().zip(self.state.iter()) {
            *bytes = word.to_be_bytes();
        }
    }
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
            let mut child = [0; KEY_BYTES];
            Descent::in_tree(kind).child(&[7; KEY_BYTES], height, right, &mut child);
            assert_eq!(child[..], Sha256::digest(bytes)[..]);
        }
    }
}
