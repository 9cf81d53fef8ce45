//! Which contents an event brings in and which it erases: what the eraser carries out and the auditor checks.
//! Every event is named here, so that a new one does not compile before somebody has thought of its contents.

use crate::contact::ContactEvent;
use crate::content::{ContactNumber, ContentId, ContentRef};
use crate::conversation::{Attachment, ContentSpan, ConversationEvent};
use crate::fact::Event;
use crate::saved_reply::CollectionEvent;
use crate::workspace::WorkspaceEvent;

/// What an event erases for good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erasure {
    /// These contents.
    pub contents: Vec<ContentSpan>,
    /// All contents of these contacts.
    pub contacts: Vec<ContactNumber>,
}

/// The contents that an event refers to for the first time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BroughtIn<'a> {
    /// Those that the event commits to one by one; the labels of attachments are among them.
    pub contents: Vec<ContentRef>,
    /// The attachments, whose bytes are contents too.
    pub attachments: &'a [Attachment],
}

impl Erasure {
    /// Whether nothing is erased.
    pub fn is_empty(&self) -> bool {
        self.contents.is_empty() && self.contacts.is_empty()
    }
}

impl ContentId {
    /// The run of this number only.
    pub fn alone(self) -> ContentSpan {
        ContentSpan { first: self, count: 1 }
    }
}

impl ContentSpan {
    /// Its numbers, in order.
    pub fn ids(self) -> impl Iterator<Item = ContentId> {
        (self.first.0..self.first.0.saturating_add(u64::from(self.count))).map(ContentId)
    }
}

impl BroughtIn<'_> {
    /// The numbers of all of them.
    pub fn spans(&self) -> impl Iterator<Item = ContentSpan> {
        let single = self.contents.iter().map(|content| content.id.alone());
        single.chain(self.attachments.iter().map(|attachment| attachment.body))
    }
}

impl Event {
    /// What it erases for good. The fact is the order to do so: what it names is unreadable once it was carried out.
    pub fn erases(&self) -> Erasure {
        self.contents().1
    }

    /// The contents that it refers to for the first time.
    pub fn brings_in(&self) -> BroughtIn<'_> {
        self.contents().0
    }

    fn contents(&self) -> (BroughtIn<'_>, Erasure) {
        match self {
            Self::Conversation(event) => of_conversation(event),
            Self::Contact(event) => of_contact(event),
            Self::Collection(event) => of_collection(event),
            Self::Workspace(event) => of_workspace(event),
            Self::Agent(_) | Self::Installation(_) => neither(),
        }
    }
}

fn of_conversation(event: &ConversationEvent) -> (BroughtIn<'_>, Erasure) {
    use ConversationEvent as E;
    match event {
        E::MessageReceived(message) => brings_with(message.content, &message.attachments),
        E::ReplySent(reply) => brings_with(reply.content, &reply.attachments),
        E::DeliveryAccepted { receipt, .. } => swaps(*receipt, None),
        E::NoteAdded { content, .. } => swaps(Some(*content), None),
        E::NoteEdited { content, erased, .. } => swaps(Some(*content), Some(*erased)),
        E::NoteDeleted { erased, .. } | E::NoteMasked { erased, .. } => swaps(None, Some(*erased)),
        E::MessageMasked { erased, .. } | E::AttachmentMasked { erased, .. } => erases(erased.clone()),
        E::Started(_)
        | E::MessageRefused { .. }
        | E::MessageRedacted { .. }
        | E::DeliveryFailed { .. }
        | E::DeliveryRetried { .. }
        | E::Assigned { .. }
        | E::Unassigned { .. }
        | E::Pended { .. }
        | E::Resolved { .. }
        | E::ReturnedToNew { .. }
        | E::MessageLiked { .. }
        | E::MessageUnliked { .. }
        | E::ThreadBlocked
        | E::ThreadUnblocked
        | E::TopicAdded { .. }
        | E::TopicRemoved { .. }
        | E::PriorityChanged { .. }
        | E::Locked { .. }
        | E::LockReleased { .. }
        | E::LockTakenOver { .. }
        | E::RuleApplied { .. }
        | E::RuleHeldBack { .. }
        | E::SlaBreached(_) => neither(),
    }
}

fn of_contact(event: &ContactEvent) -> (BroughtIn<'_>, Erasure) {
    use ContactEvent as E;
    match event {
        E::FirstSeen { identity, .. } => swaps(Some(*identity), None),
        E::IdentityChanged { identity, erased } => swaps(Some(*identity), Some(*erased)),
        E::AttributeSet { value, erased, .. } => swaps(Some(*value), *erased),
        E::AttributeRemoved { erased, .. } => swaps(None, Some(*erased)),
        E::Forgotten { number } => (BroughtIn::default(), Erasure { contents: Vec::new(), contacts: vec![*number] }),
        E::GroupJoined { .. } | E::GroupLeft { .. } | E::Blocked | E::Unblocked | E::MessageRefused { .. } => neither(),
    }
}

fn of_collection(event: &CollectionEvent) -> (BroughtIn<'_>, Erasure) {
    use CollectionEvent as E;
    match event {
        E::SavedReplyAdded { content, .. } => swaps(Some(*content), None),
        E::SavedReplyEdited { content, erased, .. } => swaps(Some(*content), Some(*erased)),
        E::SavedReplyDeleted { erased, .. } => swaps(None, Some(*erased)),
        E::CollectionDeleted { erased } => erases(erased.iter().map(|id| id.alone()).collect()),
        E::CollectionCreated { .. } | E::CollectionRenamed { .. } => neither(),
    }
}

fn of_workspace(event: &WorkspaceEvent) -> (BroughtIn<'_>, Erasure) {
    use WorkspaceEvent as E;
    match event {
        E::ChannelSecretSet { secret, erased, .. } => swaps(Some(*secret), *erased),
        E::PasswordSet { hash, erased, .. } => swaps(Some(*hash), *erased),
        E::WorkspaceCreated { .. }
        | E::SettingsChanged { .. }
        | E::ChannelConnected { .. }
        | E::ChannelChanged { .. }
        | E::ChannelDisconnected { .. }
        | E::TeamCreated { .. }
        | E::TeamRenamed { .. }
        | E::TeamSettingsChanged { .. }
        | E::TeamClosed { .. }
        | E::TeamMemberAdded { .. }
        | E::TeamMemberRemoved { .. }
        | E::TopicDefined { .. }
        | E::TopicRenamed { .. }
        | E::TopicRetired { .. }
        | E::GroupDefined { .. }
        | E::GroupRenamed { .. }
        | E::GroupRetired { .. }
        | E::AttributeDefined { .. }
        | E::AttributeRetired { .. }
        | E::AwayStatusDefined { .. }
        | E::AwayStatusRenamed { .. }
        | E::AwayStatusRetired { .. }
        | E::AccountOpened { .. }
        | E::AccountRenamed { .. }
        | E::RolesChanged { .. }
        | E::AccountClosed { .. }
        | E::ChannelRightSet { .. }
        | E::ChannelRightCleared { .. }
        | E::TokenIssued { .. }
        | E::TokenRevoked { .. }
        | E::RuleSet { .. }
        | E::RulesOrdered { .. }
        | E::RuleRemoved { .. }
        | E::CalendarSet { .. }
        | E::CalendarRemoved { .. }
        | E::ChannelCalendarSet { .. }
        | E::SlaPolicySet { .. }
        | E::SlaPoliciesOrdered { .. }
        | E::SlaPolicyRemoved { .. }
        | E::RedactionPatternSet { .. }
        | E::RedactionPatternRemoved { .. } => neither(),
    }
}

fn neither() -> (BroughtIn<'static>, Erasure) {
    (BroughtIn::default(), Erasure::default())
}

fn erases(contents: Vec<ContentSpan>) -> (BroughtIn<'static>, Erasure) {
    (BroughtIn::default(), Erasure { contents, contacts: Vec::new() })
}

fn swaps(new: Option<ContentRef>, old: Option<ContentId>) -> (BroughtIn<'static>, Erasure) {
    let brought = BroughtIn { contents: new.into_iter().collect(), attachments: &[] };
    (brought, Erasure { contents: old.into_iter().map(ContentId::alone).collect(), contacts: Vec::new() })
}

fn brings_with(content: ContentRef, attachments: &[Attachment]) -> (BroughtIn<'_>, Erasure) {
    let labels = attachments.iter().map(|attachment| attachment.label);
    let brought = BroughtIn { contents: std::iter::once(content).chain(labels).collect(), attachments };
    (brought, Erasure::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Commitment;
    use crate::conversation::{MessageKind, MessageReceived};
    use crate::ids::{AttachmentId, MessageId, NoteId};
    use uuid::Uuid;

    fn content(id: u64) -> ContentRef {
        ContentRef { id: ContentId(id), commitment: Commitment([0; 32]) }
    }

    #[test]
    fn a_message_brings_in_its_text_and_the_labels_and_bytes_of_its_attachments() {
        let body = ContentSpan { first: ContentId(3), count: 4 };
        let id = AttachmentId(Uuid::nil());
        let attachment = Attachment { id, label: content(2), body, commitment: Commitment([0; 32]) };
        let event = Event::Conversation(ConversationEvent::MessageReceived(MessageReceived {
            message: MessageId(Uuid::nil()),
            content: content(1),
            kind: MessageKind::Email,
            answers: None,
            attachments: vec![attachment],
            groups: None,
        }));
        let ids: Vec<u64> = event.brings_in().spans().flat_map(ContentSpan::ids).map(|id| id.0).collect();
        assert_eq!(ids, [1, 2, 3, 4, 5, 6]);
        assert!(event.erases().is_empty());
    }

    #[test]
    fn an_edit_erases_what_was_and_brings_in_what_is() {
        let note = NoteId(Uuid::nil());
        let event = ConversationEvent::NoteEdited { note, content: content(8), erased: ContentId(7) };
        let event = Event::Conversation(event);
        assert_eq!(event.brings_in().contents, [content(8)]);
        assert_eq!(event.erases().contents, [ContentId(7).alone()]);
    }

    #[test]
    fn forgetting_erases_a_contact_and_no_single_content() {
        let event = Event::Contact(ContactEvent::Forgotten { number: ContactNumber(5) });
        assert_eq!(event.erases(), Erasure { contents: Vec::new(), contacts: vec![ContactNumber(5)] });
    }
}
