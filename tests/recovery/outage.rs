//! The power fails under the whole program while contacts write, agents mask, and views are written down: what was
//! acknowledged is there, what was masked stays masked, and views that were torn or lost come back by themselves.

use crate::masking::doors::{Known, set_up, try_tell};
use crate::masking::server::{Server, token};
use crate::support::machine::Machine;
use crate::support::program::printed;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

const ROUNDS: u64 = 12;
const WRITERS: u64 = 3;
const SHOWN_WITHIN: Duration = Duration::from_secs(60);

/// What was acknowledged: each message with its conversation and text, and those that were masked.
#[derive(Default)]
struct Acknowledged {
    messages: BTreeMap<String, (String, String)>,
    masked: BTreeSet<String>,
    /// Asked to be masked, and possibly not acknowledged.
    asked: BTreeSet<String>,
}

/// A contact writes, and every third message is masked, until nobody answers any more.
fn write(server: &Server, known: &Known, acknowledged: &Mutex<Acknowledged>, round: u64, writer: u64) {
    for n in 0_u64.. {
        let text = format!("{round}-{writer}-{n}");
        let contact = json!({"handle": format!("+33-{round}-{writer}-{}", n / 40)});
        let data = json!({"id": text, "contact": contact, "text": text});
        let Some((202, told)) = try_tell(server, known, &data) else { return };
        let field = |name: &str| told[name].as_str().expect("an id").to_owned();
        let (message, conversation) = (field("message"), field("conversation"));
        acknowledged.lock().expect("no panic under it").messages.insert(message.clone(), (conversation.clone(), text));
        if n % 3 != 2 {
            continue;
        }
        acknowledged.lock().expect("no panic under it").asked.insert(message.clone());
        let path = format!("/v1/conversations/{conversation}/messages/{message}/mask");
        let asked = server.try_ask("POST", &path, &[("content-type", "application/json")], b"{}");
        if asked.is_none_or(|answer| answer.status != 200) {
            return;
        }
        acknowledged.lock().expect("no panic under it").masked.insert(message);
    }
}

/// What a conversation shows, once its views have come back.
fn shown(server: &Server, conversation: &str) -> Vec<Value> {
    let began = Instant::now();
    loop {
        let answer = server.get(&format!("/v1/conversations/{conversation}"));
        if answer.status == 200 {
            return answer.json()["entries"].as_array().expect("entries").clone();
        }
        let told = String::from_utf8_lossy(&answer.body);
        assert!(began.elapsed() < SHOWN_WITHIN, "{conversation} is not shown: {} {told}", answer.status);
    }
}

fn check(server: &Server, acknowledged: &Acknowledged, round: u64) {
    let conversations: BTreeSet<&String> =
        acknowledged.messages.values().map(|(conversation, _)| conversation).collect();
    let mut found = BTreeSet::new();
    for conversation in conversations {
        for entry in shown(server, conversation) {
            let id = entry["id"].as_str().expect("an id").to_owned();
            let ordered = entry["masked"]["by"].is_object();
            assert_eq!(entry["text"].is_null(), ordered, "round {round}: {entry}");
            assert!(ordered || !acknowledged.masked.contains(&id), "round {round}: {id} is shown again");
            assert!(!ordered || acknowledged.asked.contains(&id), "round {round}: nobody masked {id}");
            if let (Some((_, text)), false) = (acknowledged.messages.get(&id), ordered) {
                assert_eq!(entry["text"].as_str(), Some(text.as_str()), "round {round}");
            }
            assert!(found.insert(id), "round {round}: none is there twice");
        }
    }
    let lost: Vec<_> = acknowledged.messages.keys().filter(|id| !found.contains(*id)).collect();
    assert!(lost.is_empty(), "round {round}: {} of {} are lost", lost.len(), acknowledged.messages.len());
}

/// Leaves of each file of rows the first half, as a dying disk might.
fn halve_rows(dir: &Path) {
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            halve_rows(&path);
        } else if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("run-")) {
            let bytes = fs::read(&path).expect("rows");
            fs::write(&path, &bytes[..bytes.len() / 2]).expect("written");
        }
    }
}

#[test]
fn without_power_the_program_loses_nothing_and_shows_nothing_that_was_masked() {
    let Some(mut machine) = Machine::whose_power_can_fail() else { return };
    let (data, log) = (machine.path("mount/data"), machine.path("log"));
    let token = token(&data);
    let mut known = Known::default();
    let acknowledged = Mutex::new(Acknowledged::default());
    for round in 0..ROUNDS {
        let server = Server::start(&data, &log, &token, &[]);
        if round == 0 {
            set_up(&server, &mut known);
        }
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (server, known, acknowledged) = (&server, &known, &acknowledged);
                scope.spawn(move || write(server, known, acknowledged, round, writer));
            }
            let enough = acknowledged.lock().expect("no panic under it").messages.len() as u64 + 10 + round * 17 % 60;
            let began = Instant::now();
            while (acknowledged.lock().expect("no panic under it").messages.len() as u64) < enough {
                assert!(began.elapsed() < SHOWN_WITHIN, "round {round}: nothing is taken in");
                thread::sleep(Duration::from_millis(1));
            }
            if round % 3 == 1 {
                // Told to stop, it writes its views down: the power fails meanwhile.
                server.terminate();
                thread::sleep(Duration::from_millis(round * 7 % 40));
            }
            machine.fail().expect("ext4 can be shut down");
            server.end();
        });
        drop(server);
        machine.unmount().expect("unmounted");
        machine.mount().expect("mounted again");
        match round % 3 {
            0 => {
                fs::remove_dir_all(data.join("derived")).expect("removed");
                // A mask may be broken off anywhere: that is no damage.
                assert!(printed(&data, &["doctor"]).contains("All is sound."));
            }
            1 => {}
            _ => halve_rows(&data.join("derived")),
        }
        let server = Server::start(&data, &log, &token, &[]);
        check(&server, &acknowledged.lock().expect("no panic under it"), round);
        drop(server);
        if round % 3 == 1 {
            // Views on disk, for the next round to tear.
            printed(&data, &["export"]);
        }
    }
    let acknowledged = acknowledged.into_inner().expect("no panic under it");
    println!("{} messages, {} masked", acknowledged.messages.len(), acknowledged.masked.len());
    assert!(acknowledged.messages.len() > 300 && acknowledged.masked.len() > 50, "the rounds did something");
    let told = fs::read_to_string(&log).expect("a log");
    // What keeps the views' names can't but panic where it is closed on a disk without power: the process ends anyway.
    let panicked = told.lines().find(|line| line.contains("panicked") && !line.contains("/sled-"));
    assert_eq!(panicked, None);
    assert!(printed(&data, &["doctor"]).contains("All is sound."));
}
