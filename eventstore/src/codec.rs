//! A fact as bytes: what lies in the log, and exactly what a leaf of the Merkle tree hashes.
//! Frames, checksums and files are the backends' work; `docs/log.md` shows the layout.
//!
//! All integers are little-endian. The first 64 bytes, the *place*, are filled in by the writer; the rest is
//! encoded by whoever appends, so that the one writer thread only copies and checksums.
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 1 | format of this layout: 1 |
//! | 1 | 1 | kind of stream ([`StreamKind`]) |
//! | 2 | 2 | schema of the event: the first whose readers understand it, [`schema_of`] |
//! | 4 | 2 | partition |
//! | 6 | 1 | kind of actor: 1 agent, 2 contact, 3 rule, 4 system, 5 connector |
//! | 7 | 1 | 1 if there is a causation, otherwise 0 |
//! | 8 | 8 | sequence |
//! | 16 | 16 | stream |
//! | 32 | 8 | version |
//! | 40 | 8 | recorded at, microseconds since 1970, signed |
//! | 48 | 16 | random salt, without which a leaf's hash could be guessed |
//! | 64 | 16 | id of the fact |
//! | 80 | 8 | occurred at |
//! | 88 | 16 | actor, nil for the system |
//! | 104 | 16 | command |
//! | 120 | 16 | causation, nil if there is none |
//! | 136 | 16 | correlation |
//! | 152 | 8 | version of the settings |
//! | 160 | … | the event of that kind of stream, `MessagePack`: variants by name, fields by place |

use crate::msgpack;
use crate::store::{StoreError, limits};
use clew_domain::fact::{Actor, Event, Fact, NewFact, Position};
use clew_domain::ids::{
    AgentId, ChannelId, CommandId, ContactId, CorrelationId, EventId, RuleId, StreamId, StreamKind,
};
use clew_domain::time::Timestamp;
use serde::Serialize;
use uuid::Uuid;

#[cfg(test)]
mod fixtures;
#[cfg(feature = "next-schema")]
mod next;
#[cfg(test)]
pub(crate) mod samples;

/// The layout that is written; a greater one is refused on reading.
pub const FORMAT: u8 = 1;
/// The newest schema of events that is read here. It grows with whatever a reader of the one before can't understand: an
/// event more, a field more, or an event that is written in another way. [`schema_of`] then says which those are.
pub const SCHEMA: u16 = if cfg!(feature = "next-schema") { 2 } else { 1 };
/// Where the id of the stream begins.
pub(crate) const STREAM_AT: usize = 16;
/// Where the event begins.
pub const HEADER_BYTES: usize = 160;

/// Reads an event that was written under an earlier schema.
pub type Upcaster = fn(&[u8]) -> Result<Event, CodecError>;

/// For a schema and a kind of stream, how its events are read today, unless they read like today's.
pub const UPCASTERS: &[(u16, StreamKind, Upcaster)] = &[];

/// The schemas that a reader knows: today's, and how events of the ones before are read.
#[derive(Clone, Copy)]
struct Schemas<'a> {
    today: u16,
    upcasters: &'a [(u16, StreamKind, Upcaster)],
}

const KNOWN: Schemas<'_> = Schemas { today: SCHEMA, upcasters: UPCASTERS };

/// Why bytes are no fact. Says where, never what the bytes were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Fewer bytes than a header has.
    #[error("it has only {0} bytes")]
    TooShort(usize),
    /// Written by a later Clew.
    #[error("it has format {0}, which a newer Clew wrote; this one reads up to {FORMAT}")]
    NewerFormat(u8),
    /// Written by a later Clew.
    #[error("its event has schema {0}, which a newer Clew wrote; this one reads up to {SCHEMA}")]
    NewerSchema(u16),
    /// A field of the header holds what can't be.
    #[error("its {0} is none that there can be")]
    Header(&'static str),
    /// The event's bytes are none of this kind of stream.
    #[error("its event can't be read as one of a stream of kind {0:?}")]
    Event(StreamKind),
}

/// The schema that the event is written under: the first whose readers understand it. So a newer Clew writes what an older
/// one reads, until it writes something that is new.
pub fn schema_of(event: &Event) -> u16 {
    #[cfg(feature = "next-schema")]
    if next::is_new(event) {
        return SCHEMA;
    }
    // All events that there are were there from the start.
    let _ = event;
    1
}

/// Where a fact was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// In the log.
    pub position: Position,
    /// In its stream.
    pub version: u64,
    /// When.
    pub recorded_at: Timestamp,
}

/// The place and stream of an encoded fact, read without decoding its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The stream.
    pub stream: StreamId,
    /// Where it was written.
    pub place: Place,
}

/// Appends the fact's bytes to `out`, its place still blank. Refuses what is over [`limits::FACT_BYTES_MAX`].
pub fn encode_unplaced(stream: StreamId, fact: &NewFact, salt: [u8; 16], out: &mut Vec<u8>) -> Result<(), StoreError> {
    let start = out.len();
    let (actor_kind, actor) = actor_parts(fact.actor);
    let mut header = [0; HEADER_BYTES];
    header[0] = FORMAT;
    header[1] = stream.kind as u8;
    header[2..4].copy_from_slice(&schema_of(&fact.event).to_le_bytes());
    header[6] = actor_kind;
    header[7] = u8::from(fact.causation.is_some());
    header[STREAM_AT..STREAM_AT + 16].copy_from_slice(stream.id.as_bytes());
    header[48..64].copy_from_slice(&salt);
    header[64..80].copy_from_slice(fact.id.0.as_bytes());
    header[80..88].copy_from_slice(&fact.occurred_at.micros().to_le_bytes());
    header[88..104].copy_from_slice(actor.as_bytes());
    header[104..120].copy_from_slice(fact.command.0.as_bytes());
    header[120..136].copy_from_slice(fact.causation.map_or(Uuid::nil(), |id| id.0).as_bytes());
    header[136..152].copy_from_slice(fact.correlation.0.as_bytes());
    header[152..160].copy_from_slice(&fact.settings_version.to_le_bytes());
    out.extend_from_slice(&header);
    encode_event(&fact.event, out);
    let bytes = out.len() - start;
    if bytes > limits::FACT_BYTES_MAX {
        out.truncate(start);
        return Err(StoreError::Invalid(format!(
            "a fact of {stream} has {bytes} bytes, over {}",
            limits::FACT_BYTES_MAX
        )));
    }
    Ok(())
}

/// Fills in the place of an encoded fact.
pub fn fill_in_place(bytes: &mut [u8], place: Place) {
    fill_in_position(bytes, place.position);
    bytes[32..40].copy_from_slice(&place.version.to_le_bytes());
    bytes[40..48].copy_from_slice(&place.recorded_at.micros().to_le_bytes());
}

/// Fills in where in the log an encoded fact stands, and leaves all else as it is.
pub(crate) fn fill_in_position(bytes: &mut [u8], position: Position) {
    bytes[4..6].copy_from_slice(&position.partition.to_le_bytes());
    bytes[8..16].copy_from_slice(&position.sequence.to_le_bytes());
}

/// The bytes of a fact: the same fact and salt give the same bytes.
pub fn encode(fact: &Fact, salt: [u8; 16]) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + 256);
    encode_unplaced(fact.stream, &fact.body, salt, &mut bytes)?;
    let place = Place { position: fact.position, version: fact.version, recorded_at: fact.recorded_at };
    fill_in_place(&mut bytes, place);
    Ok(bytes)
}

/// The fact that these bytes are.
pub fn decode(bytes: &[u8]) -> Result<Fact, CodecError> {
    decode_knowing(KNOWN, bytes)
}

fn decode_knowing(schemas: Schemas<'_>, bytes: &[u8]) -> Result<Fact, CodecError> {
    let Some((header, event)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(CodecError::TooShort(bytes.len()));
    };
    let Header { stream, place } = header_of(header)?;
    let causation = uuid(header, 120);
    let causation = match header[7] {
        0 if causation.is_nil() => None,
        1 => Some(EventId(causation)),
        _ => return Err(CodecError::Header("causation")),
    };
    let body = NewFact {
        id: EventId(uuid(header, 64)),
        occurred_at: timestamp(header, 80, "time of occurrence")?,
        actor: actor_of(header[6], uuid(header, 88))?,
        command: CommandId(uuid(header, 104)),
        causation,
        correlation: CorrelationId(uuid(header, 136)),
        settings_version: u64::from_le_bytes(array(header, 152)),
        event: decode_event(schemas, u16::from_le_bytes(array(header, 2)), stream.kind, event)?,
    };
    Ok(Fact { position: place.position, stream, version: place.version, recorded_at: place.recorded_at, body })
}

/// The stream and place of an encoded fact.
pub fn decode_header(bytes: &[u8]) -> Result<Header, CodecError> {
    let header = bytes.first_chunk::<HEADER_BYTES>().ok_or(CodecError::TooShort(bytes.len()))?;
    header_of(header)
}

fn header_of(header: &[u8; HEADER_BYTES]) -> Result<Header, CodecError> {
    if header[0] > FORMAT {
        return Err(CodecError::NewerFormat(header[0]));
    }
    if header[0] == 0 {
        return Err(CodecError::Header("format"));
    }
    let kind = StreamKind::from_byte(header[1]).ok_or(CodecError::Header("kind of stream"))?;
    let position =
        Position { partition: u16::from_le_bytes(array(header, 4)), sequence: u64::from_le_bytes(array(header, 8)) };
    let place = Place {
        position,
        version: u64::from_le_bytes(array(header, 32)),
        recorded_at: timestamp(header, 40, "time of recording")?,
    };
    Ok(Header { stream: StreamId { kind, id: uuid(header, STREAM_AT) }, place })
}

fn encode_event(event: &Event, out: &mut Vec<u8>) {
    fn write<T: Serialize>(event: &T, out: &mut Vec<u8>) {
        rmp_serde::encode::write(out, event).expect("events are plain data, and a Vec takes all of it");
    }
    #[cfg(feature = "next-schema")]
    if next::is_new(event) {
        return next::encode(event, out);
    }
    match event {
        Event::Conversation(event) => write(event, out),
        Event::Contact(event) => write(event, out),
        Event::Agent(event) => write(event, out),
        Event::Workspace(event) => write(event, out),
        Event::Collection(event) => write(event, out),
        Event::Installation(event) => write(event, out),
    }
}

fn decode_event(schemas: Schemas<'_>, schema: u16, kind: StreamKind, bytes: &[u8]) -> Result<Event, CodecError> {
    if schema != schemas.today {
        if schema > schemas.today {
            return Err(CodecError::NewerSchema(schema));
        }
        if schema == 0 {
            return Err(CodecError::Header("schema"));
        }
        if let Some((.., upcast)) = schemas.upcasters.iter().find(|(from, of, _)| (*from, *of) == (schema, kind)) {
            return upcast(bytes);
        }
    }
    #[cfg(feature = "next-schema")]
    if schema == SCHEMA {
        return next::decode(kind, bytes);
    }
    let event = match kind {
        StreamKind::Conversation => read_event(bytes).map(Event::Conversation),
        StreamKind::Contact => read_event(bytes).map(Event::Contact),
        StreamKind::Agent => read_event(bytes).map(Event::Agent),
        StreamKind::Workspace => read_event(bytes).map(Event::Workspace),
        StreamKind::Collection => read_event(bytes).map(Event::Collection),
        StreamKind::Installation => read_event(bytes).map(Event::Installation),
    };
    event.ok_or(CodecError::Event(kind))
}

/// An event that takes up all of `bytes`.
fn read_event<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    msgpack::from_slice(bytes).ok()
}

fn actor_parts(actor: Actor) -> (u8, Uuid) {
    match actor {
        Actor::Agent(id) => (1, id.0),
        Actor::Contact(id) => (2, id.0),
        Actor::Rule(id) => (3, id.0),
        Actor::System => (4, Uuid::nil()),
        Actor::Connector(id) => (5, id.0),
    }
}

fn actor_of(kind: u8, id: Uuid) -> Result<Actor, CodecError> {
    match kind {
        1 => Ok(Actor::Agent(AgentId(id))),
        2 => Ok(Actor::Contact(ContactId(id))),
        3 => Ok(Actor::Rule(RuleId(id))),
        4 if id.is_nil() => Ok(Actor::System),
        5 => Ok(Actor::Connector(ChannelId(id))),
        _ => Err(CodecError::Header("actor")),
    }
}

fn array<const N: usize>(header: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    header[at..at + N].try_into().expect("fields lie within the header")
}

fn uuid(header: &[u8; HEADER_BYTES], at: usize) -> Uuid {
    Uuid::from_bytes(array(header, at))
}

fn timestamp(header: &[u8; HEADER_BYTES], at: usize, what: &'static str) -> Result<Timestamp, CodecError> {
    let micros = i64::from_le_bytes(array(header, at));
    let kept = Timestamp::from_micros(micros);
    if kept.micros() == micros { Ok(kept) } else { Err(CodecError::Header(what)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;
    use clew_domain::workspace::{Settings, WhenAgentLeaves, WorkspaceEvent};
    use proptest::prelude::*;

    fn sample(n: u64) -> Fact {
        let position = Position { partition: 3, sequence: n + 1 };
        let (stream, recorded_at) = (conformance::stream(n), Timestamp::from_micros(77));
        Fact { position, stream, version: 9, recorded_at, body: conformance::fact(n) }
    }

    #[test]
    fn facts_round_trip_and_their_header_reads_alone() {
        for n in 0..12 {
            let fact = sample(n);
            let bytes = encode(&fact, [5; 16]).expect("a small fact");
            assert_eq!(decode(&bytes).as_ref(), Ok(&fact));
            let place = Place { position: fact.position, version: 9, recorded_at: fact.recorded_at };
            assert_eq!(decode_header(&bytes), Ok(Header { stream: fact.stream, place }));
            assert_eq!(bytes[48..64], [5; 16]);
        }
    }

    #[test]
    fn what_a_newer_clew_wrote_is_named_as_such() {
        let mut bytes = encode(&sample(1), [0; 16]).expect("a small fact");
        bytes[0] = FORMAT + 1;
        assert_eq!(decode(&bytes), Err(CodecError::NewerFormat(FORMAT + 1)));
        bytes[0] = FORMAT;
        bytes[2..4].copy_from_slice(&(SCHEMA + 1).to_le_bytes());
        assert_eq!(decode(&bytes), Err(CodecError::NewerSchema(SCHEMA + 1)));
    }

    #[test]
    fn bytes_behind_the_event_and_bytes_that_lack_are_refused() {
        let bytes = encode(&sample(1), [0; 16]).expect("a small fact");
        for behind in 0..=u8::MAX {
            let longer = [&bytes[..], &[behind]].concat();
            assert_eq!(decode(&longer), Err(CodecError::Event(StreamKind::Conversation)), "{behind}");
        }
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn events_of_an_earlier_schema_are_read_by_what_upcasts_them() {
        fn renamed(bytes: &[u8]) -> Result<Event, CodecError> {
            let name: String = rmp_serde::from_slice(bytes).map_err(|_| CodecError::Event(StreamKind::Workspace))?;
            Ok(Event::Workspace(WorkspaceEvent::WorkspaceCreated { name }))
        }
        let later = Schemas { today: 2, upcasters: &[(1, StreamKind::Workspace, renamed)] };
        let conversation = encode(&sample(1), [0; 16]).expect("a small fact");
        assert_eq!(decode_knowing(later, &conversation), Ok(sample(1)), "what no change touched reads as ever");
        let mut old = conversation[..HEADER_BYTES].to_vec();
        old[1] = StreamKind::Workspace as u8;
        old.extend(rmp_serde::to_vec("Harbour").expect("a text"));
        let upcast = decode_knowing(later, &old).expect("upcast").body.event;
        assert_eq!(upcast, Event::Workspace(WorkspaceEvent::WorkspaceCreated { name: "Harbour".into() }));
        assert_eq!(decode(&old), Err(CodecError::Event(StreamKind::Workspace)), "today nothing was written so");
        old[2] = 0;
        assert_eq!(decode_knowing(later, &old), Err(CodecError::Header("schema")));
        old[2] = 3;
        assert_eq!(decode_knowing(later, &old), Err(CodecError::NewerSchema(3)));
    }

    #[test]
    fn a_field_that_came_later_has_its_default_in_older_facts() {
        let mut old = encode(&sample(1), [0; 16]).expect("a small fact")[..HEADER_BYTES].to_vec();
        old[1] = StreamKind::Workspace as u8;
        // A variant by name, its fields by place: settings before `when_agent_leaves` was one of them.
        let settings: ((bool, bool, u16, u32),) = ((true, false, 7, 90),);
        old.extend(
            rmp_serde::to_vec(&std::collections::BTreeMap::from([("SettingsChanged", settings)])).expect("plain"),
        );
        let settings = Settings {
            agents_may_mask: true,
            first_response_assigns: false,
            conversations_per_agent_max: 7,
            lock_grace_s: 90,
            when_agent_leaves: WhenAgentLeaves::HandOver,
        };
        let event = decode(&old).expect("it reads").body.event;
        assert_eq!(event, Event::Workspace(WorkspaceEvent::SettingsChanged { settings }));
    }

    proptest! {
        #[test]
        fn any_bytes_decode_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn a_changed_fact_is_another_fact_or_none(at in 0_usize..600, to in any::<u8>(), n in 0_u64..6) {
            let fact = sample(n);
            let mut bytes = encode(&fact, [0; 16]).expect("a small fact");
            let at = at % bytes.len();
            prop_assume!(bytes[at] != to);
            bytes[at] = to;
            // The salt and the schema are no part of what a fact says.
            if let Ok(decoded) = decode(&bytes) && !(48..64).contains(&at) {
                prop_assert_ne!(decoded, fact);
            }
        }
    }
}
