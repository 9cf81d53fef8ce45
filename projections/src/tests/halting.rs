//! A fold that is wrong: it halts its own projection alone, with the event that it halted on, and goes on when it is
//! mended; or it folds something else, which a comparison finds and a swap refuses.

use super::rebuilding::{Log, SOON, rebuilt};
use super::{folded, rows};
use crate::agents::Agents;
use crate::generation::Home;
use crate::projection::{FoldError, Projection, Spec};
use crate::queues::Queues;
use crate::rebuild::{Offline, RebuildError, RebuildOptions};
use crate::registry::{Options, Projections};
use crate::rows::Rows;
use crate::status::State;
use clew_domain::conversation::ConversationEvent;
use clew_domain::fact::{Event, Fact, Position};
use clew_eventstore::cursor::Cursor;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const BREAKS_AT: u64 = 120;

static MENDED: AtomicBool = AtomicBool::new(false);

/// The queues as a release folds them that breaks at one fact until somebody mends what is around it.
fn breaks(rows: &mut Rows, fact: &Fact) -> Result<(), FoldError> {
    if fact.position.sequence == BREAKS_AT && !MENDED.load(Ordering::SeqCst) {
        return Err(FoldError::Unexpected("a fact of this test"));
    }
    Queues::fold(rows, fact)
}

/// The queues as a release folds them that panics.
fn panics(rows: &mut Rows, fact: &Fact) -> Result<(), FoldError> {
    assert!(fact.position.sequence != BREAKS_AT, "a release with a mistake");
    Queues::fold(rows, fact)
}

/// The queues as a release folds them that misses every other message.
fn misses(rows: &mut Rows, fact: &Fact) -> Result<(), FoldError> {
    let message = matches!(&fact.event, Event::Conversation(ConversationEvent::MessageReceived(_)));
    if message && fact.position.sequence.is_multiple_of(2) { Ok(()) } else { Queues::fold(rows, fact) }
}

async fn open(specs: &[Spec], dir: &Path, log: &Log) -> Arc<Projections> {
    Projections::open_those(specs, Some(dir), Arc::clone(&log.store), Options::default()).await.unwrap()
}

fn state(projections: &Projections, name: &str) -> State {
    projections.status().into_iter().find(|it| it.name == name).unwrap().state
}

async fn halted(projections: &Projections, log: &Log) {
    let at_end = projections.queues().wait_for(&Cursor::at(Position { partition: 0, sequence: BREAKS_AT }), SOON).await;
    assert!(at_end.is_err_and(|behind| behind.halted));
    let State::Halted { event, position, .. } = state(projections, Queues::NAME) else { panic!("it goes on") };
    let position = position.expect("one event stopped it");
    assert_eq!(position.sequence, BREAKS_AT);
    let before = Position { sequence: BREAKS_AT - 1, ..position };
    assert_eq!(event, Some(log.store.read_all(before, 1).await.unwrap()[0].id));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_halts_on_the_event_and_goes_on_when_told_to_try_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::new(21);
    let end = log.grow(300).await;
    let broken = Spec { fold: breaks, ..Spec::of::<Queues>() };
    let projections = open(&[broken, Spec::of::<Agents>()], dir.path(), &log).await;
    halted(&projections, &log).await;
    projections.wait_for(&end, SOON).await.unwrap();
    assert_eq!(state(&projections, Agents::NAME), State::Running, "the others go on");
    MENDED.store(true, Ordering::SeqCst);
    assert!(projections.retry(Queues::NAME));
    while projections.queues().wait_for(&end, SOON).await.is_err() {
        // It was not told yet.
        tokio::task::yield_now().await;
    }
    assert_eq!(state(&projections, Queues::NAME), State::Running);
    projections.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mended_release_goes_on_where_a_broken_one_halted() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::new(22);
    let end = log.grow(300).await;
    let broken = Spec { fold: panics, ..Spec::of::<Queues>() };
    let projections = open(&[broken], dir.path(), &log).await;
    halted(&projections, &log).await;
    projections.shutdown().await;
    drop(projections);
    let projections = open(&[Spec::of::<Queues>()], dir.path(), &log).await;
    projections.queues().wait_for(&end, SOON).await.unwrap();
    projections.shutdown().await;
    drop(projections);
    let home = Home::of(Spec::of::<Queues>(), dir.path(), 1 << 20).unwrap();
    let (_, table) = home.open_served(Spec::of::<Queues>()).unwrap();
    assert!(rows(&table) == rows(&folded(Spec::of::<Queues>(), &log.facts().await)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_wrong_fold_rebuilt_is_found_and_not_served_unless_forced() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::new(23);
    let end = log.grow(300).await;
    let right = open(&[Spec::of::<Queues>()], dir.path(), &log).await;
    right.queues().wait_for(&end, SOON).await.unwrap();
    right.shutdown().await;
    drop(right);
    // The same version, so nothing tells but the comparison.
    let wrong = Spec { fold: misses, ..Spec::of::<Queues>() };
    let projections = open(&[wrong], dir.path(), &log).await;
    projections.rebuild(Queues::NAME, RebuildOptions::default()).unwrap();
    assert_eq!(rebuilt(&projections, Queues::NAME).await, "ready");
    let found = projections.compare(Queues::NAME, 50).await.unwrap();
    assert!(found.differing > 0 && found.differences.iter().all(|it| it.served != it.rebuilt), "{found:?}");
    assert!(matches!(projections.swap(Queues::NAME, false).await, Err(RebuildError::NotTheSame)));
    let told = projections.details(Queues::NAME).await.unwrap();
    assert_eq!(told.comparison.and_then(|it| it.found).map(|it| it.differing), Some(found.differing));
    projections.swap(Queues::NAME, true).await.unwrap();
    projections.rollback(Queues::NAME).await.unwrap();
    projections.shutdown().await;
    drop(projections);
    let home = Home::of(Spec::of::<Queues>(), dir.path(), 1 << 20).unwrap();
    let (_, table) = home.open_served(Spec::of::<Queues>()).unwrap();
    assert!(rows(&table) == rows(&folded(Spec::of::<Queues>(), &log.facts().await)), "what was right is served again");
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_too_a_wrong_fold_is_found_and_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::new(24);
    log.grow(300).await;
    let store = Arc::clone(&log.store);
    let right = Offline::of(Spec::of::<Queues>(), dir.path(), Arc::clone(&store)).unwrap();
    let wrong = Offline::of(Spec { fold: misses, ..Spec::of::<Queues>() }, dir.path(), store).unwrap();
    tokio::task::spawn_blocking(move || {
        assert!(matches!(right.compare(5), Err(RebuildError::NothingRebuilt)));
        right.run(RebuildOptions::default(), &right.job()).unwrap();
        assert!(matches!(right.swap(false), Err(RebuildError::NotTheSame)), "nothing is served to compare with");
        right.swap(true).unwrap();
        wrong.run(RebuildOptions::default(), &wrong.job()).unwrap();
        let found = wrong.compare(5).unwrap();
        assert!(found.differing > 0 && found.differences.len() <= 5);
        assert!(matches!(wrong.swap(false), Err(RebuildError::NotTheSame)));
        right.run(RebuildOptions { afresh: true, ..RebuildOptions::default() }, &right.job()).unwrap();
        assert!(right.compare(5).unwrap().is_same());
        right.swap(false).unwrap();
        let told = right.details().unwrap();
        assert!(told.can_roll_back && told.rebuilds.last().is_some_and(|last| last.outcome == "ready"));
        assert_eq!((told.status.lag_events, told.rows.is_some_and(|rows| rows > 0)), (0, true));
        right.drop_old().unwrap();
        assert!(matches!(right.rollback(), Err(RebuildError::NothingBefore)));
    })
    .await
    .unwrap();
}
