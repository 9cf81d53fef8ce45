//! A schema to come, as a later Clew may have one, for tests of upgrades; never in a release. Notes are added in a new way.

use super::{CodecError, read_event};
use clew_domain::conversation::ConversationEvent;
use clew_domain::fact::Event;
use clew_domain::ids::StreamKind;

/// Whether readers of the schema before can't understand it.
pub(super) fn is_new(event: &Event) -> bool {
    matches!(event, Event::Conversation(ConversationEvent::NoteAdded { .. }))
}

/// The event as the only field of another.
pub(super) fn encode(event: &Event, out: &mut Vec<u8>) {
    let Event::Conversation(event) = event else { return };
    rmp_serde::encode::write(out, &(event,)).expect("events are plain data, and a Vec takes all of it");
}

pub(super) fn decode(kind: StreamKind, bytes: &[u8]) -> Result<Event, CodecError> {
    let read = read_event::<(ConversationEvent,)>(bytes).filter(|_| kind == StreamKind::Conversation);
    read.map(|(event,)| Event::Conversation(event)).ok_or(CodecError::Event(kind))
}
