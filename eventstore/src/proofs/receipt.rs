//! Receipts: that one fact is in the log, as a file of its own that can be checked offline. Format:
//! <https://c2sp.org/tlog-proof>, kept in files that end in `.tlog-proof`.

use super::checkpoint::SignedCheckpoint;
use super::note::VerifierKey;
use super::proof::verify_inclusion;
use super::tree::{Hash, leaf_hash};
use super::{ProofError, Tiles, proof};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use std::fmt;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// The proof that a leaf is in the log. As text it is a `.tlog-proof` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The leaf itself, carried as the format's extra data: who has the receipt needs nothing else.
    pub leaf: Vec<u8>,
    /// Its place in the log, counted from 0.
    pub index: u64,
    /// The hashes from the leaf to the root.
    pub path: Vec<Hash>,
    /// The head of the log that it is proved against.
    pub checkpoint: SignedCheckpoint,
}

impl Receipt {
    /// The receipt for the leaf at `index`, against a checkpoint that covers it.
    pub fn make(
        tiles: &dyn Tiles,
        leaf: Vec<u8>,
        index: u64,
        checkpoint: SignedCheckpoint,
    ) -> Result<Self, ProofError> {
        let path = proof::inclusion(tiles, index, checkpoint.checkpoint().size)?;
        Ok(Self { leaf, index, path, checkpoint })
    }

    /// Reads a receipt and checks all of it: the signature, and that the leaf is where it says.
    pub fn open(text: &str, key: &VerifierKey) -> Result<Self, ProofError> {
        let wrong = |why: &str| ProofError::malformed("receipt", why);
        let (head, note) = text.split_once("\n\n").ok_or_else(|| wrong("it holds no checkpoint"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(FIRST_LINE) {
            return Err(wrong("it does not begin as a tlog-proof does"));
        }
        let extra = lines.next().and_then(|line| line.strip_prefix("extra "));
        let extra = extra.ok_or_else(|| wrong("it does not hold the fact"))?;
        let leaf = BASE64_STANDARD.decode(extra).map_err(|_| wrong("the fact is not base64"))?;
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.ok_or_else(|| wrong("it has no index"))?;
        let number: u64 = index.parse().map_err(|_| wrong("its index is no number"))?;
        if number.to_string() != index {
            return Err(wrong("its index is not written as it must be"));
        }
        let path = lines.map(str::parse).collect::<Result<Vec<Hash>, _>>()?;
        let checkpoint = SignedCheckpoint::open(note, key)?;
        let (size, root) = (checkpoint.checkpoint().size, checkpoint.checkpoint().root);
        verify_inclusion(leaf_hash(&leaf), number, size, &path, &root)?;
        Ok(Self { leaf, index: number, path, checkpoint })
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}\nextra {}\nindex {}", BASE64_STANDARD.encode(&self.leaf), self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}
