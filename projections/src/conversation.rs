//! What was said in a conversation, and what it is about: its header, its messages and notes in the order in which
//! they came, and the conversations before it. Texts are referred to, never held.

mod fold;
mod row;

pub use row::{Delivery, DeliveryState, Entry, Header, Masked, Message, Note, ShownAttachment};

use crate::key::Key;
use crate::projection::{FoldError, Projection};
use crate::reader::{QueryError, Reader, View};
use crate::rows::Rows;
use crate::table::Table;
use clew_domain::derive;
use clew_domain::fact::{Event, Fact};
use clew_domain::ids::{ConversationId, MessageId, NoteId};
use clew_eventstore::cursor::Cursor;

/// The projection.
pub struct Conversations;

/// Answers what was said; cheap to clone.
pub type ConversationReader = Reader<Conversations>;

/// Earlier conversations of a thread shown at most, the latest ones.
pub const EARLIER_MAX: u32 = 50;

/// A conversation as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// What it is about.
    pub header: Header,
    /// Messages and notes in the order in which they came to us.
    pub entries: Vec<Entry>,
    /// The conversations before it in the thread, the latest first; those that are known here.
    pub earlier: Vec<Header>,
}

fn header_key(conversation: ConversationId) -> Key {
    Key::of(b'H').id(conversation.0)
}

fn entry_key(conversation: ConversationId, version: u64) -> Key {
    Key::of(b'E').id(conversation.0).u64(version)
}

fn message_key(conversation: ConversationId, message: MessageId) -> Key {
    Key::of(b'M').id(conversation.0).id(message.0)
}

fn note_key(conversation: ConversationId, note: NoteId) -> Key {
    Key::of(b'N').id(conversation.0).id(note.0)
}

impl Projection for Conversations {
    const NAME: &'static str = "conversation";
    const VERSION: u32 = 1;

    fn fold(rows: &mut Rows, fact: &Fact) -> Result<(), FoldError> {
        let Event::Conversation(event) = &fact.event else { return Ok(()) };
        fold::fold(rows, ConversationId(fact.stream.id), event, fact)
    }
}

impl ConversationReader {
    /// What a conversation is about.
    pub fn header(&self, conversation: ConversationId) -> Result<Option<Header>, QueryError> {
        self.read(|view| view.get(header_key(conversation)))
    }

    /// The whole conversation.
    pub fn show(&self, conversation: ConversationId) -> Result<Option<Shown>, QueryError> {
        self.read(|view| {
            let Some(header) = view.get::<Header>(header_key(conversation))? else { return Ok(None) };
            let entries = entries(view, conversation)?;
            let earlier = earlier(view, &header)?;
            Ok(Some(Shown { header, entries, earlier }))
        })
    }

    /// One message.
    pub fn message(&self, conversation: ConversationId, message: MessageId) -> Result<Option<Message>, QueryError> {
        self.read(|view| {
            let Some(version) = view.get::<u64>(message_key(conversation, message))? else { return Ok(None) };
            match view.get(entry_key(conversation, version))? {
                Some(Entry::Message(message)) => Ok(Some(message)),
                Some(Entry::Note(_)) | None => Err(view.damaged()),
            }
        })
    }

    /// One note; none if it was deleted.
    pub fn note(&self, conversation: ConversationId, note: NoteId) -> Result<Option<Note>, QueryError> {
        self.read(|view| {
            let Some(version) = view.get::<u64>(note_key(conversation, note))? else { return Ok(None) };
            match view.get(entry_key(conversation, version))? {
                Some(Entry::Note(note)) => Ok(Some(note)),
                Some(Entry::Message(_)) | None => Err(view.damaged()),
            }
        })
    }

    /// What these facts alone tell, for looking at a conversation as it was: `facts` are those of its stream, and of
    /// others if they are to be shown beside it, up to the instant.
    pub fn of_facts<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Result<Self, FoldError> {
        let mut rows = Rows::over(Table::memory());
        let mut cursor = Cursor::default();
        for fact in facts {
            Conversations::fold(&mut rows, fact)?;
            cursor.advance(fact.position);
        }
        let table = Table::memory();
        table.save(rows.changes()?, &cursor)?;
        Ok(Self::still(table, cursor))
    }
}

fn entries(view: &View<'_>, conversation: ConversationId) -> Result<Vec<Entry>, QueryError> {
    let found = view.prefix(Key::of(b'E').id(conversation.0), false);
    found.map(|entry| view.decode(&entry?.1)).collect()
}

fn earlier(view: &View<'_>, header: &Header) -> Result<Vec<Header>, QueryError> {
    let numbers = (1..header.started.number).rev().take(EARLIER_MAX as usize);
    let ids = numbers.map(|number| derive::conversation(header.started.thread, number));
    ids.filter_map(|id| view.get(header_key(id)).transpose()).collect()
}
