//! The key file lost, keys rotated and copied while the server runs, and the server ended in the middle of masks.

use super::doors::{Known, position, set_up, tell};
use super::server::{Server, token};
use crate::support::program::{clew, printed, run};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::{copy, create_dir, read_to_string, remove_file};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const PASSPHRASE: &[u8] = b"four words and some more\n";

struct Place {
    dir: tempfile::TempDir,
    token: String,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        create_dir(dir.path().join("data")).expect("made");
        let token = token(&dir.path().join("data"));
        Self { dir, token }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn start(&self, arguments: &[&str]) -> Server {
        Server::start(&self.data(), &self.dir.path().join("log"), &self.token, arguments)
    }

    fn view(server: &Server, known: &Known) -> Value {
        server.shown(&format!("/v1/conversations/{}", known.conversation), &known.position)
    }
}

/// The same contact writes so many messages.
fn write(server: &Server, known: &mut Known, count: usize) {
    for _ in 0..count {
        let number = known.messages.len();
        let data = json!({"id": number.to_string(), "contact": {"handle": "+331"}, "text": format!("text {number}")});
        let (status, told) = tell(server, known, &data);
        assert_eq!(status, 202, "{told}");
        told["conversation"].as_str().expect("a conversation").clone_into(&mut known.conversation);
        known.messages.push(told["message"].as_str().expect("a message").to_owned());
        known.position = position(&told);
    }
}

/// The texts of a conversation by message; none of one that is masked.
fn texts(view: &Value) -> Vec<(String, Option<String>)> {
    let entries = view["entries"].as_array().expect("entries").iter();
    let id = |entry: &Value| entry["id"].as_str().expect("an id").to_owned();
    entries.map(|entry| (id(entry), entry["text"].as_str().map(str::to_owned))).collect()
}

fn run_with(data: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(clew());
    command.args(arguments).arg("--data").arg(data).env_remove("CLEW_CONFIG");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("its input is piped").write_all(input).expect("written");
    child.wait_with_output().expect("it ends")
}

#[test]
fn without_the_key_file_the_start_says_what_is_lost_and_the_facts_are_served_all_the_same() {
    let place = Place::new();
    let mut known = Known::default();
    let server = place.start(&[]);
    set_up(&server, &mut known);
    write(&server, &mut known, 2);
    server.kill();
    let kek = place.data().join("keys/kek");
    let kept = place.dir.path().join("kept");
    copy(&kek, &kept).expect("copied");
    remove_file(&kek).expect("removed");

    let refused = run(&place.data(), &["serve", "--listen", "127.0.0.1:0"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    for told in ["key file", "messages, notes, contacts' names", "audit trail", "--without-keys", "clew keys import"] {
        assert!(said.contains(told), "{told}: {said}");
    }
    let trail = printed(&place.data(), &["audit", "list", "--without-keys"]);
    assert_eq!(trail.matches("message_received").count(), 2, "{trail}");

    let server = place.start(&["--without-keys"]);
    let view = Place::view(&server, &known);
    assert_eq!(texts(&view).iter().filter(|(_, text)| text.is_none()).count(), 2);
    assert_eq!(view["contact"]["handle"], Value::Null);
    let trail = server.get(&format!("/v1/conversations/{}/audit", known.conversation)).json();
    assert!(trail.to_string().contains("message_received"));
    for path in ["/v1/audit", "/v1/audit/checkpoint", "/v1/queues/new"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    let ready = server.get("/health/ready").json();
    let keys = ready["checks"].as_array().expect("checks").iter().find(|check| check["name"] == "keys");
    assert_eq!(keys.expect("a check of the keys")["ok"], false);
    let note = format!("/v1/conversations/{}/notes", known.conversation);
    let headers = [("content-type", "application/json")];
    assert_eq!(server.ask("POST", &note, &headers, br#"{"text": "call back"}"#).status, 503);
    let data = json!({"id": "x", "contact": {"handle": "+331"}, "text": "hello"});
    assert!(tell(&server, &known, &data).0 >= 400);
    server.kill();

    copy(&kept, &kek).expect("put back");
    let server = place.start(&[]);
    assert!(texts(&Place::view(&server, &known)).iter().all(|(_, text)| text.is_some()));
    server.kill();
}

#[test]
fn keys_are_rotated_and_copied_and_masks_listed_while_the_server_runs() {
    let place = Place::new();
    let mut known = Known::default();
    let server = place.start(&[]);
    set_up(&server, &mut known);
    write(&server, &mut known, 3);
    let generation = |state: &str| state.split([' ', ':']).nth(1).and_then(|number| number.parse::<u64>().ok());
    let before = printed(&place.data(), &["keys", "state"]);
    assert!(before.contains("Nobody holds a custody copy"), "{before}");
    printed(&place.data(), &["keys", "rotate"]);
    let after = printed(&place.data(), &["keys", "state"]);
    assert_eq!(generation(&after), generation(&before).map(|number| number + 1));

    let copy = place.dir.path().join("copy");
    let export = ["keys", "export", "--holder", "safe", copy.to_str().expect("UTF-8")];
    let weak = run_with(&place.data(), &export, b"short\n");
    assert!(!weak.status.success() && !copy.exists());
    let done = run_with(&place.data(), &export, PASSPHRASE);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));

    let masked = known.messages[1].clone();
    let path = format!("/v1/conversations/{}/messages/{masked}/mask", known.conversation);
    server.done("POST", &path, &json!({}));
    let status = printed(&place.data(), &["mask", "status"]);
    assert!(status.contains("still to reach") && status.contains("of safe"), "{status}");
    assert_eq!(texts(&Place::view(&server, &known)).iter().filter(|(_, text)| text.is_none()).count(), 1);
    server.kill();

    // The copy is older than the mask; what it could bring back is erased again before anything is served.
    std::fs::remove_dir_all(place.data().join("keys")).expect("removed");
    let import = run_with(&place.data(), &["keys", "import", copy.to_str().expect("UTF-8")], PASSPHRASE);
    assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
    let server = place.start(&[]);
    for (message, text) in texts(&Place::view(&server, &known)) {
        assert_eq!(text.is_none(), message == masked, "{message}");
    }
    server.kill();
    let destroyed = printed(&place.data(), &["keys", "state"]);
    let number = destroyed.split("Custody copy ").nth(1).and_then(|rest| rest.split(':').next()).expect("a copy");
    printed(&place.data(), &["keys", "destroyed", number]);
    let status = printed(&place.data(), &["mask", "status"]);
    assert!(!status.contains("still to reach"), "{status}");
}

#[test]
fn ended_in_the_middle_of_masks_every_mask_that_the_log_holds_is_carried_out_and_nothing_else_is_lost() {
    let place = Place::new();
    let mut known = Known::default();
    let server = place.start(&[]);
    set_up(&server, &mut known);
    write(&server, &mut known, 60);
    server.kill();
    let mut acknowledged = BTreeSet::new();
    for round in 0..6_usize {
        let server = place.start(&[]);
        let of_round: Vec<_> = known.messages[round * 8..round * 8 + 8].to_vec();
        let (told, acknowledgements) = mpsc::channel();
        let masked = std::thread::scope(|scope| {
            let (server, known) = (&server, &known);
            let asking = scope.spawn(move || {
                let ask = |message: &&String| {
                    let path = format!("/v1/conversations/{}/messages/{message}/mask", known.conversation);
                    let done = std::panic::catch_unwind(|| server.done("POST", &path, &json!({}))).is_ok();
                    done && told.send(()).is_ok()
                };
                of_round.iter().take_while(ask).cloned().collect::<Vec<_>>()
            });
            acknowledgements.iter().take(round).for_each(drop);
            std::thread::sleep(Duration::from_millis(3 * round as u64));
            server.end();
            drop(acknowledgements);
            asking.join().expect("failures are caught")
        });
        acknowledged.extend(masked);
        let server = place.start(&[]);
        let view = Place::view(&server, &known);
        for entry in view["entries"].as_array().expect("entries") {
            let message = entry["id"].as_str().expect("an id");
            let ordered = entry["masked"]["by"].is_object();
            assert_eq!(entry["text"].is_null(), ordered, "round {round}: {entry}");
            assert!(ordered || !acknowledged.contains(message), "round {round}: {message}");
        }
        assert_eq!(view["entries"].as_array().expect("entries").len(), 60);
        server.kill();
    }
    assert!(acknowledged.len() >= 15, "the rounds did something: {}", acknowledged.len());
    let server = place.start(&[]);
    let status = || printed(&place.data(), &["mask", "status"]);
    let started = Instant::now();
    while !status().ends_with(" 0 are not completed.\n") {
        assert!(started.elapsed() < Duration::from_secs(60), "nobody carries out what was left: {}", status());
    }
    server.kill();
}

#[test]
fn a_backup_from_before_a_mask_does_not_bring_it_back_and_everything_else_is_there() {
    let place = Place::new();
    let mut known = Known::default();
    let server = place.start(&[]);
    set_up(&server, &mut known);
    write(&server, &mut known, 3);
    let path = |name: &str| place.dir.path().join(name).to_str().expect("UTF-8").to_owned();
    printed(&place.data(), &["backup", &path("backup")]);
    let masked = known.messages[1].clone();
    let mask = format!("/v1/conversations/{}/messages/{masked}/mask", known.conversation);
    server.done("POST", &mask, &json!({}));
    server.kill();

    let restored = place.dir.path().join("restored");
    let (keys, signing_key) = (path("data/keys"), path("data/proofs/signing-key"));
    let arguments = ["restore", &path("backup"), "--keys", &keys, "--signing-key", &signing_key];
    // The examination at its end names what is unreadable without an order in this older log.
    run(&restored, &arguments);
    let server = Server::start(&restored, &place.dir.path().join("log"), &place.token, &[]);
    for (message, text) in texts(&Place::view(&server, &known)) {
        assert_eq!(text.is_none(), message == masked, "{message}");
    }
    let ready = server.get("/health/ready").json();
    let proofs = ready["checks"].as_array().expect("checks").iter().find(|check| check["name"] == "proofs");
    assert_eq!(proofs.expect("a check of the proofs")["ok"], true, "{ready}");
    assert_eq!(server.get("/v1/audit/checkpoint").status, 200);
    server.kill();
}

#[test]
fn the_memory_of_the_server_is_kept_out_of_core_dumps_and_where_allowed_of_swap() {
    let place = Place::new();
    let server = place.start(&[]);
    let read = |file: &str| read_to_string(format!("/proc/{}/{file}", server.id())).expect("Linux tells");
    let limits = read("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    let sizes: Vec<_> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(sizes, ["0", "0"], "{core}");
    let status = read("status");
    let number = |name: &str, radix| {
        let line = status.lines().find(|line| line.starts_with(name)).expect("a line");
        u64::from_str_radix(line.split_whitespace().nth(1).expect("a value"), radix).expect("a number")
    };
    let may_lock = number("CapEff:", 16) >> 14 & 1 == 1;
    if may_lock {
        assert!(number("VmLck:", 10) > 0, "{status}");
    }
    server.kill();
}
