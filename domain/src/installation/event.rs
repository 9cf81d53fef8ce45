//! What the installation itself did with the log: erasures carried out, exports made.

use crate::content::{RootHash, StateHash};
use crate::ids::{ConversationId, EventId};
use serde::{Deserialize, Serialize};

/// An event of the installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InstallationEvent {
    /// What an earlier fact said is erased can no longer be read by anyone, and its ciphertext is gone.
    ErasureCompleted {
        /// The fact that said so.
        of: EventId,
    },
    /// Somebody took data out or read what others did.
    DataRead {
        /// What was read.
        what: DataReading,
    },
    /// The views showed conversations like this; who replays the log must come to the same.
    StateDigested(StateDigest),
    /// The log was taken over from another store, as it was.
    LogMoved {
        /// The facts of the last checkpoint that was signed there: all that were there, none after.
        size: u64,
        /// The root of that checkpoint.
        root: RootHash,
    },
}

/// How the conversations that some facts are about stood at a place of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateDigest {
    /// Which partition.
    pub partition: u16,
    /// Of the conversations that have a fact behind this sequence,
    pub after: u64,
    /// and up to this one,
    pub upto: u64,
    /// as they stood after the fact of this sequence, which is not before `upto`.
    pub at: u64,
    /// How many conversations that are.
    pub conversations: u32,
    /// `SHA-256("clew.state-digest/v1\n" ‖ standing ‖ standing ...)`, in order of the conversations' ids; the bytes
    /// of a standing are those of [`crate::conversation::Standing::write`].
    pub hash: StateHash,
}

/// A reading that is itself recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataReading {
    /// The audit trail of the workspace.
    AuditTrail,
    /// An export of conversations.
    Export,
    /// A bundle for auditors.
    AuditBundle,
    /// The recorded facts themselves, as tiles or receipts.
    Facts,
    /// The audit trail of a conversation, by somebody who does not work on it.
    ConversationTrail(ConversationId),
    /// A conversation replayed step by step, by somebody who does not work on it.
    Replay(ConversationId),
}
