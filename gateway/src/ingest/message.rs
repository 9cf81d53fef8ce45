//! What ingest is told and what it answers: messages, reports of deliveries, and why one can't be taken in.

use crate::attachments::NewAttachment;
use clew_domain::contact;
use clew_domain::conversation::{DeliveryFailure, MessageKind, Rejection};
use clew_domain::fact::Position;
use clew_domain::ids::{ConversationId, MessageId, PublicRootId};
use clew_domain::plaintext::{ContactIdentity, Delivery};
use clew_domain::time::Timestamp;
use clew_eventstore::store::StoreError;
use clew_eventstore::transact::TransactError;
use clew_eventstore::vault::attachment::AttachmentError;
use clew_eventstore::vault::{OpenError, VaultError};
use clew_projections::QueryError;

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

pub(super) fn of_conversation(error: TransactError<Rejection>) -> IngestError {
    match error {
        TransactError::Rejected(rejection) => IngestError::Rejected(rejection),
        TransactError::Store(error) => IngestError::Store(error),
        TransactError::ForeignEvent(stream) => IngestError::Store(foreign(stream)),
    }
}

pub(super) fn of_chain(error: TransactError<IngestError>) -> IngestError {
    match error {
        TransactError::Rejected(error) => error,
        TransactError::Store(error) => IngestError::Store(error),
        TransactError::ForeignEvent(stream) => IngestError::Store(foreign(stream)),
    }
}

pub(super) fn of_contact(error: TransactError<contact::Rejection>) -> IngestError {
    match error {
        TransactError::Rejected(rejection) => IngestError::Contact(rejection),
        TransactError::Store(error) => IngestError::Store(error),
        TransactError::ForeignEvent(stream) => IngestError::Store(foreign(stream)),
    }
}

fn foreign(stream: clew_domain::ids::StreamId) -> StoreError {
    StoreError::Corrupt { place: stream.to_string(), what: "it holds an event of another aggregate".into() }
}
