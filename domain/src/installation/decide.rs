//! What may be asked of the installation, and what follows.

use super::event::{DataReading, GatewayName, InstallationEvent, StateDigest};
use super::state::InstallationState;
use crate::content::RootHash;
use crate::decider::Decider;
use crate::fact::CommandMeta;
use crate::ids::EventId;

/// What may be asked of the installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Record that an erasure is carried out. Nothing happens if that is recorded.
    CompleteErasure {
        /// The fact that said what is erased.
        of: EventId,
    },
    /// Record that data is read; the actor is who reads.
    RecordReading {
        /// What is read.
        what: DataReading,
    },
    /// Record how the views showed conversations.
    RecordState(StateDigest),
    /// Record that the log was taken over from another store. Nothing happens if that was recorded last.
    RecordMove {
        /// The facts and the root of the last checkpoint of each of its trees there, in the order of the partitions.
        trees: Vec<(u64, RootHash)>,
    },
    /// Record that a gateway was taken up among those that hold the keys. Nothing happens if it is among them.
    RecordAdmission {
        /// Which one.
        gateway: GatewayName,
    },
    /// Record that a gateway is not among them any more. Nothing happens if it is not.
    RecordDismissal {
        /// Which one.
        gateway: GatewayName,
    },
}

/// Nothing that is asked of the installation is refused: it records what was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {}

/// The rules of the installation.
pub struct Installation;

impl Decider for Installation {
    type State = InstallationState;
    type Command = Command;
    type Event = InstallationEvent;
    type Rejection = Rejection;

    fn decide(
        state: &InstallationState,
        _: &CommandMeta,
        command: &Command,
    ) -> Result<Vec<InstallationEvent>, Rejection> {
        Ok(match command {
            Command::CompleteErasure { of } if state.erased.contains(of) => Vec::new(),
            Command::CompleteErasure { of } => vec![InstallationEvent::ErasureCompleted { of: *of }],
            Command::RecordReading { what } => vec![InstallationEvent::DataRead { what: *what }],
            Command::RecordMove { trees } if state.moved.ends_with(trees) => Vec::new(),
            Command::RecordMove { trees } => {
                trees.iter().map(|(size, root)| InstallationEvent::LogMoved { size: *size, root: *root }).collect()
            }
            Command::RecordAdmission { gateway } if state.holders.contains(gateway) => Vec::new(),
            Command::RecordAdmission { gateway } => {
                vec![InstallationEvent::GatewayAdmitted { gateway: gateway.clone() }]
            }
            Command::RecordDismissal { gateway } if !state.holders.contains(gateway) => Vec::new(),
            Command::RecordDismissal { gateway } => {
                vec![InstallationEvent::GatewayDismissed { gateway: gateway.clone() }]
            }
            Command::RecordState(digest) => vec![InstallationEvent::StateDigested(*digest)],
        })
    }

    fn evolve(state: &mut InstallationState, event: &InstallationEvent) {
        state.take(event);
    }
}
