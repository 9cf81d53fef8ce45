//! What a channel tells us, taken into the log: who wrote, which conversation it belongs to, what it says.
//! Live traffic, `clew import` and the demo workspace all come through here; HTTP and signatures do not.

pub mod check;

use crate::attachments::{self, NewAttachment, StoreFileError};
use check::check;
use clew_domain::contact::{self, Contact, ContactState};
use clew_domain::content::{ContactNumber, ContentRef};
use clew_domain::conversation::{
    self, Attachment, Conversation, DeliveryFailure, MessageKind, MessageReceived, Opening, Outcome, Receive,
    Rejection, ReplyMode, ReplyOrigin, ReplySent, Started, Visibility,
};
use clew_domain::derive::{self, DerivationKey};
use clew_domain::fact::{Actor, CommandMeta, Position};
use clew_domain::ids::{
    AttachmentId, ChannelId, CommandId, ContactId, ConversationId, MessageId, PublicRootId, ThreadId,
};
use clew_domain::plaintext::{ContactIdentity, Delivery, Message};
use clew_domain::redaction::Redactor;
use clew_domain::time::Timestamp;
use clew_domain::workspace::{ChannelKind, ChannelProfile};
use clew_eventstore::sealed::SealedContent;
use clew_eventstore::store::{EventStore, StoreError};
use clew_eventstore::transact::{Done, Effect, TransactError, transact};
use clew_eventstore::vault::attachment::AttachmentError;
use clew_eventstore::vault::{OpenError, Vault, VaultError};
use clew_projections::{Projections, QueryError};
use std::sync::Arc;
use std::time::Duration;

/// How long a message waits for the threads view when it answers one that is not known.
const CATCH_UP_MAX: Duration = Duration::from_secs(2);

/// Takes in what channels tell.
#[derive(Clone)]
pub struct Ingest {
    store: Arc<dyn EventStore>,
    vault: Arc<Vault>,
    projections: Arc<Projections>,
    ids: DerivationKey,
    redactor: Arc<Redactor>,
}

/// The channel that something came by, as the workspace knows it.
#[derive(Clone, Debug)]
pub struct Source {
    /// Which channel.
    pub channel: ChannelId,
    /// What it is.
    pub profile: ChannelProfile,
    /// The version of the settings that say so.
    pub settings_version: u64,
}

/// A message on a channel, by the contact or by us.
#[derive(Clone, Debug)]
pub struct ChannelMessage {
    /// What the channel calls it.
    pub id: String,
    /// The contact who wrote it, or to whom we wrote.
    pub contact: ContactIdentity,
    /// What it says.
    pub text: String,
    /// What kind of message it is; the channel's usual kind if not told.
    pub kind: Option<MessageKind>,
    /// When it was written, by the channel's clock.
    pub at: Timestamp,
    /// The public thread it is part of, if the channel tells.
    pub thread: Option<ThreadName>,
    /// The message that it answers, as the channel calls it.
    pub answers: Option<String>,
    /// Where it can be read in public.
    pub link: Option<String>,
    /// Who wrote it, for a reply of ours that was written on the channel.
    pub author: Option<String>,
    /// What came with it.
    pub attachments: Vec<NewAttachment>,
}

/// A public thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThreadName {
    /// As the channel calls it.
    Named(String),
    /// As it is known here.
    Known(PublicRootId),
}

/// What became of a message.
#[derive(Clone, Copy, Debug)]
pub struct Ingested {
    /// The conversation that it is in; none for one refused because its contact is blocked.
    pub conversation: Option<ConversationId>,
    /// Its id here.
    pub message: MessageId,
    /// Whether it is new.
    pub verdict: Verdict,
    /// How many facts were appended for it.
    pub appended: usize,
    /// The position to wait for before reading it.
    pub position: Option<Position>,
}

/// Whether a message is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was taken in.
    Accepted,
    /// It was here already; nothing changed.
    Duplicate,
    /// Its thread or contact is blocked; the log says so.
    Refused,
}

/// Why a message could not be taken in.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The message itself is not acceptable.
    #[error("{0}")]
    Invalid(String),
    /// A reply that the channel speaks of is not known.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The contact's stream does not allow it.
    #[error(transparent)]
    Contact(contact::Rejection),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It could not be sealed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What was sealed before does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A file could not be sealed or stored.
    #[error(transparent)]
    Attachment(#[from] AttachmentError),
    /// A projection that ingest reads can't be read.
    #[error(transparent)]
    Projection(#[from] QueryError),
}

/// A contact as ingest needs them.
struct KnownContact {
    id: ContactId,
    number: ContactNumber,
    blocked: bool,
    appended: usize,
}

/// The conversation that a message goes to.
struct Place {
    thread: ThreadId,
    root: Option<PublicRootId>,
    number: u32,
}

impl Ingest {
    /// Over this store, vault and views.
    pub fn new(store: Arc<dyn EventStore>, vault: Arc<Vault>, projections: Arc<Projections>) -> Self {
        let ids = vault.derivation_key();
        Self { store, vault, projections, ids, redactor: Arc::new(Redactor::default()) }
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
        let redacted = self.redactor.redact(&incoming.text);
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
        };
        let receive = Receive {
            opening: Opening { started: started(source, &contact, &place, kind), team: source.profile.team },
            message: received,
            redactions: redacted.places,
            reopens: false,
        };
        let meta = meta(source, Actor::Contact(contact.id), message.0, "receive", incoming.at);
        let ingested = self.deliver(source, &place, &meta, receive, contents).await?;
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

    /// The public thread of the message that the channel calls `external`, if that is here.
    pub fn root_of(&self, channel: ChannelId, external: &str) -> Result<Option<PublicRootId>, IngestError> {
        Ok(self.projections.threads().root_of(self.ids.message(channel, external))?)
    }

    /// Walks from the place that the threads view knows to the first conversation that takes the message.
    async fn deliver(
        &self,
        source: &Source,
        place: &Place,
        meta: &CommandMeta,
        mut receive: Receive,
        contents: Vec<SealedContent>,
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
            let command = conversation::Command::Receive(receive.clone());
            match self.act(conversation, meta, &command, contents.clone()).await {
                Ok(done) => return Ok(ingested(conversation, message, &done, 0)),
                Err(IngestError::Rejected(Rejection::AlreadyResolved)) => number += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// A public thread that is blocked in one contact's conversation is blocked for all; the refusal is logged there.
    async fn refuse_in_blocked_root(
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

    async fn exists(&self, thread: ThreadId, number: u32) -> Result<bool, IngestError> {
        let stream = derive::conversation(thread, number).into();
        Ok(!self.store.read_stream(stream, 0).await?.is_empty())
    }

    /// The contact of this handle who is not forgotten, made known if this is their first message.
    async fn contact(&self, source: &Source, incoming: &ChannelMessage) -> Result<KnownContact, IngestError> {
        for generation in 0.. {
            let id = self.ids.contact(source.channel, &incoming.contact.handle, generation);
            let loaded = clew_eventstore::transact::load::<Contact>(&*self.store, id.into()).await;
            let state = loaded.map_err(of_contact)?.state;
            if state.forgotten {
                continue;
            }
            return match state.known {
                Some(known) => {
                    let appended = self.keep_name_current(source, id, &state, known.number, incoming).await?;
                    Ok(KnownContact { id, number: known.number, blocked: state.blocked, appended })
                }
                None => self.see_first(source, id, generation, incoming).await,
            };
        }
        unreachable!("a contact is not forgotten four billion times")
    }

    async fn see_first(
        &self,
        source: &Source,
        id: ContactId,
        generation: u32,
        incoming: &ChannelMessage,
    ) -> Result<KnownContact, IngestError> {
        let mut contents = Vec::new();
        let number = self.vault.next_contact_number()?;
        let identity = self.seal(number, &incoming.contact, &mut contents)?;
        let command = contact::Command::SeeFirst { number, channel: source.channel, generation, identity };
        let meta = meta(source, Actor::Connector(source.channel), id.0, "see first", incoming.at);
        let done = transact::<Contact>(&*self.store, id.into(), &meta, &command, contents).await;
        let done = done.map_err(of_contact)?;
        // Another writer may have been faster, with another number.
        let number = done.state.known.map_or(number, |known| known.number);
        Ok(KnownContact { id, number, blocked: done.state.blocked, appended: appended(&done) })
    }

    /// Takes the display name that the channel tells, if it is another one.
    async fn keep_name_current(
        &self,
        source: &Source,
        id: ContactId,
        state: &ContactState,
        number: ContactNumber,
        incoming: &ChannelMessage,
    ) -> Result<usize, IngestError> {
        let (Some(identity), Some(name)) = (state.identity, &incoming.contact.name) else { return Ok(0) };
        let Some(sealed) = self.store.read_content(identity.id).await? else { return Ok(0) };
        match self.vault.open_value::<ContactIdentity>(&sealed, &identity.commitment) {
            Ok(known) if known.name.as_ref() == Some(name) => return Ok(0),
            Ok(_) => {}
            Err(OpenError::Erased(_)) => return Ok(0),
            Err(error) => return Err(error.into()),
        }
        let mut contents = Vec::new();
        let identity = self.seal(number, &incoming.contact, &mut contents)?;
        let message = self.ids.message(source.channel, &incoming.id);
        let meta = meta(source, Actor::Connector(source.channel), message.0, "rename", incoming.at);
        let command = contact::Command::ChangeIdentity { identity };
        let done = transact::<Contact>(&*self.store, id.into(), &meta, &command, contents).await;
        Ok(appended(&done.map_err(of_contact)?))
    }

    async fn number_of(&self, contact: ContactId) -> Result<ContactNumber, IngestError> {
        let loaded = clew_eventstore::transact::load::<Contact>(&*self.store, contact.into()).await;
        let known = loaded.map_err(of_contact)?.state.known;
        Ok(known.ok_or(contact::Rejection::Unknown).map_err(IngestError::Contact)?.number)
    }

    async fn refuse(
        &self,
        source: &Source,
        incoming: &ChannelMessage,
        contact: &KnownContact,
        message: MessageId,
    ) -> Result<Ingested, IngestError> {
        let meta = meta(source, Actor::Contact(contact.id), message.0, "refuse", incoming.at);
        let command = contact::Command::RefuseMessage { message };
        let done = transact::<Contact>(&*self.store, contact.id.into(), &meta, &command, Vec::new()).await;
        let done = done.map_err(of_contact)?;
        let appended = appended(&done) + contact.appended;
        let verdict = if done.effect == Effect::Repeated { Verdict::Duplicate } else { Verdict::Refused };
        Ok(Ingested { conversation: None, message, verdict, appended, position: done.position })
    }

    /// Where to begin to look. The hint is read before the message index, so that a view that moves on in between
    /// can't hide the conversation that holds the message already.
    async fn place(
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
    async fn root(&self, source: &Source, incoming: &ChannelMessage) -> Result<PublicRootId, IngestError> {
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

/// What a channel says of a reply.
#[derive(Clone, Debug)]
pub enum Report {
    /// It took it.
    Accepted {
        /// What it calls it, and its link, if it tells.
        receipt: Option<Delivery>,
        /// When.
        at: Timestamp,
    },
    /// It did not.
    Failed {
        /// Why.
        cause: DeliveryFailure,
        /// When.
        at: Timestamp,
    },
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

fn of_conversation(error: TransactError<Rejection>) -> IngestError {
    match error {
        TransactError::Rejected(rejection) => IngestError::Rejected(rejection),
        TransactError::Store(error) => IngestError::Store(error),
        TransactError::ForeignEvent(stream) => IngestError::Store(foreign(stream)),
    }
}

fn of_contact(error: TransactError<contact::Rejection>) -> IngestError {
    match error {
        TransactError::Rejected(rejection) => IngestError::Contact(rejection),
        TransactError::Store(error) => IngestError::Store(error),
        TransactError::ForeignEvent(stream) => IngestError::Store(foreign(stream)),
    }
}

fn foreign(stream: clew_domain::ids::StreamId) -> StoreError {
    StoreError::Corrupt { place: stream.to_string(), what: "it holds an event of another aggregate".into() }
}
