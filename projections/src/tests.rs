//! What holds for every projection: however the log is cut and wherever the process dies, the rows are the same;
//! and what they say agrees with what the deciders know.

mod agreement;
mod crashes;
mod halting;
mod lifecycle;
mod mending;
pub(crate) mod partitions;
mod past;
mod rebuilding;
mod running;

use crate::engine::Engine;
use crate::projection::Spec;
use crate::table::Table;
use clew_domain::fact::Fact;

/// Every row, without the checkpoint.
fn rows(table: &Table) -> Vec<(Vec<u8>, Vec<u8>)> {
    let row = |entry: crate::table::Entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec()));
    table.all().map(row).collect::<Result<_, _>>().unwrap()
}

/// Folds the facts into a new table in memory, in one go.
pub(crate) fn folded(spec: Spec, facts: &[Fact]) -> Table {
    let table = Table::memory();
    let mut engine = Engine::resume(spec, table.clone(), 1).unwrap();
    engine.fold(facts).unwrap();
    let (changes, cursor) = engine.changes().unwrap();
    table.save(changes, cursor).unwrap();
    table
}
