//! What a channel tells us, taken into the log: who wrote, which conversation it belongs to, what it says.
//! Live traffic, `clew import` and the demo workspace all come through here; HTTP and signatures do not.

pub mod check;
mod contact;
mod message;
mod place;

pub use message::{ChannelMessage, IngestError, Ingested, Report, ThreadName, Verdict};

use crate::attachments::{self, StoreFileError};
use check::check;
use clew_domain::automation::Text;
use clew_domain::content::{ContactNumber, ContentRef};
use clew_domain::conversation::{
    self, Attachment, Conversation, MessageKind, MessageReceived, Opening, Outcome, Receive, Rejection, ReplyMode,
    ReplyOrigin, ReplySent, Started, Visibility,
};
use clew_domain::derive::{self, DerivationKey};
use clew_domain::fact::{Actor, CommandMeta};
use clew_domain::ids::{AttachmentId, ChannelId, CommandId, ConversationId, MessageId};
use clew_domain::plaintext::Message;
use clew_domain::redaction::Redactor;
use clew_domain::time::Timestamp;
use clew_domain::workspace::{ChannelKind, ChannelProfile, WorkspaceState};
use clew_eventstore::sealed::SealedContent;
use clew_eventstore::store::EventStore;
use clew_eventstore::transact::{Done, Effect, transact};
use clew_eventstore::vault::Vault;
use clew_projections::Projections;
use contact::KnownContact;
use message::of_conversation;
use place::{Incoming, Place};
use std::sync::Arc;

/// Takes in what channels tell.
#[derive(Clone)]
pub struct Ingest {
    store: Arc<dyn EventStore>,
    vault: Arc<Vault>,
    projections: Arc<Projections>,
    ids: DerivationKey,
}

/// The channel that something came by, as the workspace knows it.
#[derive(Clone, Debug)]
pub struct Source {
    /// Which channel.
    pub channel: ChannelId,
    /// What it is.
    pub profile: ChannelProfile,
    /// What may not be stored of a text that a contact sends by it.
    pub redactor: Arc<Redactor>,
    /// The version of the settings that say so.
    pub settings_version: u64,
    /// The settings whose rules act on what comes in; none for what is only taken over from elsewhere.
    pub rules: Option<Arc<WorkspaceState>>,
}

impl Source {
    /// The channel under the settings of this version; no rule acts on what comes in by it.
    pub fn of(workspace: &WorkspaceState, settings_version: u64, channel: ChannelId) -> Option<Self> {
        let profile = workspace.channels.get(&channel)?.profile.clone();
        Some(Self { channel, profile, redactor: workspace.redactions.redactor(), settings_version, rules: None })
    }
}

impl Ingest {
    /// Over this store, vault and views.
    pub fn new(store: Arc<dyn EventStore>, vault: Arc<Vault>, projections: Arc<Projections>) -> Self {
        let ids = vault.derivation_key();
        Self { store, vault, projections, ids }
    }

    /// Takes in a message of a contact.
    pub async fn receive(&self, source: &Source, incoming: ChannelMessage) -> Result<Ingested, IngestError> {
        check(&incoming)?;
        let message = self.ids.message(source.channel, &incoming.id);
        let contact = self.contact(source, &incoming).await?;
        if contact.blocked {
            return self.refuse(source, &incoming, &contact, message).await;
        }
        let kind = incoming.kind.unwrap_or_else(|| usual_kind(&source.profile));
        let place = self.place(source, &contact, &incoming, kind.visibility()).await?;
        if let Some(known) = self.projections.threads().conversation_of(message)? {
            return Ok(duplicate(known, message, contact.appended));
        }
        let attachments = self.store_attachments(&contact, message, &incoming).await?;
        let mut contents = Vec::new();
        let redacted = source.redactor.redact(&incoming.text);
        let body = Message {
            text: redacted.text,
            link: incoming.link.clone(),
            external_id: Some(incoming.id.clone()),
            author: None,
        };
        let content = self.seal(contact.number, &body, &mut contents)?;
        let received = MessageReceived {
            message,
            content,
            kind,
            answers: incoming.answers.as_deref().map(|id| self.ids.message(source.channel, id)),
            attachments,
            // Noted when it is decided, with what rules make of it.
            groups: None,
        };
        let receive = Receive {
            opening: Opening { started: started(source, &contact, &place, kind), team: source.profile.team },
            message: received,
            redactions: redacted.places,
            reopens: false,
        };
        let meta = meta(source, Actor::Contact(contact.id), message.0, "receive", incoming.at);
        let text = Text::new(&body.text);
        let message = Incoming { receive, contents, text, contact: &contact };
        let ingested = self.deliver(source, &place, &meta, message).await?;
        Ok(Ingested { appended: ingested.appended + contact.appended, ..ingested })
    }

    /// Takes note of a reply that was written on the channel itself.
    pub async fn record_reply(&self, source: &Source, sent: ChannelMessage) -> Result<Ingested, IngestError> {
        check(&sent)?;
        let message = self.ids.message(source.channel, &sent.id);
        let contact = self.contact(source, &sent).await?;
        let kind = sent.kind.unwrap_or_else(|| usual_kind(&source.profile));
        let place = self.place(source, &contact, &sent, kind.visibility()).await?;
        if let Some(known) = self.projections.threads().conversation_of(message)? {
            return Ok(duplicate(known, message, contact.appended));
        }
        let attachments = self.store_attachments(&contact, message, &sent).await?;
        let mut contents = Vec::new();
        let body = Message {
            text: sent.text.clone(),
            link: sent.link.clone(),
            external_id: Some(sent.id.clone()),
            author: sent.author.clone(),
        };
        let reply = ReplySent {
            reply: message,
            content: self.seal(contact.number, &body, &mut contents)?,
            kind,
            channel: source.channel,
            mode: sent
                .answers
                .as_deref()
                .map_or(ReplyMode::Plain, |id| ReplyMode::To(self.ids.message(source.channel, id))),
            attachments,
            origin: ReplyOrigin::Channel,
        };
        let opening = Opening { started: started(source, &contact, &place, kind), team: source.profile.team };
        let meta = meta(source, Actor::Connector(source.channel), message.0, "record", sent.at);
        let conversation = derive::conversation(place.thread, place.number);
        let command = conversation::Command::RecordReply { opening, reply };
        let done = self.act(conversation, &meta, &command, contents).await?;
        Ok(ingested(conversation, message, &done, contact.appended))
    }

    /// Takes note of what a channel made of a reply.
    pub async fn report_delivery(
        &self,
        source: &Source,
        conversation: ConversationId,
        reply: MessageId,
        report: Report,
    ) -> Result<Ingested, IngestError> {
        let loaded = clew_eventstore::transact::load::<Conversation>(&*self.store, conversation.into()).await;
        let state = loaded.map_err(of_conversation)?.state;
        let started = state.started.ok_or(Rejection::NotStarted)?;
        let mut contents = Vec::new();
        let (outcome, at) = match report {
            Report::Accepted { receipt, at } => {
                let number = self.number_of(started.contact).await?;
                let receipt = receipt.map(|receipt| self.seal(number, &receipt, &mut contents)).transpose()?;
                (Outcome::Accepted { receipt }, at)
            }
            Report::Failed { cause, at } => (Outcome::Failed(cause), at),
        };
        // A random id: the decider itself answers a report that says nothing new with nothing.
        let id = CommandId(uuid::Uuid::now_v7());
        let meta = CommandMeta::first(id, Actor::Connector(source.channel), at, source.settings_version);
        let command = conversation::Command::ReportDelivery { reply, outcome };
        let done = self.act(conversation, &meta, &command, contents).await?;
        Ok(ingested(conversation, reply, &done, 0))
    }

    fn seal<T: serde::Serialize>(
        &self,
        owner: ContactNumber,
        value: &T,
        contents: &mut Vec<SealedContent>,
    ) -> Result<ContentRef, IngestError> {
        let sealed = self.vault.seal_value(owner, value)?;
        let reference = sealed.reference();
        contents.push(sealed);
        Ok(reference)
    }

    async fn store_attachments(
        &self,
        contact: &KnownContact,
        message: MessageId,
        incoming: &ChannelMessage,
    ) -> Result<Vec<Attachment>, IngestError> {
        let mut stored = Vec::with_capacity(incoming.attachments.len());
        for (index, file) in (0_u32..).zip(&incoming.attachments) {
            let id = AttachmentId(derive::consequence(message.0, &format!("attachment {index}"), contact.id.0).0);
            let attachment = attachments::store(&self.store, &self.vault, contact.number, id, file).await;
            stored.push(attachment.map_err(|error| match error {
                StoreFileError::NotTaken(why) => IngestError::Invalid(why.to_string()),
                StoreFileError::Attachment(error) => IngestError::Attachment(error),
            })?);
        }
        Ok(stored)
    }

    async fn act(
        &self,
        conversation: ConversationId,
        meta: &CommandMeta,
        command: &conversation::Command,
        contents: Vec<SealedContent>,
    ) -> Result<Done<conversation::State>, IngestError> {
        let done = transact::<Conversation>(&*self.store, conversation.into(), meta, command, contents).await;
        done.map_err(of_conversation)
    }
}

fn started(source: &Source, contact: &KnownContact, place: &Place, kind: MessageKind) -> Started {
    Started {
        contact: contact.id,
        channel: source.channel,
        thread: place.thread,
        root: place.root,
        number: place.number,
        previous: (place.number > 1).then(|| derive::conversation(place.thread, place.number - 1)),
        visibility: kind.visibility(),
    }
}

fn meta(source: &Source, actor: Actor, cause: uuid::Uuid, purpose: &str, at: Timestamp) -> CommandMeta {
    let id = derive::consequence(cause, purpose, source.channel.0);
    CommandMeta::first(id, actor, at, source.settings_version)
}

fn appended<S>(done: &Done<S>) -> usize {
    match done.effect {
        Effect::Appended(count) => count,
        Effect::Repeated | Effect::Unchanged => 0,
    }
}

fn ingested(
    conversation: ConversationId,
    message: MessageId,
    done: &Done<conversation::State>,
    before: usize,
) -> Ingested {
    let verdict = match done.effect {
        Effect::Repeated | Effect::Unchanged => Verdict::Duplicate,
        Effect::Appended(_) if done.state.refused.contains(&message) => Verdict::Refused,
        Effect::Appended(_) => Verdict::Accepted,
    };
    let appended = appended(done) + before;
    Ingested { conversation: Some(conversation), message, verdict, appended, position: done.position }
}

fn duplicate(conversation: ConversationId, message: MessageId, appended: usize) -> Ingested {
    Ingested { conversation: Some(conversation), message, verdict: Verdict::Duplicate, appended, position: None }
}

/// The kind of message that a channel usually carries.
pub fn usual_kind(profile: &ChannelProfile) -> MessageKind {
    match (profile.kind, profile.visibility) {
        (ChannelKind::Twitter, Visibility::Public) => MessageKind::Tweet,
        (ChannelKind::Twitter, Visibility::Private) => MessageKind::TwitterDirectMessage,
        (ChannelKind::Facebook, Visibility::Public) => MessageKind::FacebookComment,
        (ChannelKind::Facebook, Visibility::Private) => MessageKind::FacebookMessage,
        (ChannelKind::Instagram, Visibility::Public) => MessageKind::InstagramComment,
        (ChannelKind::Instagram, Visibility::Private) => MessageKind::InstagramDirectMessage,
        (ChannelKind::WhatsApp, _) => MessageKind::WhatsApp,
        (ChannelKind::Sms, _) => MessageKind::Sms,
        (ChannelKind::Email, _) => MessageKind::Email,
        (ChannelKind::WebChat, _) => MessageKind::WebChat,
        (ChannelKind::Generic, Visibility::Public) => MessageKind::PublicPost,
        (ChannelKind::Generic, Visibility::Private) => MessageKind::PrivateMessage,
    }
}
