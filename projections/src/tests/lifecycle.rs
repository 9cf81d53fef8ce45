//! Rebuilds, swaps, rollbacks and deletions in any order, with the process ended between any two of their steps: what
//! is served is at all times what the log says, and in the end it has all of it.

use super::rebuilding::Log;
use super::{folded, rows};
use crate::generation::Home;
use crate::projection::Spec;
use crate::rebuild::{Feeder, Job, Offline, RebuildError, RebuildOptions, build, catch_up};
use crate::registry::ALL;
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::{Handle, Runtime};

#[derive(Clone, Debug)]
enum Step {
    /// The log grows, and what is served follows.
    Grow(usize),
    /// A rebuild, killed after so many facts were saved.
    Killed {
        facts: usize,
        afresh: bool,
    },
    Rebuild {
        afresh: bool,
    },
    Compare,
    Swap,
    /// A swap, killed when what is to be served was named and nothing more.
    SwapKilled,
    Rollback,
    Drop,
    /// The note of what was rebuilt is torn.
    Torn,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1_usize..30).prop_map(Step::Grow),
        3 => (1_usize..300, any::<bool>()).prop_map(|(facts, afresh)| Step::Killed { facts, afresh }),
        3 => any::<bool>().prop_map(|afresh| Step::Rebuild { afresh }),
        2 => Just(Step::Compare),
        3 => Just(Step::Swap),
        1 => Just(Step::SwapKilled),
        2 => Just(Step::Rollback),
        1 => Just(Step::Drop),
        1 => Just(Step::Torn),
    ];
    prop::collection::vec(step, 1..12)
}

/// Each step begins as a process does that was just started, and ends as if it were killed.
fn take(step: &Step, spec: Spec, dir: &Path, log: &mut Log, runtime: &Runtime) -> Result<(), RebuildError> {
    let home = Home::of(spec, dir, 1 << 20)?;
    let offline = Offline::of(spec, dir, Arc::clone(&log.store))?;
    match step {
        Step::Grow(commands) => {
            runtime.block_on(log.grow(*commands));
            let (_, table) = home.open_served(spec)?;
            catch_up(spec, &table, &log.store, runtime.handle(), &log.store.head()).map(drop)
        }
        Step::Killed { facts, afresh } => {
            let table = home.open(home.begin_rebuild(spec.version, *afresh)?)?;
            let all = runtime.block_on(log.facts());
            let mut feeder = Feeder::resume(spec, table, 1)?;
            feeder.take(&all[..all.len().min(*facts)])?;
            Ok(feeder.write_down()?)
        }
        Step::Rebuild { afresh } => {
            offline.run(RebuildOptions { afresh: *afresh, ..RebuildOptions::default() }, &offline.job())
        }
        Step::Compare => offline.compare(5).map(|found| assert!(found.is_same(), "{}: {found:?}", spec.name)),
        Step::Swap => offline.swap(true),
        Step::SwapKilled => match home.candidate(spec.version)? {
            Some(kept) if kept.ready => Ok(home.serve(kept.generation)?),
            Some(_) | None => Ok(()),
        },
        Step::Rollback => offline.rollback(),
        Step::Drop => offline.drop_old(),
        Step::Torn => {
            drop((home, offline));
            Ok(std::fs::write(dir.join("catalogue/db"), b"not what sled wrote")?)
        }
    }
}

fn check_served(spec: Spec, dir: &Path, facts: &[clew_domain::fact::Fact]) {
    let home = Home::of(spec, dir, 1 << 20).unwrap();
    let Some(served) = home.served().unwrap() else { return };
    let table = home.open(served).unwrap();
    let seen = table.checkpoint().unwrap().map_or(0, |cursor| usize::try_from(cursor.sequence(0)).unwrap());
    assert!(rows(&table) == rows(&folded(spec, &facts[..seen])), "rows of {} differ at {seen}", spec.name);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn whatever_is_interrupted_what_is_served_is_what_the_log_says(seed in any::<u64>(), steps in steps()) {
        let runtime = Runtime::new().unwrap();
        let _entered = runtime.enter();
        // Every projection in turn, by the seed that a failure prints.
        let spec = ALL[usize::try_from(seed % ALL.len() as u64).unwrap()];
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::new(seed);
        runtime.block_on(log.grow(80));
        for step in steps {
            match take(&step, spec, dir.path(), &mut log, &runtime) {
                Ok(()) | Err(RebuildError::NothingRebuilt | RebuildError::NothingBefore) => {}
                Err(error) => prop_assert!(false, "{}: {step:?}: {error}", spec.name),
            }
            check_served(spec, dir.path(), &runtime.block_on(log.facts()));
        }
        take(&Step::Grow(5), spec, dir.path(), &mut log, &runtime).unwrap();
        let facts = runtime.block_on(log.facts());
        let home = Home::of(spec, dir.path(), 1 << 20).unwrap();
        let (_, table) = home.open_served(spec).unwrap();
        prop_assert!(rows(&table) == rows(&folded(spec, &facts)), "rows of {} differ in the end", spec.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_is_cancelled_ends_soon_and_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::new(31);
    log.grow(4_000).await;
    let spec = ALL[0];
    let home = Home::of(spec, dir.path(), 1 << 20).unwrap();
    let (store, runtime) = (Arc::clone(&log.store), Handle::current());
    tokio::task::spawn_blocking(move || {
        let generation = home.begin_rebuild(spec.version, false).unwrap();
        let job = Job::new(Some(home.clone()));
        let stop = Arc::clone(&job);
        // So slow that it would take minutes.
        let slow = RebuildOptions { max_rate: Some(100), nice: 1, ..RebuildOptions::default() };
        std::thread::scope(|scope| {
            let table = home.open(generation).unwrap();
            let (store, runtime, job) = (&store, &runtime, &job);
            let building = scope.spawn(move || {
                let built = build(spec, (table, Some(generation)), store, runtime, slow, job);
                job.end(&built);
                built
            });
            while job.building().done == 0 {
                std::thread::yield_now();
            }
            stop.cancel();
            assert!(matches!(building.join().unwrap(), Err(RebuildError::Cancelled)));
        });
        let kept = home.candidate(spec.version).unwrap().unwrap();
        assert!(!kept.ready);
        assert_eq!(home.begin_rebuild(spec.version, false).unwrap(), generation);
        let reached = home.open(generation).unwrap().checkpoint().unwrap().unwrap();
        assert!(reached.sequence(0) > 0 && reached.sequence(0) < store.head().sequence(0), "{reached}");
        assert_eq!(home.record().unwrap().last().unwrap().outcome, "cancelled");
    })
    .await
    .unwrap();
}
