//! What there is to do: the conversations of each queue, in order, filtered, counted. Names and texts are not here.

mod desk;
mod index;
mod list;
mod query;
mod row;

pub use query::{Counts, Filter, Order, Owner};
pub use row::{LastMessage, Row};

use crate::derived::Derive;
use crate::key::Key;
use crate::projection::{FoldError, Projection};
use crate::reader::Reader;
use crate::rows::Rows;
use clew_domain::conversation::{ConversationEvent, Queue};
use clew_domain::fact::{Event, Fact};
use clew_domain::ids::ConversationId;

/// The projection.
pub struct Queues;

/// Answers what there is to do; cheap to clone.
pub type QueueReader = Reader<Queues>;

/// The table of conversations that are open: all of them are looked at on a start.
const OPEN: u8 = b'R';

/// The table of those that are resolved.
const RESOLVED: u8 = b'Z';

fn open_key(conversation: ConversationId) -> Key {
    Key::of(OPEN).id(conversation.0)
}

fn resolved_key(conversation: ConversationId) -> Key {
    Key::of(RESOLVED).id(conversation.0)
}

impl Projection for Queues {
    const NAME: &'static str = "queues";
    const VERSION: u32 = 3;
    const DERIVE: Option<Derive> = Some(desk::Desk::derive);

    fn fold(rows: &mut Rows, fact: &Fact) -> Result<(), FoldError> {
        let Event::Conversation(event) = &fact.event else { return Ok(()) };
        let conversation = ConversationId(fact.stream.id);
        let open = open_key(conversation);
        if let ConversationEvent::Started(started) = event {
            rows.put(&open, Row::begun(conversation, started, fact));
            return Ok(());
        }
        let resolved = resolved_key(conversation);
        let found = match rows.take::<Row>(&open)? {
            None => rows.take::<Row>(&resolved)?,
            found => found,
        };
        let mut row = found.ok_or(FoldError::Unexpected("a conversation that has not begun"))?;
        let before = index::Place::of(&row);
        row.apply(event, fact);
        index::move_on(rows, before.as_ref(), index::Place::of(&row).as_ref())?;
        rows.put(if row.queue == Queue::Resolved { &resolved } else { &open }, row);
        Ok(())
    }
}
