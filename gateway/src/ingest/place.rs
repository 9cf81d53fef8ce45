//! Where a message goes: its thread, and the walk from where a view believes the thread to be to the first
//! conversation that takes the message.

use super::contact::KnownContact;
use super::message::of_chain;
use super::{ChannelMessage, Ingest, IngestError, Ingested, Source, ThreadName, ingested};
use crate::automation::Inbound;
use clew_domain::automation::Text;
use clew_domain::contact::{Contact, ContactState};
use clew_domain::conversation::{self, Conversation, Receive, Rejection, Visibility};
use clew_domain::derive;
use clew_domain::fact::CommandMeta;
use clew_domain::ids::{ChannelId, ContactId, ConversationId, PublicRootId, ThreadId};
use clew_eventstore::sealed::SealedContent;
use clew_eventstore::transact::{Done, Loaded, transact_chain};
use std::time::Duration;

/// How long a message waits for the threads view when it answers one that is not known.
const CATCH_UP_MAX: Duration = Duration::from_secs(2);

/// The conversation that a message goes to.
pub(super) struct Place {
    pub(super) thread: ThreadId,
    pub(super) root: Option<PublicRootId>,
    pub(super) number: u32,
}

/// A message on its way in.
pub(super) struct Incoming<'a> {
    pub(super) receive: Receive,
    pub(super) contents: Vec<SealedContent>,
    pub(super) text: Text,
    pub(super) contact: &'a KnownContact,
}

impl Ingest {
    /// Where to begin to look. The hint is read before the message index, so that a view that moves on in between
    /// can't hide the conversation that holds the message already.
    pub(super) async fn place(
        &self,
        source: &Source,
        contact: &KnownContact,
        incoming: &ChannelMessage,
        visibility: Visibility,
    ) -> Result<Place, IngestError> {
        let root = match visibility {
            Visibility::Private => None,
            Visibility::Public => Some(self.root(source, incoming).await?),
        };
        let thread = derive::thread(source.channel, contact.id, root);
        let number = self.projections.threads().latest(thread)?.unwrap_or(1);
        Ok(Place { thread, root, number })
    }

    /// The public thread of a message: as the channel tells, else that of the message it answers, else its own.
    pub(super) async fn root(&self, source: &Source, incoming: &ChannelMessage) -> Result<PublicRootId, IngestError> {
        let named = |name: &str| self.ids.public_root(source.channel, name);
        match (&incoming.thread, &incoming.answers) {
            (Some(ThreadName::Named(name)), _) => Ok(named(name)),
            (Some(ThreadName::Known(root)), _) => Ok(*root),
            (None, None) => Ok(named(&incoming.id)),
            (None, Some(answered)) => {
                if let Some(root) = self.root_of(source.channel, answered)? {
                    return Ok(root);
                }
                // What it answers may have come in a moment ago: the threads view may not have seen it yet. If the
                // view stays behind, the channel's own word has to do.
                let _ = self.projections.threads().wait_for(&self.store.head(), CATCH_UP_MAX).await;
                Ok(self.root_of(source.channel, answered)?.unwrap_or_else(|| named(answered)))
            }
        }
    }

    /// The public thread of the message that the channel calls `external`, if that is here.
    pub fn root_of(&self, channel: ChannelId, external: &str) -> Result<Option<PublicRootId>, IngestError> {
        Ok(self.projections.threads().root_of(self.ids.message(channel, external))?)
    }

    /// Walks from the place that the threads view knows to the first conversation that takes the message.
    pub(super) async fn deliver(
        &self,
        source: &Source,
        place: &Place,
        meta: &CommandMeta,
        Incoming { mut receive, contents, text, contact }: Incoming<'_>,
    ) -> Result<Ingested, IngestError> {
        let message = receive.message.message;
        if let Some(ingested) = self.refuse_in_blocked_root(place, meta, &receive).await? {
            return Ok(ingested);
        }
        let mut number = place.number;
        loop {
            let conversation = derive::conversation(place.thread, number);
            receive.opening.started.number = number;
            receive.opening.started.previous = (number > 1).then(|| derive::conversation(place.thread, number - 1));
            receive.reopens = source.profile.reopens && !self.exists(place.thread, number + 1).await?;
            let inbound = Inbound {
                meta,
                command: &conversation::Command::Receive(receive.clone()),
                contents: &contents,
                text: &text,
                number: contact.number,
                profile: &source.profile,
                workspace: source.rules.as_deref(),
                vault: &self.vault,
            };
            match self.act_with_rules(contact.id, conversation, &inbound).await {
                Ok(done) => return Ok(ingested(conversation, message, &done, 0)),
                Err(IngestError::Rejected(Rejection::AlreadyResolved)) => number += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// One commit holds the message and all that rules make of it.
    async fn act_with_rules(
        &self,
        contact: ContactId,
        conversation: ConversationId,
        inbound: &Inbound<'_>,
    ) -> Result<Done<conversation::State>, IngestError> {
        let (first, second) = (contact.into(), conversation.into());
        let decide = |contact: &ContactState, there: &Loaded<conversation::State>| inbound.decide(contact, there);
        let done =
            transact_chain::<Contact, Conversation, IngestError>(&*self.store, first, second, inbound.meta, decide);
        done.await.map_err(of_chain)
    }

    /// A public thread that is blocked in one contact's conversation is blocked for all; the refusal is logged there.
    pub(super) async fn refuse_in_blocked_root(
        &self,
        place: &Place,
        meta: &CommandMeta,
        receive: &Receive,
    ) -> Result<Option<Ingested>, IngestError> {
        let Some(root) = place.root else { return Ok(None) };
        let Some(blocked) = self.projections.threads().blocked_in(root)? else { return Ok(None) };
        match self.act(blocked, meta, &conversation::Command::Receive(receive.clone()), Vec::new()).await {
            Ok(done) if done.state.refused.contains(&receive.message.message) => {
                Ok(Some(ingested(blocked, receive.message.message, &done, 0)))
            }
            // Unblocked in the meantime: the message goes its ordinary way.
            Err(IngestError::Rejected(Rejection::BelongsElsewhere | Rejection::AlreadyResolved)) => Ok(None),
            Ok(done) => Ok(Some(ingested(blocked, receive.message.message, &done, 0))),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn exists(&self, thread: ThreadId, number: u32) -> Result<bool, IngestError> {
        let stream = derive::conversation(thread, number).into();
        Ok(!self.store.read_stream(stream, 0).await?.is_empty())
    }
}
