//! Messages are masked while servers and gateways fail: whatever fails, every mask that was ordered is complete once all
//! are back, what was masked is shown by no gateway, and nothing else is gone.

use super::gateways::{Place, until};
use super::server::{Servers, is_there};
use crate::masking::doors::{Known, set_up, try_tell};
use crate::masking::server::{Server, token};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const ROUNDS: u64 = 9;
const WRITERS_EACH: u64 = 2;
/// Stands in every text, so that it can be looked for in files.
const MARKER: &str = "Kd4MARKERqv81wL";

/// What clients were told.
#[derive(Default)]
struct Told {
    /// Each message that was taken in, with its conversation and its text.
    messages: BTreeMap<String, (String, String)>,
    /// Asked to be masked.
    asked: BTreeSet<String>,
    /// Of those, acknowledged.
    masked: BTreeSet<String>,
}

/// What goes wrong in a round.
#[derive(Clone, Copy, Debug)]
enum Fault {
    GatewayKilled,
    GatewayWithoutCopy,
    GatewayWithoutViews,
    GatewayStopped,
    ServerKilled,
    ServerStopped,
    AllServersKilled,
}

const FAULTS: [Fault; 7] = [
    Fault::GatewayKilled,
    Fault::GatewayWithoutCopy,
    Fault::GatewayWithoutViews,
    Fault::GatewayStopped,
    Fault::ServerKilled,
    Fault::ServerStopped,
    Fault::AllServersKilled,
];

/// What is wrong with what a gateway shows: entries of each conversation, by its id.
fn wrong(shown: &BTreeMap<String, Vec<Value>>, told: &Told) -> Option<String> {
    let (mut found, mut texts) = (BTreeSet::new(), BTreeSet::new());
    for entry in shown.values().flatten() {
        let id = entry["id"].as_str().unwrap_or_default().to_owned();
        let gone = entry["text"].is_null();
        if gone && !told.asked.contains(&id) {
            return Some(format!("nobody masked {id}: {entry}"));
        }
        if !gone && told.masked.contains(&id) {
            return Some(format!("{id} is masked and shown: {entry}"));
        }
        if let (false, Some((_, text))) = (gone, told.messages.get(&id))
            && entry["text"] != text.as_str()
        {
            return Some(format!("{id} says something else: {entry}"));
        }
        let text = entry["text"].as_str().map(str::to_owned);
        if !found.insert(id.clone()) || text.is_some_and(|text| !texts.insert(text)) {
            return Some(format!("{id} is there twice"));
        }
    }
    told.messages.keys().find(|id| !found.contains(*id)).map(|id| format!("{id} is lost"))
}

#[test]
fn the_judge_sees_what_is_wrong() {
    let mut told = Told::default();
    for id in ["a", "b", "c"] {
        told.messages.insert(id.into(), ("one".into(), format!("text of {id}")));
    }
    told.asked = ["b".into(), "c".into()].into();
    told.masked = ["b".into()].into();
    let entry = |id: &str, text: Value| json!({"id": id, "text": text});
    let judge = |entries: Vec<Value>| wrong(&BTreeMap::from([("one".to_owned(), entries)]), &told);
    let [a, b, c] = [entry("a", "text of a".into()), entry("b", Value::Null), entry("c", "text of c".into())];
    assert_eq!(judge(vec![a.clone(), b.clone(), c.clone()]), None);
    assert_eq!(judge(vec![a.clone(), b.clone(), entry("c", Value::Null)]), None, "its outcome is unknown");
    for broken in [
        vec![a.clone(), entry("b", "text of b".into()), c.clone()],
        vec![entry("a", Value::Null), b.clone(), c.clone()],
        vec![entry("a", "text of b".into()), b.clone(), c.clone()],
        vec![a.clone(), b.clone(), c.clone(), a.clone()],
        vec![a.clone(), b.clone(), c.clone(), entry("d", "text of a".into())],
        vec![b, c],
    ] {
        assert!(judge(broken.clone()).is_some(), "{broken:?}");
    }
}

/// A contact writes, and every third message is masked, until told to stop; what nobody answers is tried no more.
fn write(server: &Server, known: &Known, told: &Mutex<Told>, stop: &AtomicBool, (round, writer): (u64, u64)) {
    for n in 0_u64.. {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let text = format!("{MARKER} {round}-{writer}-{n}");
        let contact = json!({"handle": format!("+33-{round}-{writer}-{}", n / 8)});
        let data = json!({"id": format!("{round}-{writer}-{n}"), "contact": contact, "text": text});
        let Some((202, taken)) = try_tell(server, known, &data) else {
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        let field = |name: &str| taken[name].as_str().expect("an id").to_owned();
        let (message, conversation) = (field("message"), field("conversation"));
        told.lock().expect("no panic under it").messages.insert(message.clone(), (conversation.clone(), text));
        if n % 3 != 2 {
            continue;
        }
        told.lock().expect("no panic under it").asked.insert(message.clone());
        let path = format!("/v1/conversations/{conversation}/messages/{message}/mask");
        let answer = server.try_ask("POST", &path, &[("content-type", "application/json")], b"{}");
        if answer.is_some_and(|answer| answer.status == 200) {
            told.lock().expect("no panic under it").masked.insert(message);
        }
    }
}

/// Everything that the gateway shows of the conversations that were told; none while it does not show one of them.
fn shown(server: &Server, told: &Told) -> Option<BTreeMap<String, Vec<Value>>> {
    let conversations: BTreeSet<&String> = told.messages.values().map(|(conversation, _)| conversation).collect();
    let mut shown = BTreeMap::new();
    for conversation in conversations {
        let answer = server.try_ask("GET", &format!("/v1/conversations/{conversation}"), &[], &[])?;
        if answer.status != 200 {
            return None;
        }
        shown.insert(conversation.clone(), answer.json()["entries"].as_array().expect("entries").clone());
    }
    Some(shown)
}

struct World {
    servers: Servers,
    places: [Place; 2],
    token: String,
    random: u64,
}

impl World {
    fn roll(&mut self, below: usize) -> usize {
        // Marsaglia's xorshift64.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random % below as u64).expect("small")
    }

    /// Lets it happen while others write, and mends what is not a gateway that is gone. Whether one is.
    fn strike(&self, fault: Fault, server: usize, gateway: &Server) -> bool {
        match fault {
            Fault::GatewayKilled | Fault::GatewayWithoutCopy | Fault::GatewayWithoutViews => {
                gateway.end();
                return true;
            }
            Fault::GatewayStopped => {
                gateway.signal("STOP");
                thread::sleep(Duration::from_secs(3));
                gateway.signal("CONT");
            }
            Fault::ServerKilled => {
                self.servers.kill(server);
                thread::sleep(Duration::from_secs(1));
                self.servers.restart(server);
            }
            Fault::ServerStopped => {
                self.servers.signal(server, "STOP");
                thread::sleep(Duration::from_secs(3));
                self.servers.signal(server, "CONT");
            }
            Fault::AllServersKilled => {
                (0..3).for_each(|index| self.servers.kill(index));
                (0..3).for_each(|index| self.servers.restart(index));
            }
        }
        false
    }

    fn start_again(&self, which: usize, fault: Fault) -> Server {
        let place = &self.places[which];
        let remove = |name: &str| {
            let path = place.data.join(name);
            std::fs::remove_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        };
        match fault {
            Fault::GatewayWithoutCopy => ["partition-00", "partition-01"].into_iter().for_each(remove),
            Fault::GatewayWithoutViews => remove("derived"),
            _ => {}
        }
        place.start(&self.token)
    }
}

#[test]
fn masks_are_complete_whatever_fails_meanwhile() {
    if !is_there() {
        return;
    }
    let named = std::env::var("CLEW_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let seed = named.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0).max(1);
    println!("CLEW_SEED={seed}");
    let (servers, dir) = (Servers::start(3, ""), tempfile::tempdir().expect("a temporary directory"));
    let places = [Place::new(&dir, "one", &servers, 2), Place::new(&dir, "two", &servers, 2)];
    places[0].start("").kill();
    let token = token(&places[0].data);
    let mut world = World { servers, places, token, random: seed };
    let one = world.places[0].start(&world.token);
    let (two, _) = world.places[1].join(&world.token, &world.places[0]);
    let mut gateways = [one, two];
    let mut known = Known::default();
    set_up(&gateways[0], &mut known);
    let (told, mut left) = (Mutex::new(Told::default()), Vec::new());
    for round in 0..ROUNDS {
        if left.is_empty() {
            left = FAULTS.to_vec();
        }
        let fault = left.swap_remove(world.roll(left.len()));
        let (which, server) = (world.roll(2), world.roll(3));
        let stop = AtomicBool::new(false);
        let gone = thread::scope(|scope| {
            for writer in 0..2 * WRITERS_EACH {
                let (gateway, known, told, stop) = (&gateways[usize::from(writer % 2 == 0)], &known, &told, &stop);
                scope.spawn(move || write(gateway, known, told, stop, (round, writer)));
            }
            thread::sleep(Duration::from_secs(1));
            let gone = world.strike(fault, server, &gateways[which]);
            thread::sleep(Duration::from_secs(1));
            stop.store(true, Ordering::SeqCst);
            gone
        });
        if gone {
            gateways[which] = world.start_again(which, fault);
        }
        let began = Instant::now();
        let told = told.lock().expect("no panic under it");
        for gateway in &gateways {
            let mut last = None;
            until("what is shown is what was told", || {
                let (before, now) = (last.take(), shown(gateway, &told).map(|shown| wrong(&shown, &told)));
                if let Some(Some(now)) = &now
                    && before.as_ref() != Some(now)
                {
                    println!("round {round}, {fault:?}: {now}");
                }
                last = now.clone().flatten();
                now == Some(None)
            });
        }
        for place in &world.places {
            until("all masks are complete", || place.mask_status().contains(" 0 are not completed"));
        }
        let head = |gateway: &Server| gateway.get("/v1/audit/partitions").json();
        until("both have signed the same", || head(&gateways[0]) == head(&gateways[1]));
        let (messages, masked) = (told.messages.len(), told.masked.len());
        println!(
            "round {round}, {fault:?}: {messages} messages, {masked} masked; all as told after {} ms",
            began.elapsed().as_millis()
        );
    }
    let told = told.into_inner().expect("no panic under it");
    assert!(told.messages.len() > 300 && told.masked.len() > 50, "the rounds did something");
    drop(gateways);
    nowhere(dir.path(), MARKER.as_bytes());
    for server in 0..3 {
        let place = world.servers.copies(&format!("n{server}"));
        assert!(place.is_dir(), "{} is a server's", place.display());
        nowhere(&place, MARKER.as_bytes());
    }
}

/// No file holds what a contact wrote: not those of gateways, and of servers neither.
fn nowhere(dir: &Path, marker: &[u8]) {
    for entry in std::fs::read_dir(dir).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            nowhere(&path, marker);
        } else if let Ok(bytes) = std::fs::read(&path) {
            let found = bytes.windows(marker.len()).any(|window| window == marker);
            assert!(!found, "{} holds what a contact wrote", path.display());
        }
    }
}
