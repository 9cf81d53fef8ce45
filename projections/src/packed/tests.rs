//! A set of rows on disk is a map that survives: against a map, over crashes, merges and damage.

use super::{Packed, run};
use clew_domain::fact::Position;
use clew_eventstore::cursor::Cursor;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::ops::Bound;
use std::path::Path;

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

const ALL: (Bound<Vec<u8>>, Bound<Vec<u8>>) = (Bound::Unbounded, Bound::Unbounded);

fn cursor(sequence: u64) -> Cursor {
    Cursor::at(Position { partition: 0, sequence })
}

fn rows(packed: &Packed, backwards: bool) -> Vec<(Vec<u8>, Vec<u8>)> {
    let rows = packed.walk(ALL, backwards).map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())));
    rows.collect::<Result<_, _>>().unwrap()
}

fn save(packed: &Packed, map: &mut Map, changes: &[(u16, Option<u8>)], sequence: u64) {
    let change = |(key, value): &(u16, Option<u8>)| {
        (key.to_be_bytes().to_vec(), value.map(|value| vec![value; usize::from(value)]))
    };
    let changes: Vec<_> = changes.iter().map(change).collect();
    for (key, value) in &changes {
        match value {
            Some(value) => map.insert(key.clone(), value.clone()),
            None => map.remove(key),
        };
    }
    packed.save(changes, &cursor(sequence)).unwrap();
}

/// What a process that dies now leaves behind.
fn left_behind(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        // A file that a merge has just removed was not left behind.
        let _ = fs::copy(&path, copy.path().join(path.file_name().unwrap()));
    }
    copy
}

fn changes() -> impl Strategy<Value = Vec<(u16, Option<u8>)>> {
    prop::collection::vec((0_u16..400, prop::option::of(1_u8..40)), 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn it_reads_as_a_map_does(
        batches in prop::collection::vec((changes(), any::<u8>()), 1..40),
        looks in prop::collection::vec((0_u16..400, 0_u16..400), 20),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut packed = Packed::open(dir.path(), 1 << 16).unwrap();
        let mut map = Map::new();
        for (sequence, (batch, how)) in (1..).zip(&batches) {
            save(&packed, &mut map, batch, sequence);
            match how % 4 {
                0 => packed.flush().unwrap(),
                1 => {
                    drop(packed);
                    packed = Packed::open(dir.path(), 1 << 16).unwrap();
                }
                _ => {}
            }
            prop_assert_eq!(packed.checkpoint(), Some(cursor(sequence)));
        }
        let expected: Vec<_> = map.clone().into_iter().collect();
        prop_assert_eq!(&rows(&packed, false), &expected);
        let backwards: Vec<_> = expected.iter().rev().cloned().collect();
        prop_assert_eq!(&rows(&packed, true), &backwards);
        for (from, to) in looks {
            let (from, to) = (from.min(to).to_be_bytes().to_vec(), from.max(to).to_be_bytes().to_vec());
            prop_assert_eq!(packed.get(&from).unwrap().map(|it| it.to_vec()), map.get(&from).cloned());
            let part = packed.walk((Bound::Excluded(from.clone()), Bound::Included(to.clone())), false);
            let part: Vec<_> = part.map(|entry| entry.unwrap().0.to_vec()).collect();
            let bounds = (Bound::Excluded(from.clone()), Bound::Included(to.clone()));
            let expected: Vec<_> = if from == to { Vec::new() } else { map.range(bounds).map(|it| it.0.clone()).collect() };
            prop_assert_eq!(part, expected);
        }
    }

    #[test]
    fn what_a_crash_leaves_is_what_one_save_made(batches in prop::collection::vec(changes(), 1..30)) {
        let dir = tempfile::tempdir().unwrap();
        let packed = Packed::open(dir.path(), 1 << 16).unwrap();
        let (mut map, mut after) = (Map::new(), vec![Map::new()]);
        for (sequence, batch) in (1..).zip(&batches) {
            save(&packed, &mut map, batch, sequence);
            after.push(map.clone());
            if sequence % 3 == 0 {
                packed.flush().unwrap();
            }
            if sequence % 4 == 0 && packed.inner.state().layers.frozen.is_none() {
                let copy = left_behind(dir.path());
                let Ok(again) = Packed::open(copy.path(), 1 << 16) else { continue };
                let seen = again.checkpoint().map_or(0, |it| it.sequence(0));
                prop_assert!(seen + 3 > sequence);
                let expected: Vec<_> = after[usize::try_from(seen).unwrap()].clone().into_iter().collect();
                prop_assert_eq!(rows(&again, false), expected);
            }
        }
    }
}

#[test]
fn large_batches_and_many_runs_are_merged_and_stay_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let packed = Packed::open(dir.path(), 1 << 20).unwrap();
    let mut expected = Map::new();
    for round in 0_u32..9 {
        let changes: Vec<_> = (0_u32..40_000)
            .map(|n| {
                let key = (n.wrapping_mul(2_654_435_761) % 100_000).to_be_bytes().to_vec();
                (key, (n % 7 != round % 7).then(|| vec![u8::try_from(round).unwrap(); 200]))
            })
            .collect();
        for (key, value) in &changes {
            match value {
                Some(value) => expected.insert(key.clone(), value.clone()),
                None => expected.remove(key),
            };
        }
        packed.save(changes, &cursor(u64::from(round) + 1)).unwrap();
    }
    packed.save(vec![(vec![255; 5], Some(vec![1]))], &cursor(100)).unwrap();
    expected.insert(vec![255; 5], vec![1]);
    let mut state = packed.inner.state();
    packed.inner.moved.notify_all();
    while state.layers.runs.len() >= 6 || state.layers.frozen.is_some() {
        state = packed.inner.wait(state);
    }
    drop(state);
    assert_eq!(rows(&packed, false), expected.clone().into_iter().collect::<Vec<_>>());
    drop(packed);
    let packed = Packed::open(dir.path(), 1 << 20).unwrap();
    assert_eq!(packed.checkpoint(), Some(cursor(100)));
    assert_eq!(rows(&packed, false), expected.into_iter().collect::<Vec<_>>());
}

#[test]
fn what_was_kept_stays_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let packed = Packed::open(dir.path(), 1 << 20).unwrap();
    let mut map = Map::new();
    save(&packed, &mut map, &[(1, Some(3)), (2, Some(4))], 7);
    let kept = dir.path().join("kept");
    assert_eq!(packed.keep_as(&kept).unwrap(), Some(cursor(7)));
    let before: Vec<_> = map.clone().into_iter().collect();
    save(&packed, &mut map, &[(1, None), (3, Some(5))], 8);
    packed.flush().unwrap();
    let again = Packed::open(&kept, 1 << 20).unwrap();
    assert_eq!((again.checkpoint(), rows(&again, false)), (Some(cursor(7)), before));
}

#[test]
fn damage_is_told_and_no_two_open_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let packed = Packed::open(dir.path(), 1 << 20).unwrap();
    save(&packed, &mut Map::new(), &[(1, Some(30)), (2, Some(31))], 1);
    assert!(Packed::open(dir.path(), 1 << 20).is_err());
    drop(packed);
    let file = dir.path().join(run::file_name(1));
    let whole = fs::read(&file).unwrap();
    for at in 0..whole.len() {
        let mut broken = whole.clone();
        broken[at] ^= 0x20;
        fs::write(&file, &broken).unwrap();
        let found =
            Packed::open(dir.path(), 1 << 20).and_then(|packed| packed.walk(ALL, false).collect::<Result<Vec<_>, _>>());
        assert!(found.is_err(), "a flipped bit in byte {at} was not found");
    }
    fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    assert!(Packed::open(dir.path(), 1 << 20).is_err());
}
