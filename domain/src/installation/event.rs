//! What the installation itself did with the log: erasures carried out, exports made, gateways let in and dismissed.

use crate::content::{RootHash, StateHash};
use crate::ids::{ConversationId, EventId};
use crate::name::NAME_CHARACTERS_MAX;
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
    /// The log was taken over from another store. It is as it was there if this stands right behind so many facts;
    /// otherwise it had another number of partitions there, its facts have other positions now (ADR 0014), and there is
    /// one of these for each of its partitions, in their order.
    LogMoved {
        /// The facts of the last checkpoint that was signed there: all that were there, none after.
        size: u64,
        /// The root of that checkpoint.
        root: RootHash,
    },
    /// A gateway was taken up among those that hold the keys: no mask is complete without it.
    GatewayAdmitted {
        /// Which one.
        gateway: GatewayName,
    },
    /// A gateway is not among them any more: nobody waits for it to destroy keys.
    GatewayDismissed {
        /// Which one.
        gateway: GatewayName,
    },
}

/// What a gateway of a cluster is called: 1 to [`NAME_CHARACTERS_MAX`] characters without blanks, controls, and what
/// means something else in the cluster's subjects (`.`, `*` and `>`). It is a machine's name, never a person's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GatewayName(String);

/// A text that can't be a gateway's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a gateway's name has 1 to {NAME_CHARACTERS_MAX} characters, none of them a blank, a control, '.', '*' or '>'")]
pub struct NotAGatewayName;

impl TryFrom<String> for GatewayName {
    type Error = NotAGatewayName;
    fn try_from(text: String) -> Result<Self, NotAGatewayName> {
        let sound = |c: char| !c.is_whitespace() && !c.is_control() && !['.', '*', '>'].contains(&c);
        let fits = !text.is_empty() && text.chars().count() <= NAME_CHARACTERS_MAX;
        if fits && text.chars().all(sound) { Ok(Self(text)) } else { Err(NotAGatewayName) }
    }
}

impl From<GatewayName> for String {
    fn from(name: GatewayName) -> Self {
        name.0
    }
}

impl std::str::FromStr for GatewayName {
    type Err = NotAGatewayName;
    fn from_str(text: &str) -> Result<Self, NotAGatewayName> {
        text.to_owned().try_into()
    }
}

impl GatewayName {
    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
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
