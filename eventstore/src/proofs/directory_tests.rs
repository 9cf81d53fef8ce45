//! A data directory, sound and tampered with.

use super::*;
use crate::proofs::log::Log;
use crate::proofs::memory::Memory;
use crate::proofs::note::{SigningKey, VerifierKey};
use std::fs;
use tempfile::TempDir;

async fn signed() -> (TempDir, Memory, VerifierKey, String) {
    let directory = tempfile::tempdir().unwrap();
    let facts = Memory::of((0..1_000_u32).map(|index| format!("fact {index}")));
    let log = Log::open(directory.path(), 0, SigningKey::from_seed("clew.example/log", &[7; 32]).unwrap()).unwrap();
    log.catch_up(&Memory::of(&facts.leaves[..600])).await.unwrap();
    let older = log.sign().unwrap().to_string();
    log.append((1..).zip(facts.leaves.iter().map(Vec::as_slice)));
    log.sign().unwrap();
    (directory, facts, log.verifier(), older)
}

async fn findings(directory: &TempDir, facts: &Memory, key: &VerifierKey, since: Option<&str>) -> Vec<Finding> {
    let against = Against { key, since, witnesses: &[] };
    verify(directory.path(), facts, 0, against, &mut |_| {}).await.unwrap().findings
}

#[tokio::test]
async fn a_sound_directory_is_sound_and_what_is_behind_the_checkpoint_is_not_its_matter() {
    let (directory, mut facts, key, older) = signed().await;
    assert_eq!(findings(&directory, &facts, &key, Some(&older)).await, []);
    facts.push(b"not signed yet");
    assert_eq!(findings(&directory, &facts, &key, Some(&older)).await, []);
}

#[tokio::test]
async fn each_tampering_with_the_facts_is_named() {
    let (directory, facts, key, _) = signed().await;
    let tamper = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut changed = facts.clone();
        change(&mut changed.leaves);
        changed
    };
    let found = tamper(&|leaves| leaves[5][0] ^= 1);
    assert_eq!(findings(&directory, &found, &key, None).await, [Finding::Changed { index: 5, now: None }]);
    let found = tamper(&|leaves| drop(leaves.remove(500)));
    assert_eq!(findings(&directory, &found, &key, None).await, [Finding::Missing { index: 500, count: 1 }]);
    let found = tamper(&|leaves| leaves.truncate(900));
    assert_eq!(findings(&directory, &found, &key, None).await, [Finding::Missing { index: 900, count: 100 }]);
    let found = tamper(&|leaves| leaves.swap(3, 700));
    assert_eq!(findings(&directory, &found, &key, None).await, [Finding::Swapped { index: 3, with: 700 }]);
    let found = tamper(&|leaves| leaves.insert(10, b"forged".to_vec()));
    assert_eq!(findings(&directory, &found, &key, None).await[..1], [Finding::Inserted { index: 10, count: 1 }]);
}

#[tokio::test]
async fn changed_or_missing_hashes_and_a_foreign_checkpoint_are_named() {
    let (directory, facts, key, older) = signed().await;
    let hashes = directory.path().join("hashes-0");
    let bytes = fs::read(&hashes).unwrap();
    let mut changed = bytes.clone();
    changed[300 * 32] ^= 1;
    fs::write(&hashes, &changed).unwrap();
    let found = findings(&directory, &facts, &key, Some(&older)).await;
    assert!(found.contains(&Finding::Rewritten { facts: 256..512 }), "{found:?}");
    assert!(found.contains(&Finding::Changed { index: 300, now: None }), "{found:?}");
    fs::remove_file(&hashes).unwrap();
    assert!(matches!(findings(&directory, &facts, &key, None).await[..], [Finding::Unreadable { .. }]));
    fs::write(&hashes, bytes).unwrap();
    let stranger = SigningKey::generate("clew.example/log").unwrap().verifier();
    assert!(matches!(findings(&directory, &facts, &stranger, None).await[..], [Finding::NotSigned { .. }]));
}

#[tokio::test]
async fn hashes_are_made_from_the_facts_only_where_there_are_none() {
    let (directory, facts, key, older) = signed().await;
    let path = |level: u8| files::path_of(directory.path(), level);
    let levels = || [0, 1].map(|level| fs::read(path(level)).unwrap());
    let kept = levels();
    assert!(!make_hashes(directory.path(), &facts, 0).await.unwrap(), "they are there");
    for level in [0, 1] {
        fs::remove_file(path(level)).unwrap();
    }
    assert!(make_hashes(directory.path(), &facts, 0).await.unwrap());
    assert_eq!(levels(), kept);
    assert_eq!(findings(&directory, &facts, &key, Some(&older)).await, []);
    for level in [0, 1] {
        fs::remove_file(path(level)).unwrap();
    }
    let mut forged = facts.clone();
    forged.leaves[3][0] ^= 1;
    assert!(make_hashes(directory.path(), &forged, 0).await.unwrap());
    assert_eq!(findings(&directory, &forged, &key, None).await, [Finding::NotTheSignedRoot]);
}
