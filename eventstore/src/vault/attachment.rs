//! An attachment's bytes as sealed chunks with successive numbers. Each chunk is bound to its place and to whether
//! it is the last, as in the STREAM construction (Hoang, Reyhanitabar, Rogaway and Vizár, 2015), so that chunks can
//! be neither reordered, nor left out, nor cut off at the end. Which types and sizes are taken is the gateway's.

use super::{OpenError, Vault, VaultError};
use crate::sealed::SealedContent;
use crate::store::{Commit, EventStore, StoreError};
use clew_domain::content::{Commitment, ContactNumber, ContentId, ContentRef};
use clew_domain::conversation::{Attachment, ContentSpan};
use clew_domain::ids::AttachmentId;
use clew_domain::plaintext::AttachmentLabel;
use futures::stream::{BoxStream, StreamExt, try_unfold};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Bytes of a chunk; the last may have fewer, but an attachment has at least one.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks that are stored in one commit, so that an upload of any size is held in memory only so far.
const CHUNKS_PER_COMMIT: usize = 16;

/// Why an attachment was not stored or read.
#[derive(Debug, thiserror::Error)]
pub enum AttachmentError {
    /// The keys did not do their part.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A chunk does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// More bytes came than were announced, or fewer.
    #[error("the attachment was announced with {announced} bytes and has {found}")]
    OtherSize {
        /// How many were announced.
        announced: u64,
        /// How many came; more, if more than announced.
        found: u64,
    },
    /// The chunks are not those that the fact commits to.
    #[error("the chunks of attachment {0} are not those that its fact commits to")]
    OtherChunks(AttachmentId),
}

/// Takes an attachment's bytes in pieces of any size, seals and stores them.
pub struct Writer {
    store: Arc<dyn EventStore>,
    vault: Arc<Vault>,
    owner: ContactNumber,
    id: AttachmentId,
    label: AttachmentLabel,
    body: ContentSpan,
    written: u64,
    chunks: u32,
    buffer: Zeroizing<Vec<u8>>,
    sealed: Vec<SealedContent>,
    commitments: Sha256,
}

impl Writer {
    /// Begins an attachment whose size is known beforehand. Its contents are erased with `owner`.
    pub fn new(
        store: Arc<dyn EventStore>,
        vault: Arc<Vault>,
        owner: ContactNumber,
        id: AttachmentId,
        label: AttachmentLabel,
    ) -> Result<Self, AttachmentError> {
        let count = u32::try_from(label.size_bytes.div_ceil(CHUNK_BYTES as u64).max(1))
            .map_err(|_| VaultError::TooLarge { bytes: usize::MAX })?;
        let body = ContentSpan { first: vault.reserve(count)?, count };
        let buffer = Zeroizing::new(Vec::with_capacity(CHUNK_BYTES));
        let (written, chunks, sealed, commitments) = (0, 0, Vec::new(), Sha256::new());
        Ok(Self { store, vault, owner, id, label, body, written, chunks, buffer, sealed, commitments })
    }

    /// Takes the next bytes.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), AttachmentError> {
        self.written += bytes.len() as u64;
        if self.written > self.label.size_bytes {
            return Err(self.other_size());
        }
        while !bytes.is_empty() {
            if self.buffer.len() == CHUNK_BYTES {
                self.seal_chunk().await?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Stores what is left and the label; the answer is what the fact holds. Before a fact refers to it, nobody can
    /// read it.
    pub async fn finish(mut self) -> Result<Attachment, AttachmentError> {
        if self.written != self.label.size_bytes {
            return Err(self.other_size());
        }
        self.seal_chunk().await?;
        let label = self.vault.seal_value(self.owner, &self.label)?;
        let reference = label.reference();
        self.sealed.push(label);
        self.store_sealed().await?;
        let commitment = Commitment(self.commitments.finalize().into());
        Ok(Attachment { id: self.id, label: reference, body: self.body, commitment })
    }

    async fn seal_chunk(&mut self) -> Result<(), AttachmentError> {
        let id = ContentId(self.body.first.0 + u64::from(self.chunks));
        let place = chunk_place(self.chunks, self.body.count);
        let chunk = self.vault.seal_at(id, self.owner, &place, &self.buffer)?;
        self.commitments.update(chunk.commitment().0);
        self.sealed.push(chunk);
        self.chunks += 1;
        self.buffer.clear();
        if self.sealed.len() >= CHUNKS_PER_COMMIT { self.store_sealed().await } else { Ok(()) }
    }

    async fn store_sealed(&mut self) -> Result<(), AttachmentError> {
        let contents = std::mem::take(&mut self.sealed);
        self.store.append(Commit { writes: Vec::new(), contents }).await?;
        Ok(())
    }

    fn other_size(&self) -> AttachmentError {
        AttachmentError::OtherSize { announced: self.label.size_bytes, found: self.written }
    }
}

/// The attachment's bytes, chunk after chunk. Nothing is handed out that was not checked against its own tag and
/// place; that all chunks are those of the fact is known at the end, where the stream fails if they are not.
pub fn read(
    store: Arc<dyn EventStore>,
    vault: Arc<Vault>,
    attachment: Attachment,
) -> BoxStream<'static, Result<Zeroizing<Vec<u8>>, AttachmentError>> {
    let start = (0, Sha256::new());
    try_unfold(start, move |(index, mut commitments)| {
        let (store, vault) = (store.clone(), vault.clone());
        async move {
            if index == attachment.body.count {
                let sound = Commitment(commitments.finalize().into()) == attachment.commitment;
                return if sound { Ok(None) } else { Err(AttachmentError::OtherChunks(attachment.id)) };
            }
            let id = ContentId(attachment.body.first.0 + u64::from(index));
            let chunk = store.read_content(id).await?.ok_or(OpenError::Erased(id))?;
            let commitment = chunk.commitment();
            commitments.update(commitment.0);
            let plaintext = vault.open_at(&chunk, &commitment, &chunk_place(index, attachment.body.count))?;
            Ok(Some((plaintext, (index + 1, commitments))))
        }
    })
    .boxed()
}

/// The name, media type and size of an attachment.
pub async fn read_label(
    store: &dyn EventStore,
    vault: &Vault,
    label: ContentRef,
) -> Result<AttachmentLabel, AttachmentError> {
    let sealed = store.read_content(label.id).await?.ok_or(OpenError::Erased(label.id))?;
    Ok(vault.open_value(&sealed, &label.commitment)?)
}

/// What a chunk's tag covers: its place, and whether it is the last.
pub(crate) fn chunk_place(index: u32, count: u32) -> [u8; 5] {
    let [a, b, c, d] = index.to_le_bytes();
    [a, b, c, d, u8::from(index + 1 == count)]
}
