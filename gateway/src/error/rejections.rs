//! Which problem each refusal of the store, the vault and the domain's deciders is.

use super::{Kind, Problem, kinds};
use crate::ingest::IngestError;
use clew_domain::workspace::Thing;
use clew_domain::{agent, contact, conversation, installation, saved_reply, workspace};
use clew_eventstore::cursor::NotACursor;
use clew_eventstore::erasure::ErasureError;
use clew_eventstore::store::StoreError;
use clew_eventstore::transact::TransactError;
use clew_eventstore::vault::attachment::AttachmentError;
use clew_eventstore::vault::{OpenError, VaultError};
use clew_projections::QueryError;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::Conflict { .. } => &kinds::CONTENDED,
            StoreError::Busy { retry_after } => return Self::new(&kinds::STORE_BUSY).retry_after(*retry_after),
            StoreError::Unavailable(_) => &kinds::STORE_UNAVAILABLE,
            StoreError::Unknown(_) => &kinds::STORE_UNKNOWN,
            StoreError::TooNew { .. } => &kinds::UPGRADE_UNDER_WAY,
            StoreError::Corrupt { .. } => &kinds::STORE_CORRUPT,
            StoreError::Invalid(_) => &kinds::INTERNAL,
        };
        tracing::error!(%error, "the store did not do what was asked");
        Self::new(kind)
    }
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        tracing::error!(%error, "the vault did not do what was asked");
        match error {
            VaultError::TooLarge { .. } => Self::new(&kinds::BODY_TOO_LARGE),
            _ => Self::new(&kinds::STORE_UNAVAILABLE),
        }
    }
}

impl From<OpenError> for Problem {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Erased(_) => Self::new(&kinds::NOT_FOUND),
            OpenError::Damaged(..) => {
                tracing::error!(%error, "a content is damaged");
                Self::new(&kinds::STORE_CORRUPT)
            }
            OpenError::Keys(error) => error.into(),
        }
    }
}

impl From<AttachmentError> for Problem {
    fn from(error: AttachmentError) -> Self {
        match error {
            AttachmentError::Vault(error) => error.into(),
            AttachmentError::Open(error) => error.into(),
            AttachmentError::Store(error) => error.into(),
            AttachmentError::OtherSize { .. } => Self::new(&kinds::INVALID_BODY).detail(error.to_string()),
            AttachmentError::OtherChunks(_) => {
                tracing::error!(%error, "stored data is damaged");
                Self::new(&kinds::STORE_CORRUPT)
            }
        }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::NotACursor(_) => Self::new(&kinds::INVALID_CURSOR).detail(error.to_string()),
            QueryError::Table(_) | QueryError::Damaged { .. } => {
                tracing::error!(%error, "a view can't be read");
                Self::new(&kinds::VIEW_DAMAGED)
            }
        }
    }
}

impl From<ErasureError> for Problem {
    fn from(error: ErasureError) -> Self {
        match error {
            ErasureError::Store(error) => error.into(),
            ErasureError::Vault(_) | ErasureError::Stopped => {
                tracing::error!(%error, "an erasure is not carried out yet");
                Self::new(&kinds::ERASURE_PENDING)
            }
        }
    }
}

impl From<NotACursor> for Problem {
    fn from(error: NotACursor) -> Self {
        Self::new(&kinds::INVALID_CURSOR).detail(error.to_string())
    }
}

impl<R> From<TransactError<R>> for Problem
where
    Self: From<R>,
{
    fn from(error: TransactError<R>) -> Self {
        match error {
            TransactError::Rejected(rejection) => rejection.into(),
            TransactError::Store(error) => error.into(),
            TransactError::ForeignEvent(stream) => {
                tracing::error!(%stream, "a stream holds an event that does not belong there");
                Self::new(&kinds::STORE_CORRUPT)
            }
        }
    }
}

impl From<workspace::Rejection> for Problem {
    fn from(rejection: workspace::Rejection) -> Self {
        use workspace::Rejection as R;
        let detail = rejection.to_string();
        let plain = |kind: &'static Kind| Self::new(kind).detail(detail.clone());
        match &rejection {
            R::Unknown(thing) => about(plain(&kinds::NOT_FOUND), thing),
            R::Gone(thing) => about(plain(&kinds::NO_LONGER_IN_USE), thing),
            R::Exists(thing) => about(plain(&kinds::EXISTS), thing),
            R::NameTaken(thing) => about(plain(&kinds::NAME_TAKEN), thing),
            R::Name(_) => plain(&kinds::INVALID_NAME),
            R::SetUpAlready => plain(&kinds::SET_UP_ALREADY),
            R::SettingOutOfBounds { setting, min, max } => {
                plain(&kinds::INVALID_VALUE).with("field", setting).with("min", min).with("max", max)
            }
            R::TooMany { what: _, max } => plain(&kinds::TOO_MANY).with("max", max),
            R::NotServed { team, channel } => {
                plain(&kinds::NOT_SERVED).with("field", "team").with("team", team).with("channel", channel)
            }
            R::ChannelKindFixed(thing) => about(plain(&kinds::CHANNEL_KIND_FIXED), thing),
            R::NoRoomForReplies => plain(&kinds::INVALID_VALUE).with("field", "reply_characters_max"),
            R::NotALogin => plain(&kinds::INVALID_VALUE).with("field", "login"),
            R::LoginTaken(agent) => plain(&kinds::LOGIN_TAKEN).with("account", agent),
            R::NoRole => plain(&kinds::INVALID_VALUE).with("field", "roles"),
            R::LastAdmin => plain(&kinds::LAST_ADMIN),
            R::NoScope => plain(&kinds::INVALID_VALUE).with("field", "scopes"),
            R::ExpiresInThePast => plain(&kinds::INVALID_VALUE).with("field", "expires_at"),
            R::TokenTaken(_) => plain(&kinds::EXISTS),
            R::Calendar(_) => plain(&kinds::INVALID_VALUE).with("field", "calendar"),
            R::Policy(_) => plain(&kinds::INVALID_VALUE).with("field", "policy"),
            R::Pattern(_) => plain(&kinds::INVALID_VALUE).with("field", "pattern"),
            R::CalendarInUse(thing) => about(plain(&kinds::IN_USE), thing),
            R::Rule(_) => plain(&kinds::INVALID_VALUE).with("field", "definition"),
            R::NotAnOrder => plain(&kinds::INVALID_VALUE).with("field", "order"),
            R::FilledByProgramsOnly(key) => plain(&kinds::FILLED_BY_PROGRAMS).with("key", key),
            R::NotA { key, kind } => plain(&kinds::INVALID_ATTRIBUTE_VALUE).with("key", key).with("kind", kind),
        }
    }
}

/// Says which thing it is about.
fn about(problem: Problem, thing: &Thing) -> Problem {
    match thing {
        Thing::Channel(id) => problem.with("channel", id),
        Thing::Team(id) => problem.with("team", id),
        Thing::Topic(id) => problem.with("topic", id),
        Thing::Group(id) => problem.with("group", id),
        Thing::AwayStatus(id) => problem.with("away_status", id),
        Thing::Attribute(key) => problem.with("attribute", key),
        Thing::Account(id) => problem.with("account", id),
        Thing::Token(id) => problem.with("token", id),
        Thing::Calendar(id) => problem.with("calendar", id),
        Thing::SlaPolicy(id) => problem.with("sla_policy", id),
        Thing::RedactionPattern(id) => problem.with("redaction_pattern", id),
        Thing::Rule(id) => problem.with("rule", id),
    }
}

impl From<agent::Rejection> for Problem {
    fn from(rejection: agent::Rejection) -> Self {
        let kind = match rejection {
            agent::Rejection::NotSignedIn => &kinds::NOT_SIGNED_IN,
            agent::Rejection::TooManySessions | agent::Rejection::TooManyBulks => &kinds::TOO_MANY,
            agent::Rejection::BulkOutOfBounds => &kinds::INVALID_VALUE,
            agent::Rejection::NotAvailable | agent::Rejection::NoRoom => &kinds::TAKES_NO_MORE,
        };
        Self::new(kind).detail(rejection.to_string())
    }
}

impl From<contact::Rejection> for Problem {
    fn from(rejection: contact::Rejection) -> Self {
        let kind = match rejection {
            contact::Rejection::Unknown => &kinds::NOT_FOUND,
            contact::Rejection::Forgotten => &kinds::CONTACT_FORGOTTEN,
            contact::Rejection::NotBlocked => &kinds::CONTACT_NOT_BLOCKED,
        };
        Self::new(kind).detail(rejection.to_string())
    }
}

impl From<saved_reply::Rejection> for Problem {
    fn from(rejection: saved_reply::Rejection) -> Self {
        use saved_reply::Rejection as R;
        let kind = match rejection {
            R::Unknown | R::ReplyUnknown(_) => &kinds::NOT_FOUND,
            R::Exists | R::ReplyExists(_) => &kinds::EXISTS,
            R::Deleted => &kinds::NO_LONGER_IN_USE,
            R::Full => &kinds::TOO_MANY,
            R::Name(_) => &kinds::INVALID_NAME,
        };
        Self::new(kind).detail(rejection.to_string())
    }
}

impl From<installation::Rejection> for Problem {
    fn from(rejection: installation::Rejection) -> Self {
        match rejection {}
    }
}

impl From<conversation::Rejection> for Problem {
    fn from(rejection: conversation::Rejection) -> Self {
        use conversation::Rejection as R;
        let detail = rejection.to_string();
        let plain = |kind: &'static Kind| Self::new(kind).detail(detail.clone());
        match &rejection {
            R::NotStarted => plain(&kinds::NOT_FOUND),
            R::AlreadyResolved => plain(&kinds::ALREADY_RESOLVED),
            R::NewerMessages(messages) => plain(&kinds::NEWER_MESSAGES).with("message_ids", messages),
            R::LockedByOther(agent) => plain(&kinds::LOCKED_BY_OTHER).with("agent", agent),
            R::UnknownMessage(message) => plain(&kinds::UNKNOWN_MESSAGE).with("message", message),
            R::MaskedMessage(message) => plain(&kinds::MASKED).with("message", message),
            R::UnknownAttachment(attachment) => plain(&kinds::UNKNOWN_ATTACHMENT).with("attachment", attachment),
            R::UnknownNote(note) => plain(&kinds::UNKNOWN_NOTE).with("note", note),
            R::MaskedNote(note) => plain(&kinds::MASKED).with("note", note),
            R::NotPublic(message) => plain(&kinds::NOT_PUBLIC).with("message", message),
            R::ThreadNotPublic => plain(&kinds::NOT_PUBLIC),
            R::NotFromContact(message) => plain(&kinds::NOT_FROM_CONTACT).with("message", message),
            R::NotAReply(message) => plain(&kinds::NOT_A_REPLY).with("message", message),
            R::NothingToRetry(message) => plain(&kinds::NOTHING_TO_RETRY).with("message", message),
            R::UntilNotAhead => plain(&kinds::INVALID_VALUE).with("field", "until"),
            R::AlreadyStarted => plain(&kinds::ALREADY_STARTED),
            R::BelongsElsewhere => plain(&kinds::BELONGS_ELSEWHERE),
            R::NotWaiting => plain(&kinds::NOT_WAITING),
        }
    }
}

impl From<IngestError> for Problem {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Invalid(why) => Self::new(&kinds::INVALID_VALUE).detail(why),
            IngestError::Rejected(rejection) => rejection.into(),
            IngestError::Contact(rejection) => rejection.into(),
            IngestError::Store(error) => error.into(),
            IngestError::Vault(error) => error.into(),
            IngestError::Open(error) => error.into(),
            IngestError::Attachment(error) => error.into(),
            IngestError::Projection(error) => error.into(),
        }
    }
}
