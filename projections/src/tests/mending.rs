//! Rows whose bytes were changed on disk: noticed where they are opened, folded or read, never shown for what they are
//! not, and built anew from the log while it goes on.

use super::rebuilding::{Log, SOON};
use super::{folded, rows};
use crate::agents::Agents;
use crate::generation::Home;
use crate::past::Keeper;
use crate::projection::Spec;
use crate::queues::{Filter, Queues};
use crate::reader::QueryError;
use crate::rebuild::Feeder;
use crate::registry::{ALL, Options, Projections};
use crate::status::State;
use clew_domain::conversation::Queue;
use clew_domain::fact::Position;
use clew_eventstore::backends::memory;
use clew_eventstore::cursor::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

async fn open(dir: &Path, log: &Log) -> Arc<Projections> {
    Projections::open(Some(dir), Arc::clone(&log.store), Options::default()).await.unwrap()
}

/// Rows of a history of so many commands, all of them on disk.
async fn written(dir: &Path, log: &mut Log, commands: usize) {
    let end = log.grow(commands).await;
    let projections = open(dir, log).await;
    projections.wait_for(&end, SOON).await.unwrap();
    projections.shutdown().await;
}

/// Changes a bit in each of several places of every file of rows that is served.
fn damage(dir: &Path, spec: Spec) {
    let home = Home::of(spec, dir, 1 << 20).unwrap();
    let served = home.path(home.served().unwrap().unwrap());
    let files = std::fs::read_dir(served).unwrap().map(|entry| entry.unwrap().path());
    let is_run = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("run-");
    let runs: Vec<_> = files.filter(is_run).collect();
    assert!(!runs.is_empty(), "{} has no rows", spec.name);
    for run in runs {
        let mut bytes = std::fs::read(&run).unwrap();
        // Within the first block: what comes behind the blocks shows when the rows are opened.
        bytes[12] ^= 4;
        std::fs::write(run, bytes).unwrap();
    }
}

fn set_aside(dir: &Path, spec: Spec) -> usize {
    let names = std::fs::read_dir(dir.join(spec.name)).unwrap();
    names.filter(|it| it.as_ref().unwrap().file_name().to_str().unwrap().starts_with("set-aside-")).count()
}

async fn assert_all_are_whole(dir: &Path, log: &Log) {
    let facts = log.facts().await;
    for spec in ALL {
        let (_, table) = Home::of(*spec, dir, 1 << 20).unwrap().open_served(*spec).unwrap();
        assert!(rows(&table) == rows(&folded(*spec, &facts)), "rows of {} differ", spec.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_damaged_while_they_are_closed_are_built_anew_by_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::new(51);
    written(dir.path(), &mut log, 400).await;
    for spec in ALL {
        damage(dir.path(), *spec);
    }
    let projections = open(dir.path(), &log).await;
    // The log goes on, whatever the rows are like.
    let end = log.grow(100).await;
    for spec in ALL {
        let all = || projections.read(spec.name, |view| view.range(&[1], None, false).collect::<Result<Vec<_>, _>>());
        while all().is_err() || !projections.read(spec.name, |view| view.cursor().covers(&end)) {
            let state = projections.status().into_iter().find(|it| it.name == spec.name).unwrap().state;
            assert!(matches!(state, State::Running | State::Mending), "{state:?}");
            tokio::task::yield_now().await;
        }
    }
    while projections.status().iter().any(|it| it.state != State::Running) {
        assert!(projections.status().iter().all(|it| !matches!(it.state, State::Halted { .. })), "one stays halted");
        tokio::task::yield_now().await;
    }
    projections.shutdown().await;
    drop(projections);
    assert!(ALL.iter().all(|spec| set_aside(dir.path(), *spec) == 1));
    assert_all_are_whole(dir.path(), &log).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_is_told_and_not_shown_until_it_is_mended() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::new(52);
    written(dir.path(), &mut log, 400).await;
    damage(dir.path(), Spec::of::<Agents>());
    let projections = open(dir.path(), &log).await;
    let known = folded(Spec::of::<Agents>(), &log.facts().await);
    let known = crate::reader::Reader::<Agents>::still(known, projections.agents().position());
    let (mut told, mut told_before) = (0, usize::MAX);
    // Until a whole round shows everything again.
    while told == 0 || told != told_before {
        told_before = told;
        for number in 0..4 {
            let agent = crate::histories::agent(number);
            match projections.agents().agent(agent) {
                Ok(found) => assert_eq!(Ok(found), known.agent(agent)),
                Err(QueryError::Table(_)) => told += 1,
                Err(other) => panic!("{other}"),
            }
        }
        tokio::task::yield_now().await;
    }
    projections.shutdown().await;
    drop(projections);
    assert_all_are_whole(dir.path(), &log).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_have_seen_more_than_the_log_holds_are_not_of_this_log() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::new(53);
    written(dir.path(), &mut log, 200).await;
    let shorter = Arc::new(memory::Store::default());
    let projections = Projections::open(Some(dir.path()), shorter, Options::default()).await.unwrap();
    for queue in [Queue::New, Queue::Pending, Queue::Resolved] {
        assert_eq!(projections.queues().count(queue, &Filter::default()), Ok(0), "{queue:?}");
    }
    projections.shutdown().await;
    assert_eq!(set_aside(dir.path(), Spec::of::<Queues>()), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_the_past_passes_by_a_kept_state_that_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::new(54);
    log.grow(400).await;
    let (spec, facts) = (Spec::of::<Agents>(), log.facts().await);
    let home = Home::of(spec, dir.path(), 1 << 20).unwrap();
    let (generation, table) = home.open_served(spec).unwrap();
    let mut keeper = Keeper::every(spec, home.past_of(generation), 100);
    let mut feeder = Feeder::resume(spec, table.clone(), 1).unwrap();
    for batch in facts.chunks(60) {
        feeder.take(batch).unwrap();
        feeder.save().unwrap();
        keeper.keep_when_due(&table, feeder.cursor()).unwrap();
    }
    drop((feeder, table));
    let at = Cursor::at(Position { partition: 0, sequence: 350 });
    let kept = crate::past::newest_before(&home.past_of(generation), &at).expect("states were kept");
    std::fs::write(kept.join("manifest"), b"nonsense").unwrap();
    let past = crate::past::Past::default();
    let found = past.read::<Agents>(Some(home.clone()), Arc::clone(&log.store), at.clone()).await.unwrap();
    let known = crate::reader::Reader::<Agents>::still(folded(spec, &facts[..350]), at);
    for number in 0..4 {
        let agent = crate::histories::agent(number);
        assert_eq!(found.agent(agent), known.agent(agent));
    }
    assert!(!kept.exists() && home.past_of(generation).exists());
}
