//! The proofs as somebody else sees them: an exported bundle, checked by a program that is not ours.

use crate::support::requires;
use clew_eventstore::backends::memory::{Store, now};
use clew_eventstore::conformance::{commit, stream, write};
use clew_eventstore::proofs::{Log, SigningKey, bundle};
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
