//! Rebuilding beside what is served: the same rows, also after an interruption; a difference is found; what is
//! exchanged loses nothing that came meanwhile; one can go back; another version rebuilds by itself.

use super::rows;
use crate::generation::Home;
use crate::histories::{History, Size};
use crate::projection::{FoldError, Projection, Spec};
use crate::queues::Queues;
use crate::rebuild::{Job, RebuildError, RebuildOptions, build, compare};
use crate::registry::{Options, Projections};
use crate::rows::Rows;
use crate::table::Table;
use clew_domain::fact::{Fact, Position};
use clew_eventstore::backends::memory;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::store::{Commit, EventStore, StreamWrite};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

pub(super) const SOON: Duration = Duration::from_secs(30);

/// A store that a history is appended to, a command at a time.
pub(super) struct Log {
    pub(super) store: Arc<dyn EventStore>,
    history: History,
}

impl Log {
    pub(super) fn new(seed: u64) -> Self {
        Self { store: Arc::new(memory::Store::default()), history: History::new(seed, Size::default()) }
    }

    pub(super) async fn grow(&mut self, commands: usize) -> Cursor {
        let mut last = Cursor::default();
        for _ in 0..commands {
            let mut writes: Vec<StreamWrite> = Vec::new();
            for fact in self.history.advance() {
                let (stream, expected) = (fact.stream, fact.version - 1);
                match writes.iter_mut().find(|write| write.stream == stream) {
                    Some(write) => write.facts.push(fact.body),
                    None => writes.push(StreamWrite { stream, expected, facts: vec![fact.body] }),
                }
            }
            if writes.is_empty() {
                continue;
            }
            let appended = self.store.append(Commit { writes, contents: Vec::new() }).await.unwrap();
            last.advance(appended.last);
        }
        last
    }

    async fn open(&self, dir: &Path) -> Arc<Projections> {
        Projections::open(Some(dir), Arc::clone(&self.store), Options::default()).await.unwrap()
    }

    pub(super) async fn facts(&self) -> Vec<Fact> {
        self.store.read_all(Position { partition: 0, sequence: 0 }, usize::MAX).await.unwrap()
    }
}

pub(super) async fn rebuilt(projections: &Projections, name: &str) -> &'static str {
    loop {
        let building = projections.building(name).unwrap().unwrap();
        if building.state != "running" {
            return building.state;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rebuilt_is_the_same_and_the_exchange_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::new(11);
    let projections = log.open(dir.path()).await;
    log.grow(300).await;
    for spec in crate::registry::ALL {
        let name = spec.name;
        assert!(matches!(projections.swap(name, true).await, Err(RebuildError::NothingRebuilt)));
        projections.rebuild(name, RebuildOptions::default()).unwrap();
        log.grow(20).await;
        assert_eq!(rebuilt(&projections, name).await, "ready", "{name}");
        log.grow(20).await;
        assert!(matches!(projections.swap(name, false).await, Err(RebuildError::NotTheSame)));
        let compared = projections.compare(name, 10).await.unwrap();
        assert!(compared.is_same(), "{name}: {compared:?}");
        let end = log.grow(20).await;
        projections.swap(name, false).await.unwrap();
        projections.wait_for(&end, SOON).await.unwrap();
        let details = projections.details(name).await.unwrap();
        assert!(details.can_roll_back && !details.rebuilt, "{name}");
        projections.rollback(name).await.unwrap();
        projections.drop_old(name).unwrap();
        assert!(!projections.details(name).await.unwrap().can_roll_back);
    }
    let end = log.grow(30).await;
    projections.wait_for(&end, SOON).await.unwrap();
    projections.shutdown().await;
    drop(projections);
    let facts = log.facts().await;
    for spec in crate::registry::ALL {
        let home = Home::of(*spec, dir.path(), 1 << 20).unwrap();
        let (_, table) = home.open_served(*spec).unwrap();
        assert!(rows(&table) == rows(&super::folded(*spec, &facts)), "rows of {} differ", spec.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_rebuild_goes_on_where_it_was() {
    let mut log = Log::new(12);
    log.grow(2_000).await;
    let spec = Spec::of::<Queues>();
    let facts = log.facts().await;
    let table = Table::memory();
    let cancelled = Job::new(None);
    cancelled.cancel();
    let (store, runtime) = (Arc::clone(&log.store), Handle::current());
    let (kept, rest) = (table.clone(), Arc::clone(&store));
    tokio::task::spawn_blocking(move || {
        // As far as a first attempt came before it was killed.
        let mut feeder = crate::rebuild::Feeder::resume(spec, kept.clone(), 1).unwrap();
        feeder.take(&facts[..777]).unwrap();
        feeder.save().unwrap();
        let outcome = build(spec, (kept.clone(), None), &store, &runtime, RebuildOptions::default(), &cancelled);
        assert!(matches!(outcome, Err(RebuildError::Cancelled)));
        assert_eq!(kept.checkpoint().unwrap().unwrap().sequence(0), 777);
        let throttled = RebuildOptions { max_rate: Some(1_000_000), ..RebuildOptions::default() };
        build(spec, (kept.clone(), None), &store, &runtime, throttled, &Job::new(None)).unwrap();
    })
    .await
    .unwrap();
    let facts = rest.read_all(Position { partition: 0, sequence: 0 }, usize::MAX).await.unwrap();
    assert!(rows(&table) == rows(&super::folded(spec, &facts)));
}

/// The queues, but one conversation in some is shown with one message too few.
struct Broken;

impl Projection for Broken {
    const NAME: &'static str = Queues::NAME;
    const VERSION: u32 = Queues::VERSION;

    fn fold(rows: &mut Rows, fact: &Fact) -> Result<(), FoldError> {
        if fact.position.sequence % 101 == 100 { Ok(()) } else { Queues::fold(rows, fact) }
    }
}

#[test]
fn a_comparison_finds_what_a_broken_fold_did() {
    let facts = History::facts(13, 101);
    let (right, wrong) = (Spec::of::<Queues>(), Spec::of::<Broken>());
    let good = super::folded(right, &facts);
    let same = compare(&good, &super::folded(right, &facts), 5).unwrap();
    assert!(same.is_same() && same.served_rows == same.rebuilt_rows);
    let bad = super::folded(wrong, &facts);
    let found = compare(&good, &bad, 1_000).unwrap();
    assert!(!found.is_same());
    assert_eq!(found.differences.len() as u64, found.differing);
    assert!(found.differences.iter().any(|it| it.table == 'R'), "{found:?}");
    assert!(found.differences.iter().all(|it| it.served != it.rebuilt));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_another_version_are_served_until_new_ones_are_built() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::new(14);
    let end = log.grow(200).await;
    let old = Spec { version: Queues::VERSION + 7, ..Spec::of::<Queues>() };
    let home = Home::of(old, dir.path(), 1 << 20).unwrap();
    let (before, table) = home.open_served(old).unwrap();
    drop(table);
    let projections = log.open(dir.path()).await;
    // Nobody waits for one that is being upgraded; here its end is of interest.
    while projections.queues().wait_for(&end, SOON).await.is_err() {
        tokio::task::yield_now().await;
    }
    let served = home.served().unwrap().unwrap();
    assert_eq!((served.version, served.number), (Queues::VERSION, before.number + 1));
    let status = projections.status().into_iter().find(|it| it.name == Queues::NAME).unwrap();
    assert_eq!((status.served_version, status.lag_events), (Queues::VERSION, 0));
}
