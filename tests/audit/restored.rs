//! A restored data directory whose signing key or checkpoint is missing or another log's: the program says so, takes
//! facts all the same, and goes on in the way that it names.

use crate::masking::server::{Server, token};
use crate::support::program::{clew, printed, run};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A log of some facts with its backup, and the directory of another log.
struct Place {
    dir: TempDir,
    token: String,
}

impl Place {
    fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().expect("a directory"), token: String::new() };
        let token_of = |name: &str| token(&place.path(name));
        let (token, _) = (token_of("data"), token_of("other"));
        printed(&place.path("data"), &["backup", &place.text("backup")]);
        Self { token, ..place }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("a plain path").to_owned()
    }

    /// Restores the backup as `name`, with the signing key of that log, if any.
    fn restore(&self, name: &str, signing_key: Option<&str>) -> Output {
        let key = signing_key.map(|log| self.text(&format!("{log}/proofs/signing-key")));
        let (backup, keys) = (self.text("backup"), self.text("data/keys"));
        let mut arguments = vec!["restore", &backup, "--keys", &keys];
        arguments.extend(key.iter().flat_map(|key| ["--signing-key", key]));
        run(&self.path(name), &arguments)
    }

    /// What a server on this directory says of its proofs, after it took a fact.
    fn health(&self, name: &str) -> Value {
        let log = self.path(&format!("{name}.log"));
        drop(fs::remove_file(&log));
        let server = Server::start(&self.path(name), &log, &self.token, &[]);
        server.done("PUT", "/v1/me/name", &serde_json::json!({"name": "Root, restored"}));
        let told = server.get("/health/ready");
        assert_eq!(told.status, 200, "the desk works");
        let told = told.json();
        server.kill();
        let checks = told["checks"].as_array().expect("checks");
        let proofs = checks.iter().find(|check| check["name"] == "proofs").expect("a check").clone();
        let logged = fs::read_to_string(log).expect("a log");
        assert_eq!(logged.contains("the log is not signed"), proofs["ok"] == false, "{logged}");
        proofs
    }

    fn refused(&self, name: &str, words: &[&str]) {
        let checkpoint = self.path(name).join("proofs/checkpoint");
        let before = fs::read(&checkpoint).expect("a checkpoint");
        let told = self.health(name);
        assert_eq!(told["ok"], false, "{told}");
        let why = told["detail"].as_str().expect("why");
        for word in words {
            assert!(why.contains(word), "{why}");
        }
        assert_eq!(fs::read(&checkpoint).expect("kept"), before, "nothing was signed");
    }

    /// Does what the program says to do, and verifies what came of it.
    fn begin_anew(&self, name: &str) {
        let data = self.path(name);
        fs::rename(data.join("proofs"), self.path(&format!("{name}-proofs"))).expect("moved");
        assert_eq!(self.health(name)["ok"], true);
        sound(&data);
    }
}

fn sound(data: &Path) {
    let key = data.join("proofs/public-key");
    let verify = ["audit", "verify", data.to_str().expect("a path"), "--key", key.to_str().expect("a path")];
    let done = Command::new(clew()).args(verify).output().expect("it starts");
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && told.starts_with("SOUND"), "{told}");
}

#[test]
fn without_its_signing_key_nothing_is_signed_until_it_is_back_or_a_new_log_begins() {
    let place = Place::new();
    let done = place.restore("restored", None);
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && told.contains("proofs/signing-key before the server starts"), "{told}");
    place.refused("restored", &["signing key", "put it back", "new log"]);
    fs::copy(place.path("data/proofs/signing-key"), place.path("restored/proofs/signing-key")).expect("put back");
    assert_eq!(place.health("restored")["ok"], true);
    sound(&place.path("restored"));
    fs::remove_file(place.path("restored/proofs/signing-key")).expect("lost again");
    place.begin_anew("restored");
}

#[test]
fn the_signing_key_of_another_log_is_not_put_in_place() {
    let place = Place::new();
    let done = place.restore("restored", Some("other"));
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success() && told.contains("is the key of another log"), "{told}");
    assert!(!place.path("restored/proofs/signing-key").exists());
    // By hand it gets there all the same.
    fs::copy(place.path("other/proofs/signing-key"), place.path("restored/proofs/signing-key")).expect("copied");
    place.refused("restored", &["can't be trusted", "put the checkpoint and the signing key", "a new log begins"]);
    place.begin_anew("restored");
}

#[test]
fn with_the_checkpoint_of_another_log_or_of_more_facts_nothing_is_signed() {
    let place = Place::new();
    assert!(place.restore("restored", Some("data")).status.success());
    let checkpoint = place.path("restored/proofs/checkpoint");
    let own = fs::read(&checkpoint).expect("a checkpoint");
    fs::copy(place.path("other/proofs/checkpoint"), &checkpoint).expect("copied");
    place.refused("restored", &["can't be trusted", "put the checkpoint and the signing key", "a new log begins"]);
    fs::write(&checkpoint, own).expect("put back");
    assert_eq!(place.health("restored")["ok"], true);

    // The log went on after the backup was made, and was signed: the older facts alone do not continue that.
    assert_eq!(place.health("data")["ok"], true);
    printed(&place.path("data"), &["user", "add", "later", "--role", "agent"]);
    assert!(place.restore("older", Some("data")).status.success());
    fs::copy(place.path("data/proofs/checkpoint"), place.path("older/proofs/checkpoint")).expect("copied");
    place.refused("older", &["facts are missing at the end", "newer backup", "a new log begins"]);
    place.begin_anew("older");
}
