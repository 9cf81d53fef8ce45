//! What a channel may tell: its limits, and what is said when they are passed.

use super::{ChannelMessage, IngestError, ThreadName};

/// Characters (Unicode scalar values) of a message's text at most.
pub const TEXT_CHARS_MAX: usize = 20_000;
/// Characters of an identifier of the channel at most: of a message, a thread, a contact.
pub const EXTERNAL_ID_CHARS_MAX: usize = 512;
/// Characters of a display name at most.
pub const NAME_CHARS_MAX: usize = 256;
/// Characters of a link at most.
pub const LINK_CHARS_MAX: usize = 2_048;
/// Attachments of one message at most.
pub const ATTACHMENTS_MAX: usize = 10;

/// Refuses a message that no channel should tell of.
pub(super) fn check(message: &ChannelMessage) -> Result<(), IngestError> {
    filled("id", &message.id)?;
    filled("contact.handle", &message.contact.handle)?;
    let thread = match &message.thread {
        Some(ThreadName::Named(name)) => name,
        Some(ThreadName::Known(_)) | None => "",
    };
    let optional = |text: &'_ Option<String>| text.clone().unwrap_or_default();
    sized("id", &message.id, EXTERNAL_ID_CHARS_MAX)?;
    sized("contact.handle", &message.contact.handle, EXTERNAL_ID_CHARS_MAX)?;
    sized("contact.name", &optional(&message.contact.name), NAME_CHARS_MAX)?;
    sized("author", &optional(&message.author), NAME_CHARS_MAX)?;
    sized("thread", thread, EXTERNAL_ID_CHARS_MAX)?;
    sized("answers", &optional(&message.answers), EXTERNAL_ID_CHARS_MAX)?;
    sized("text", &message.text, TEXT_CHARS_MAX)?;
    let link = optional(&message.link);
    sized("link", &link, LINK_CHARS_MAX)?;
    if !(link.is_empty() || link.starts_with("https://") || link.starts_with("http://")) {
        return Err(invalid("link must begin with https:// or http://"));
    }
    if message.attachments.len() > ATTACHMENTS_MAX {
        return Err(invalid(format!("at most {ATTACHMENTS_MAX} attachments are taken with a message")));
    }
    if message.text.is_empty() && message.attachments.is_empty() {
        return Err(invalid("text is empty and there is no attachment; give one of them"));
    }
    Ok(())
}

fn sized(field: &str, text: &str, max: usize) -> Result<(), IngestError> {
    let chars = text.chars().count();
    if chars <= max { Ok(()) } else { Err(invalid(format!("{field} has {chars} characters; at most {max} are taken"))) }
}

fn filled(field: &str, text: &str) -> Result<(), IngestError> {
    if text.is_empty() { Err(invalid(format!("{field} is empty; give the channel's own"))) } else { Ok(()) }
}

fn invalid(why: impl Into<String>) -> IngestError {
    IngestError::Invalid(why.into())
}
