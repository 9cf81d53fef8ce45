//! Two gateways of the program itself over one cluster of three servers, as people would use them.

use super::server::{Servers, is_there};
use crate::masking::doors::{Known, position, set_up, tell};
use crate::masking::server::{Server, token};
use crate::support::program::{clew, printed, run};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const WAIT_MAX: Duration = Duration::from_secs(40);

/// Where a gateway lies, and how it is started.
pub(super) struct Place {
    pub(super) data: PathBuf,
    log: PathBuf,
    store: String,
    partitions: u16,
}

impl Place {
    pub(super) fn new(dir: &TempDir, name: &str, servers: &Servers, partitions: u16) -> Self {
        let (data, log) = (dir.path().join(name), dir.path().join(format!("{name}.log")));
        Self { data, log, store: servers.addresses(), partitions }
    }

    pub(super) fn start(&self, token: &str) -> Server {
        self.start_with(token, &[])
    }

    fn start_with(&self, token: &str, also: &[&str]) -> Server {
        let partitions = self.partitions.to_string();
        let store = ["--store", &self.store, "--store-partitions", &partitions];
        Server::start(&self.data, &self.log, token, &[&store, also].concat())
    }

    /// Starts another version of the program on it, or tells what it logged before it ended.
    pub(super) fn start_program(&self, program: &Path, token: &str) -> Result<Server, String> {
        let partitions = self.partitions.to_string();
        let store = ["--store", &self.store, "--store-partitions", &partitions];
        let started = Server::start_program(program, &self.data, &self.log, token, &store, |_| {});
        started.map_err(|_| std::fs::read_to_string(&self.log).expect("its log can be read"))
    }

    /// Starts it where it has no keys yet; `admitting` lets it in. Answers its name, too.
    pub(super) fn join(&self, token: &str, admitting: &Self) -> (Server, String) {
        let mut name = String::new();
        let hear = |line: &str| {
            let Some(words) = line.trim().strip_prefix("clew keys admit ") else { return };
            let words: Vec<&str> = words.split(' ').collect();
            words[0].clone_into(&mut name);
            let wrong = run(&admitting.data, &["keys", "admit", words[0], &"0".repeat(32)]);
            assert!(!wrong.status.success(), "with another code nobody is let in");
            printed(&admitting.data, &["keys", "admit", words[0], words[1]]);
        };
        let partitions = self.partitions.to_string();
        let store = ["--store", &self.store, "--store-partitions", &partitions];
        let joined = Server::start_hearing(&self.data, &self.log, token, &store, hear);
        let joined = joined.expect("it serves once it is let in");
        (joined, name)
    }

    fn name(&self) -> String {
        let remembered = std::fs::read(self.data.join("cluster.json")).expect("a gateway's directory");
        let remembered: Value = serde_json::from_slice(&remembered).expect("JSON");
        remembered["gateway"].as_str().expect("a name").to_owned()
    }

    pub(super) fn mask_status(&self) -> String {
        printed(&self.data, &["mask", "status", "--all"])
    }
}

pub(super) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < WAIT_MAX, "not within {} s: {what}", WAIT_MAX.as_secs());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The trail tells this of each of these gateways once, and of no other.
fn until_recorded(server: &Server, action: &str, gateways: &[&str]) {
    until(&format!("{action} is in the trail"), || {
        let trail = server.get(&format!("/v1/audit?action={action}")).json();
        let lines: Vec<String> = trail["entries"].as_array().expect("entries").iter().map(Value::to_string).collect();
        assert!(lines.len() <= gateways.len(), "each is told of once: {trail}");
        gateways.iter().all(|gateway| lines.iter().any(|line| line.contains(gateway)))
    });
}

pub(super) fn receive(server: &Server, known: &Known, number: u32, text: &str) -> Value {
    let contact = json!({"handle": format!("+33 1 99 00 {number}"), "name": format!("Person {number}")});
    let data = json!({"id": format!("m{number}"), "contact": contact, "text": text, "attachments": []});
    let (status, told) = tell(server, known, &data);
    assert_eq!(status, 202, "{told}");
    told
}

pub(super) fn conversation(told: &Value) -> String {
    format!("/v1/conversations/{}", told["conversation"].as_str().expect("a conversation"))
}

#[test]
fn two_gateways_are_one_clew() {
    are_one_clew(1);
}

#[test]
fn two_gateways_are_one_clew_over_several_partitions() {
    are_one_clew(4);
}

fn are_one_clew(partitions: u16) {
    if !is_there() {
        return;
    }
    let (servers, dir) = (Servers::start(3, ""), tempfile::tempdir().expect("a temporary directory"));
    let (one, two) = (Place::new(&dir, "one", &servers, partitions), Place::new(&dir, "two", &servers, partitions));
    one.start("").kill();
    // Without the addresses: the directory remembers its cluster.
    let token = token(&one.data);
    let a = one.start(&token);
    let (b, second) = two.join(&token, &one);
    let first_gateway = one.name();
    until_recorded(&b, "gateway_admitted", &[&first_gateway, &second]);

    let mut known = Known::default();
    set_up(&a, &mut known);
    let first = receive(&a, &known, 1, "the first secret");
    let hello = a.stream_until("/v1/feed", &[], "data: {}");
    let told_by_one = hello.split("\nid: ").nth(1).and_then(|rest| rest.lines().next()).expect("a position");
    let view = b.shown(&conversation(&first), &position(&first));
    assert!(view.to_string().contains("the first secret"), "written there, read here: {view}");
    let other = receive(&b, &known, 2, "the second secret");
    let view = a.shown(&conversation(&other), &position(&other));
    assert!(view.to_string().contains("the second secret"), "and the other way: {view}");
    let again = receive(&a, &known, 2, "the second secret");
    assert_eq!(again["message"], other["message"], "what both are told is taken in once");

    let id = other["conversation"].as_str().expect("an id");
    let after = [("last-event-id", told_by_one)];
    let feed = b.stream_until("/v1/feed", &after, id);
    assert!(!feed.contains("event: reset"), "a position of one gateway is one of the other: {feed}");

    masked_on_one_is_unreadable_on_both((&one, &a), &b, &second, &first);
    killed_and_back(&two, b, &a, &known, &token);
    servers.kill(0);
    receive(&a, &known, 90, "a server less");
    servers.restart(0);
    printed(&one.data, &["keys", "dismiss", &second]);
    until_recorded(&a, "gateway_dismissed", &[&second]);
    until_recorded(&a, "gateway_admitted", &[&first_gateway, &second]);
    drop(a);
    proved(&one);
    examined(&one);
}

/// The doctor finds all sound, and names a copy that is damaged.
fn examined(place: &Place) {
    let sound = printed(&place.data, &["doctor"]);
    assert!(sound.contains("All is sound.") && sound.contains("contents open"), "{sound}");
    let last = place.partitions - 1;
    let copy = place.data.join(format!("partition-{last:02}"));
    let facts = std::fs::read_dir(copy.join("facts")).expect("a copy").next().expect("a segment").expect("it is there");
    let mut bytes = std::fs::read(facts.path()).expect("it can be read");
    bytes[300] ^= 1;
    std::fs::write(facts.path(), bytes).expect("it can be written");
    let told = run(&place.data, &["doctor"]);
    let text = [&told.stdout[..], &told.stderr[..]].map(String::from_utf8_lossy).concat();
    assert!(!told.status.success() && text.contains(&copy.display().to_string()), "{text}");
}

/// What auditors get of each partition holds, and so does what the views were recorded to have shown.
fn proved(place: &Place) {
    let bundle = place.data.with_extension("bundle");
    let at = bundle.to_str().expect("a path");
    printed(&place.data, &["audit", "export", at]);
    let key = printed(&place.data, &["audit", "key"]);
    let verify = ["audit", "verify", at, "--key", key.trim()];
    let told = std::process::Command::new(clew()).args(verify).output().expect("it starts");
    let told = (told.status.success(), String::from_utf8(told.stdout).expect("text"));
    let of_each = (1..place.partitions).all(|partition| told.1.contains(&format!("/{partition}")));
    assert!(told.0 && of_each, "{}", told.1);
    let replayed = printed(&place.data, &["audit", "replay", "--digests"]);
    assert!(replayed.contains("agree with the log"), "{replayed}");
}

fn masked_on_one_is_unreadable_on_both((one, a): (&Place, &Server), b: &Server, second: &str, first: &Value) {
    b.signal("STOP");
    let mask = format!("{}/messages/{}/mask", conversation(first), first["message"].as_str().expect("a message"));
    let masked = a.done("POST", &mask, &json!({}));
    until("who has not destroyed the keys is named", || {
        one.mask_status().contains(&format!("keys of gateway {second}"))
    });
    b.signal("CONT");
    until("the mask is complete", || one.mask_status().contains(" 0 are not completed"));
    assert!(!one.mask_status().contains(second), "nobody is waited for");
    for server in [a, b] {
        let view = server.shown(&conversation(first), &position(&masked));
        assert!(!view.to_string().contains("the first secret"), "masked everywhere: {view}");
    }
}

fn killed_and_back(place: &Place, gateway: Server, other: &Server, known: &Known, token: &str) {
    let mut last = Value::Null;
    for number in 10..30 {
        last = receive(if number % 2 == 0 { other } else { &gateway }, known, number, "on and on");
    }
    gateway.kill();
    for number in 30..40 {
        last = receive(other, known, number, "while it is away");
    }
    let back = place.start(token);
    back.shown(&conversation(&last), &position(&last));
    let head = |server: &Server| server.get("/v1/audit/partitions").body;
    until("both have signed the same", || head(other) == head(&back));
    let queue = |server: &Server| server.shown("/v1/queues/new?limit=100", &position(&last))["rows"].clone();
    assert_eq!(queue(other), queue(&back), "both show the same");
    receive(&back, known, 41, "it takes more");
}

#[test]
fn work_is_given_once_though_both_try() {
    if !is_there() {
        return;
    }
    let (servers, dir) = (Servers::start(3, ""), tempfile::tempdir().expect("a temporary directory"));
    let (one, two) = (Place::new(&dir, "one", &servers, 3), Place::new(&dir, "two", &servers, 3));
    drop(one.start_with("", &["--demo"]));
    let issued =
        printed(&one.data, &["token", "issue", "ada@demo.example", "--name", "t", "--json", "--scope", "read"]);
    let issued: Value = serde_json::from_str(&issued).expect("JSON");
    let token = issued["token"].as_str().expect("a token");
    let a = one.start(token);
    let (b, _) = two.join(token, &one);

    let sign_in = json!({"login": "tom@demo.example", "password": "clew-demo-desk"}).to_string();
    let json = ("content-type", "application/json");
    let signed_in = a.ask("POST", "/v1/sessions", &[json, ("cookie", "none=1")], sign_in.as_bytes());
    assert_eq!(signed_in.status, 201, "{}", String::from_utf8_lossy(&signed_in.body));
    let agent = signed_in.json()["agent"]["id"].as_str().expect("an id").to_owned();
    let cookie = signed_in.head.split("clew_session=").nth(1).and_then(|rest| rest.split(';').next());
    let cookie = format!("clew_session={}", cookie.expect("a cookie"));
    let position = signed_in.head.split("clew-position: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let headers = [
        json,
        ("cookie", cookie.as_str()),
        ("sec-fetch-site", "same-origin"),
        ("clew-min-position", position.expect("one")),
    ];
    // Signed in on one, at work on the other.
    let available = b.ask("PUT", "/v1/me/availability", &headers, b"{\"kind\":\"available\"}");
    assert_eq!(available.status, 200, "{}", String::from_utf8_lossy(&available.body));
    let given = |server: &Server| {
        let rows = server.get(&format!("/v1/queues/new?limit=100&assignee={agent}")).json()["rows"].clone();
        let mut ids: Vec<String> = rows.as_array().expect("rows").iter().map(|row| row["id"].to_string()).collect();
        ids.sort();
        ids
    };
    until("something is given", || !given(&a).is_empty());
    std::thread::sleep(Duration::from_secs(3));
    until("both show the same", || given(&a) == given(&b));
    assert!(given(&a).len() <= 5, "no more than one agent may have: {:?}", given(&a));
}
