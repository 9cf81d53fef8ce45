//! The proofs as somebody else sees them: an exported bundle, checked by a program that is not ours.

mod directory;
mod restored;
mod state;
mod witness;

use crate::support::requires;
use clew_domain::fact::Position;
use clew_eventstore::backends::memory::{Store, now};
use clew_eventstore::conformance::{commit, stream, write};
use clew_eventstore::cursor::Cursor;
use clew_eventstore::observer::LeafSource;
use clew_eventstore::proofs::receipt::Receipt;
use clew_eventstore::proofs::{Log, SigningKey, Tiles, bundle};
use clew_eventstore::store::EventStore;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

const FACTS: u64 = 700;

/// A bundle of 700 facts in `directory`, and the text of a checkpoint over the first 300.
async fn export(directory: &Path) -> (String, String) {
    let log = Arc::new(Log::in_memory(0, SigningKey::generate("clew.example/log").expect("a key")));
    let store = Store::new(1, Box::new(now), Some(Box::new(log.follower())));
    log.catch_up(&store).await.expect("an empty store");
    let mut older = String::new();
    for number in 0..FACTS / 100 {
        let facts = write(stream(number), 0, number * 100..(number + 1) * 100);
        store.append(commit(vec![facts])).await.expect("taken");
        if number == 2 {
            older = log.sign().expect("signed").to_string();
        }
    }
    let signed = log.sign().expect("signed");
    bundle::write(directory, &log, &store, &signed, 0..FACTS, &mut |_| {}).await.expect("written");
    (log.verifier().to_string(), older)
}

/// The verifier in Go, built from `tests/audit/verify.go`; none where Go or its library is missing.
fn build(directory: &Path) -> Option<PathBuf> {
    let library = Path::new("/usr/share/gocode");
    let go = Command::new("go").arg("version").output().is_ok();
    if !requires::met(go, "Go is not there (apt-get install golang-go)")
        || !requires::file(&library.join("src/golang.org/x/mod/sumdb/tlog/tlog.go"))
    {
        return None;
    }
    let program = directory.join("verify");
    let mut command = Command::new("go");
    command.arg("build").arg("-o").arg(&program).arg(concat!(env!("CARGO_MANIFEST_DIR"), "/audit/verify.go"));
    command.env("GO111MODULE", "off").env("GOPATH", library).env("GOCACHE", directory.join("cache"));
    let built = command.output().expect("go was there");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Some(program)
}

#[tokio::test]
async fn a_bundle_is_verified_by_go_and_a_changed_one_is_not() {
    let home = tempfile::tempdir().expect("a directory");
    let Some(program) = build(home.path()) else { return };
    let bundle = home.path().join("bundle");
    let (key, older) = export(&bundle).await;
    let checkpoint = home.path().join("older");
    std::fs::write(&checkpoint, older).expect("written");
    let verify =
        || -> Output { Command::new(&program).arg(&bundle).arg(&key).arg(&checkpoint).output().expect("it was built") };
    let sound = verify();
    assert!(sound.status.success(), "{}", String::from_utf8_lossy(&sound.stderr));
    assert_eq!(sound.stdout, b"700 facts verified\n");

    for file in ["tile/entries/001", "tile/0/002.p/188", "checkpoint"] {
        let path = bundle.join(file);
        let kept = std::fs::read(&path).expect("a file of the bundle");
        let mut changed = kept.clone();
        changed[40] ^= 1;
        std::fs::write(&path, changed).expect("written");
        assert!(!verify().status.success(), "{file} was changed");
        std::fs::write(&path, kept).expect("written");
    }
    assert!(verify().status.success());
}

#[tokio::test]
async fn the_browser_accepts_sound_receipts_and_no_changed_one() {
    let answered = Command::new("node").arg("--version").output();
    if !requires::met(answered.is_ok(), "Node.js is not there (apt-get install nodejs)") {
        return;
    }
    check_in_node(1, 0).await;
    check_in_node(3, 1).await;
}

/// Of one partition of so many.
async fn check_in_node(partitions: u16, partition: u16) {
    let home = tempfile::tempdir().expect("a directory");
    let put = |name: &str, text: &str| std::fs::write(home.path().join(name), text).expect("written");
    let key = SigningKey::generate("clew.example/log").expect("a key");
    let log = Arc::new(Log::in_memory(partition, key.of_partition(partition)));
    let store = Store::new(partitions, Box::new(now), Some(Box::new(log.follower())));
    log.catch_up(&store).await.expect("an empty store");
    put("key", &key.verifier().to_string());
    put("stranger", &SigningKey::generate("clew.example/log").expect("a key").verifier().to_string());
    let mut count = 0;
    for size in [1, 2, 3, 7, 8, 9, 300] {
        let mut streams = (size * 100..).map(stream);
        let stream = streams.find(|it| store.partition_of(*it) == partition).expect("there are many");
        store.append(commit(vec![write(stream, 0, log.size()..size)])).await.expect("taken");
        let signed = log.sign().expect("signed");
        for index in [0, 1, size / 2, size - 1].into_iter().filter(|index| *index < size) {
            let leaf = store.leaves(partition, index, 1).await.expect("it reads").remove(0).bytes;
            let receipt = Receipt::make(log.as_ref(), leaf, index, signed.clone()).expect("it is in the tree");
            put(&format!("{index}-{size}.tlog-proof"), &receipt.to_string());
            count += 1;
        }
    }
    let fact = store.read_all(Position { partition, sequence: 150 }, 1).await.expect("it reads").remove(0);
    let position = Cursor::at(fact.position).to_string();
    let told = serde_json::json!({
        "receipt": "150-300.tlog-proof", "event_id": fact.id, "position": position, "recorded_at": fact.recorded_at,
    });
    put("line.json", &told.to_string());
    assert!(count > 15);
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let module = tests.join("../gateway/ui/proof.js");
    let copy = home.path().join("proof.mjs");
    std::fs::copy(module, &copy).expect("copied");
    let script = tests.join("audit/proof.mjs");
    let checked = Command::new("node").arg(script).arg(&copy).arg(home.path()).output().expect("node was there");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}
