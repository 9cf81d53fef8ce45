//! What is recorded can be proved: every fact is a leaf of one Merkle tree, whose head is signed.
//! Leaves are opaque bytes here (`codec.rs` says what they hold); who asks, and over HTTP, is not known here.

mod against;
pub mod bundle;
pub mod checkpoint;
pub mod digests;
pub mod directory;
pub mod examine;
mod files;
pub mod log;
#[cfg(any(test, feature = "test-util"))]
pub mod memory;
pub mod note;
pub mod proof;
pub mod receipt;
pub mod tile;
pub mod tree;
pub mod verdict;
pub mod witness;

pub use against::Against;
pub use checkpoint::{Checkpoint, SignedCheckpoint};
pub use log::{Follower, Log, Standing};
pub use note::{Note, SigningKey, VerifierKey};
pub use tile::{Tile, Tiles};
pub use tree::Hash;
pub use verdict::{Finding, Verdict};

/// Why a tree, a proof or a signed text could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// Text or bytes are not in the format that they should be in.
    #[error("{what} is malformed: {why}")]
    Malformed {
        /// Which kind of text.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A proof was asked for what the tree does not hold.
    #[error("the tree holds {size} facts; {asked} is not in it")]
    OutOfRange {
        /// What was asked for.
        asked: u64,
        /// How many leaves there are.
        size: u64,
    },
    /// A signature is missing or was not made by the key.
    #[error("not signed by {key}: {why}")]
    Signature {
        /// The name of the key.
        key: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A proof does not lead to the root.
    #[error("the proof does not lead to the signed root")]
    Refuted,
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The log can't be extended or signed, for this reason.
    #[error("{0}")]
    Stopped(String),
    /// The facts themselves could not be read.
    #[error("the facts can't be read: {0}")]
    Facts(String),
}

impl ProofError {
    pub(crate) fn malformed(what: &'static str, why: impl Into<String>) -> Self {
        Self::Malformed { what, why: why.into() }
    }

    pub(crate) fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Io { path, source }
    }
}

impl From<crate::store::StoreError> for ProofError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Facts(error.to_string())
    }
}
