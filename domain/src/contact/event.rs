//! What can happen to a contact.

use crate::content::{ContactNumber, ContentId, ContentRef};
use crate::ids::{ChannelId, GroupId, MessageId};
use serde::{Deserialize, Serialize};

/// An event of a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContactEvent {
    /// The contact wrote to us for the first time.
    FirstSeen {
        /// The number under which their contents are sealed.
        number: ContactNumber,
        /// On which channel.
        channel: ChannelId,
        /// How often a contact with this handle was forgotten before.
        generation: u32,
        /// The handle and display name; a [`crate::plaintext::ContactIdentity`].
        identity: ContentRef,
    },
    /// The channel told another display name.
    IdentityChanged {
        /// The new one.
        identity: ContentRef,
        /// What is erased.
        erased: ContentId,
    },
    /// An attribute was filled.
    AttributeSet {
        /// Which attribute.
        key: AttributeKey,
        /// Its value; a [`crate::plaintext::AttributeValue`].
        value: ContentRef,
        /// The value before, which is erased.
        erased: Option<ContentId>,
    },
    /// An attribute was emptied.
    AttributeRemoved {
        /// Which attribute.
        key: AttributeKey,
        /// What is erased.
        erased: ContentId,
    },
    /// The contact was put into a group.
    GroupJoined {
        /// The group.
        group: GroupId,
    },
    /// The contact was taken out of a group.
    GroupLeft {
        /// The group.
        group: GroupId,
    },
    /// Further messages of the contact are refused.
    Blocked,
    /// Messages of the contact are taken in again.
    Unblocked,
    /// A message of the blocked contact was not taken in.
    MessageRefused {
        /// The message.
        message: MessageId,
    },
    /// All contents of the contact are erased for good; the facts stay.
    Forgotten {
        /// The number that is punctured.
        number: ContactNumber,
    },
}

/// The key of a contact attribute: lower-case letters, digits and `_`, at most 64 of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
#[serde(try_from = "String", into = "String")]
pub struct AttributeKey(String);

/// A text that can't be an attribute's key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an attribute's key is 1 to 64 lower-case letters, digits or '_', and starts with a letter")]
pub struct NotAnAttributeKey;

impl TryFrom<String> for AttributeKey {
    type Error = NotAnAttributeKey;
    fn try_from(text: String) -> Result<Self, NotAnAttributeKey> {
        let sound = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase());
        if starts_well && text.len() <= 64 && text.chars().all(sound) { Ok(Self(text)) } else { Err(NotAnAttributeKey) }
    }
}

impl From<AttributeKey> for String {
    fn from(key: AttributeKey) -> Self {
        key.0
    }
}

impl std::str::FromStr for AttributeKey {
    type Err = NotAnAttributeKey;
    fn from_str(text: &str) -> Result<Self, NotAnAttributeKey> {
        text.to_owned().try_into()
    }
}

impl AttributeKey {
    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
