//! The log on disk: what it keeps over a restart, what it makes again, and when it stops signing.

use super::*;
use crate::proofs::memory::Memory;
use crate::proofs::proof::{consistency, inclusion, verify_consistency, verify_inclusion};
use std::fs;

const SEED: [u8; 32] = [7; 32];

fn key() -> SigningKey {
    SigningKey::from_seed("clew.example/log", &SEED).unwrap()
}

fn facts(count: u32) -> Memory {
    Memory::of((0..count).map(|index| format!("fact {index}")))
}

async fn open(directory: &Path, facts: &Memory) -> Log {
    let log = Log::open(directory, 0, key()).unwrap();
    let _ = log.catch_up(facts).await;
    log
}

fn feed(log: &Log, facts: &Memory, from: usize) {
    log.append((1..).zip(facts.leaves.iter().map(Vec::as_slice)).skip(from));
}

fn stopped(log: &Log) -> String {
    match log.standing() {
        Standing::Stopped(why) => why,
        standing => panic!("{standing:?}"),
    }
}

#[tokio::test]
async fn what_is_fed_is_what_is_signed_and_proved() {
    let directory = tempfile::tempdir().unwrap();
    let facts = facts(70_000);
    let log = open(directory.path(), &Memory::default()).await;
    assert_eq!(log.sign().unwrap().checkpoint().size, 0);
    feed(&log, &facts, 0);
    let first = log.sign().unwrap();
    assert_eq!((first.checkpoint().size, first.checkpoint().root), (70_000, facts.root()));
    assert_eq!(log.sign().unwrap(), first, "nothing grew");
    let path = inclusion(&log, 69_999, 70_000).unwrap();
    verify_inclusion(leaf_hash(&facts.leaves[69_999]), 69_999, 70_000, &path, &facts.root()).unwrap();
    let tile = log.tile("tile/1/000.p/17".replace("000.p/17", "001.p/17").parse().unwrap()).unwrap();
    assert_eq!(tile, encode_hashes(&facts.hashes(1, 256, 17).unwrap()));
    assert_eq!(fs::metadata(directory.path().join("hashes-0")).unwrap().len(), 70_000 * 32);
}

#[tokio::test]
async fn a_restart_goes_on_where_the_head_was_and_stays_consistent() {
    let directory = tempfile::tempdir().unwrap();
    let mut facts = facts(1_000);
    let log = open(directory.path(), &facts).await;
    let before = log.sign().unwrap();
    facts.push(b"not signed");
    feed(&log, &facts, 1_000);
    drop(log);
    facts.push(b"written while nobody followed");
    let log = open(directory.path(), &facts).await;
    assert_eq!(log.standing(), Standing::Signing);
    assert_eq!(log.checkpoint(), Some(before.clone()));
    let after = log.sign().unwrap();
    assert_eq!((after.checkpoint().size, after.checkpoint().root), (1_002, facts.root()));
    let proof = consistency(&log, 1_000, 1_002).unwrap();
    let (before, after) = (before.checkpoint().root, after.checkpoint().root);
    verify_consistency(1_000, &before, 1_002, &after, &proof).unwrap();
}

#[tokio::test]
async fn a_gap_makes_it_lag_until_it_has_caught_up() {
    let directory = tempfile::tempdir().unwrap();
    let facts = facts(10);
    let log = open(directory.path(), &Memory::default()).await;
    feed(&log, &facts, 3);
    assert_eq!((log.standing(), log.size()), (Standing::CatchingUp, 0));
    assert!(log.sign().is_err());
    log.catch_up(&facts).await.unwrap();
    feed(&log, &facts, 5);
    assert_eq!(log.sign().unwrap().checkpoint().root, facts.root());
}

#[tokio::test]
async fn damaged_or_deleted_hashes_are_made_again_from_the_facts() {
    let directory = tempfile::tempdir().unwrap();
    let facts = facts(1_000);
    let signed = open(directory.path(), &facts).await.sign().unwrap();
    let hashes = directory.path().join("hashes-0");
    let mut bytes = fs::read(&hashes).unwrap();
    bytes[31_990] ^= 1;
    fs::write(&hashes, &bytes).unwrap();
    assert_eq!(open(directory.path(), &facts).await.sign().unwrap(), signed);
    for file in ["hashes-0", "hashes-1", "head"] {
        fs::remove_file(directory.path().join(file)).unwrap();
        let log = open(directory.path(), &facts).await;
        assert_eq!((log.standing(), log.sign().unwrap()), (Standing::Signing, signed.clone()), "without {file}");
    }
}

#[tokio::test]
async fn facts_that_are_not_those_signed_stop_the_signing() {
    let directory = tempfile::tempdir().unwrap();
    let facts = facts(1_000);
    let signed = open(directory.path(), &facts).await.sign().unwrap();

    let cut = Memory::of(&facts.leaves[..990]);
    let log = open(directory.path(), &cut).await;
    assert!(stopped(&log).contains("only 990 are there"));
    assert!(matches!(log.sign(), Err(ProofError::Stopped(_))));

    let mut changed = facts.clone();
    changed.leaves[5] = b"another".to_vec();
    fs::remove_file(directory.path().join("head")).unwrap();
    let log = open(directory.path(), &changed).await;
    assert!(stopped(&log).contains("are not those that were signed"));
    feed(&log, &changed, 1_000);
    assert!(log.sign().is_err());
    assert_eq!(log.checkpoint(), Some(signed), "what was signed is still what is served");
}

#[tokio::test]
async fn a_fork_after_a_checkpoint_is_not_signed() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path(), &facts(1_000)).await.sign().unwrap();
    let mut fork = Memory::of(&facts(1_000).leaves[..999]);
    fork.push(b"another last fact");
    fork.push(b"and one more");
    let log = open(directory.path(), &fork).await;
    assert!(stopped(&log).contains("the first 1000 facts"));
}

#[tokio::test]
async fn a_checkpoint_by_another_key_is_not_trusted() {
    let directory = tempfile::tempdir().unwrap();
    let facts = facts(10);
    open(directory.path(), &facts).await.sign().unwrap();
    let other = SigningKey::from_seed("clew.example/log", &[8; 32]).unwrap();
    let log = Log::open(directory.path(), 0, other).unwrap();
    assert!(log.catch_up(&facts).await.is_err());
    assert!(stopped(&log).contains("can't be trusted"));
}

#[tokio::test]
async fn cosignatures_are_kept_with_their_checkpoint() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), &facts(10)).await;
    let signed = log.sign().unwrap();
    assert_eq!(log.witnessed(), None);
    let witness = SigningKey::generate("witness.example/w1").unwrap();
    let (line, verifier) = crate::proofs::checkpoint::cosign(&signed.note().text, &witness, 1_000);
    let cosigned = log.cosigned(signed, line, &verifier).unwrap();
    assert_eq!(log.witnessed(), Some(cosigned.clone()));
    assert_eq!(open(directory.path(), &facts(10)).await.witnessed(), Some(cosigned));
}

#[tokio::test]
async fn it_follows_a_store() {
    use crate::store::EventStore as _;
    let directory = tempfile::tempdir().unwrap();
    let log = Arc::new(open(directory.path(), &Memory::default()).await);
    let clock = Box::new(crate::backends::memory::now);
    let store = crate::backends::memory::Store::new(1, clock, Some(Box::new(log.follower())));
    let write = crate::conformance::write(crate::conformance::stream(1), 0, 0..3);
    store.append(crate::conformance::commit(vec![write])).await.unwrap();
    assert_eq!((log.size(), log.standing()), (3, Standing::Signing));
    let again = tempfile::tempdir().unwrap();
    let rebuilt = Log::open(again.path(), 0, key()).unwrap();
    rebuilt.catch_up(&store).await.unwrap();
    assert_eq!(rebuilt.sign().unwrap().checkpoint(), log.sign().unwrap().checkpoint());
}

#[tokio::test]
async fn in_memory_it_does_the_same() {
    let facts = facts(70_000);
    let log = Log::in_memory(0, key());
    log.catch_up(&Memory::of(&facts.leaves[..5])).await.unwrap();
    log.sign().unwrap();
    feed(&log, &facts, 0);
    assert_eq!(log.sign().unwrap().checkpoint().root, facts.root());
    assert_eq!(inclusion(&log, 69_000, 70_000).unwrap(), inclusion(&facts, 69_000, 70_000).unwrap());
}
