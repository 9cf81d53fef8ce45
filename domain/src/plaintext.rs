//! What is inside sealed contents: the only shapes that hold what a person wrote.
//! They live in memory on their way in or out and are never part of an event.

use serde::{Deserialize, Serialize};

/// A message, in or out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// What it says.
    pub text: String,
    /// Where it can be read in public.
    pub link: Option<String>,
    /// What the channel calls it.
    pub external_id: Option<String>,
    /// Who wrote it, as the channel shows them; none for the contact of the conversation and for our agents.
    pub author: Option<String>,
}

/// What a channel said of a reply that it took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// What the channel calls the reply.
    pub external_id: Option<String>,
    /// Where it can be read in public.
    pub link: Option<String>,
}

/// An internal note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What it says.
    pub text: String,
}

/// An attachment, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachmentLabel {
    /// The file's name.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Its size.
    pub size_bytes: u64,
}

/// Who a contact is on a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactIdentity {
    /// The handle by which the channel knows them.
    pub handle: String,
    /// How the channel shows them.
    pub name: Option<String>,
}

/// The value of a contact attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeValue {
    /// The value, as text.
    pub text: String,
}

/// A saved reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedReply {
    /// What it is found by.
    pub title: String,
    /// What is put into the reply box; `{first_name}` and the like stand for contact attributes.
    pub text: String,
}

/// A password hash or a signing secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// The secret.
    pub secret: String,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}
