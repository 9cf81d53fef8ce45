//! Who did what, when, and because of what: one entry for each fact, over the whole workspace.

mod detail;
mod places;
mod query;

pub use detail::{Change, Object, Value};
pub use query::{Filter, Order};

use crate::action::Action;
use crate::key::Key;
use crate::projection::{FoldError, Projection};
use crate::reader::Reader;
use crate::rows::Rows;
use clew_domain::fact::{Actor, Event, Fact, Position};
use clew_domain::ids::{BulkId, CommandId, ContactId, CorrelationId, EventId, StreamId};
use clew_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The projection.
pub struct Audit;

/// Answers who did what; cheap to clone.
pub type AuditReader = Reader<Audit>;

/// One fact, as auditors read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where the fact stands.
    pub position: Position,
    /// Its id.
    pub event_id: EventId,
    /// When it happened.
    pub at: Timestamp,
    /// When it was written down.
    pub recorded_at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// What was done.
    pub action: Action,
    /// The stream that it is in: whose history it is part of.
    pub stream: StreamId,
    /// Its place in that stream.
    pub version: u64,
    /// The contact whom it concerns, if one.
    pub contact: Option<ContactId>,
    /// What it was done to.
    pub object: Object,
    /// What it changed.
    pub changes: Vec<Change>,
    /// The fact that led to it, if one did.
    pub cause: Option<EventId>,
    /// What it belongs to.
    pub correlation: CorrelationId,
    /// The bulk act that it is a line of.
    pub bulk: Option<BulkId>,
    /// The command that it followed from.
    pub command: CommandId,
    /// The version of the settings under which it was decided.
    pub settings_version: u64,
}

/// What entries are listed by.
#[derive(Clone, Copy)]
enum Scope {
    Stream(StreamId),
    Contact(ContactId),
    Actor(Actor),
    Action(Action),
}

fn scope_key(scope: Scope) -> Key {
    match scope {
        Scope::Stream(stream) => Key::of(b'S').byte(stream.kind as u8).id(stream.id),
        Scope::Contact(contact) => Key::of(b'P').id(contact.0),
        Scope::Actor(Actor::Agent(agent)) => Key::of(b'A').byte(b'a').id(agent.0),
        Scope::Actor(Actor::Contact(contact)) => Key::of(b'A').byte(b'c').id(contact.0),
        Scope::Actor(Actor::Rule(rule)) => Key::of(b'A').byte(b'r').id(rule.0),
        Scope::Actor(Actor::System) => Key::of(b'A').byte(b's').id(uuid::Uuid::nil()),
        Scope::Actor(Actor::Connector(channel)) => Key::of(b'A').byte(b'n').id(channel.0),
        Scope::Action(action) => Key::of(b'D').u16(action.code()),
    }
}

/// Entries themselves, in order of time.
fn entries_key() -> Key {
    Key::of(b'E')
}

/// Bytes of an entry's place: when it was recorded, then its position.
const PLACE_BYTES: usize = 8 + 2 + 8;

impl Projection for Audit {
    const NAME: &'static str = "audit";
    const VERSION: u32 = 4;

    fn fold(rows: &mut Rows, fact: &Fact) -> Result<(), FoldError> {
        let detail = detail::of(rows, fact)?;
        let action = Action::of(&fact.event);
        let entry = Entry {
            position: fact.position,
            event_id: fact.id,
            at: fact.occurred_at,
            recorded_at: fact.recorded_at,
            actor: fact.actor,
            action,
            stream: fact.stream,
            version: fact.version,
            contact: detail.contact,
            object: detail.object,
            changes: detail.changes,
            cause: fact.causation,
            correlation: fact.correlation,
            bulk: bulk_of(&fact.event),
            command: fact.command,
            settings_version: fact.settings_version,
        };
        let contact = entry.contact.map(Scope::Contact);
        let scopes = [Scope::Stream(fact.stream), Scope::Actor(fact.actor), Scope::Action(action)];
        for scope in scopes.into_iter().chain(contact) {
            places::append(rows, scope, fact)?;
        }
        rows.write_once(&entries_key().bytes(&places::place_of(fact)), &entry)
    }
}

fn bulk_of(event: &Event) -> Option<BulkId> {
    use clew_domain::conversation::ConversationEvent as E;
    if let Event::Conversation(E::Resolved { bulk, .. }) = event { *bulk } else { None }
}
