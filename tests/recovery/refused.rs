//! What keeps a log from being opened or written to: each is told in words that help, and nothing is lost.

use crate::masking::doors::{Known, set_up, tell};
use crate::masking::server::{Server, token};
use crate::support::machine::Machine;
use crate::support::program::{printed, run};
use crate::support::requires::met;
use clew_eventstore::backends::embedded::{Options, Store};
use clew_eventstore::conformance::{commit, stream, write};
use clew_eventstore::store::{EventStore, Health, StoreError};
use serde_json::json;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

const FACTS_PER_COMMIT: u64 = 1_000;

/// What the program says on standard error, and its exit code, when it may not go on.
fn refusal(data: &Path) -> (Option<i32>, String) {
    let done = run(data, &["user", "add", "bob", "--role", "agent"]);
    assert!(!done.status.success());
    (done.status.code(), String::from_utf8(done.stderr).expect("it prints text"))
}

#[test]
fn a_directory_that_another_process_has_open_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    printed(&data, &["user", "add", "ada", "--role", "agent"]);
    let lock = File::options().write(true).open(data.join("clew.lock")).expect("what a server holds");
    lock.lock().expect("nobody has it");
    let (code, says) = refusal(&data);
    assert_eq!(code, Some(4), "{says}");
    assert!(says.contains("in use"), "{says}");
    lock.unlock().expect("it was held");
    printed(&data, &["user", "add", "bob", "--role", "agent"]);
}

#[test]
fn a_second_server_on_a_directory_that_is_served_is_turned_away_and_the_first_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let token = token(&data);
    let server = Server::start(&data, &dir.path().join("log"), &token, &[]);
    let second = Server::try_start(&data, &dir.path().join("second"), &token, &[]);
    assert_eq!(second.err().and_then(|ended| ended.code()), Some(4));
    let says = fs::read_to_string(dir.path().join("second")).expect("what it says");
    assert!(says.contains("is in use by another clew; stop it first"), "{says}");
    assert_eq!(server.get("/health/ready").status, 200);
}

#[test]
fn a_directory_that_a_newer_clew_wrote_is_left_as_it_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    printed(&data, &["user", "add", "ada", "--role", "agent"]);
    for name in ["facts/00000001.open", "contents/00000001.contents"] {
        let path = data.join(name);
        let sound = fs::read(&path).expect("the first segment");
        let mut newer = sound.clone();
        newer[8] = 9;
        let crc = crc_32(&newer[..28]);
        newer[28..32].copy_from_slice(&crc.to_le_bytes());
        fs::write(&path, &newer).expect("written");
        let (code, says) = refusal(&data);
        assert_eq!(code, Some(1), "{says}");
        assert!(says.contains(name) && says.contains("which a newer Clew wrote"), "{says}");
        assert_eq!(fs::read(&path).expect("the first segment"), newer);
        fs::write(&path, sound).expect("put back");
    }
    printed(&data, &["user", "add", "bob", "--role", "agent"]);
}

fn crc_32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[test]
fn on_a_full_disk_the_program_refuses_says_so_and_goes_on_when_there_is_room() {
    let Some(machine) = machine() else { return };
    let (data, ballast) = (machine.path("mount/data"), machine.path("mount/ballast"));
    let token = token(&data);
    let server = Server::start(&data, &machine.path("log"), &token, &[]);
    let mut known = Known::default();
    set_up(&server, &mut known);
    let message = |id: &str| json!({"id": id, "contact": {"handle": "+331"}, "text": id});
    let (status, told) = tell(&server, &known, &message("before"));
    assert_eq!(status, 202, "{told}");
    let conversation = told["conversation"].as_str().expect("a conversation").to_owned();
    fill(&ballast, 4 << 20);
    let upload = format!("/v1/conversations/{conversation}/uploads?name=long.csv");
    let send = || server.ask("POST", &upload, &[("content-type", "text/csv")], "a;b\n".repeat(1 << 19).as_bytes());
    let refused = (0..40).map(|_| send()).find(|answer| answer.status >= 400).expect("the disk is full");
    assert_eq!(refused.status, 503, "{}", String::from_utf8_lossy(&refused.body));
    let ready = server.get("/health/ready");
    let says = String::from_utf8_lossy(&ready.body).into_owned();
    assert!(ready.status == 503 && says.contains("No space left on device"), "{says}");
    let path = format!("/v1/conversations/{conversation}");
    assert_eq!(server.get(&path).json()["entries"][0]["text"], "before", "what is there is still served");
    fs::remove_file(&ballast).expect("room is made");
    assert_eq!(send().status, 201, "it goes on by itself");
    assert_eq!(tell(&server, &known, &message("after")).0, 202);
    assert_eq!(server.get("/health/ready").status, 200);
    server.kill();
    assert!(printed(&data, &["doctor"]).contains("All is sound."));
}

#[test]
fn damage_before_the_tail_stops_the_start_and_names_file_and_byte() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    printed(&data, &["user", "add", "ada", "--role", "agent"]);
    let path = data.join("facts/00000001.open");
    let mut bytes = fs::read(&path).expect("the first segment");
    bytes[200] ^= 1;
    fs::write(&path, &bytes).expect("written");
    let (code, says) = refusal(&data);
    assert_eq!(code, Some(1), "{says}");
    assert!(says.contains("00000001.open at byte"), "{says}");
    assert_eq!(fs::read(&path).expect("the first segment"), bytes, "nothing was cut off");
    bytes[200] ^= 1;
    fs::write(&path, &bytes).expect("put back");
    printed(&data, &["user", "add", "bob", "--role", "agent"]);
}

#[test]
fn a_directory_that_can_only_be_read_is_named() {
    let Some(mut machine) = machine() else { return };
    let data = machine.path("mount/data");
    printed(&data, &["user", "add", "ada", "--role", "agent"]);
    machine.remount("ro").expect("it can be mounted for reading");
    let (_, says) = refusal(&data);
    assert!(says.contains("Read-only file system") && says.contains(data.to_str().expect("plain")), "{says}");
    let refused = Store::open(&data, Options::default()).err();
    assert!(matches!(&refused, Some(StoreError::Unavailable(why)) if why.contains("can't write to")), "{refused:?}");
    machine.remount("rw").expect("and for writing again");
    printed(&data, &["user", "add", "bob", "--role", "agent"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_commits_says_so_and_goes_on_when_there_is_room() {
    let Some(machine) = machine() else { return };
    let log = machine.log();
    let (store, _) = Store::open(&log, Options::default()).expect("it opens");
    let ballast = machine.path("mount/ballast");
    fill(&ballast, 8 << 20);
    let (mut acknowledged, why) = append_until_refused(&store, 0).await;
    assert!(matches!(&why, StoreError::Unavailable(why) if why.contains("No space left on device")), "{why}");
    assert!(matches!(store.health(), Health::Failed(why) if why.contains("No space left on device")));
    assert_eq!(store.read_stream(stream(1), 0).await.expect("it reads").len() as u64, acknowledged);
    fs::remove_file(&ballast).expect("room is made");
    let more = commit(vec![write(stream(1), acknowledged, 0..FACTS_PER_COMMIT)]);
    store.append(more).await.expect("it goes on by itself");
    acknowledged += FACTS_PER_COMMIT;
    assert_eq!(store.health(), Health::Ready);
    drop(store);
    let (store, report) = Store::open(&log, Options::default()).expect("it opens");
    assert_eq!((report.facts, report.torn), (acknowledged, vec![]));
    assert_eq!(store.read_stream_blocking(stream(1), 0).expect("it reads").len() as u64, acknowledged);
}

fn machine() -> Option<Machine> {
    let made = Machine::new();
    let why = made.as_ref().err().cloned().unwrap_or_default();
    met(made.is_ok(), &format!("no file system in an image can be mounted: {why}")).then(|| made.expect("just seen"))
}

/// Takes all room but so many bytes.
fn fill(path: &Path, left: u64) {
    let mut file = File::create(path).expect("made");
    let chunk = vec![1; 1 << 20];
    let mut written = 0;
    while file.write_all(&chunk).is_ok() {
        written += chunk.len() as u64;
    }
    file.set_len(written.saturating_sub(left)).expect("cut");
    file.sync_all().expect("synced");
}

async fn append_until_refused(store: &Store, from: u64) -> (u64, StoreError) {
    let mut version = from;
    loop {
        let next = commit(vec![write(stream(1), version, 0..FACTS_PER_COMMIT)]);
        match store.append(next).await {
            Ok(_) => version += FACTS_PER_COMMIT,
            Err(why) => return (version, why),
        }
    }
}
