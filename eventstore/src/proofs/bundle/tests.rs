//! Bundles, sound and tampered with: each kind of tampering is found, and named with its place.

use super::super::memory::Memory;
use super::super::note::{SigningKey, VerifierKey};
use super::super::tile::{TileKind, decode_entries, encode_hashes};
use super::super::verdict::{Finding, Verdict};
use super::*;
use crate::codec;
use crate::conformance;
use clew_domain::fact::{Fact, Position};
use clew_domain::time::Timestamp;
use std::fs;
use tempfile::TempDir;

const SIZE: u64 = 1_000;

fn leaf(index: u64, recorded_at: i64) -> Vec<u8> {
    let fact = Fact {
        position: Position { partition: 0, sequence: index + 1 },
        stream: conformance::stream(index % 7),
        version: index + 1,
        recorded_at: Timestamp::from_micros(recorded_at),
        body: conformance::fact(index % 12),
    };
    let mut salt = [0; 16];
    salt[..8].copy_from_slice(&index.to_le_bytes());
    codec::encode(&fact, salt).unwrap()
}

fn facts(size: u64) -> Memory {
    Memory::of((0..size).map(|index| leaf(index, i64::try_from(index).unwrap() * 1_000)))
}

struct Bundle {
    directory: TempDir,
    key: VerifierKey,
    older: String,
    facts: Memory,
}

/// A bundle of these facts, of which an older checkpoint covers the first 600.
async fn bundle_of(facts: Memory, range: Range<u64>) -> Bundle {
    let (home, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let key = SigningKey::from_seed("clew.example/log", &[7; 32]).unwrap();
    let log = Log::open(home.path(), 0, key).unwrap();
    log.catch_up(&Memory::of(&facts.leaves[..600])).await.unwrap();
    let older = log.sign().unwrap().to_string();
    log.append((1..).zip(facts.leaves.iter().map(Vec::as_slice)));
    let signed = log.sign().unwrap();
    for name in REPORTS {
        fs::write(directory.path().join(name), format!("a report, {name}")).unwrap();
    }
    write(directory.path(), &log, &facts, &signed, range, &mut |_| {}).await.unwrap();
    Bundle { directory, key: log.verifier(), older, facts }
}

async fn bundle() -> Bundle {
    bundle_of(facts(SIZE), 0..SIZE).await
}

impl Bundle {
    fn verify(&self) -> Verdict {
        let against = Against { key: &self.key, since: Some(&self.older), witnesses: &[] };
        verify(self.directory.path(), against, &mut |_| {}).unwrap()
    }

    fn path(&self, name: &(impl ToString + ?Sized)) -> std::path::PathBuf {
        self.directory.path().join(name.to_string())
    }

    /// Writes the facts into the entry tiles anew, as who changes them would.
    fn rewrite(&self, leaves: &[Vec<u8>]) {
        let mut chunks = leaves.chunks(256);
        for tile in Tile::entries(SIZE, 0, SIZE) {
            let mut bytes = Vec::new();
            for leaf in chunks.next().unwrap_or_default() {
                encode_entry(&mut bytes, leaf).unwrap();
            }
            // More facts than places: the last tile takes them.
            if tile.first() + u64::from(tile.width) == SIZE {
                chunks.by_ref().flatten().for_each(|leaf| encode_entry(&mut bytes, leaf).unwrap());
            }
            fs::write(self.path(&tile), bytes).unwrap();
        }
    }

    /// Makes all fingerprints fit these leaves.
    fn refit(&self, tree: &Memory) {
        for tile in Tile::all_hashes(SIZE) {
            let TileKind::Hashes(level) = tile.kind else { unreachable!() };
            let hashes = tree.hashes(level, tile.first(), tile.width.into()).unwrap();
            fs::write(self.path(&tile), encode_hashes(&hashes)).unwrap();
        }
    }
}

fn flipped(leaf: &[u8]) -> Vec<u8> {
    let mut leaf = leaf.to_vec();
    leaf[90] ^= 1;
    leaf
}

#[tokio::test]
async fn an_untouched_bundle_is_sound_and_continues_the_older_checkpoint() {
    let bundle = bundle().await;
    let mut stages = Vec::new();
    let against = Against { key: &bundle.key, since: Some(&bundle.older), witnesses: &[] };
    let verdict = verify(bundle.directory.path(), against, &mut |progress| stages.push(progress)).unwrap();
    assert_eq!(verdict.findings, []);
    assert_eq!((verdict.size, verdict.facts.clone(), verdict.continues), (SIZE, 0..SIZE, Some(600)));
    assert_eq!(stages.last(), Some(&Progress { stage: "facts", done: SIZE, total: SIZE }));
    let text = verdict.to_string();
    assert!(text.starts_with("SOUND\n") && text.contains("none was changed"), "{text}");
    assert!(text.contains("the first 600 facts are still the same"), "{text}");
}

#[tokio::test]
async fn a_part_of_the_log_is_proved_against_the_whole() {
    let bundle = bundle_of(facts(SIZE), 300..301).await;
    let verdict = bundle.verify();
    assert_eq!((verdict.findings, verdict.facts), (vec![], 256..512));
    assert!(!bundle.path("tile/entries/000").exists());
    let bytes = fs::read(bundle.path("tile/entries/001")).unwrap();
    assert_eq!(decode_entries(&bytes).unwrap()[44], bundle.facts.leaves[300]);
    let bundle = bundle_of(facts(SIZE), 5..5).await;
    assert!(bundle.verify().is_sound());
}

#[tokio::test]
async fn a_flipped_bit_is_named_with_its_fact() {
    let bundle = bundle().await;
    for index in [0, 255, 256, 700, 999_usize] {
        let mut leaves = bundle.facts.leaves.clone();
        leaves[index] = flipped(&leaves[index]);
        bundle.rewrite(&leaves);
        let verdict = bundle.verify();
        let now = codec::decode_header(&leaves[index]).ok();
        assert_eq!(verdict.findings, [Finding::Changed { index: index as u64, now }]);
        assert!(verdict.to_string().contains(&format!("Fact {} was changed", index + 1)), "{verdict}");
    }
}

#[tokio::test]
async fn deleted_facts_are_named() {
    let bundle = bundle().await;
    for (index, count) in [(0, 1), (300, 1), (300, 20), (999, 1), (990, 10)] {
        let mut leaves = bundle.facts.leaves.clone();
        leaves.drain(index..index + count);
        bundle.rewrite(&leaves);
        let expected = Finding::Missing { index: index as u64, count: count as u64 };
        assert_eq!(bundle.verify().findings, [expected]);
    }
}

#[tokio::test]
async fn inserted_facts_are_named() {
    let bundle = bundle().await;
    for (index, count) in [(0, 1), (300, 1), (300, 20), (1_000, 1)] {
        let mut leaves = bundle.facts.leaves.clone();
        let forged: Vec<_> = (0..count).map(|number| leaf(5_000 + number, 0)).collect();
        leaves.splice(index..index, forged);
        bundle.rewrite(&leaves);
        assert_eq!(bundle.verify().findings, [Finding::Inserted { index: index as u64, count }]);
    }
}

#[tokio::test]
async fn swapped_and_moved_facts_are_named() {
    let bundle = bundle().await;
    for (one, other) in [(10, 11), (10, 900), (998, 999)] {
        let mut leaves = bundle.facts.leaves.clone();
        leaves.swap(one, other);
        bundle.rewrite(&leaves);
        assert_eq!(bundle.verify().findings, [Finding::Swapped { index: one as u64, with: other as u64 }]);
    }
    let mut leaves = bundle.facts.leaves.clone();
    let moved = leaves.remove(100);
    leaves.insert(500, moved);
    bundle.rewrite(&leaves);
    assert_eq!(bundle.verify().findings, [Finding::Moved { index: 100, to: 501 }]);
}

#[tokio::test]
async fn a_back_dated_fact_is_named_even_if_it_was_signed() {
    let bundle = bundle().await;
    let mut leaves = bundle.facts.leaves.clone();
    leaves[700] = leaf(700, 5_000);
    let now = codec::decode_header(&leaves[700]).unwrap();
    bundle.rewrite(&leaves);
    let verdict = bundle.verify();
    assert_eq!(verdict.findings, [Finding::BackDated { index: 700, now }]);
    assert!(verdict.to_string().contains("Fact 701 is back-dated"), "{verdict}");

    let signed = bundle_of(Memory::of(&leaves), 0..SIZE).await;
    assert_eq!(signed.verify().findings, [Finding::BackDated { index: 700, now }]);
}

#[tokio::test]
async fn several_tamperings_are_told_apart() {
    let bundle = bundle().await;
    let mut leaves = bundle.facts.leaves.clone();
    leaves[20] = flipped(&leaves[20]);
    leaves.remove(400);
    leaves.insert(800, leaf(9_000, 0));
    bundle.rewrite(&leaves);
    let now = codec::decode_header(&leaves[20]).ok();
    assert_eq!(
        bundle.verify().findings,
        [
            Finding::Changed { index: 20, now },
            Finding::Missing { index: 400, count: 1 },
            Finding::Inserted { index: 801, count: 1 }
        ]
    );
}

#[tokio::test]
async fn a_removal_before_signing_shows_in_the_numbers() {
    let mut leaves = facts(SIZE + 1).leaves;
    leaves.remove(997);
    let bundle = bundle_of(Memory::of(&leaves), 0..SIZE).await;
    assert_eq!(bundle.verify().findings, [Finding::Misnumbered { index: 997, claims: 999 }]);
}

#[tokio::test]
async fn changed_fingerprints_are_found_level_by_level() {
    let bundle = bundle().await;
    let mut tree = bundle.facts.clone();
    tree.leaves[300] = flipped(&tree.leaves[300]);
    let forged = Memory::of(&tree.leaves);
    bundle.rewrite(&forged.leaves);
    let tile = Tile::of(TileKind::Hashes(0), 1, SIZE).unwrap();
    fs::write(bundle.path(&tile), encode_hashes(&forged.hashes(0, 256, 256).unwrap())).unwrap();
    let expected = [Finding::Rewritten { facts: 256..512 }, Finding::Forked { size: 600 }];
    assert_eq!(bundle.verify().findings[..1], expected[..1]);

    bundle.refit(&forged);
    assert_eq!(bundle.verify().findings, [Finding::NotTheSignedRoot, expected[1].clone()]);

    let mut tree = bundle.facts.clone();
    tree.leaves[900] = flipped(&tree.leaves[900]);
    let forged = Memory::of(&tree.leaves);
    bundle.rewrite(&forged.leaves);
    bundle.refit(&forged);
    let verdict = bundle.verify();
    assert_eq!((verdict.findings, verdict.continues), (vec![Finding::NotTheSignedRoot], Some(600)));
}

#[tokio::test]
async fn a_fork_signed_by_the_log_itself_is_found_by_an_older_checkpoint() {
    let honest = bundle().await;
    let mut leaves = honest.facts.leaves.clone();
    leaves[10] = flipped(&leaves[10]);
    let forked = bundle_of(Memory::of(&leaves), 0..SIZE).await;
    let forked = Bundle { older: honest.older.clone(), ..forked };
    let verdict = forked.verify();
    assert_eq!((verdict.findings.clone(), verdict.continues), (vec![Finding::Forked { size: 600 }], None));
    assert!(verdict.to_string().contains("The log was forked"), "{verdict}");

    let newer = fs::read_to_string(honest.path(CHECKPOINT)).unwrap();
    let short = bundle_of(Memory::of(&honest.facts.leaves[..700]), 0..700).await;
    let short = Bundle { older: newer, ..short };
    assert_eq!(short.verify().findings, [Finding::Shortened { from: SIZE, to: 700 }]);
}

#[tokio::test]
async fn signatures_reports_and_missing_files_are_named() {
    let bundle = bundle().await;
    fs::write(bundle.path("report.csv"), "another report").unwrap();
    assert_eq!(bundle.verify().findings, [Finding::ReportChanged { path: "report.csv".into() }]);
    fs::write(bundle.path("report.csv"), "a report, report.csv").unwrap();

    let manifest = fs::read_to_string(bundle.path(MANIFEST)).unwrap();
    fs::write(bundle.path(MANIFEST), manifest.replace("facts 0 1000", "facts 0 256")).unwrap();
    assert!(matches!(bundle.verify().findings[..], [Finding::NotSigned { what: "manifest", .. }]));
    fs::write(bundle.path(MANIFEST), manifest).unwrap();

    let entries = bundle.path("tile/entries/001");
    let bytes = fs::read(&entries).unwrap();
    fs::remove_file(&entries).unwrap();
    let findings = bundle.verify().findings;
    assert!(matches!(&findings[0], Finding::Unreadable { path, .. } if path.ends_with("tile/entries/001")));
    fs::write(&entries, &bytes[..bytes.len() - 1]).unwrap();
    assert!(!bundle.verify().is_sound());
    fs::write(&entries, bytes).unwrap();

    let hashes = bundle.path("tile/0/002");
    let bytes = fs::read(&hashes).unwrap();
    fs::remove_file(&hashes).unwrap();
    assert!(!bundle.verify().is_sound());
    fs::write(&hashes, bytes).unwrap();
    assert!(bundle.verify().is_sound());

    let checkpoint = fs::read_to_string(bundle.path(CHECKPOINT)).unwrap();
    fs::write(bundle.path(CHECKPOINT), checkpoint.replace("1000", "999")).unwrap();
    assert!(matches!(bundle.verify().findings[..], [Finding::NotSigned { what: "checkpoint", .. }]));
    let stranger = SigningKey::generate("clew.example/log").unwrap().verifier();
    fs::write(bundle.path(CHECKPOINT), checkpoint).unwrap();
    assert!(!Bundle { key: stranger, ..bundle }.verify().is_sound());
}
