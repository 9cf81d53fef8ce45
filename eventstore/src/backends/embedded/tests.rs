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

/// Commits of one fact each to three streams; every tenth expects what is not there.
fn handed_in_together(count: u64) -> Vec<Prepared> {
    let mut versions = [0; 3];
    let prepared = |n: u64| {
        let version = &mut versions[usize::try_from(n % 3).expect("small")];
        let expected = if n % 10 == 9 { *version + 7 } else { *version };
        *version += u64::from(n % 10 != 9);
        Prepared::new(&commit(vec![write(stream(n % 3), expected, n..n + 1)])).expect("a small commit")
    };
    (0..count).map(prepared).collect()
}

#[tokio::test]
async fn commits_that_are_handed_in_together_are_answered_together_across_segments() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _) = open(dir.path());
    let outcomes = store.offer(handed_in_together(300)).expect("queued").await.expect("answered");
    assert_eq!(outcomes.len(), 300);
    let mut last = 0;
    for (n, outcome) in (0..).zip(outcomes) {
        match outcome {
            Ok(appended) => last = (last + 1).max(appended.last.sequence),
            Err(error) => assert!(n % 10 == 9 && error.is_refusal(), "{n}: {error}"),
        }
    }
    assert_eq!((last, all(&store).len()), (270, 270));
    store.settle();
    assert!(read::read(&store.shared.index).sealed.len() > 2, "they lie in several segments");
    drop(store);
    assert_eq!(open(dir.path()).1.facts, 270);
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
