//! What is written or set beside the messages: notes, likes, and what is masked of an attachment.

use super::{Decision, Rejection, known_note, only_if, unmasked_message};
use crate::content::ContentRef;
use crate::conversation::event::{ConversationEvent as E, Visibility};
use crate::conversation::state::{Direction, State, attachment_contents};
use crate::ids::{AttachmentId, MessageId, NoteId};

pub(super) fn add_note(state: &State, note: NoteId, content: ContentRef, on: Option<MessageId>) -> Decision {
    if let Some(message) = on {
        unmasked_message(state, message)?;
    }
    Ok(only_if(!state.notes.contains_key(&note), E::NoteAdded { note, content, on }))
}

pub(super) fn edit_note(state: &State, note: NoteId, content: ContentRef) -> Decision {
    let known = known_note(state, note)?;
    if known.masked {
        return Err(Rejection::MaskedNote(note));
    }
    let event = E::NoteEdited { note, content, erased: known.content.id };
    Ok(only_if(known.content != content, event))
}

pub(super) fn mask_attachment(state: &State, message: MessageId, attachment: AttachmentId) -> Decision {
    let known = unmasked_message(state, message)?;
    let found = known.attachments.iter().find(|found| found.id == attachment);
    let found = found.ok_or(Rejection::UnknownAttachment(attachment))?;
    Ok(vec![E::AttachmentMasked { message, attachment, erased: attachment_contents(found).to_vec() }])
}

pub(super) fn like(state: &State, message: MessageId, liked: bool) -> Decision {
    let known = unmasked_message(state, message)?;
    if known.direction != Direction::In {
        return Err(Rejection::NotFromContact(message));
    }
    if known.visibility != Visibility::Public {
        return Err(Rejection::NotPublic(message));
    }
    let event = if liked { E::MessageLiked { message } } else { E::MessageUnliked { message } };
    Ok(only_if(known.liked != liked, event))
}
