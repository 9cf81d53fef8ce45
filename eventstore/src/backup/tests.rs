//! A backup of a log that is written to is a log up to a commit; the next one copies what changed, and no more.

use super::*;
use crate::backends::embedded::{Options, Store};
use crate::codec;
use crate::conformance::{commit, content, fact, stream, write};
use crate::store::{EventStore, StreamWrite};
use clew_domain::contact::ContactEvent;
use clew_domain::content::{ContactNumber, ContentId};
use clew_domain::fact::{Event, Fact, NewFact, Position};
use clew_domain::ids::{ContactId, StreamId};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use uuid::Uuid;

fn small() -> Options {
    Options { facts_segment_bytes: 32 * 1024, contents_segment_bytes: 32 * 1024, ..Options::default() }
}

fn log(dir: &Path) -> Store {
    Store::open(dir, small()).expect("a log").0
}

async fn append(store: &Store, numbers: std::ops::Range<u64>) {
    for n in numbers {
        let mut commit = commit(vec![write(stream(n % 5), n / 5, n..n + 1)]);
        commit.contents = vec![content(n, 300)];
        store.append(commit).await.expect("taken");
    }
}

async fn facts(store: &Store) -> Vec<Fact> {
    store.read_all(Position { partition: 0, sequence: 0 }, usize::MAX).await.expect("the log reads")
}

fn backup(data: &Path, into: &Path) -> Made {
    make(data, into, Timestamp::from_micros(1), |_, _| {}).expect("a backup")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_is_the_log_up_to_a_commit() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, into) = (dir.path().join("data"), dir.path().join("backup"));
    let store = Arc::new(log(&data));
    append(&store, 0..50).await;
    let stop = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn({
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        async move {
            let mut n = 50;
            while !stop.load(Ordering::Relaxed) {
                append(&store, n..n + 1).await;
                if n % 7 == 0 {
                    store.erase(vec![ContentId(n - 20)]).await.expect("erased");
                }
                n += 1;
            }
        }
    });
    for round in 0..8 {
        let acknowledged = facts(&store).await;
        let (data, into) = (data.clone(), into.clone());
        let made = tokio::task::spawn_blocking(move || backup(&data, &into)).await.expect("no panic");
        assert!(made.facts >= acknowledged.len() as u64, "what was acknowledged before is in it");
        let to = dir.path().join(format!("restored-{round}"));
        let manifest = restore(&dir.path().join("backup"), &to, |_, _| {}).expect("it restores");
        assert_eq!(manifest.facts, made.facts);
        let restored = log(&to);
        let there = facts(&restored).await;
        let whole = facts(&store).await;
        assert_eq!(there, whole[..there.len()]);
        assert_eq!(there.len() as u64, made.facts);
        for n in 0..made.facts {
            let content_there = restored.read_content(ContentId(n)).await.expect("it reads");
            assert!(content_there.is_none_or(|there| there == content(n, 300)), "content {n}");
        }
    }
    stop.store(true, Ordering::Relaxed);
    load.await.expect("the load ends");
}

#[tokio::test]
async fn the_next_backup_copies_what_changed_and_drops_what_was_erased() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, into) = (dir.path().join("data"), dir.path().join("backup"));
    let store = log(&data);
    append(&store, 0..400).await;
    store.settle();
    std::thread::sleep(SETTLED);
    let first = backup(&data, &into);
    assert_eq!((first.facts, first.kept), (400, 0));
    assert!(first.copied > 6, "several segments: {first:?}");
    append(&store, 400..401).await;
    let second = backup(&data, &into);
    assert_eq!(second.facts, 401);
    assert!(second.copied <= 3, "only what is appended to: {second:?}");

    let ciphertext = content(3, 300).sealed;
    let holds = |dir: &Path| {
        let read = |entry: fs::DirEntry| fs::read(entry.path()).expect("a file");
        let mut files = fs::read_dir(dir.join(FILES)).expect("files").map(|entry| read(entry.expect("an entry")));
        files.any(|bytes| bytes.windows(ciphertext.len()).any(|window| window == ciphertext))
    };
    assert!(holds(&into));
    // Of the samples' contents every 256th has the same bytes.
    store.erase(vec![ContentId(3), ContentId(259)]).await.expect("erased");
    backup(&data, &into);
    assert!(!holds(&into), "an erased content stays in no file of the backup");
    check(&into, |_, _| {}).expect("it is whole");
}

#[tokio::test]
async fn a_fact_whose_bytes_end_in_zeros_is_in_the_backup() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, into) = (dir.path().join("data"), dir.path().join("backup"));
    let store = log(&data);
    append(&store, 0..3).await;
    let contact = StreamId::from(ContactId(Uuid::from_u128(1)));
    let forgotten = ContactEvent::Forgotten { number: ContactNumber(0) };
    let fact = NewFact { event: Event::Contact(forgotten), ..fact(9) };
    store.append(commit(vec![StreamWrite { stream: contact, expected: 0, facts: vec![fact] }])).await.expect("taken");
    let last = facts(&store).await.pop().expect("it is there");
    assert!(codec::encode(&last, [1; 16]).expect("bytes").ends_with(&[0]));
    assert_eq!(backup(&data, &into).facts, 4);
}

/// Longer than a file counts as not at rest.
const SETTLED: std::time::Duration = std::time::Duration::from_millis(2_100);

#[tokio::test]
async fn a_damaged_backup_is_named_and_nothing_is_overwritten() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, into) = (dir.path().join("data"), dir.path().join("backup"));
    append(&log(&data), 0..20).await;
    assert!(matches!(make(&into, &data, Timestamp::MIN, |_, _| {}), Err(BackupError::NoLog(_))));
    backup(&data, &into);
    assert!(matches!(restore(&into, &data, |_, _| {}), Err(BackupError::NotEmpty(_))));
    assert!(matches!(make(&data, &data, Timestamp::MIN, |_, _| {}), Err(BackupError::NotEmpty(_))));
    assert!(matches!(restore(&data, &dir.path().join("x"), |_, _| {}), Err(BackupError::NotABackup(_))));
    let victims: Vec<PathBuf> =
        fs::read_dir(into.join(FILES)).expect("files").map(|entry| entry.expect("an entry").path()).collect();
    assert!(!victims.is_empty());
    for victim in victims {
        let sound = fs::read(&victim).expect("a file");
        let mut damaged = sound.clone();
        damaged[sound.len() / 2] ^= 1;
        for bytes in [&damaged[..], &sound[..sound.len() - 1]] {
            fs::write(&victim, bytes).expect("written");
            assert!(matches!(check(&into, |_, _| {}), Err(BackupError::Damaged { .. })));
            let to = dir.path().join("restored");
            assert!(matches!(restore(&into, &to, |_, _| {}), Err(BackupError::Damaged { .. })));
            assert!(!to.exists(), "what is not whole gets no name");
        }
        fs::write(&victim, sound).expect("written");
    }
    let manifest = into.join(MANIFEST);
    let text = fs::read_to_string(&manifest).expect("a manifest");
    fs::write(&manifest, text.replace("facts/", "../facts/")).expect("written");
    assert!(matches!(check(&into, |_, _| {}), Err(BackupError::Damaged { .. })));
    fs::write(&manifest, text.replace("\"format\": 1", "\"format\": 2")).expect("written");
    assert!(matches!(check(&into, |_, _| {}), Err(BackupError::NewerFormat(2))));
}
