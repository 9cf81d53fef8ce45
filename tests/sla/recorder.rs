//! The recorder of breaches: what came about while no server ran is recorded when one does, and a server that is
//! killed at any moment while it records neither loses a breach nor tells one twice.
#![expect(clippy::unwrap_used, reason = "a test that can not go on says where")]

use crate::support::program::clew;
use clew_domain::conversation::{ConversationEvent, SlaBreach};
use clew_domain::fact::{Actor, CommandMeta, Event, Fact};
use clew_domain::ids::{CommandId, SlaPolicyId, StreamId};
use clew_domain::sla::{Conditions, Counting, Policy, Target, Targets, Warning};
use clew_domain::time::Timestamp;
use clew_domain::workspace::{Command as Settings, Workspace};
use clew_eventstore::backends::embedded::{Options, Store};
use clew_eventstore::cursor::Cursor;
use clew_eventstore::store::EventStore;
use clew_eventstore::transact::transact;
use clew_eventstore::vault::Vault;
use clew_gateway::app::App;
use clew_gateway::config::{Config, Options as Flags, Place};
use clew_gateway::import::Import;
use clew_gateway::import::file::File;
use clew_gateway::ingest::Ingest;
use clew_projections::Projections;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Contacts who wrote; every fourth was answered too late, every eighth in time, the others never.
const CONTACTS: usize = 640;

/// A log in which promises broke while nothing ran: settings and messages, and no recorder.
pub(super) async fn prepare(dir: &Path, contacts: usize) {
    let store: Arc<dyn EventStore> = Arc::new(Store::open(dir, Options::default()).unwrap().0);
    let vault = Arc::new(Vault::create(&dir.join("keys")).unwrap());
    let projections = Projections::open(None, Arc::clone(&store), clew_projections::Options::default()).await.unwrap();
    let definition = Policy {
        name: "An hour".to_owned(),
        conditions: Conditions::default(),
        targets: Targets {
            next_response: Some(Target { seconds: 3_600, counting: Counting::CalendarTime }),
            ..Targets::default()
        },
        calendar: None,
        warning: Warning::UsedPercent(75),
        pending_pauses: true,
        automatic_replies_count: false,
    };
    let policy = SlaPolicyId(Uuid::new_v4());
    let commands = [
        Settings::Create { name: "Desk".to_owned() },
        Settings::SetSlaPolicy { policy, definition, apply_to_open: false },
    ];
    for (version, command) in (0..).zip(commands) {
        let meta = CommandMeta::first(CommandId(Uuid::new_v4()), Actor::System, Timestamp::from_micros(0), version);
        transact::<Workspace>(&*store, StreamId::WORKSPACE, &meta, &command, Vec::new()).await.unwrap();
    }
    let ingest = Ingest::new(Arc::clone(&store), vault, Arc::clone(&projections));
    let import = Import { store: &*store, ingest: &ingest, now: Timestamp::from_micros(0) };
    let summary = import.run(&File::parse(file(contacts).as_bytes()), &mut |_| {}).await.unwrap();
    assert_eq!(summary.rejected, 0);
    projections.shutdown().await;
}

fn file(contacts: usize) -> String {
    let line = |id: String, parent: Option<String>, author: &str, at: String| {
        let inbound = author != "Desk";
        serde_json::json!({"id": id, "parent": parent, "author": author, "inbound": inbound, "ts": at, "text": "hello", "brand": "Desk"}).to_string()
    };
    let mut lines = Vec::new();
    for n in 0..contacts {
        let (hour, minute) = (n / 60, n % 60);
        let asked = format!("2020-01-01T{hour:02}:{minute:02}:00Z");
        lines.push(line(format!("q{n}"), None, &format!("contact{n}"), asked));
        let answered = match n % 8 {
            0 => format!("2020-01-01T{hour:02}:{minute:02}:30Z"),
            4 => format!("2020-01-03T{hour:02}:{minute:02}:00Z"),
            _ => continue,
        };
        lines.push(line(format!("a{n}"), Some(format!("q{n}")), "Desk", answered));
    }
    lines.join("\n")
}

/// How often each breach stands among the facts.
fn counted(facts: &[Fact]) -> BTreeMap<(StreamId, Uuid), usize> {
    let mut told = BTreeMap::new();
    for fact in facts {
        if let Event::Conversation(ConversationEvent::SlaBreached(SlaBreach { due, clock, .. })) = fact.event {
            assert_eq!(fact.occurred_at, due, "a breach occurs at its due instant, whenever it is recorded");
            *told.entry((fact.stream, clock.0)).or_default() += 1;
        }
    }
    told
}

/// How many breaches stand in a log that nobody has open.
fn told(dir: &Path) -> usize {
    let (store, _) = Store::open(dir, Options::default()).unwrap();
    let mut facts = Vec::new();
    store.scan(0, |fact| (facts.push(fact), true).1).unwrap();
    counted(&facts).len()
}

/// Starts the server, and kills it so long after it serves.
fn kill_after(dir: &Path, so_long: Duration) {
    let mut command = Command::new(clew());
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(dir).env_remove("CLEW_CONFIG");
    let mut server = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.starts_with("Clew is at")), "the server starts");
    // The moment is what varies; nothing is waited for.
    std::thread::sleep(so_long);
    server.kill().unwrap();
    server.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_that_is_killed_at_any_moment_tells_each_breach_exactly_once() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path();
    prepare(dir, CONTACTS).await;
    assert_eq!(told(dir), 0);
    let mut counts = Vec::new();
    // How long a server takes before it records is the machine's: the moment moves on.
    let mut so_long = Duration::from_millis(200);
    while counts.len() < 8 && so_long < Duration::from_secs(20) {
        let directory = dir.to_owned();
        tokio::task::spawn_blocking(move || kill_after(&directory, so_long)).await.unwrap();
        so_long = so_long * 5 / 4;
        counts.extend(Some(told(dir)).filter(|told| *told > 0));
    }
    println!("breaches recorded when each server was killed: {counts:?}");

    let place = Place { data: Some(dir.to_owned()), ..Place::default() };
    let app = App::open(Config::resolve(&place, Flags::default()).unwrap()).await.unwrap();
    app.record_breaches();
    let view = app.state.projections.sla();
    view.wait_for(&app.state.store.head(), Duration::from_secs(60)).await.unwrap();
    loop {
        let seen = view.position();
        if view.untold(app.state.clock.now(), 1).unwrap().is_empty() {
            break;
        }
        tokio::time::timeout(Duration::from_secs(60), view.moves_on_from(&seen)).await.expect("it records on");
    }
    let facts = app.state.store.read_all(Cursor::start(1).position(0), usize::MAX).await.unwrap();
    let told = counted(&facts);
    app.close().await;
    assert_eq!(told.len(), CONTACTS - CONTACTS / 8, "all but those answered in time");
    assert!(told.values().all(|times| *times == 1), "each exactly once");
}
