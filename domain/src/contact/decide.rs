//! What may be asked of a contact, and what follows. Whether an attribute or a group exists is the
//! workspace's to say: see [`crate::workspace::WorkspaceState`].

use super::event::{AttributeKey, ContactEvent};
use super::state::{ContactState, Known};
use crate::content::{ContactNumber, ContentRef};
use crate::decider::Decider;
use crate::fact::CommandMeta;
use crate::ids::{ChannelId, GroupId, MessageId};

/// What may be asked of a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Know the contact, who has just written to us. Nothing happens if they are known.
    SeeFirst {
        /// The number under which their contents are sealed.
        number: ContactNumber,
        /// On which channel.
        channel: ChannelId,
        /// How often a contact with this handle was forgotten before.
        generation: u32,
        /// The handle and display name; a [`crate::plaintext::ContactIdentity`].
        identity: ContentRef,
    },
    /// Take the display name that the channel now tells. The caller gives it only if it is another one.
    ChangeIdentity {
        /// The new one.
        identity: ContentRef,
    },
    /// Fill an attribute.
    SetAttribute {
        /// Which attribute.
        key: AttributeKey,
        /// Its value; a [`crate::plaintext::AttributeValue`].
        value: ContentRef,
    },
    /// Empty an attribute.
    RemoveAttribute {
        /// Which attribute.
        key: AttributeKey,
    },
    /// Put the contact into a group.
    JoinGroup {
        /// The group.
        group: GroupId,
    },
    /// Take the contact out of a group.
    LeaveGroup {
        /// The group.
        group: GroupId,
    },
    /// Refuse what they write from now on.
    Block,
    /// Take in what they write again.
    Unblock,
    /// Record that a message was not taken in, because they are blocked. The command's id derives from the
    /// message's, so that a redelivery is the same command.
    RefuseMessage {
        /// The message.
        message: MessageId,
    },
    /// Erase all their contents for good.
    Forget,
}

/// Why what was asked of a contact may not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such contact.
    #[error("no contact is known by this id; check the id")]
    Unknown,
    /// Nothing is kept of a forgotten contact.
    #[error("this contact was forgotten for good and takes no change; if they write again they are a new contact")]
    Forgotten,
    /// What a contact writes is refused only while they are blocked.
    #[error("this contact is not blocked; take the message in")]
    NotBlocked,
}

/// The rules of a contact.
pub struct Contact;

impl Decider for Contact {
    type State = ContactState;
    type Command = Command;
    type Event = ContactEvent;
    type Rejection = Rejection;

    fn decide(state: &ContactState, _: &CommandMeta, command: &Command) -> Result<Vec<ContactEvent>, Rejection> {
        let Some(known) = state.known else {
            return match *command {
                Command::SeeFirst { number, channel, generation, identity } => {
                    Ok(vec![ContactEvent::FirstSeen { number, channel, generation, identity }])
                }
                _ => Err(Rejection::Unknown),
            };
        };
        if state.forgotten {
            return if matches!(command, Command::Forget) { Ok(Vec::new()) } else { Err(Rejection::Forgotten) };
        }
        Ok(change(state, known, command)?.into_iter().collect())
    }

    fn evolve(state: &mut ContactState, event: &ContactEvent) {
        state.take(event);
    }
}

/// What a command does to a contact who is known and not forgotten.
fn change(state: &ContactState, known: Known, command: &Command) -> Result<Option<ContactEvent>, Rejection> {
    Ok(match command {
        Command::SeeFirst { .. } => None,
        Command::ChangeIdentity { identity } => state
            .identity
            .filter(|before| before != identity)
            .map(|before| ContactEvent::IdentityChanged { identity: *identity, erased: before.id }),
        Command::SetAttribute { key, value } => {
            let before = state.attributes.get(key);
            (before != Some(value)).then(|| ContactEvent::AttributeSet {
                key: key.clone(),
                value: *value,
                erased: before.map(|content| content.id),
            })
        }
        Command::RemoveAttribute { key } => state
            .attributes
            .get(key)
            .map(|before| ContactEvent::AttributeRemoved { key: key.clone(), erased: before.id }),
        Command::JoinGroup { group } => {
            (!state.groups.contains(group)).then_some(ContactEvent::GroupJoined { group: *group })
        }
        Command::LeaveGroup { group } => {
            state.groups.contains(group).then_some(ContactEvent::GroupLeft { group: *group })
        }
        Command::Block => (!state.blocked).then_some(ContactEvent::Blocked),
        Command::Unblock => state.blocked.then_some(ContactEvent::Unblocked),
        Command::RefuseMessage { .. } if !state.blocked => return Err(Rejection::NotBlocked),
        Command::RefuseMessage { message } => Some(ContactEvent::MessageRefused { message: *message }),
        Command::Forget => Some(ContactEvent::Forgotten { number: known.number }),
    })
}
