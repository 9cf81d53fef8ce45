//! The files of a data directory, tampered with by somebody who can mend checksums: each change is found and named.
//! And the tree over real segments and restarts, and what a server does whose log is not what was signed.

use axum::body::Body;
use axum::http::Request;
use clew_eventstore::backends::embedded::{Options, Store};
use clew_eventstore::backends::memory::Store as MemoryStore;
use clew_eventstore::conformance::{commit, stream, write};
use clew_eventstore::observer::LeafSource;
use clew_eventstore::proofs::memory::Memory;
use clew_eventstore::proofs::{Against, Log, SigningKey, Standing, VerifierKey, directory};
use clew_eventstore::store::EventStore;
use clew_eventstore::vault::Vault;
use clew_gateway::app::App;
use clew_gateway::clock::Clock;
use clew_gateway::config::Config;
use clew_gateway::proofs::{self, Proofs};
use http_body_util::BodyExt;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tower::ServiceExt;

const FACTS: u64 = 120;
const HEADER_BYTES: usize = 32;
/// Where a leaf has these, as `docs/auditing.md` says.
const SEQUENCE: usize = 8;
const VERSION: usize = 32;
const RECORDED_AT: usize = 40;
const OCCURRED_AT: usize = 80;

fn key() -> SigningKey {
    SigningKey::from_seed("clew.example/log", &[7; 32]).expect("a key")
}

/// The log in a directory with its tree, which follows it.
async fn open(dir: &Path) -> (Store, Arc<Log>) {
    let log = Arc::new(Log::open(&dir.join("proofs"), 0, key()).expect("a tree"));
    let options = Options {
        observer: Some(Box::new(log.follower())),
        facts_segment_bytes: 96 * 1024,
        contents_segment_bytes: 96 * 1024,
        ..Options::default()
    };
    let (store, _) = Store::open(dir, options).expect("a log");
    let _ = log.catch_up(&store).await;
    (store, log)
}

async fn append(store: &Store, count: u64) {
    for _ in 0..count {
        let version = store.read_stream(stream(1), 0).await.expect("it reads").len() as u64;
        store.append(commit(vec![write(stream(1), version, version..version + 1)])).await.expect("taken");
    }
}

/// A directory with a signed log of 120 facts, and a checkpoint over the first 50.
async fn recorded() -> (TempDir, String) {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, log) = open(dir.path()).await;
    append(&store, 50).await;
    let older = log.sign().expect("signed").to_string();
    append(&store, FACTS - 50).await;
    log.sign().expect("signed");
    (dir, older)
}

/// What is wrong with a directory, in words.
async fn verdict(dir: &Path, since: Option<&str>) -> String {
    let key: VerifierKey = key().verifier();
    let store = match Store::open(dir, Options::default()) {
        Ok((store, _)) => store,
        Err(error) => return error.to_string(),
    };
    let against = Against { key: &key, since, witnesses: &[] };
    let verdict = directory::verify(&dir.join("proofs"), &store, 0, against, &mut |_| {}).await.expect("it is there");
    let findings: Vec<String> = verdict.findings.iter().map(ToString::to_string).collect();
    findings.join("\n")
}

/// CRC-32 (IEEE), bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    };
    !bytes.iter().fold(u32::MAX, step)
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// A frame: its kind and flags, and what it holds.
type Frame = (u32, Vec<u8>);

/// Rewrites the segment of facts: `change` is given its frames, and those that hold a fact by their place.
fn tamper(dir: &Path, change: impl FnOnce(&mut Vec<Frame>, &[usize])) {
    let path = dir.join("facts").join("00000001.open");
    let bytes = std::fs::read(&path).expect("the first segment");
    let (mut frames, mut at) = (Vec::new(), HEADER_BYTES);
    while at + 8 <= bytes.len() && number(&bytes, at + 4) != 0 {
        let head = number(&bytes, at + 4);
        let end = at + 8 + (head & 0x00ff_ffff) as usize;
        assert_eq!(crc(&bytes[at + 4..end]), number(&bytes, at), "the format is that of docs/log.md");
        frames.push((head & 0xff00_0000, bytes[at + 8..end].to_vec()));
        at = end;
    }
    let facts: Vec<usize> = (0..frames.len()).filter(|place| (frames[*place].0 >> 24) & 3 == 1).collect();
    assert_eq!(facts.len() as u64, FACTS);
    change(&mut frames, &facts);
    let mut written = bytes[..HEADER_BYTES].to_vec();
    for (head, payload) in frames {
        let mut frame = (head | u32::try_from(payload.len()).expect("short")).to_le_bytes().to_vec();
        frame.extend_from_slice(&payload);
        written.extend_from_slice(&crc(&frame).to_le_bytes());
        written.extend_from_slice(&frame);
    }
    written.resize(bytes.len().max(written.len()), 0);
    std::fs::write(path, written).expect("written");
}

/// Numbers all facts anew, as somebody would who wants the store to take them.
fn renumber(frames: &mut [Frame]) {
    let facts = frames.iter_mut().filter(|(head, _)| (head >> 24) & 3 == 1);
    for (sequence, (_, leaf)) in (1_u64..).zip(facts) {
        leaf[SEQUENCE..SEQUENCE + 8].copy_from_slice(&sequence.to_le_bytes());
        leaf[VERSION..VERSION + 8].copy_from_slice(&sequence.to_le_bytes());
    }
}

#[tokio::test]
async fn an_untouched_directory_is_sound_and_continues_an_older_checkpoint() {
    let (dir, older) = recorded().await;
    assert_eq!(verdict(dir.path(), Some(&older)).await, "");
    tamper(dir.path(), |_, _| {});
    assert_eq!(verdict(dir.path(), Some(&older)).await, "", "the test's own rewriting changes nothing");
}

#[tokio::test]
async fn a_changed_fact_is_named() {
    let (dir, _) = recorded().await;
    tamper(dir.path(), |frames, facts| frames[facts[20]].1[OCCURRED_AT] ^= 1);
    let found = verdict(dir.path(), None).await;
    assert!(found.starts_with("Fact 21 was changed after it was recorded"), "{found}");
    assert_eq!(found.lines().count(), 1, "{found}");
}

#[tokio::test]
async fn a_flipped_bit_without_a_mended_checksum_is_named() {
    let (dir, _) = recorded().await;
    let path = dir.path().join("facts").join("00000001.open");
    let mut bytes = std::fs::read(&path).expect("the first segment");
    bytes[HEADER_BYTES + 2_000] ^= 1;
    std::fs::write(&path, bytes).expect("written");
    let found = verdict(dir.path(), None).await;
    assert!(found.contains("00000001.open"), "{found}");
}

#[tokio::test]
async fn a_deleted_fact_is_named_whether_the_others_are_renumbered_or_not() {
    let (dir, _) = recorded().await;
    tamper(dir.path(), |frames, facts| drop(frames.remove(facts[20])));
    let found = verdict(dir.path(), None).await;
    assert!(found.contains("00000001.open"), "the numbers do not follow: {found}");
    tamper_renumbered(|frames, facts| drop(frames.remove(facts[20])), "Fact 21 ", Some("Fact 120 ")).await;
    let (dir, _) = recorded().await;
    tamper(dir.path(), |frames, facts| frames.truncate(facts[110]));
    let found = verdict(dir.path(), None).await;
    assert!(found.starts_with("Facts 111 to 120 were removed"), "{found}");
}

#[tokio::test]
async fn swapped_and_inserted_facts_are_named() {
    let swap = |frames: &mut Vec<Frame>, facts: &[usize]| frames.swap(facts[20], facts[30]);
    tamper_renumbered(swap, "Fact 21 ", Some("Fact 31 ")).await;
    let insert = |frames: &mut Vec<Frame>, facts: &[usize]| {
        let copy = frames[facts[20]].clone();
        frames.insert(facts[21], copy);
    };
    tamper_renumbered(insert, "Fact 22 ", None).await;
}

async fn tamper_renumbered(change: impl FnOnce(&mut Vec<Frame>, &[usize]), first: &str, other: Option<&str>) {
    let (dir, _) = recorded().await;
    tamper(dir.path(), |frames, facts| {
        change(frames, facts);
        // The clock must not go back, or the store would say so itself.
        let mut last = [0; 8];
        for (_, leaf) in frames.iter_mut().filter(|(head, _)| (head >> 24) & 3 == 1) {
            let recorded: [u8; 8] = leaf[RECORDED_AT..RECORDED_AT + 8].try_into().expect("eight bytes");
            last = if i64::from_le_bytes(recorded) < i64::from_le_bytes(last) { last } else { recorded };
            leaf[RECORDED_AT..RECORDED_AT + 8].copy_from_slice(&last);
        }
        renumber(frames);
    });
    let found = verdict(dir.path(), None).await;
    assert!(found.starts_with(first), "{found}");
    assert!(other.is_none_or(|other| found.contains(other)), "{found}");
}

#[tokio::test]
async fn a_back_dated_fact_is_named() {
    let (dir, _) = recorded().await;
    tamper(dir.path(), |frames, facts| frames[facts[20]].1[RECORDED_AT + 5] ^= 1);
    let found = verdict(dir.path(), None).await;
    assert!(found.contains("00000001.open") || found.contains("Fact 21 "), "{found}");
}

#[tokio::test]
async fn a_fork_after_a_checkpoint_is_named_even_where_the_key_signed_it() {
    let (dir, older) = recorded().await;
    let fork = tempfile::tempdir().expect("a directory");
    let (store, log) = open(fork.path()).await;
    append(&store, FACTS).await;
    log.sign().expect("signed");
    drop(store);
    assert_eq!(verdict(fork.path(), None).await, "", "in itself it is sound");
    let found = verdict(fork.path(), Some(&older)).await;
    assert!(found.contains("The log was forked: the first 50 facts"), "{found}");
    let newest = std::fs::read_to_string(dir.path().join("proofs").join("checkpoint")).expect("a checkpoint");
    let short = tempfile::tempdir().expect("a directory");
    let (store, log) = open(short.path()).await;
    append(&store, 10).await;
    log.sign().expect("signed");
    drop(store);
    let found = verdict(short.path(), Some(&newest)).await;
    assert!(found.contains("the older checkpoint covers them"), "{found}");
}

#[tokio::test]
async fn the_tree_grows_over_segments_and_restarts() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut checkpoints = Vec::new();
    for round in 0..4 {
        let (store, log) = open(dir.path()).await;
        assert_eq!(log.standing(), Standing::Signing, "round {round}");
        append(&store, 300).await;
        // What is not signed before the end is caught up with at the next start.
        if round != 1 {
            checkpoints.push(log.sign().expect("signed"));
        }
        store.settle();
    }
    let segments = std::fs::read_dir(dir.path().join("facts")).expect("a folder").count();
    assert!(segments > 2, "{segments}");
    let (store, log) = open(dir.path()).await;
    let leaves = store.leaves(0, 0, 2_000).await.expect("it reads");
    assert_eq!(leaves.len(), 1_200);
    let told = Memory::of(leaves.iter().map(|leaf| &leaf.bytes));
    assert_eq!(log.sign().expect("signed").checkpoint().root, told.root());
    drop(store);
    for older in checkpoints {
        assert_eq!(verdict(dir.path(), Some(&older.to_string())).await, "");
    }
}

/// What `/health/ready` says of the proofs in this directory, at the start of a server on this log.
async fn health(dir: &Path, store: &Arc<MemoryStore>) -> serde_json::Value {
    let logs = proofs::open(dir, None, 1).expect("it opens all the same");
    let proofs = Proofs::start(logs, Arc::clone(store) as Arc<dyn LeafSource>).await;
    let vault = Arc::new(Vault::in_memory());
    let store = Arc::clone(store) as Arc<dyn EventStore>;
    let app = App::compose(Config::default(), Clock::system(), store, vault, proofs, None).await.expect("composed");
    let asked = Request::get("/health/ready").body(Body::empty()).expect("a request");
    let answer = app.router().oneshot(asked).await.expect("an answer");
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    let told: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    app.close().await;
    let checks = told["checks"].as_array().expect("checks");
    checks.iter().find(|check| check["name"] == "proofs").expect("a check").clone()
}

#[tokio::test]
async fn a_server_whose_log_is_not_what_was_signed_says_so_and_signs_nothing() {
    let home = tempfile::tempdir().expect("a directory");
    let dir = home.path().join("proofs");
    let store = Arc::new(MemoryStore::default());
    store.append(commit(vec![write(stream(1), 0, 0..5)])).await.expect("taken");
    assert_eq!(health(&dir, &store).await["ok"], true);

    let checkpoint = dir.join("checkpoint");
    let signed = std::fs::read_to_string(&checkpoint).expect("a checkpoint");
    // The tree of another log, signed by the same key: the facts here do not lead to it.
    let secret = std::fs::read_to_string(dir.join("signing-key")).expect("a key");
    let copy = home.path().join("copy");
    let other = Log::open(&copy, 0, SigningKey::from_secret_text(&secret).expect("a key")).expect("a tree");
    other.catch_up(&Memory::of([b"another history"])).await.expect("caught up");
    let forged = other.sign().expect("signed").to_string();
    std::fs::write(&checkpoint, &forged).expect("written");
    let told = health(&dir, &store).await;
    assert_eq!(told["ok"], false);
    assert!(told["detail"].as_str().expect("why").contains("are not those that were signed"), "{told}");
    assert_eq!(std::fs::read_to_string(&checkpoint).expect("kept"), forged, "nothing new was signed");

    std::fs::write(&checkpoint, &signed).expect("written");
    assert_eq!(health(&dir, &store).await["ok"], true);
    std::fs::rename(dir.join("signing-key"), home.path().join("lost")).expect("moved");
    let told = health(&dir, &store).await;
    assert_eq!(told["ok"], false, "{told}");
    assert!(told["detail"].as_str().expect("why").contains("signing key"), "{told}");
    assert!(!dir.join("signing-key").exists(), "none is drawn in its place");
    std::fs::rename(home.path().join("lost"), dir.join("signing-key")).expect("moved");
    assert_eq!(health(&dir, &store).await["ok"], true, "with the key put back all is as before");
    let key = std::fs::read_to_string(dir.join("public-key")).expect("a key");
    std::fs::remove_dir_all(&dir).expect("removed");
    assert_eq!(health(&dir, &store).await["ok"], true, "a new log begins over the same facts");
    assert_ne!(std::fs::read_to_string(dir.join("public-key")).expect("a key"), key, "with a key of its own");
}
