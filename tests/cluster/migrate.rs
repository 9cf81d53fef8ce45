//! `clew migrate` with the program itself: a log that was served from a directory goes to a cluster and back, and stays
//! the same log for whoever reads it, proves it, or holds a position of it.

use super::gateways::{conversation, receive};
use super::server::{Servers, is_there};
use crate::masking::doors::{Known, position, set_up};
use crate::masking::server::{Server, token};
use crate::support::program::{printed, run};
use serde_json::json;
use std::path::Path;

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
