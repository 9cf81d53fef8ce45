//! Identifiers that follow from others, so that any process comes to the same one without asking.
//!
//! A derived id is a version 8 UUID (RFC 9562) over the first 16 bytes of a SHA-256. Where something
//! personal goes in (a handle, a channel's own message id) the hash is keyed (HMAC), so that an id
//! can't be guessed back.

use crate::ids::{ChannelId, CommandId, ContactId, ConversationId, EventId, MessageId, PublicRootId, ThreadId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt;
use uuid::Uuid;

/// The workspace's secret for ids that derive from something personal.
#[derive(Clone)]
pub struct DerivationKey([u8; 32]);

impl fmt::Debug for DerivationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DerivationKey(..)")
    }
}

impl DerivationKey {
    /// The key with these bytes; they must be random and kept for as long as the log.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The `generation`-th contact known by this handle on this channel. Generations start at 0; a
    /// forgotten contact who writes again is the next one.
    pub fn contact(&self, channel: ChannelId, handle: &str, generation: u32) -> ContactId {
        ContactId(self.uuid("contact", &[channel.0.as_bytes(), handle.as_bytes(), &generation.to_be_bytes()]))
    }

    /// The message that the channel calls `external`.
    pub fn message(&self, channel: ChannelId, external: &str) -> MessageId {
        MessageId(self.uuid("message", &[channel.0.as_bytes(), external.as_bytes()]))
    }

    /// The public thread that the channel calls `root`.
    pub fn public_root(&self, channel: ChannelId, root: &str) -> PublicRootId {
        PublicRootId(self.uuid("root", &[channel.0.as_bytes(), root.as_bytes()]))
    }

    /// The command that a client's `Idempotency-Key` names, apart for each `scope` (the account that sent it).
    pub fn command(&self, scope: Uuid, key: &str) -> CommandId {
        CommandId(self.uuid("command", &[scope.as_bytes(), key.as_bytes()]))
    }

    fn uuid(&self, domain: &str, parts: &[&[u8]]) -> Uuid {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        each_framed(domain, parts, |bytes| mac.update(bytes));
        uuid_of(&mac.finalize().into_bytes())
    }
}

/// The thread of a contact on a channel, in public under this root.
pub fn thread(channel: ChannelId, contact: ContactId, root: Option<PublicRootId>) -> ThreadId {
    let root = root.map_or(Uuid::nil(), |root| root.0);
    ThreadId(unkeyed("thread", &[channel.0.as_bytes(), contact.0.as_bytes(), root.as_bytes()]))
}

/// The `number`-th conversation of a thread, counted from 1.
pub fn conversation(thread: ThreadId, number: u32) -> ConversationId {
    ConversationId(unkeyed("conversation", &[thread.0.as_bytes(), &number.to_be_bytes()]))
}

/// The `index`-th fact of a command, counted from 0.
pub fn event(command: CommandId, index: u32) -> EventId {
    EventId(unkeyed("event", &[command.0.as_bytes(), &index.to_be_bytes()]))
}

/// The command that follows from `cause` for `purpose`: what a redelivery, a line of a bulk act or an
/// automation gives again under the same name.
pub fn consequence(cause: Uuid, purpose: &str, subject: Uuid) -> CommandId {
    CommandId(unkeyed("consequence", &[cause.as_bytes(), purpose.as_bytes(), subject.as_bytes()]))
}

fn unkeyed(domain: &str, parts: &[&[u8]]) -> Uuid {
    let mut hash = Sha256::new();
    each_framed(domain, parts, |bytes| hash.update(bytes));
    uuid_of(&hash.finalize())
}

/// Every part behind its length, so that no two lists of parts give the same bytes.
fn each_framed(domain: &str, parts: &[&[u8]], mut sink: impl FnMut(&[u8])) {
    for part in std::iter::once(domain.as_bytes()).chain(parts.iter().copied()) {
        sink(&(part.len() as u64).to_be_bytes());
        sink(part);
    }
}

fn uuid_of(hash: &[u8]) -> Uuid {
    let bytes: [u8; 16] = hash[..16].try_into().expect("a SHA-256 has 32 bytes");
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANNEL: ChannelId = ChannelId(Uuid::from_u128(7));

    #[test]
    fn the_key_matters_and_the_parts_do_not_run_together() {
        let (one, two) = (DerivationKey::new([1; 32]), DerivationKey::new([2; 32]));
        assert_ne!(one.message(CHANNEL, "a"), two.message(CHANNEL, "a"));
        assert_ne!(unkeyed("x", &[b"ab", b"c"]), unkeyed("x", &[b"a", b"bc"]));
        let contact = one.contact(CHANNEL, "h", 0);
        assert_ne!(contact, one.contact(CHANNEL, "h", 1));
        assert_ne!(thread(CHANNEL, contact, None), thread(CHANNEL, contact, Some(one.public_root(CHANNEL, ""))));
    }

    #[test]
    fn derived_ids_stay_what_they_are() {
        let key = DerivationKey::new([9; 32]);
        let thread = thread(CHANNEL, key.contact(CHANNEL, "someone", 0), Some(key.public_root(CHANNEL, "root")));
        assert_eq!(conversation(thread, 1).to_string(), "ca8a8b1d-1d02-8c51-8144-a3f38a45b5c7");
    }
}
