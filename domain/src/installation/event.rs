//! What the installation itself did with the log: erasures carried out, exports made.

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
