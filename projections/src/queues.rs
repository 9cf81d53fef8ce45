//! What there is to do: the conversations of each queue, in order, filtered, counted. Names and texts are not here.

mod index;
mod query;
mod row;

pub use query::{Counts, Filter, Order, Owner};
pub use row::{LastMessage, Row};

use crate::key::Key;
use crate::projection::{FoldError, Projection};
use crate::reader::Reader;
use crate::rows::Rows;
use clew_domain::conversation::ConversationEvent;
use clew_domain::fact::{Event, Fact};
use clew_domain::ids::ConversationId;

/// The projection.
pub struct Queues;

/// Answers what there is to do; cheap to clone.
pub type QueueReader = Reader<Queues>;

fn row_key(conversation: ConversationId) -> Key {
    Key::of(b'R').id(conversation.0)
}

impl Projection for Queues {
    const NAME: &'static str = "queues";
    const VERSION: u32 = 2;

    fn fold(rows: &mut Rows, fact: &Fact) -> Result<(), FoldError> {
        let Event::Conversation(event) = &fact.event else { return Ok(()) };
        let conversation = ConversationId(fact.stream.id);
        let key = row_key(conversation);
        if let ConversationEvent::Started(started) = event {
            let row = Row::begun(conversation, started, fact);
            index::enter(rows, &row)?;
            rows.put(&key, row);
            return Ok(());
        }
        let mut row = rows.take::<Row>(&key)?.ok_or(FoldError::Unexpected("a conversation that has not begun"))?;
        let before = index::Place::of(&row);
        row.apply(event, fact);
        index::move_on(rows, &before, &row)?;
        rows.put(&key, row);
        Ok(())
    }
}
