//! `clew migrate` with the program itself: a log that was served from a directory goes to a cluster and back. With one
//! partition it stays the same log for whoever reads it, proves it, or holds a position of it; with several it says the
//! same at other positions, and is signed anew.

use super::gateways::{conversation, receive, until};
use super::server::{Servers, is_there};
use crate::masking::doors::{Known, position, set_up};
use crate::masking::server::{Server, token};
use crate::support::program::{clew, printed, run};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

fn messages(server: &Server, of: &str, at: &str) -> String {
    let lines = server.shown(of, at)["entries"].clone();
    assert!(lines.is_array(), "a conversation has entries: {lines}");
    lines.to_string()
}

/// Size and root of what is signed.
fn checkpoint(data: &Path) -> (u64, String) {
    let text = std::fs::read_to_string(data.join("proofs/checkpoint")).expect("a checkpoint");
    let mut lines = text.lines().skip(1);
    let size = lines.next().and_then(|line| line.parse().ok()).expect("a size");
    (size, lines.next().expect("a root").to_owned())
}

fn text_of(arguments: &[&str], data: &Path) -> (bool, String) {
    let done = run(data, arguments);
    (done.status.success(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
}

#[test]
fn a_log_goes_to_a_cluster_and_back_and_stays_the_same_log() {
    if !is_there() {
        return;
    }
    let (servers, dir) = (Servers::start(1, ""), tempfile::tempdir().expect("a temporary directory"));
    let at = |name: &str| dir.path().join(name);
    let (one, gateway, two, log) = (at("one"), at("gateway"), at("two"), at("log"));
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();

    drop(Server::start(&one, &log, "", &["--demo"]));
    let token = token(&one);
    let server = Server::start(&one, &log, &token, &[]);
    let mut known = Known::default();
    set_up(&server, &mut known);
    let told = receive(&server, &known, 11, "What stays readable");
    let of = conversation(&told);
    let masked = receive(&server, &known, 12, "What is masked before it moves");
    let mask = format!("{}/messages/{}/mask", conversation(&masked), masked["message"].as_str().expect("a message"));
    server.done("POST", &mask, &json!({}));
    let (seen, shown) = (position(&told), messages(&server, &of, &position(&told)));
    assert!(shown.contains("What stays readable"), "{shown}");
    server.kill();

    // Nothing happens where no cluster is.
    let (went, why) = text_of(&["migrate", "--from", &text(&one), "--to", "nats://127.0.0.1:9"], &gateway);
    assert!(!went && why.contains("127.0.0.1:9"), "{why}");
    let moving = ["migrate", "--from", &text(&one), "--to", &servers.addresses(), "--store-replicas", "1"];
    let (went, said) = text_of(&moving, &gateway);
    assert!(went, "{said}");
    let (size, root) = checkpoint(&one);
    assert!(said.contains(&format!("{size} facts")) && said.contains(&root), "{said}");
    assert!(!one.join("keys").exists(), "no keys stay behind");
    let (again, why) = text_of(&moving, &gateway);
    assert!(!again && why.contains("moved"), "{why}");
    let (went, why) = text_of(&["serve", "--listen", "127.0.0.1:0"], &one);
    assert!(!went && why.contains("was moved to"), "{why}");

    let server = Server::start(&gateway, &log, &token, &[]);
    assert_eq!(messages(&server, &of, &seen), shown, "a position from before holds, and shows the same");
    let gone = messages(&server, &conversation(&masked), &seen);
    assert!(!gone.contains("What is masked"), "{gone}");
    let trail = server.get("/v1/audit?action=log_moved").json();
    let entries = trail["entries"].as_array().expect("entries");
    assert_eq!(entries.len(), 1, "{trail}");
    assert!(entries[0].to_string().contains(&size.to_string()), "{trail}");
    let there = receive(&server, &known, 13, "Written on the cluster");
    assert!(messages(&server, &conversation(&there), &position(&there)).contains("Written on the cluster"));
    server.kill();

    let back = ["migrate", "--from", &text(&gateway), "--to", &text(&two)];
    let (went, said) = text_of(&back, &gateway);
    assert!(went, "{said}");
    let (grown, _) = checkpoint(&two);
    assert!(grown > size, "the same log goes on being signed: {grown}");
    let server = Server::start(&two, &log, &token, &[]);
    assert_eq!(messages(&server, &of, &seen), shown);
    assert!(messages(&server, &conversation(&there), &position(&there)).contains("Written on the cluster"));
    let last = receive(&server, &known, 14, "Written at home again");
    assert!(messages(&server, &conversation(&last), &position(&last)).contains("Written at home again"));
    assert_eq!(server.get("/v1/audit?action=log_moved").json()["entries"].as_array().map(Vec::len), Some(2));
    server.kill();
    assert!(printed(&two, &["doctor"]).contains("All is sound."));
}

/// What a conversation shows, whatever the position is by which one knows it.
fn shown(server: &Server, told: &Value) -> String {
    server.get(&conversation(told)).json()["entries"].to_string()
}

/// Ends the command as a power cut would, as soon as this holds; it may have come to its end before.
fn break_off(arguments: &[&str], data: &Path, holds: impl Fn() -> bool) {
    let mut command = Command::new(clew());
    command.args(arguments).arg("--data").arg(data).env_remove("CLEW_CONFIG");
    let mut broken_off = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    while !holds() && broken_off.try_wait().expect("it is a child").is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = broken_off.kill();
    broken_off.wait().expect("it has ended");
}

/// Exports what auditors get of each partition, and verifies it.
fn assert_proved(data: &Path, partitions: usize) -> String {
    let bundle = data.with_extension("bundle");
    printed(data, &["audit", "export", bundle.to_str().expect("a path")]);
    let key = printed(data, &["audit", "key"]).trim().to_owned();
    let verdict = verified(&bundle, &key);
    assert_eq!(verdict.matches("SOUND\n").count(), partitions, "{verdict}");
    assert!(!verdict.contains("NOT SOUND"), "{verdict}");
    let replayed = printed(data, &["audit", "replay", "--digests"]);
    assert!(replayed.contains("that agree with the log replayed"), "{replayed}");
    key
}

fn verified(directory: &Path, key: &str) -> String {
    let verify = ["audit", "verify", directory.to_str().expect("a path"), "--key", key];
    let done = Command::new(clew()).args(verify).output().expect("it starts");
    String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned()
}

fn moves_in_trail(server: &Server) -> Vec<Value> {
    server.get("/v1/audit?action=log_moved").json()["entries"].as_array().expect("entries").clone()
}

#[test]
fn a_log_is_parted_on_a_cluster_and_comes_together_in_a_directory() {
    if !is_there() {
        return;
    }
    let (servers, dir) = (Servers::start(1, ""), tempfile::tempdir().expect("a temporary directory"));
    let at = |name: &str| dir.path().join(name);
    let (one, gateway, two, log) = (at("one"), at("gateway"), at("two"), at("log"));
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();

    drop(Server::start(&one, &log, "", &["--demo"]));
    let token = token(&one);
    let server = Server::start(&one, &log, &token, &["--digest-interval-s", "1"]);
    let mut known = Known::default();
    set_up(&server, &mut known);
    let told: Vec<Value> = (20..32).map(|n| receive(&server, &known, n, &format!("What {n} wrote stays"))).collect();
    let masked = receive(&server, &known, 40, "What is masked before it moves");
    let mask =
        |told: &Value| format!("{}/messages/{}/mask", conversation(told), told["message"].as_str().expect("one"));
    let done = server.done("POST", &mask(&masked), &json!({}));
    let stale = position(&done);
    let before: Vec<String> = told.iter().map(|told| messages(&server, &conversation(told), &stale)).collect();
    until("something is recorded of what was shown", || {
        !server.get("/v1/audit?action=state_digested").json()["entries"].as_array().expect("entries").is_empty()
    });
    server.kill();
    let old_key = assert_proved(&one, 1);

    let moving = ["migrate", "--from", &text(&one), "--to", &servers.addresses()];
    let moving = [&moving[..], &["--store-replicas", "1", "--store-partitions", "3"]].concat();
    let messages_in =
        |stream: &str| servers.info(stream).map_or(0, |info| info["state"]["messages"].as_u64().unwrap_or(0));
    break_off(&moving, &gateway, || messages_in("clew_CT_01") > 0);
    break_off(&moving, &gateway, || messages_in("clew_CT_01") > 20);
    break_off(&moving, &gateway, || (0..3).any(|partition| messages_in(&format!("clew_EV_0{partition}")) > 3));
    if one.join("keys").exists() {
        let (went, said) = text_of(&moving, &gateway);
        let (size, root) = checkpoint(&one);
        assert!(went && said.contains("positions and receipts of before do not hold there"), "{said}");
        assert!(
            said.contains(&format!("{size} facts")) && said.contains(&root) && said.contains("/moved-1+"),
            "{said}"
        );
    }
    assert!(!one.join("keys").exists(), "no keys stay behind");
    assert!(printed(&gateway, &["doctor"]).contains("All is sound."), "it is signed before it is served");
    let archive = verified(&one, &old_key);
    assert!(archive.starts_with("SOUND"), "what was signed before can still be examined: {archive}");

    let server = Server::start(&gateway, &log, &token, &["--digest-interval-s", "1"]);
    for (told, before) in told.iter().zip(&before) {
        assert_eq!(shown(&server, told), *before);
    }
    assert!(!shown(&server, &masked).contains("What is masked"), "masked stays masked");
    let refused = server.ask("GET", "/v1/me", &[("clew-min-position", &stale)], &[]);
    assert_eq!(refused.status, 400, "{}", String::from_utf8_lossy(&refused.body));
    server.stream_until("/v1/feed", &[("last-event-id", &stale)], "event: reset");
    let moved = moves_in_trail(&server);
    assert_eq!(moved.len(), 1, "{moved:?}");
    assert!(moved[0].to_string().contains(&checkpoint(&one).0.to_string()), "{moved:?}");
    for partition in 0..3 {
        let count = messages_in(&format!("clew_CT_0{partition}"));
        assert!(count > 20, "contents lie with their facts: {count} in partition {partition}");
    }
    server.done("POST", &mask(&told[0]), &json!({}));
    let there = receive(&server, &known, 50, "Written on the cluster");
    let at_last = position(&there);
    let before: Vec<String> = told.iter().map(|told| messages(&server, &conversation(told), &at_last)).collect();
    server.kill();
    let new_key = assert_proved(&gateway, 3);
    assert_eq!(new_key.split('+').next(), old_key.split('+').next().map(|name| format!("{name}/moved-1")).as_deref());
    assert_eq!(new_key.split('+').next_back(), old_key.split('+').next_back(), "it is the same key");

    let back = ["migrate", "--from", &text(&gateway), "--to", &text(&two)];
    break_off(&back, &gateway, || two.join("facts").exists());
    if gateway.join("keys").exists() {
        let (went, said) = text_of(&back, &gateway);
        assert!(went && said.contains("/moved-2+"), "{said}");
    }
    assert!(printed(&two, &["doctor"]).contains("All is sound."), "it is signed before it is served");
    let archive = verified(&gateway, &new_key);
    assert_eq!(archive.matches("SOUND\n").count(), 3, "{archive}");
    assert!(!archive.contains("NOT SOUND"), "{archive}");
    let server = Server::start(&two, &log, &token, &["--digest-interval-s", "1"]);
    for (told, before) in told.iter().zip(&before).skip(1) {
        assert_eq!(shown(&server, told), *before);
    }
    assert!(!shown(&server, &told[0]).contains("stays"), "what was masked on the cluster stays masked");
    assert!(shown(&server, &there).contains("Written on the cluster"));
    let refused = server.ask("GET", "/v1/me", &[("clew-min-position", "p1.1.1")], &[]);
    assert_eq!(refused.status, 400);
    assert_eq!(moves_in_trail(&server).len(), 1 + 3, "one for each tree of the old log");
    let last = receive(&server, &known, 60, "Written at home again");
    assert!(messages(&server, &conversation(&last), &position(&last)).contains("Written at home again"));
    server.kill();
    assert!(printed(&two, &["doctor"]).contains("All is sound."));
    let key = assert_proved(&two, 1);
    let verdict = verified(&two, &key);
    assert!(verdict.starts_with("SOUND") && verdict.contains("parted otherwise"), "{verdict}");
}
