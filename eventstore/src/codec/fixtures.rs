//! Golden bytes: for every variant of every event a fact as it was once written, with what it says, in
//! `eventstore/fixtures/`. They are never edited. `docs/how-to/add-event.md` says how a new one is made.

use super::samples::of_each_variant;
use super::{decode, encode};
use clew_domain::agent::AgentEvent;
use clew_domain::contact::ContactEvent;
use clew_domain::conversation::ConversationEvent;
use clew_domain::fact::{Actor, Event, Fact, NewFact, Position};
use clew_domain::ids::{AgentId, ChannelId, CommandId, ContactId, CorrelationId, EventId, RuleId, StreamId};
use clew_domain::installation::InstallationEvent;
use clew_domain::saved_reply::CollectionEvent;
use clew_domain::time::Timestamp;
use clew_domain::workspace::WorkspaceEvent;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use uuid::Uuid;

const SALT: [u8; 16] = [0x5a; 16];
/// Set, it lets the test write the fixtures that lack.
const WRITE: &str = "CLEW_WRITE_FIXTURES";

/// A file of `eventstore/fixtures/`.
#[derive(Serialize, Deserialize)]
struct Fixture {
    /// The fact's bytes, in hexadecimal.
    bytes: String,
    /// What it says.
    fact: Value,
}

/// A sample of every event, by the folder of its kind and its name.
fn samples() -> BTreeMap<(&'static str, &'static str), Event> {
    macro_rules! of {
        ($($folder:literal: $wrap:path, $event:ty;)*) => {
            [$(of_each_variant::<$event>().into_iter().map(|(name, event)| (($folder, name), $wrap(event))).collect()),*]
        };
    }
    let kinds: [Vec<_>; 6] = of! {
        "conversation": Event::Conversation, ConversationEvent;
        "contact": Event::Contact, ContactEvent;
        "agent": Event::Agent, AgentEvent;
        "workspace": Event::Workspace, WorkspaceEvent;
        "collection": Event::Collection, CollectionEvent;
        "installation": Event::Installation, InstallationEvent;
    };
    kinds.into_iter().flatten().collect()
}

/// A fact with this event; who did it differs from one to the next.
fn fact(number: usize, event: Event) -> Fact {
    let id = |high: u128| Uuid::from_u128((high << 96) | 0x0102_0304_0506);
    let actors = [
        Actor::Agent(AgentId(id(1))),
        Actor::Contact(ContactId(id(2))),
        Actor::Rule(RuleId(id(3))),
        Actor::System,
        Actor::Connector(ChannelId(id(4))),
    ];
    Fact {
        position: Position { partition: 0, sequence: 1_000 + number as u64 },
        stream: StreamId { kind: event.stream_kind(), id: id(5) },
        version: 3,
        recorded_at: Timestamp::from_micros(1_790_000_001_000_000),
        body: NewFact {
            id: EventId(id(6)),
            occurred_at: Timestamp::from_micros(1_790_000_000_000_000),
            actor: actors[number % actors.len()],
            command: CommandId(id(7)),
            causation: (number % 2 == 1).then(|| EventId(id(8))),
            correlation: CorrelationId(id(9)),
            settings_version: 12,
            event,
        },
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all");
        text
    })
}

fn from_hex(text: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("digits");
    text.as_bytes().chunks(2).map(byte).collect()
}

/// The fixtures of an event, the first made first.
fn fixtures_of(kind: &str, name: &str) -> Vec<(PathBuf, Fixture)> {
    (1..)
        .map(|number| folder().join(kind).join(format!("{name}.{number}.json")))
        .map_while(|path| {
            let text = fs::read_to_string(&path).ok()?;
            let fixture = serde_json::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            Some((path, fixture))
        })
        .collect()
}

/// Whether all that `then` says still is said; a field that came later may be there beside.
fn still_says(now: &Value, then: &Value) -> bool {
    match (now, then) {
        (Value::Object(now), Value::Object(then)) => {
            then.iter().all(|(name, then)| now.get(name).is_some_and(|now| still_says(now, then)))
        }
        (Value::Array(now), Value::Array(then)) => {
            now.len() == then.len() && now.iter().zip(then).all(|(now, then)| still_says(now, then))
        }
        _ => now == then,
    }
}

/// Writes today's form of an event beside the fixtures that it has.
fn write(kind: &str, name: &str, number: usize, fact: &Fact) {
    let bytes = encode(fact, SALT).expect("a small fact");
    let fixture = Fixture { bytes: hex(&bytes), fact: serde_json::to_value(fact).expect("plain data") };
    fs::create_dir_all(folder().join(kind)).expect("a folder");
    let text = serde_json::to_string_pretty(&fixture).expect("plain data") + "\n";
    fs::write(folder().join(kind).join(format!("{name}.{number}.json")), text).expect("written");
}

#[test]
fn every_event_has_golden_bytes_that_still_say_what_they_said() {
    let mut lacking = Vec::new();
    for (number, ((kind, name), event)) in samples().into_iter().enumerate() {
        let fixtures = fixtures_of(kind, name);
        let mut is_todays = false;
        for (path, fixture) in &fixtures {
            let bytes = from_hex(&fixture.bytes);
            let fact = decode(&bytes).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            let says = serde_json::to_value(&fact).expect("plain data");
            assert!(still_says(&says, &fixture.fact), "{} now says {says:#}", path.display());
            let salt = bytes[48..64].try_into().expect("sixteen bytes");
            let again = encode(&fact, salt).expect("a small fact");
            assert_eq!(decode(&again).as_ref(), Ok(&fact), "{}", path.display());
            is_todays |= again == bytes;
        }
        if !is_todays {
            if std::env::var_os(WRITE).is_some() {
                write(kind, name, fixtures.len() + 1, &fact(number, event));
            } else {
                lacking.push(format!("{kind}/{name}"));
            }
        }
    }
    assert!(
        lacking.is_empty(),
        "no golden bytes show how these are written today: {lacking:?}. For a new event, or for a field that was added \
         at the end of one, run `{WRITE}=1 cargo test -p clew-eventstore golden_bytes` and commit the new files. \
         If you added neither, the change breaks the logs that there are: undo it."
    );
}

#[test]
fn no_golden_bytes_are_left_of_an_event_that_is_gone() {
    let samples = samples();
    for kind in fs::read_dir(folder()).expect("the fixtures").map(|entry| entry.expect("an entry").path()) {
        for path in fs::read_dir(&kind).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            let named = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
            let (kind, file) = (named(&kind), named(&path));
            let name = file.split('.').next().expect("a part before the dot");
            assert!(samples.contains_key(&(&*kind, name)), "{kind}/{file}: logs hold this event, so it must be read");
        }
    }
}
