//! Rows do not depend on where batches end, nor on where the process died.

use super::{folded, rows};
use crate::engine::Engine;
use crate::generation::Home;
use crate::histories::History;
use crate::projection::Spec;
use crate::registry::ALL;
use crate::table::Table;
use clew_domain::fact::Fact;
use clew_eventstore::cursor::Cursor;
use proptest::prelude::*;

/// Folds in batches of these sizes, over and over; before every save that `dies` names the process dies and goes on
/// from what is saved.
fn folded_with_crashes(spec: Spec, facts: &[Fact], sizes: &[usize], dies: &[bool], open: &dyn Fn() -> Table) -> Table {
    let mut table = open();
    let mut engine = Engine::resume(spec, table.clone(), 1).unwrap();
    let mut dies = dies.iter();
    let mut sizes = sizes.iter().cycle();
    loop {
        let seen = usize::try_from(engine.cursor().sequence(0)).unwrap();
        let batch = &facts[seen..facts.len().min(seen + sizes.next().unwrap())];
        if batch.is_empty() {
            return table;
        }
        engine.fold(batch).unwrap();
        if dies.next() == Some(&true) {
            drop(engine);
            drop(table);
            table = open();
            engine = Engine::resume(spec, table.clone(), 1).unwrap();
            continue;
        }
        let (changes, cursor) = engine.changes().unwrap();
        table.save(changes, cursor).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn batches_and_crashes_leave_no_trace(
        seed in any::<u64>(),
        sizes in prop::collection::vec(1_usize..40, 1..8),
        dies in prop::collection::vec(any::<bool>(), 0..30),
    ) {
        let facts = History::facts(seed, 400);
        for spec in ALL {
            let kept = Table::memory();
            let crashed = folded_with_crashes(*spec, &facts, &sizes, &dies, &|| kept.clone());
            prop_assert!(rows(&crashed) == rows(&folded(*spec, &facts)), "rows of {} differ", spec.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]

    #[test]
    fn rows_that_are_closed_and_opened_again_go_on_where_they_were(
        seed in any::<u64>(),
        dies in prop::collection::vec(any::<bool>(), 4..8),
    ) {
        let facts = History::facts(seed, 300);
        for spec in ALL {
            let dir = tempfile::tempdir().unwrap();
            let home = Home::of(*spec, dir.path(), 1 << 20).unwrap();
            let open = || home.open_served(*spec).unwrap().1;
            let crashed = folded_with_crashes(*spec, &facts, &[37], &dies, &open);
            prop_assert!(rows(&crashed) == rows(&folded(*spec, &facts)), "rows of {} differ", spec.name);
        }
    }
}

#[test]
fn rows_that_will_not_open_are_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let spec = ALL[0];
    let home = Home::of(spec, dir.path(), 1 << 20).unwrap();
    let (generation, table) = home.open_served(spec).unwrap();
    table.save(vec![(vec![1], Some(vec![2]))], &Cursor::start(1)).unwrap();
    drop(table);
    let file = home.path(generation).join("manifest");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let (_, table) = home.open_served(spec).unwrap();
    assert_eq!(rows(&table), vec![]);
    let names = std::fs::read_dir(dir.path().join(spec.name)).unwrap();
    let aside = names.filter(|it| it.as_ref().unwrap().file_name().to_str().unwrap().starts_with("set-aside-"));
    assert_eq!(aside.count(), 1);
}
