//! Streams lie in several partitions, and nothing says in which order facts of different ones come: whatever it is, the
//! rows are the same.

use super::rows;
use crate::engine::Engine;
use crate::histories::History;
use crate::projection::Spec;
use crate::registry::ALL;
use crate::table::Table;
use clew_domain::fact::{Fact, Position};
use clew_domain::time::Timestamp;
use clew_eventstore::backends::memory::Store;
use clew_eventstore::store::EventStore;

const PARTITIONS: u16 = 4;

/// The facts of each partition, as a log of several would have them.
fn spread(facts: &[Fact]) -> Vec<Vec<Fact>> {
    let log = Store::new(PARTITIONS, Box::new(|| Timestamp::MIN), None);
    let mut spread = vec![Vec::new(); usize::from(PARTITIONS)];
    for fact in facts {
        let partition = log.partition_of(fact.stream);
        let into = &mut spread[usize::from(partition)];
        let position = Position { partition, sequence: into.len() as u64 + 1 };
        into.push(Fact { position, ..fact.clone() });
    }
    spread
}

/// An order in which they may come: what comes next is of a partition drawn at random, in runs so that some are far behind.
fn merged(spread: &[Vec<Fact>], seed: u64) -> Vec<Fact> {
    let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut roll = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % below as u64).unwrap()
    };
    let mut left: Vec<_> = spread.iter().map(|facts| facts.iter()).collect();
    let mut merged = Vec::new();
    while left.iter().any(|facts| facts.len() > 0) {
        let from = roll(left.len());
        let run = 1 + roll(60);
        merged.extend(left[from].by_ref().take(run).cloned());
    }
    merged
}

fn folded(spec: Spec, facts: &[Fact]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let table = Table::memory();
    let mut engine = Engine::resume(spec, table.clone(), PARTITIONS).unwrap();
    engine.fold(facts).unwrap();
    let (changes, cursor) = engine.changes().unwrap();
    table.save(changes, cursor).unwrap();
    rows(&table)
}

/// Holds the rows of a projection against those of the same facts in other orders.
pub(crate) fn check(spec: Spec, facts: &[Fact], seed: u64) {
    let spread = spread(facts);
    let one_after_the_other: Vec<Fact> = spread.concat();
    let expected = folded(spec, &one_after_the_other);
    for order in 0..4 {
        let found = folded(spec, &merged(&spread, seed * 100 + order));
        let differs = found.iter().zip(&expected).find(|(found, expected)| found != expected);
        assert!(found == expected, "{}, seed {seed}, order {order}: {differs:?}", spec.name);
    }
}

#[test]
fn no_fold_depends_on_the_order_between_partitions() {
    for seed in 0..6 {
        let facts = History::facts(seed, 1_500);
        for spec in ALL {
            check(*spec, &facts, seed);
        }
    }
}
