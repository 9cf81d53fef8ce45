//! What was done, as a stable word: the one place where events get the names that the audit trail, the feed and
//! the API show. Codes and words are never changed or used again.

use clew_domain::agent::AgentEvent as A;
use clew_domain::contact::ContactEvent as P;
use clew_domain::conversation::ConversationEvent as C;
use clew_domain::fact::Event;
use clew_domain::installation::InstallationEvent as I;
use clew_domain::saved_reply::CollectionEvent as S;
use clew_domain::workspace::WorkspaceEvent as W;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

macro_rules! actions {
    ($($code:literal $name:ident $slug:literal),* $(,)?) => {
        /// What was done.
        // The words are the documentation.
        #[allow(missing_docs)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Action { $($name = $code),* }

        impl Action {
            /// Every action there is.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its word in the API.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug),* }
            }
        }
    };
}

actions! {
    1 ConversationStarted "conversation_started",
    2 MessageReceived "message_received",
    3 MessageRefused "message_refused",
    4 MessageRedacted "message_redacted",
    5 ReplySent "reply_sent",
    6 DeliveryAccepted "delivery_accepted",
    7 DeliveryFailed "delivery_failed",
    8 DeliveryRetried "delivery_retried",
    9 Assigned "assigned",
    10 Unassigned "unassigned",
    11 Pended "pended",
    12 Resolved "resolved",
    13 BulkResolved "bulk_resolved",
    14 ReturnedToNew "returned_to_new",
    15 NoteAdded "note_added",
    16 NoteEdited "note_edited",
    17 NoteDeleted "note_deleted",
    18 MessageMasked "message_masked",
    19 NoteMasked "note_masked",
    20 AttachmentMasked "attachment_masked",
    21 MessageLiked "message_liked",
    22 MessageUnliked "message_unliked",
    23 ThreadBlocked "thread_blocked",
    24 ThreadUnblocked "thread_unblocked",
    25 TopicAdded "topic_added",
    26 TopicRemoved "topic_removed",
    27 PriorityChanged "priority_changed",
    28 Locked "locked",
    29 LockReleased "lock_released",
    30 LockTakenOver "lock_taken_over",
    31 SlaBreached "sla_breached",
    32 RuleApplied "rule_applied",
    33 RuleHeldBack "rule_held_back",
    101 ContactFirstSeen "contact_first_seen",
    102 ContactIdentityChanged "contact_identity_changed",
    103 ContactAttributeSet "contact_attribute_set",
    104 ContactAttributeRemoved "contact_attribute_removed",
    105 ContactGroupJoined "contact_group_joined",
    106 ContactGroupLeft "contact_group_left",
    107 ContactBlocked "contact_blocked",
    108 ContactUnblocked "contact_unblocked",
    109 ContactMessageRefused "contact_message_refused",
    110 ContactForgotten "contact_forgotten",
    201 SignedIn "signed_in",
    202 SignedOut "signed_out",
    203 AvailabilityChanged "availability_changed",
    204 PreferencesChanged "preferences_changed",
    205 NotificationsRead "notifications_read",
    206 ConversationClaimed "conversation_claimed",
    207 ConversationFreed "conversation_freed",
    208 ConnectionLost "connection_lost",
    209 ConnectionRestored "connection_restored",
    210 BulkBegun "bulk_begun",
    211 BulkEnded "bulk_ended",
    301 WorkspaceCreated "workspace_created",
    302 SettingsChanged "settings_changed",
    303 ChannelConnected "channel_connected",
    304 ChannelChanged "channel_changed",
    305 ChannelDisconnected "channel_disconnected",
    306 ChannelSecretSet "channel_secret_set",
    307 TeamCreated "team_created",
    308 TeamRenamed "team_renamed",
    309 TeamClosed "team_closed",
    310 TeamMemberAdded "team_member_added",
    311 TeamMemberRemoved "team_member_removed",
    312 TopicDefined "topic_defined",
    313 TopicRenamed "topic_renamed",
    314 TopicRetired "topic_retired",
    315 GroupDefined "group_defined",
    316 GroupRenamed "group_renamed",
    317 GroupRetired "group_retired",
    318 AttributeDefined "attribute_defined",
    319 AttributeRetired "attribute_retired",
    320 AwayStatusDefined "away_status_defined",
    321 AwayStatusRenamed "away_status_renamed",
    322 AwayStatusRetired "away_status_retired",
    323 AccountOpened "account_opened",
    324 AccountRenamed "account_renamed",
    325 RolesChanged "roles_changed",
    326 PasswordSet "password_set",
    327 AccountClosed "account_closed",
    328 ChannelRightSet "channel_right_set",
    329 ChannelRightCleared "channel_right_cleared",
    330 TokenIssued "token_issued",
    331 TokenRevoked "token_revoked",
    332 CalendarSet "calendar_set",
    333 CalendarRemoved "calendar_removed",
    334 ChannelCalendarSet "channel_calendar_set",
    335 SlaPolicySet "sla_policy_set",
    336 SlaPoliciesOrdered "sla_policies_ordered",
    337 SlaPolicyRemoved "sla_policy_removed",
    338 RedactionPatternSet "redaction_pattern_set",
    339 RedactionPatternRemoved "redaction_pattern_removed",
    340 RuleSet "rule_set",
    341 RulesOrdered "rules_ordered",
    342 RuleRemoved "rule_removed",
    343 TeamSettingsChanged "team_settings_changed",
    401 CollectionCreated "collection_created",
    402 CollectionRenamed "collection_renamed",
    403 CollectionDeleted "collection_deleted",
    404 SavedReplyAdded "saved_reply_added",
    405 SavedReplyEdited "saved_reply_edited",
    406 SavedReplyDeleted "saved_reply_deleted",
    501 ErasureCompleted "erasure_completed",
    502 DataRead "data_read",
    503 StateDigested "state_digested",
    504 LogMoved "log_moved",
    505 GatewayAdmitted "gateway_admitted",
    506 GatewayDismissed "gateway_dismissed",
}

/// The text names no action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such action")]
pub struct NotAnAction;

impl Action {
    /// What an event says was done.
    pub fn of(event: &Event) -> Self {
        match event {
            Event::Conversation(event) => Self::of_conversation(event),
            Event::Contact(event) => Self::of_contact(event),
            Event::Agent(event) => Self::of_agent(event),
            Event::Workspace(event) => Self::of_workspace(event),
            Event::Collection(event) => Self::of_collection(event),
            Event::Installation(event) => match event {
                I::ErasureCompleted { .. } => Self::ErasureCompleted,
                I::DataRead { .. } => Self::DataRead,
                I::StateDigested(_) => Self::StateDigested,
                I::LogMoved { .. } => Self::LogMoved,
                I::GatewayAdmitted { .. } => Self::GatewayAdmitted,
                I::GatewayDismissed { .. } => Self::GatewayDismissed,
            },
        }
    }

    fn of_conversation(event: &C) -> Self {
        match event {
            C::Started(_) => Self::ConversationStarted,
            C::MessageReceived(_) => Self::MessageReceived,
            C::MessageRefused { .. } => Self::MessageRefused,
            C::MessageRedacted { .. } => Self::MessageRedacted,
            C::ReplySent(_) => Self::ReplySent,
            C::DeliveryAccepted { .. } => Self::DeliveryAccepted,
            C::DeliveryFailed { .. } => Self::DeliveryFailed,
            C::DeliveryRetried { .. } => Self::DeliveryRetried,
            C::Assigned { .. } => Self::Assigned,
            C::Unassigned { .. } => Self::Unassigned,
            C::Pended { .. } => Self::Pended,
            C::Resolved { bulk: None, .. } => Self::Resolved,
            C::Resolved { bulk: Some(_), .. } => Self::BulkResolved,
            C::ReturnedToNew { .. } => Self::ReturnedToNew,
            C::NoteAdded { .. } => Self::NoteAdded,
            C::NoteEdited { .. } => Self::NoteEdited,
            C::NoteDeleted { .. } => Self::NoteDeleted,
            C::MessageMasked { .. } => Self::MessageMasked,
            C::NoteMasked { .. } => Self::NoteMasked,
            C::AttachmentMasked { .. } => Self::AttachmentMasked,
            C::MessageLiked { .. } => Self::MessageLiked,
            C::MessageUnliked { .. } => Self::MessageUnliked,
            C::ThreadBlocked => Self::ThreadBlocked,
            C::ThreadUnblocked => Self::ThreadUnblocked,
            C::TopicAdded { .. } => Self::TopicAdded,
            C::TopicRemoved { .. } => Self::TopicRemoved,
            C::PriorityChanged { .. } => Self::PriorityChanged,
            C::SlaBreached(_) => Self::SlaBreached,
            C::Locked { .. } => Self::Locked,
            C::LockReleased { .. } => Self::LockReleased,
            C::LockTakenOver { .. } => Self::LockTakenOver,
            C::RuleApplied { .. } => Self::RuleApplied,
            C::RuleHeldBack { .. } => Self::RuleHeldBack,
        }
    }

    fn of_contact(event: &P) -> Self {
        match event {
            P::FirstSeen { .. } => Self::ContactFirstSeen,
            P::IdentityChanged { .. } => Self::ContactIdentityChanged,
            P::AttributeSet { .. } => Self::ContactAttributeSet,
            P::AttributeRemoved { .. } => Self::ContactAttributeRemoved,
            P::GroupJoined { .. } => Self::ContactGroupJoined,
            P::GroupLeft { .. } => Self::ContactGroupLeft,
            P::Blocked => Self::ContactBlocked,
            P::Unblocked => Self::ContactUnblocked,
            P::MessageRefused { .. } => Self::ContactMessageRefused,
            P::Forgotten { .. } => Self::ContactForgotten,
        }
    }

    fn of_agent(event: &A) -> Self {
        match event {
            A::SignedIn { .. } => Self::SignedIn,
            A::SignedOut { .. } => Self::SignedOut,
            A::AvailabilityChanged { .. } => Self::AvailabilityChanged,
            A::PreferencesChanged { .. } => Self::PreferencesChanged,
            A::NotificationsRead { .. } => Self::NotificationsRead,
            A::ConversationClaimed { .. } => Self::ConversationClaimed,
            A::ConversationFreed { .. } => Self::ConversationFreed,
            A::ConnectionLost => Self::ConnectionLost,
            A::ConnectionRestored => Self::ConnectionRestored,
            A::BulkBegun { .. } => Self::BulkBegun,
            A::BulkEnded { .. } => Self::BulkEnded,
        }
    }

    fn of_workspace(event: &W) -> Self {
        match event {
            W::WorkspaceCreated { .. } => Self::WorkspaceCreated,
            W::SettingsChanged { .. } => Self::SettingsChanged,
            W::ChannelConnected { .. } => Self::ChannelConnected,
            W::ChannelChanged { .. } => Self::ChannelChanged,
            W::ChannelDisconnected { .. } => Self::ChannelDisconnected,
            W::ChannelSecretSet { .. } => Self::ChannelSecretSet,
            W::TeamCreated { .. } => Self::TeamCreated,
            W::TeamRenamed { .. } => Self::TeamRenamed,
            W::TeamSettingsChanged { .. } => Self::TeamSettingsChanged,
            W::TeamClosed { .. } => Self::TeamClosed,
            W::TeamMemberAdded { .. } => Self::TeamMemberAdded,
            W::TeamMemberRemoved { .. } => Self::TeamMemberRemoved,
            W::TopicDefined { .. } => Self::TopicDefined,
            W::TopicRenamed { .. } => Self::TopicRenamed,
            W::TopicRetired { .. } => Self::TopicRetired,
            W::GroupDefined { .. } => Self::GroupDefined,
            W::GroupRenamed { .. } => Self::GroupRenamed,
            W::GroupRetired { .. } => Self::GroupRetired,
            W::AttributeDefined { .. } => Self::AttributeDefined,
            W::AttributeRetired { .. } => Self::AttributeRetired,
            W::AwayStatusDefined { .. } => Self::AwayStatusDefined,
            W::AwayStatusRenamed { .. } => Self::AwayStatusRenamed,
            W::AwayStatusRetired { .. } => Self::AwayStatusRetired,
            W::CalendarSet { .. } => Self::CalendarSet,
            W::CalendarRemoved { .. } => Self::CalendarRemoved,
            W::ChannelCalendarSet { .. } => Self::ChannelCalendarSet,
            W::SlaPolicySet { .. } => Self::SlaPolicySet,
            W::SlaPoliciesOrdered { .. } => Self::SlaPoliciesOrdered,
            W::SlaPolicyRemoved { .. } => Self::SlaPolicyRemoved,
            W::RedactionPatternSet { .. } => Self::RedactionPatternSet,
            W::RedactionPatternRemoved { .. } => Self::RedactionPatternRemoved,
            W::AccountOpened { .. } => Self::AccountOpened,
            W::AccountRenamed { .. } => Self::AccountRenamed,
            W::RolesChanged { .. } => Self::RolesChanged,
            W::PasswordSet { .. } => Self::PasswordSet,
            W::AccountClosed { .. } => Self::AccountClosed,
            W::ChannelRightSet { .. } => Self::ChannelRightSet,
            W::ChannelRightCleared { .. } => Self::ChannelRightCleared,
            W::TokenIssued { .. } => Self::TokenIssued,
            W::TokenRevoked { .. } => Self::TokenRevoked,
            W::RuleSet { .. } => Self::RuleSet,
            W::RulesOrdered { .. } => Self::RulesOrdered,
            W::RuleRemoved { .. } => Self::RuleRemoved,
        }
    }

    fn of_collection(event: &S) -> Self {
        match event {
            S::CollectionCreated { .. } => Self::CollectionCreated,
            S::CollectionRenamed { .. } => Self::CollectionRenamed,
            S::CollectionDeleted { .. } => Self::CollectionDeleted,
            S::SavedReplyAdded { .. } => Self::SavedReplyAdded,
            S::SavedReplyEdited { .. } => Self::SavedReplyEdited,
            S::SavedReplyDeleted { .. } => Self::SavedReplyDeleted,
        }
    }

    /// The number that stands for it in rows and index keys.
    pub(crate) const fn code(self) -> u16 {
        self as u16
    }

    fn with_code(code: u16) -> Option<Self> {
        let at = Self::ALL.binary_search_by_key(&code, |action| action.code()).ok()?;
        Some(Self::ALL[at])
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

impl FromStr for Action {
    type Err = NotAnAction;
    fn from_str(text: &str) -> Result<Self, NotAnAction> {
        Self::ALL.iter().copied().find(|action| action.slug() == text).ok_or(NotAnAction)
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(self.slug())
        } else {
            serializer.serialize_u16(self.code())
        }
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
        } else {
            Self::with_code(u16::deserialize(deserializer)?).ok_or_else(|| D::Error::custom(NotAnAction))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_action_has_its_own_word_and_code_in_ascending_order() {
        let words: BTreeSet<_> = Action::ALL.iter().map(|action| action.slug()).collect();
        assert_eq!(words.len(), Action::ALL.len());
        assert!(Action::ALL.windows(2).all(|pair| pair[0].code() < pair[1].code()));
        for action in Action::ALL {
            assert_eq!(action.slug().parse(), Ok(*action));
            assert_eq!(Action::with_code(action.code()), Some(*action));
        }
        assert_eq!("everything".parse::<Action>(), Err(NotAnAction));
    }
}
