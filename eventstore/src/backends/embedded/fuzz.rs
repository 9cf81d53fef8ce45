//! The log's own decoders as fuzz targets: records by themselves, and files as an opened log meets them. What is made
//! of damaged bytes must be an error, or what was written. `crate::fuzz` runs them.

use super::{Options, Store, contents, frame};
use crate::codec;
use crate::conformance::{self, commit, stream, write};
use crate::store::{EventStore, StoreError};
use clew_domain::content::ContentId;
use clew_domain::fact::{Fact, Position};
use clew_domain::time::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Facts of the log that is damaged.
const FACTS: u64 = 60;

/// The bytes of so many facts.
pub(crate) fn facts(count: u64) -> Vec<Vec<u8>> {
    let fact = |n| Fact {
        position: Position { partition: 0, sequence: n + 1 },
        stream: stream(n),
        version: 1,
        recorded_at: Timestamp::from_micros(77),
        body: conformance::fact(n),
    };
    (0..count).map(|n| codec::encode(&fact(n), [7; 16]).expect("a small fact")).collect()
}

/// A frame that reads is written the same.
pub(crate) fn frame(bytes: &[u8]) {
    if let Some(frame) = frame::parse(bytes) {
        let flags = [(frame.begins_group, frame::GROUP), (frame.ends_commit, frame::LAST)];
        let flags = flags.iter().filter(|(set, _)| *set).map(|(_, flag)| flag).sum();
        assert_eq!(frame::whole(frame.kind, frame.payload, flags), bytes[..frame.bytes()]);
    }
}

pub(crate) fn a_frame() -> Vec<u8> {
    frame::whole(frame::Kind::Fact, &facts(1)[0], frame::GROUP | frame::LAST)
}

/// A content that reads lies within the bytes.
pub(crate) fn content(bytes: &[u8]) {
    if let Some(head) = contents::parse(bytes) {
        assert!(head.bytes() <= bytes.len() as u64);
    }
    let _ = contents::Mark::from_bytes(bytes);
}

pub(crate) fn a_content() -> Vec<u8> {
    let mut bytes = Vec::new();
    contents::encode(&conformance::content(3, 200), &mut bytes);
    bytes
}

pub(crate) fn open_facts(bytes: &[u8]) {
    in_place_of(&files().open, bytes);
}

pub(crate) fn a_segment_of_open_facts() -> Vec<u8> {
    sound(&files().open)
}

pub(crate) fn sealed_facts(bytes: &[u8]) {
    in_place_of(&files().sealed, bytes);
}

pub(crate) fn a_segment_of_sealed_facts() -> Vec<u8> {
    sound(&files().sealed)
}

pub(crate) fn contents_index(bytes: &[u8]) {
    in_place_of(&files().index, bytes);
}

pub(crate) fn an_index_of_contents() -> Vec<u8> {
    sound(&files().index)
}

/// A sound log, and a file of each kind in it.
struct Files {
    dir: tempfile::TempDir,
    facts: Vec<Fact>,
    open: PathBuf,
    sealed: PathBuf,
    index: PathBuf,
}

fn options() -> Options {
    Options { facts_segment_bytes: 8 * 1024, contents_segment_bytes: 8 * 1024, ..Options::default() }
}

fn files() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let facts = {
            let (store, _) = Store::open(dir.path(), options()).expect("an empty directory opens");
            let appended = (0..FACTS).map(|n| {
                let mut commit = commit(vec![write(stream(n % 7), n / 7, n..n + 1)]);
                commit.contents = vec![conformance::content(n, 200)];
                store.append(commit)
            });
            for appended in appended {
                futures::executor::block_on(appended).expect("taken");
            }
            store.settle();
            read(&store).expect("it reads")
        };
        let first = |folder: &str, ending: &str| {
            let all = std::fs::read_dir(dir.path().join(folder)).expect("a folder");
            let mut paths: Vec<PathBuf> = all.map(|entry| entry.expect("an entry").path()).collect();
            paths.retain(|path| path.extension().is_some_and(|found| found == ending));
            paths.sort();
            let path = paths.first().expect("one of each kind");
            path.strip_prefix(dir.path()).expect("it lies there").to_path_buf()
        };
        let (open, sealed) = (first("facts", "open"), first("facts", "sealed"));
        let index = first("contents", "index");
        Files { dir, facts, open, sealed, index }
    })
}

fn sound(file: &Path) -> Vec<u8> {
    let bytes = std::fs::read(files().dir.path().join(file)).expect("a file");
    // What was only prepared says nothing.
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes[..used].to_vec()
}

fn read(store: &Store) -> Result<Vec<Fact>, StoreError> {
    let mut facts = Vec::new();
    store.scan(0, |fact| {
        facts.push(fact);
        true
    })?;
    Ok(facts)
}

/// Opens a copy of the log in which that file has these bytes, and reads all of it.
fn in_place_of(file: &Path, bytes: &[u8]) {
    let (sound, copy) = (files(), tempfile::tempdir().expect("a directory"));
    for folder in ["facts", "contents"] {
        std::fs::create_dir(copy.path().join(folder)).expect("made");
        for entry in std::fs::read_dir(sound.dir.path().join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let to = copy.path().join(folder).join(path.file_name().expect("a file"));
            std::fs::copy(&path, to).expect("copied");
        }
    }
    std::fs::write(copy.path().join(file), bytes).expect("written");
    let Ok((store, _)) = Store::open(copy.path(), options()) else { return };
    if let Ok(found) = read(&store) {
        assert_eq!(found[..], sound.facts[..found.len()], "what is served is what was written");
    }
    for n in 0..7 {
        for fact in store.read_stream_blocking(stream(n), 0).unwrap_or_default() {
            assert!(sound.facts.contains(&fact), "what is served is what was written");
        }
    }
    for n in 0..FACTS {
        let candidates = store.shared.contents().candidates(ContentId(n));
        if let Ok(Some(found)) = candidates.read(ContentId(n)) {
            assert_eq!(found, conformance::content(n, 200));
        }
    }
}
