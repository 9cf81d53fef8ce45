//! What the embedded store alone promises: segments roll and are sealed, it opens where it stopped, what a crash
//! tore is cut, and damage is never served.

use super::*;
use crate::conformance::{Subject, commit, content, stream, write};
use std::path::Path;

/// Segments so small that every test rolls and seals them.
fn small() -> Options {
    Options { facts_segment_bytes: 16 * 1024, contents_segment_bytes: 16 * 1024, ..Options::default() }
}

fn subject(options: Options) -> Subject {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _) = Store::open(dir.path(), options).expect("an empty directory opens");
    Subject { store: Arc::new(store), keep: Box::new(dir) }
}

crate::conformance!(subject(Options::default()));

mod with_small_segments {
    use super::*;
    crate::conformance!(subject(small()));
}

fn open(dir: &Path) -> (Store, OpenReport) {
    Store::open(dir, small()).expect("it opens")
}

fn all(store: &Store) -> Vec<Fact> {
    let mut facts = Vec::new();
    store
        .scan(0, |fact| {
            facts.push(fact);
            true
        })
        .expect("it scans");
    facts
}

#[tokio::test]
async fn a_log_of_many_segments_opens_where_it_stopped() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut expected = Vec::new();
    for round in 0..4_u64 {
        let (store, report) = open(dir.path());
        assert_eq!((report.facts, report.torn), (round * 100, vec![]));
        assert_eq!(all(&store), expected);
        for n in round * 100..round * 100 + 100 {
            let mut commit = commit(vec![write(stream(n % 7), n / 7, n..n + 1)]);
            commit.contents = vec![content(n, 200)];
            store.append(commit).await.expect("taken");
        }
        if round % 2 == 0 {
            store.settle();
        }
        expected = all(&store);
        assert_eq!(expected.len() as u64, round * 100 + 100);
    }
    let (store, report) = open(dir.path());
    assert!(report.segments_sealed > 3, "{report:?}");
    for n in 0..7 {
        let of_stream: Vec<Fact> = expected.iter().filter(|fact| fact.stream == stream(n)).cloned().collect();
        assert_eq!(store.read_stream(stream(n), 0).await, Ok(of_stream.clone()));
        assert_eq!(store.read_stream(stream(n), 50).await, Ok(of_stream[50..].to_vec()));
    }
    for n in 0..400 {
        assert_eq!(store.read_content(ContentId(n)).await, Ok(Some(content(n, 200))), "{n}");
    }
    for fact in expected.iter().step_by(37) {
        let cursor = store.cursor_at(fact.recorded_at).await.expect("found");
        let last = expected.iter().rfind(|other| other.recorded_at <= fact.recorded_at).expect("itself at least");
        assert_eq!(cursor.sequence(0), last.position.sequence);
    }
}

#[tokio::test]
async fn a_second_opening_of_the_same_directory_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let (_store, _) = open(dir.path());
    let refused = Store::open(dir.path(), small()).err();
    assert!(matches!(refused, Some(StoreError::Unavailable(why)) if why.contains("open in another process")));
}

mod damage;
mod faults;
mod later;
mod model;
