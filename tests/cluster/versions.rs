//! Versions of Clew that meet: gateways that are upgraded one after the other, and a gateway that meets a fact which a
//! newer one wrote all the same.

use super::gateways::{Place, until};
use super::server::{Servers, is_there};
use crate::masking::doors::{Known, set_up, try_tell};
use crate::masking::server::{Server, token};
use crate::support::program::{clew, next_clew, printed};
use clew_domain::fact::Position;
use clew_eventstore::conformance::{commit, stream, write};
use clew_eventstore::observer::LeafSource;
use clew_eventstore::store::EventStore;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Where the frame of the only fact begins in a proposal of one stream without contents, and its fact.
const FRAME_AT: usize = 63;
const FACT_AT: usize = FRAME_AT + 8;

fn crc(bytes: &[u8]) -> [u8; 4] {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
    (!bytes.iter().fold(u32::MAX, byte)).to_le_bytes()
}

/// The same proposal as a Clew would make it whose events have a schema to come, one version further on.
fn of_the_next_schema(mut proposal: Vec<u8>) -> Vec<u8> {
    let end = proposal.len() - 4;
    proposal[2] ^= 1;
    proposal[47] += 1;
    proposal[FACT_AT + 2] = 99;
    proposal[FACT_AT + 48] ^= 1;
    let frame = crc(&proposal[FRAME_AT + 4..end]);
    proposal[FRAME_AT..FRAME_AT + 4].copy_from_slice(&frame);
    let whole = crc(&proposal[..end]);
    proposal[end..].copy_from_slice(&whole);
    proposal
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fact_of_a_newer_schema_is_kept_and_named_and_the_rest_goes_on() {
    if !is_there() {
        return;
    }
    let servers = Servers::start(1, "");
    let store = servers.open("old", servers.options("clew", 1, 1)).await;
    store.append(commit(vec![write(stream(1), 0, 0..1)])).await.expect("written");
    let proposal = servers.last_message("clew_EV_00", "clew.ev.00");
    servers.publish("clew.ev.00", &of_the_next_schema(proposal));
    while store.leaves(0, 0, 10).await.expect("the copy reads").len() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let why = store.read_stream(stream(1), 0).await.expect_err("it has what nobody here can read").to_string();
    assert!(why.contains("schema 99, which a newer Clew wrote"), "{why}");
    let all = store.read_all(Position { partition: 0, sequence: 0 }, 10).await;
    assert!(all.is_err_and(|why| why.to_string().contains("newer Clew")), "no fold passes over it");
    store.append(commit(vec![write(stream(2), 0, 5..6)])).await.expect("other streams are written");
    assert_eq!(store.read_stream(stream(2), 0).await.expect("and read").len(), 1);
    let kept = store.leaves(0, 0, 10).await.expect("the copy reads");
    assert_eq!((kept.len(), kept[1].bytes[2]), (3, 99), "its bytes are a leaf like others");

    // A copy that is made anew has the same leaves, and so whatever takes its place has the same root.
    let other = servers.open("other", servers.options("clew", 1, 1)).await;
    other.catch_up().await.expect("it catches up");
    assert!(other.leaves(0, 0, 10).await.expect("the copy reads") == kept);
}

/// Lets a writer end however the test does.
struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Two gateways, of which one or the other may be away.
struct Pair([Mutex<Option<Arc<Server>>>; 2]);

impl Pair {
    fn get(&self, index: usize) -> Option<Arc<Server>> {
        self.0[index].lock().expect("no panic while it is held").clone()
    }

    fn set(&self, index: usize, server: Option<Server>) {
        *self.0[index].lock().expect("no panic while it is held") = server.map(Arc::new);
    }

    /// Ends one in good order.
    fn stop(&self, index: usize) {
        if let Some(server) = self.get(index) {
            server.stop();
        }
        self.set(index, None);
    }

    fn ask(&self, index: usize, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let server = self.get(index).expect("it is there");
        let answer = server.ask(method, path, &[("content-type", "application/json")], body.to_string().as_bytes());
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    /// A channel's program: it tells the one gateway, and if that does not take it, the other. Every message is taken.
    fn write(&self, known: &Known, stop: &AtomicBool) -> Vec<(String, String)> {
        let mut taken = Vec::new();
        for n in 0_usize.. {
            if stop.load(Ordering::SeqCst) {
                break;
            }
            let (id, contact) = (format!("m{n}"), json!({"handle": format!("+33 1 99 00 {}", n % 16)}));
            let data = json!({"id": id, "contact": contact, "text": format!("message {n}")});
            let mut answers = [n % 2, 1 - n % 2].into_iter().filter_map(|index| {
                let server = self.get(index)?;
                try_tell(&server, known, &data).filter(|(status, _)| *status == 202)
            });
            let (_, told) = answers.next().unwrap_or_else(|| panic!("no gateway takes message {n}"));
            let field = |name: &str| told[name].as_str().expect("an id").to_owned();
            taken.push((field("conversation"), field("message")));
            thread::sleep(Duration::from_millis(20));
        }
        taken
    }

    /// The texts of all that a gateway shows of a conversation, by their ids.
    fn shown(&self, index: usize, conversation: &str) -> Vec<(String, String)> {
        let (_, view) = self.ask(index, "GET", &format!("/v1/conversations/{conversation}"), &Value::Null);
        let entries = view["entries"].as_array().cloned().unwrap_or_default();
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        entries.iter().map(|entry| (text(entry, "id"), text(entry, "text"))).collect()
    }
}

#[test]
fn gateways_are_upgraded_one_after_the_other_without_an_outage() {
    if !is_there() {
        return;
    }
    let (servers, dir) = (Servers::start(3, ""), tempfile::tempdir().expect("a temporary directory"));
    let places = ["one", "two"].map(|name| Place::new(&dir, name, &servers, 2));
    places[0].start("").kill();
    let token = token(&places[0].data);
    let one = places[0].start(&token);
    let (two, _) = places[1].join(&token, &places[0]);
    let mut known = Known::default();
    set_up(&one, &mut known);
    let pair = Pair([one, two].map(|server| Mutex::new(Some(Arc::new(server)))));
    let upgrade = |index: usize| {
        pair.stop(index);
        pair.set(index, Some(places[index].start_program(next_clew(), &token).expect("it goes on in the directory")));
    };
    let stop = AtomicBool::new(false);
    let told = thread::scope(|scope| {
        let writer = scope.spawn(|| pair.write(&known, &stop));
        let stopping = Stopping(&stop);
        let first = || pair.ask(0, "GET", "/v1/queues/new?limit=1", &Value::Null).1["rows"][0]["id"].clone();
        until("a conversation is there", || first().is_string());
        let conversation = first().as_str().expect("an id").to_owned();
        let notes = format!("/v1/conversations/{conversation}/notes");
        let add = |index: usize, text: &str| pair.ask(index, "POST", &notes, &json!({"text": text}));
        let shows = |index: usize, text: &str| pair.shown(index, &conversation).iter().any(|(_, shown)| shown == text);
        assert_eq!(add(0, "before").0, 201);

        upgrade(1);
        // What the newer one would write in a way that the older one can't read, it refuses; all else goes on.
        let (status, problem) = add(1, "too early");
        assert_eq!(status, 503, "{problem}");
        assert!(problem["type"].as_str().is_some_and(|slug| slug.ends_with("upgrade-under-way")), "{problem}");
        assert_eq!(add(0, "meanwhile").0, 201);
        until("the newer one reads what the older one wrote", || shows(1, "before") && shows(1, "meanwhile"));
        let pended = pair.ask(1, "POST", &format!("/v1/conversations/{conversation}/pend"), &json!({}));
        assert_eq!(pended.0, 200, "{}", pended.1);
        let state = printed(&places[0].data, &["keys", "state"]);
        assert!(state.contains("reads schema 1") && state.contains("reads schema 2"), "{state}");

        upgrade(0);
        until("all write the newer schema", || add(1, "in the new way").0 == 201);
        until("both read it", || (0..2).all(|index| shows(index, "in the new way") && shows(index, "meanwhile")));
        assert!((0..2).all(|index| !shows(index, "too early")), "what was refused was not written");

        // An older one is not let in any more.
        pair.stop(1);
        let told = places[1].start_program(clew(), &token).err().expect("it refuses to start");
        assert!(told.contains("reads facts up to schema 1") && told.contains("write schema 2"), "{told}");
        pair.set(1, Some(places[1].start_program(next_clew(), &token).expect("the newer one starts")));
        drop(stopping);
        writer.join().expect("every message was taken")
    });
    println!("{} messages were taken while both gateways were upgraded", told.len());
    let conversations: BTreeSet<&String> = told.iter().map(|(conversation, _)| conversation).collect();
    let all: BTreeSet<&String> = told.iter().map(|(_, message)| message).collect();
    assert!(all.len() == told.len() && all.len() > 20, "each was taken once: {} of {}", all.len(), told.len());
    for index in 0..2 {
        until("all of them are shown, once", || {
            let shown = conversations.iter().flat_map(|conversation| pair.shown(index, conversation));
            let shown: Vec<String> = shown.filter(|(_, text)| text.starts_with("message ")).map(|(id, _)| id).collect();
            shown.len() == all.len() && shown.iter().collect::<BTreeSet<_>>() == all
        });
    }
    let signed = |index: usize| pair.ask(index, "GET", "/v1/audit/partitions", &Value::Null);
    until("both have signed the same", || signed(0) == signed(1));
}
