//! What the vault promises, by example, by property and with a crash at every step.

use super::*;
use clew_domain::plaintext::Note;
use clew_domain::time::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeSet;

const ALICE: ContactNumber = ContactNumber(1);
const BOB: ContactNumber = ContactNumber(2);

fn span(first: u64, count: u32) -> ContentSpan {
    ContentSpan { first: ContentId(first), count }
}

fn opens(vault: &Vault, content: &SealedContent) -> bool {
    match vault.open_content(content, &content.commitment()) {
        Ok(_) => true,
        Err(OpenError::Erased(id)) => {
            assert_eq!(id, content.id);
            false
        }
        Err(other) => panic!("{other}"),
    }
}

struct OnDisk {
    _root: tempfile::TempDir,
    dir: std::path::PathBuf,
}

impl OnDisk {
    fn new() -> (Self, Vault) {
        let root = tempfile::tempdir().expect("a temporary directory");
        let dir = root.path().join("keys");
        let vault = Vault::create(&dir).expect("a fresh directory");
        (Self { _root: root, dir }, vault)
    }

    fn open(&self) -> Vault {
        Vault::open(&self.dir).expect("the keys open")
    }
}

#[test]
fn what_was_sealed_opens_and_is_bound_to_its_fact_and_place() {
    let vault = Vault::in_memory();
    let note = Note { text: "call her back".into() };
    let sealed = vault.seal_value(ALICE, &note).expect("sealed");
    assert_eq!(vault.open_value::<Note>(&sealed, &sealed.commitment()).expect("opened"), note);

    let other = vault.seal_value(ALICE, &note).expect("sealed");
    assert_ne!(sealed.sealed, other.sealed);
    let wrong = vault.open_content(&sealed, &other.commitment());
    assert!(matches!(wrong, Err(OpenError::Damaged(..))));
    for moved in [
        SealedContent { id: other.id, ..sealed.clone() },
        SealedContent { owner: BOB, ..sealed.clone() },
        SealedContent { key_commit: [0; 32], ..sealed.clone() },
        SealedContent { salt: [0; 16], ..sealed.clone() },
        SealedContent { sealed: vec![0; 80], ..sealed.clone() },
        SealedContent { sealed: Vec::new(), ..sealed.clone() },
    ] {
        assert!(matches!(vault.open_content(&moved, &moved.commitment()), Err(OpenError::Damaged(..))));
    }
}

#[test]
fn associated_data_must_be_named_again() {
    let vault = Vault::in_memory();
    let id = vault.reserve(3).expect("numbers");
    assert_eq!(vault.reserve(1).expect("numbers"), ContentId(id.0 + 3));
    let sealed = vault.seal_at(id, ALICE, b"chunk 0", b"bytes").expect("sealed");
    let commitment = sealed.commitment();
    assert_eq!(vault.open_at(&sealed, &commitment, b"chunk 0").expect("opened")[..], b"bytes"[..]);
    assert!(matches!(vault.open_at(&sealed, &commitment, b"chunk 1"), Err(OpenError::Damaged(..))));
}

#[test]
fn punctures_that_come_together_all_hold() {
    let (disk, vault) = OnDisk::new();
    let sealed: Vec<_> = (0..40).map(|_| vault.seal(ALICE, b"text").expect("sealed")).collect();
    let before = vault.status().expect("readable").generation;
    std::thread::scope(|scope| {
        for content in &sealed[..20] {
            scope.spawn(|| vault.puncture(&[span(content.id.0, 1)], &[]).expect("punctured"));
        }
    });
    let status = vault.status().expect("readable");
    assert_eq!(status.contents_punctured, 20);
    assert!((before + 1..=before + 20).contains(&status.generation));
    drop(vault);
    let vault = disk.open();
    for (index, content) in sealed.iter().enumerate() {
        assert_eq!(opens(&vault, content), index >= 20);
    }
}

#[test]
fn in_place_of_lost_keys_nothing_opens_and_nothing_is_sealed() {
    let (disk, vault) = OnDisk::new();
    let sealed = vault.seal(ALICE, b"text").expect("sealed");
    drop(vault);
    let lost = Vault::lost(&disk.dir);
    assert!(lost.is_lost() && !opens(&lost, &sealed));
    assert!(matches!(lost.seal(BOB, b"text"), Err(VaultError::KekLost { .. })));
    lost.puncture(&[span(sealed.id.0, 1)], &[]).expect("there is nothing to puncture");
    lost.status().expect("readable");
    assert!(opens(&disk.open(), &sealed), "the keys themselves are left alone");
}

#[test]
fn too_large_contents_are_refused() {
    let vault = Vault::in_memory();
    let fits = vault.seal(ALICE, &vec![1; 65_536]).expect("a chunk fits");
    assert!(fits.sealed.len() <= limits::CONTENT_BYTES_MAX);
    let refused = vault.seal(ALICE, &vec![1; limits::CONTENT_BYTES_MAX]);
    assert!(matches!(refused, Err(VaultError::TooLarge { bytes: limits::CONTENT_BYTES_MAX })));
}

#[test]
fn forgetting_a_contact_erases_all_of_theirs_and_no_other() {
    let (_, vault) = OnDisk::new();
    let contents: Vec<_> = (0..20).map(|n| vault.seal(ContactNumber(1 + n % 2), b"text").expect("sealed")).collect();
    vault.puncture(&[], &[ALICE]).expect("punctured");
    for content in &contents {
        assert_eq!(opens(&vault, content), content.owner == BOB);
    }
    assert!(matches!(vault.seal(ALICE, b"text"), Err(VaultError::Erased { owner: ALICE, .. })));
    assert!(matches!(vault.puncture(&[], &[ContactNumber::WORKSPACE]), Err(VaultError::WorkspaceStays)));
}

#[test]
fn everything_survives_reopening() {
    let (disk, vault) = OnDisk::new();
    let contents: Vec<_> = (0..100).map(|_| vault.seal(ALICE, b"text").expect("sealed")).collect();
    let number = vault.next_contact_number().expect("a number");
    let secret = vault.secret("cookies");
    assert_ne!(secret, vault.secret("log"));
    vault.puncture(&[ContentSpan { first: contents[10].id, count: 5 }], &[]).expect("punctured");
    drop(vault);

    let vault = disk.open();
    for (index, content) in contents.iter().enumerate() {
        assert_eq!(opens(&vault, content), !(10..15).contains(&index));
    }
    assert_eq!(vault.secret("cookies"), secret);
    assert!(vault.next_contact_number().expect("a number") > number);
    assert!(vault.seal(ALICE, b"text").expect("sealed").id > contents[99].id);
    assert_eq!(vault.status().expect("a status").contents_punctured, 5);
}

#[test]
fn numbers_can_be_raised_but_never_fall() {
    let (disk, vault) = OnDisk::new();
    vault.raise_numbers(ContentId(1_000_000), ContactNumber(500)).expect("raised");
    assert_eq!(vault.reserve(1).expect("a number"), ContentId(1_000_000));
    vault.raise_numbers(ContentId(7), ContactNumber(7)).expect("nothing to do");
    assert_eq!(vault.next_contact_number().expect("a number"), ContactNumber(500));
    drop(vault);
    assert!(disk.open().reserve(1).expect("a number") > ContentId(1_000_000));
}

#[test]
fn rotating_changes_the_key_and_nothing_else() {
    let (disk, vault) = OnDisk::new();
    let content = vault.seal(ALICE, b"text").expect("sealed");
    let before = std::fs::read(disk.dir.join(KEK_FILE)).expect("the key file");
    vault.rotate().expect("rotated");
    drop(vault);
    let after = std::fs::read(disk.dir.join(KEK_FILE)).expect("the key file");
    assert!(
        before
            .windows(32)
            .filter(|key| key.iter().any(|byte| *byte != 0))
            .all(|key| !after.windows(32).any(|at| at == key))
    );
    assert!(opens(&disk.open(), &content));
}

#[test]
fn what_is_wrong_with_a_directory_is_said() {
    let (disk, vault) = OnDisk::new();
    assert!(matches!(Vault::open(&disk.dir), Err(VaultError::InUse { .. })));
    assert!(matches!(Vault::create(&disk.dir), Err(VaultError::AlreadyThere { .. })));
    drop(vault);

    let kek = disk.dir.join(KEK_FILE);
    let sound = std::fs::read(&kek).expect("the key file");
    std::fs::remove_file(&kek).expect("removed");
    let lost = Vault::open(&disk.dir).expect_err("the key is gone");
    assert!(matches!(lost, VaultError::KekLost { .. }));
    assert!(lost.to_string().contains("audit trail"), "{lost}");

    std::fs::write(&kek, vec![0; sound.len()]).expect("written");
    assert!(matches!(Vault::open(&disk.dir), Err(VaultError::KekLost { .. })));

    let mut newer = sound.clone();
    newer[7] = 9;
    let sum = crc32fast::hash(&newer[..48]);
    newer[48..52].copy_from_slice(&sum.to_le_bytes());
    std::fs::write(&kek, newer).expect("written");
    assert!(matches!(Vault::open(&disk.dir), Err(VaultError::NewerFormat { found: 9, .. })));

    std::fs::write(&kek, sound).expect("written");
    let root = disk.dir.join("root-0");
    let mut bytes = std::fs::read(&root).expect("the root");
    bytes[40] ^= 1;
    std::fs::write(&root, bytes).expect("written");
    assert!(matches!(Vault::open(&disk.dir), Err(VaultError::Damaged { .. })));

    let nothing = disk.dir.join("nothing");
    assert!(matches!(Vault::open(&nothing), Err(VaultError::NoKeys { .. })));
}

#[test]
fn a_torn_new_slot_leaves_the_old_state() {
    let (disk, vault) = OnDisk::new();
    let content = vault.seal(ALICE, b"text").expect("sealed");
    drop(vault);
    // The first state is in slot 0; half a slot is what a torn write of the next one leaves.
    let kek = disk.dir.join(KEK_FILE);
    let mut bytes = std::fs::read(&kek).expect("the key file");
    bytes.resize(4096 + 52, 0);
    let half = bytes[..26].to_vec();
    bytes[4096..4096 + 26].copy_from_slice(&half);
    std::fs::write(&kek, bytes).expect("written");
    let vault = disk.open();
    assert!(opens(&vault, &content));
    assert!(std::fs::read(&kek).expect("the key file")[4096..].iter().all(|byte| *byte == 0));
}

/// The state of a copy of the directory, as a backup or a thief would have it, opens with no key that remains.
#[test]
fn no_key_that_remains_opens_a_state_that_was_kept() {
    let (disk, vault) = OnDisk::new();
    let content = vault.seal(ALICE, b"text").expect("sealed");
    let kept: Vec<_> = ["root-0", "root-1", "pages", "numbers"]
        .map(|file| (file, std::fs::read(disk.dir.join(file)).expect("a file of the state")))
        .to_vec();
    vault.puncture(&[span(content.id.0, 1)], &[]).expect("punctured");
    drop(vault);
    for (file, bytes) in kept {
        std::fs::write(disk.dir.join(file), bytes).expect("written");
    }
    assert!(matches!(Vault::open(&disk.dir), Err(VaultError::Damaged { .. })));
}

#[test]
fn a_crash_at_any_step_loses_nothing_else_and_the_next_try_completes() {
    for crash in STEPS {
        let (disk, vault) = OnDisk::new();
        let contents: Vec<_> = (0..300).map(|_| vault.seal(ALICE, b"text").expect("sealed")).collect();
        let masked = |index: usize| index.is_multiple_of(7);
        let some: Vec<_> = contents.iter().step_by(14).map(|content| span(content.id.0, 1)).collect();
        let all: Vec<_> = contents.iter().step_by(7).map(|content| span(content.id.0, 1)).collect();
        vault.puncture(&some, &[]).expect("punctured");
        vault.witness_steps(move |step| step != crash);
        assert!(matches!(vault.puncture(&all, &[]), Err(VaultError::Stopped(at)) if at == crash));
        drop(vault);

        let vault = disk.open();
        let held =
            STEPS.iter().position(|step| *step == crash) >= STEPS.iter().position(|step| *step == Step::SlotWritten);
        for (index, content) in contents.iter().enumerate() {
            let erased = if held { masked(index) } else { index.is_multiple_of(14) };
            assert_eq!(opens(&vault, content), !erased, "content {index} after a crash at {crash:?}");
        }
        vault.puncture(&all, &[]).expect("punctured");
        drop(vault);
        let vault = disk.open();
        for (index, content) in contents.iter().enumerate() {
            assert_eq!(opens(&vault, content), !masked(index), "content {index} after a crash at {crash:?}");
        }
    }
}

#[test]
fn a_page_that_cannot_be_read_is_told_and_erases_nothing_by_itself() {
    let (disk, vault) = OnDisk::new();
    let contents: Vec<_> = (0..3).map(|_| vault.seal(ALICE, b"text").expect("sealed")).collect();
    vault.puncture(&[span(contents[0].id.0, 1)], &[]).expect("punctured");
    drop(vault);
    let path = disk.dir.join("pages");
    let sound = std::fs::read(&path).expect("the pages");
    std::fs::write(&path, vec![0; sound.len()]).expect("written");
    let vault = disk.open();
    assert_eq!(vault.trouble(), None, "not met yet");
    assert!(matches!(vault.is_erased(contents[1].id, ALICE), Err(VaultError::Damaged { .. })));
    let trouble = vault.trouble().expect("met");
    assert!(trouble.contains("pages"), "{trouble}");
    drop(vault);
    std::fs::write(&path, sound).expect("written");
    let vault = disk.open();
    assert_eq!(contents.iter().map(|content| opens(&vault, content)).collect::<Vec<_>>(), [false, true, true]);
}

#[test]
fn a_failed_overwriting_is_made_up_for_by_the_next_call() {
    let (disk, vault) = OnDisk::new();
    let content = vault.seal(ALICE, b"text").expect("sealed");
    let old = std::fs::read(disk.dir.join(KEK_FILE)).expect("the key file")[16..48].to_vec();
    vault.witness_steps(|step| step != Step::SlotSynced);
    let gone = [span(content.id.0, 1)];
    vault.puncture(&gone, &[]).expect_err("stopped");
    vault.witness_steps(|_| true);
    vault.puncture(&gone, &[]).expect("punctured");
    assert!(!opens(&vault, &content));
    let kek = std::fs::read(disk.dir.join(KEK_FILE)).expect("the key file");
    assert!(!kek.windows(32).any(|key| key == old));
}

#[test]
fn a_custody_copy_brings_back_what_was_readable_when_it_was_made() {
    let (disk, vault) = OnDisk::new();
    let contents: Vec<_> = (0..10).map(|_| vault.seal(ALICE, b"text").expect("sealed")).collect();
    vault.puncture(&[span(contents[3].id.0, 1)], &[BOB]).expect("punctured");
    let passphrase = "correct horse battery";
    assert!(matches!(vault.export_custody("x", Timestamp::from_micros(1), "short"), Err(VaultError::WeakPassphrase)));
    let copy = vault.export_custody("safe 1", Timestamp::from_micros(1), passphrase).expect("exported");
    let known = vault.status().expect("a status").custody;
    assert_eq!(known[0].holder, "safe 1");
    drop(vault);
    assert_eq!(disk.open().status().expect("a status").custody, known);

    let other = disk.dir.with_file_name("restored");
    assert!(matches!(Vault::import_custody(&other, &copy, "wrong horse battery"), Err(VaultError::WrongPassphrase)));
    assert!(matches!(Vault::import_custody(&other, b"something else", passphrase), Err(VaultError::NotACustodyCopy)));
    assert!(matches!(Vault::import_custody(&disk.dir, &copy, passphrase), Err(VaultError::AlreadyThere { .. })));
    drop(Vault::import_custody(&other, &copy, passphrase).expect("imported"));
    let restored = Vault::open(&other).expect("the keys open");
    for (index, content) in contents.iter().enumerate() {
        assert_eq!(opens(&restored, content), index != 3);
    }
    assert!(restored.is_erased(contents[0].id, BOB).expect("the keys are there"));
    assert!(restored.reserve(1).expect("a number") > contents[9].id);
    assert!(restored.forget_custody(known[0].generation).expect("forgotten"));
    assert_eq!(restored.status().expect("a status").custody, []);
}

#[derive(Clone, Debug)]
enum Act {
    Mask(u64, u32),
    Forget(u64),
    Crash(usize, u64),
    Reopen,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => (0_u64..200_000, prop_oneof![Just(1), 1_u32..80_000]).prop_map(|(first, count)| Act::Mask(first, count)),
        1 => (1_u64..2_000).prop_map(Act::Forget),
        1 => (0..STEPS.len(), 0_u64..200_000).prop_map(|(step, first)| Act::Crash(step, first)),
        1 => Just(Act::Reopen),
    ];
    prop::collection::vec(act, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn after_any_masks_and_crashes_only_what_was_masked_is_gone(acts in acts()) {
        let (disk, mut vault) = OnDisk::new();
        vault.raise_numbers(ContentId(300_000), ContactNumber(3_000)).expect("raised");
        let sample: Vec<_> = (0..200_u64).map(|n| (n * 997 + 1, 1 + n * 10 % 1_999)).map(|(id, owner)| {
            vault.seal_at(ContentId(id), ContactNumber(owner), &[], b"text").expect("sealed")
        }).collect();
        let mut masked: Vec<Range<u64>> = Vec::new();
        let mut forgotten = BTreeSet::new();
        for act in acts {
            match act {
                Act::Mask(first, count) => {
                    vault.puncture(&[span(first, count)], &[]).expect("punctured");
                    masked.push(first..first + u64::from(count));
                }
                Act::Forget(contact) => {
                    vault.puncture(&[], &[ContactNumber(contact)]).expect("punctured");
                    forgotten.insert(contact);
                }
                Act::Crash(at, first) => {
                    let at = STEPS[at];
                    vault.witness_steps(move |step| step != at);
                    let gone = [span(first, 3)];
                    let _ = vault.puncture(&gone, &[]);
                    drop(vault);
                    vault = disk.open();
                    vault.puncture(&gone, &[]).expect("punctured");
                    masked.push(first..first + 3);
                }
                Act::Reopen => {
                    drop(vault);
                    vault = disk.open();
                }
            }
        }
        for content in &sample {
            let gone = masked.iter().any(|range| range.contains(&content.id.0)) || forgotten.contains(&content.owner.0);
            prop_assert_eq!(opens(&vault, content), !gone, "content {}", content.id);
            prop_assert_eq!(vault.is_erased(content.id, content.owner).expect("the keys are there"), gone);
        }
        let punctured = vault.punctured().expect("the keys are there");
        let all: BTreeSet<u64> = masked.into_iter().flatten().collect();
        prop_assert_eq!(punctured.contents.into_iter().flatten().collect::<BTreeSet<_>>(), all);
        prop_assert_eq!(punctured.contacts.into_iter().flatten().collect::<BTreeSet<_>>(), forgotten);
    }
}
