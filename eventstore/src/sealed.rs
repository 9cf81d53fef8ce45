//! A sealed content: what the store keeps of something that a person wrote.

use clew_domain::content::{Commitment, ContactNumber, ContentId, ContentRef};
use sha2::{Digest, Sha256};

/// A content under its own key; sealing and opening is the vault's work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedContent {
    /// Its number.
    pub id: ContentId,
    /// The contact whose forgetting erases it.
    pub owner: ContactNumber,
    /// What makes its key its own even if the number was given out before a crash.
    pub salt: [u8; 16],
    /// Binds the key, which AES-GCM alone does not.
    pub key_commit: [u8; 32],
    /// Ciphertext and tag.
    pub sealed: Vec<u8>,
}

impl SealedContent {
    /// The commitment that facts hold: `SHA-256(key_commit || salt || ciphertext || tag)`.
    pub fn commitment(&self) -> Commitment {
        let mut hash = Sha256::new();
        hash.update(self.key_commit);
        hash.update(self.salt);
        hash.update(&self.sealed);
        Commitment(hash.finalize().into())
    }

    /// How a fact refers to it.
    pub fn reference(&self) -> ContentRef {
        ContentRef { id: self.id, commitment: self.commitment() }
    }
}
