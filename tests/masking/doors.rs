//! A marker goes in by every door; the server is ended after each, and no file, log line or metric holds it. Then all
//! of it is masked or forgotten, and nothing that Clew answers with holds it either.

use super::search::{Marker, files_below};
use super::server::{Server, token};
use crate::support::program::{printed, run};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::fs::{create_dir, read_to_string, write};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

const MARKER: &str = "Zq7MARKERxk29vT";

/// What the doors made known, for those that come later.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) channel: String,
    pub(crate) secret: Vec<u8>,
    pub(crate) conversation: String,
    pub(crate) contact: String,
    /// The messages that hold the marker.
    pub(crate) messages: Vec<String>,
    pub(crate) notes: Vec<String>,
    pub(crate) collection: String,
    pub(crate) saved: String,
    pub(crate) position: String,
}

type Door = fn(&Server, &mut Known);

/// Each in a life of the server of its own.
const DOORS: [(&str, Door); 10] = [
    ("an attribute's definition and a channel", set_up),
    ("a message, its contact's handle and name", |server, known| receive(server, known, "1", &[])),
    ("an attachment that comes in", |server, known| {
        let data = STANDARD.encode(format!("bytes {MARKER} bytes").repeat(9_000));
        let file = json!({"name": format!("{MARKER}.txt"), "media_type": "text/plain", "data_base64": data});
        receive(server, known, "2", &[file]);
    }),
    ("a note, then rewritten", note),
    ("an attribute", |server, known| {
        let path = format!("/v1/contacts/{}/attributes/city", known.contact);
        known.position = position(&server.done("PUT", &path, &json!({"value": MARKER})));
    }),
    ("an uploaded file and its reply", upload),
    ("a saved reply, used", saved_reply),
    ("a reply that quotes", |server, known| {
        let quoted = known.messages[0].clone();
        reply(server, known, json!({"text": "as you say", "mode": {"kind": "quoting", "message": quoted}}));
    }),
    ("a failed sign-in, a search and a wrong address", |server, _| {
        let body = json!({"login": MARKER, "password": MARKER}).to_string();
        server.ask("POST", "/v1/sessions", &[("content-type", "application/json")], body.as_bytes());
        server.get(&format!("/v1/contacts?handle={MARKER}"));
        server.get(&format!("/v1/agents?name={MARKER}"));
        server.get(&format!("/v1/{MARKER}?q={MARKER}"));
        server.ask("POST", &format!("/v1/inbound/{MARKER}"), &[], MARKER.as_bytes());
    }),
    ("a message that can't be taken in", |server, known| {
        let data = json!({"id": MARKER, "contact": {"handle": ""}, "text": MARKER, "unknown": MARKER});
        assert_eq!(tell(server, known, &data).0, 400);
    }),
];

pub(crate) fn set_up(server: &Server, known: &mut Known) {
    let profile = json!({"kind": "whats_app", "name": "Chat", "visibility": "private", "reopens": false});
    server.done("POST", "/v1/admin/channels", &profile)["id"].as_str().expect("an id").clone_into(&mut known.channel);
    let shown = server.done("PUT", &format!("/v1/admin/channels/{}/secret", known.channel), &json!({}));
    let secret = shown["secret"].as_str().expect("a secret").trim_start_matches("whsec_");
    known.secret = STANDARD.decode(secret).expect("Base64");
    let city = json!({"label": "City", "kind": "text", "system": false});
    server.done("PUT", "/v1/admin/attributes/city", &city);
}

/// Tells something as the channel's program would.
pub(crate) fn tell(server: &Server, known: &Known, data: &Value) -> (u16, Value) {
    try_tell(server, known, data).expect("the server answers")
}

/// The same, or nothing where nobody answers any more.
pub(crate) fn try_tell(server: &Server, known: &Known, data: &Value) -> Option<(u16, Value)> {
    let body = json!({"type": "message.received", "data": data}).to_string();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs().to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(&known.secret).expect("a key of any length");
    mac.update(format!("hook.{now}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let headers = [
        ("webhook-id", "hook"),
        ("webhook-timestamp", now.as_str()),
        ("webhook-signature", signature.as_str()),
        ("content-type", "application/json"),
    ];
    let answer = server.try_ask("POST", &format!("/v1/inbound/{}", known.channel), &headers, body.as_bytes())?;
    Some((answer.status, serde_json::from_slice(&answer.body).ok()?))
}

fn receive(server: &Server, known: &mut Known, id: &str, attachments: &[Value]) {
    let contact = json!({"handle": format!("+33-{MARKER}"), "name": format!("Ms {MARKER}")});
    let id = format!("{id}-{MARKER}");
    let data = json!({"id": id, "contact": contact, "text": format!("I am {MARKER}."), "attachments": attachments});
    let (status, told) = tell(server, known, &data);
    assert_eq!(status, 202, "{told}");
    told["conversation"].as_str().expect("a conversation").clone_into(&mut known.conversation);
    known.messages.push(told["message"].as_str().expect("a message").to_owned());
    known.position = position(&told);
    let view = server.shown(&format!("/v1/conversations/{}", known.conversation), &known.position);
    view["contact"]["id"].as_str().expect("a contact").clone_into(&mut known.contact);
    assert!(view.to_string().contains(MARKER), "before it is masked, it is shown: {view}");
}

fn note(server: &Server, known: &mut Known) {
    let notes = format!("/v1/conversations/{}/notes", known.conversation);
    let added = server.done("POST", &notes, &json!({"text": format!("call {MARKER}")}));
    let note = added["note"].as_str().expect("a note").to_owned();
    server.done("PUT", &format!("{notes}/{note}"), &json!({"text": format!("call {MARKER} back")}));
    known.notes.push(note);
}

fn reply(server: &Server, known: &mut Known, mut reply: Value) {
    let path = format!("/v1/conversations/{}", known.conversation);
    reply["seen"] = server.shown(&path, &known.position)["version"].clone();
    let sent = server.done("POST", &format!("{path}/messages"), &reply);
    known.messages.push(sent["message"].as_str().expect("a message").to_owned());
    known.position = position(&sent);
}

fn upload(server: &Server, known: &mut Known) {
    let path = format!("/v1/conversations/{}/uploads?name={MARKER}.csv", known.conversation);
    let bytes = format!("a;{MARKER};b\n").repeat(20_000);
    let uploaded = server.ask("POST", &path, &[("content-type", "text/csv")], bytes.as_bytes()).json();
    reply(server, known, json!({"text": format!("see {MARKER}"), "attachments": [uploaded["upload"]]}));
}

fn saved_reply(server: &Server, known: &mut Known) {
    let me = server.get("/v1/me").json();
    let agent = me["agent"]["id"].as_str().expect("an id").to_owned();
    let made = server.done(
        "POST",
        "/v1/saved-replies/collections",
        &json!({"name": "Mine", "owner": {"kind": "agent", "id": agent}}),
    );
    made["id"].as_str().expect("an id").clone_into(&mut known.collection);
    let saved = json!({"title": MARKER, "text": format!("Dear {MARKER}")});
    let path = format!("/v1/saved-replies/collections/{}/replies", known.collection);
    server.done("POST", &path, &saved)["id"].as_str().expect("an id").clone_into(&mut known.saved);
    reply(server, known, json!({"text": format!("Dear {MARKER}")}));
}

pub(crate) fn position(answer: &Value) -> String {
    answer["position"].as_str().expect("a position").to_owned()
}

struct Disk {
    dir: tempfile::TempDir,
    marker: Marker,
}

impl Disk {
    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    #[track_caller]
    fn holds_no_marker(&self, after: &str) {
        assert!(files_below(&self.data()).len() > 5, "there is something to search");
        assert_eq!(self.marker.found_below(self.dir.path()), [], "after {after}");
    }
}

#[test]
fn what_is_written_is_never_in_the_clear_and_what_is_masked_is_nowhere() {
    let disk = Disk { dir: tempfile::tempdir().expect("a directory"), marker: Marker::new(MARKER) };
    create_dir(disk.data()).expect("made");
    let token = token(&disk.data());
    let start = || Server::start(&disk.data(), &disk.log(), &token, &[]);
    let mut known = Known::default();
    for (name, door) in DOORS {
        let server = start();
        door(&server, &mut known);
        let metrics = server.get("/metrics");
        assert!(metrics.status == 200 && disk.marker.found_in(&metrics.body).is_none(), "{name}");
        server.kill();
        disk.holds_no_marker(name);
    }
    imported(&disk);
    let backup = disk.dir.path().join("backup");
    printed(&disk.data(), &["backup", backup.to_str().expect("UTF-8")]);
    assert!(files_below(&backup).len() > 3, "there is a backup to search");
    disk.holds_no_marker("a backup");
    let server = start();
    let past = mask_everything(&server, &known);
    nothing_answers_with_it(&disk, &server, &known, &past);
    server.kill();
    nothing_prints_it(&disk, &known);
    disk.holds_no_marker("masking");
    let log = read_to_string(disk.log()).expect("the server logged");
    assert!(log.contains("answered"), "there is a log to search");
}

/// `clew import`, from a file that lies elsewhere.
fn imported(disk: &Disk) {
    let elsewhere = tempfile::tempdir().expect("a directory");
    let file = elsewhere.path().join("messages");
    let line = json!({"id": format!("9{MARKER}"), "author": format!("u{MARKER}"), "inbound": true, "brand": "Brand",
        "ts": "2017-10-31T22:10:47Z", "text": format!("@Brand {MARKER}")});
    write(&file, format!("{line}\n")).expect("written");
    let summary = printed(&disk.data(), &["import", "--json", file.to_str().expect("UTF-8")]);
    assert!(summary.contains("\"messages\":1"), "{summary}");
    disk.holds_no_marker("an import");
    let exported = printed(&disk.data(), &["export"]);
    assert!(disk.marker.found_in(exported.as_bytes()).is_some(), "before it is masked, it is exported");
}

/// Masks each message, note and attachment, forgets the contacts, rewrites the saved reply; gives an instant before.
fn mask_everything(server: &Server, known: &Known) -> String {
    let path = format!("/v1/conversations/{}", known.conversation);
    let view = server.shown(&path, &known.position);
    let past = view["entries"].as_array().and_then(|all| all.last()).expect("an entry")["recorded_at"].clone();
    for message in &known.messages {
        server.done("POST", &format!("{path}/messages/{message}/mask"), &json!({}));
    }
    for note in &known.notes {
        server.done("POST", &format!("{path}/notes/{note}/mask"), &json!({}));
    }
    let masked = server.get(&path).json();
    for entry in masked["entries"].as_array().expect("entries") {
        assert_eq!(entry["text"], Value::Null, "{entry}");
        assert_eq!(entry["masked"]["by"]["name"], "root", "{entry}");
        assert!(entry["masked"]["at"].is_string(), "{entry}");
        assert!(entry["quoted"].is_null() || entry["quoted"]["text"].is_null(), "{entry}");
    }
    for contact in server.get("/v1/contacts").json()["items"].as_array().expect("contacts") {
        let contact = contact["id"].as_str().expect("an id");
        server.done("POST", &format!("/v1/contacts/{contact}/forget"), &json!({}));
    }
    let saved = format!("/v1/saved-replies/collections/{}/replies/{}", known.collection, known.saved);
    server.done("DELETE", &saved, &json!({}));
    past.as_str().expect("an instant").to_owned()
}

fn nothing_answers_with_it(disk: &Disk, server: &Server, known: &Known, past: &str) {
    let of = format!("/v1/conversations/{}", known.conversation);
    let contact = format!("/v1/contacts/{}", known.contact);
    let paths = [
        of.clone(),
        format!("{of}?at={past}"),
        format!("{of}/transcript"),
        format!("{of}/audit"),
        contact.clone(),
        "/v1/contacts".to_owned(),
        "/v1/queues/new".to_owned(),
        "/v1/queues/pending".to_owned(),
        "/v1/audit".to_owned(),
        "/v1/saved-replies".to_owned(),
        "/metrics".to_owned(),
        format!("/v1/outbox/{}", known.channel),
    ];
    for path in paths {
        let answer = server.get(&path);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, 200, "{path}: {text}");
        assert_eq!(disk.marker.found_in(&answer.body), None, "{path}: {text}");
    }
    assert_eq!(server.get(&contact).json()["forgotten"], true);
}

fn nothing_prints_it(disk: &Disk, known: &Known) {
    for command in [
        &["export"][..],
        &["transcript", &known.conversation],
        &["audit", "list", "--json"],
        &["mask", "status", "--all"],
        &["keys", "state"],
    ] {
        let done = run(&disk.data(), command);
        let all = [done.stdout, done.stderr].concat();
        let text = String::from_utf8_lossy(&all);
        assert!(done.status.success(), "{command:?}: {text}");
        assert_eq!(disk.marker.found_in(&all), None, "{command:?}: {text}");
    }
}
