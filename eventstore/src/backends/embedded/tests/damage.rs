//! Flipped bits and cut files: opening or reading names them, or they made no difference. Never a wrong fact.

use super::*;
use clew_domain::conversation::ConversationEvent;
use std::fs;
use std::os::unix::fs::FileExt;

/// A log with sealed, full and open segments of facts and contents, and what it holds.
async fn log() -> (tempfile::TempDir, Vec<Fact>) {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _) = open(dir.path());
    for n in 0..70_u64 {
        let mut commit = commit(vec![write(stream(n % 7), n / 7, n..n + 1)]);
        commit.contents = vec![content(n, 200)];
        store.append(commit).await.expect("taken");
    }
    store.settle();
    let facts = all(&store);
    (dir, facts)
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let of =
        |folder: &str| fs::read_dir(dir.join(folder)).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = of("facts").chain(of("contents")).collect();
    files.sort();
    files
}

/// Opens a damaged log and reads all of it. `Err` is damage that was named.
///
/// `Ok` tells whether a tail was cut that could as well have been torn by a crash.
async fn read_everything(dir: &Path, facts: &[Fact]) -> Result<bool, StoreError> {
    let (store, report) = Store::open(dir, small())?;
    let mut found = Vec::new();
    store.scan(0, |fact| {
        found.push(fact);
        true
    })?;
    assert_eq!(found[..], facts[..found.len()], "what is served is what was written");
    assert!(found.len() == facts.len() || !report.torn.is_empty(), "{} of {} facts", found.len(), facts.len());
    for n in 0..7 {
        for fact in store.read_stream(stream(n), 0).await? {
            assert!(facts.contains(&fact));
        }
    }
    for n in 0..found.len() as u64 {
        assert_eq!(store.read_content(ContentId(n)).await?, Some(content(n, 200)));
    }
    Ok(!report.torn.is_empty())
}

/// Whether the byte lies in an index: what reading does not use of it, or makes anew, may go unseen.
fn is_derived(file: &Path, bytes: &[u8], at: usize) -> bool {
    match file.extension().and_then(|ending| ending.to_str()) {
        Some("index") => true,
        Some("sealed") => {
            let table_at = &bytes[bytes.len() - sealed::FOOTER_BYTES + 48..][..8];
            at as u64 >= u64::from_le_bytes(table_at.try_into().expect("eight bytes"))
        }
        _ => false,
    }
}

#[tokio::test]
async fn no_flipped_bit_is_served_as_truth() {
    let (dir, facts) = log().await;
    for file in files(dir.path()) {
        let sound = fs::read(&file).expect("a file");
        let used = sound.iter().rposition(|byte| *byte != 0).expect("a header at least") + 1;
        let others: Vec<(PathBuf, Vec<u8>)> =
            files(dir.path()).into_iter().map(|path| (path.clone(), fs::read(path).expect("a file"))).collect();
        for at in (0..used).step_by(used / 24 + 1).chain([used - 1]) {
            let mut damaged = sound.clone();
            damaged[at] ^= 1 << (at % 8);
            fs::write(&file, &damaged).expect("written");
            match read_everything(dir.path(), &facts).await {
                Ok(cut) => assert!(cut || is_derived(&file, &sound, at), "{} at {at} went unseen", file.display()),
                Err(StoreError::Corrupt { .. } | StoreError::Unavailable(_)) => {}
                Err(other) => panic!("{} at {at}: {other}", file.display()),
            }
            for path in files(dir.path()) {
                fs::remove_file(path).expect("removed");
            }
            for (path, bytes) in &others {
                fs::write(path, bytes).expect("restored");
            }
        }
    }
}

#[tokio::test]
async fn no_cut_file_goes_unseen() {
    let (dir, facts) = log().await;
    for file in files(dir.path()) {
        let sound = fs::read(&file).expect("a file");
        for length in [0, 10, sound.len() / 2, sound.len() - 1] {
            let others: Vec<(PathBuf, Vec<u8>)> =
                files(dir.path()).into_iter().map(|path| (path.clone(), fs::read(path).expect("a file"))).collect();
            fs::write(&file, &sound[..length]).expect("written");
            let outcome = read_everything(dir.path(), &facts).await;
            let rebuilt = file.extension().is_some_and(|ending| ending == "index");
            assert!(outcome.is_err() || rebuilt, "{} cut to {length}", file.display());
            for path in files(dir.path()) {
                fs::remove_file(path).expect("removed");
            }
            for (path, bytes) in &others {
                fs::write(path, bytes).expect("restored");
            }
        }
    }
}

#[tokio::test]
async fn a_torn_last_commit_is_cut_and_told_and_a_torn_earlier_one_stops_the_opening() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _) = Store::open(dir.path(), Options::default()).expect("it opens");
    store.append(commit(vec![write(stream(1), 0, 0..2)])).await.expect("taken");
    store.append(commit(vec![write(stream(1), 2, 2..4), write(stream(2), 0, 9..10)])).await.expect("taken");
    drop(store);
    let path = dir.path().join("facts/00000001.open");
    let whole = fs::read(&path).expect("a file");
    let starts: Vec<usize> = {
        let mut at = layout::HEADER_BYTES;
        std::iter::from_fn(|| {
            let frame = frame::parse(&whole[at..])?;
            at += frame.bytes();
            Some(at - frame.bytes())
        })
        .collect()
    };
    // Two facts, three facts, and the mark that closing leaves.
    let [_, second, third, _, last, mark] = starts[..] else { panic!("{starts:?}") };
    let mut torn = whole.clone();
    torn[mark..].fill(0);
    torn[last + 20..last + 40].fill(0);
    fs::write(&path, &torn).expect("written");
    let (store, report) = Store::open(dir.path(), Options::default()).expect("a torn tail is no damage");
    assert_eq!(report.torn.iter().map(|torn| torn.at).collect::<Vec<_>>(), [third as u64]);
    assert_eq!(all(&store).len(), 2, "the commit of two streams goes whole");
    store.append(commit(vec![write(stream(1), 2, 5..6)])).await.expect("the log goes on");
    drop(store);
    let mut damaged = whole;
    damaged[second + 20..second + 40].fill(0);
    fs::write(&path, &damaged).expect("written");
    let refused = Store::open(dir.path(), Options::default()).err();
    assert!(
        matches!(refused, Some(StoreError::Corrupt { place, .. }) if place.ends_with(&format!("byte {}", layout::HEADER_BYTES)))
    );
}

#[tokio::test]
async fn a_commit_that_lacks_its_content_is_dropped_whole() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _) = Store::open(dir.path(), Options::default()).expect("it opens");
    for n in 0..2 {
        let mut commit = commit(vec![write(stream(1), n, n..n + 1)]);
        commit.contents = vec![content(n, 500)];
        store.append(commit).await.expect("taken");
    }
    drop(store);
    let (facts, contents) = (dir.path().join("facts/00000001.open"), dir.path().join("contents/00000001.contents"));
    let (mut bytes, mut sealed) = (fs::read(&facts).expect("a file"), fs::read(&contents).expect("a file"));
    // As a crash leaves it that comes between the two syncs: no mark of the end, and a content half there.
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("a header") + 1;
    let mark = (0..end).rev().find(|at| frame::parse(&bytes[*at..]).is_some()).expect("the mark of the end");
    bytes[mark..].fill(0);
    let end = sealed.iter().rposition(|byte| *byte != 0).expect("a header") + 1;
    sealed[end - 100..].fill(0);
    fs::write(&facts, &bytes).expect("written");
    fs::write(&contents, &sealed).expect("written");
    let (store, report) = Store::open(dir.path(), Options::default()).expect("a torn tail is no damage");
    assert_eq!((all(&store).len(), report.torn.len()), (1, 2));
    assert_eq!(store.read_content(ContentId(0)).await, Ok(Some(content(0, 500))));
    assert_eq!(store.read_content(ContentId(1)).await, Ok(None));
    let mut again = commit(vec![write(stream(1), 1, 1..2)]);
    again.contents = vec![content(1, 40)];
    store.append(again).await.expect("its number is free again");
}

#[tokio::test]
async fn erased_bytes_are_gone_from_the_disk() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _) = Store::open(dir.path(), Options::default()).expect("it opens");
    let secret = content(7, 300);
    let other = SealedContent { id: ContentId(8), sealed: vec![0xaa; 64], ..secret.clone() };
    store.append(Commit { writes: Vec::new(), contents: vec![secret.clone(), other.clone()] }).await.expect("taken");
    store.erase(vec![ContentId(7)]).await.expect("erased");
    drop(store);
    let bytes = fs::read(dir.path().join("contents/00000001.contents")).expect("a file");
    let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    assert!(!holds(&secret.sealed[..32]) && holds(&other.sealed));
    let (store, _) = Store::open(dir.path(), Options::default()).expect("it opens");
    assert_eq!(store.read_content(ContentId(7)).await, Ok(None));
    assert_eq!(store.read_content(ContentId(8)).await, Ok(Some(other)));
}

#[test]
fn a_newer_format_and_a_place_that_is_no_directory_are_named() {
    let dir = tempfile::tempdir().expect("a directory");
    drop(open(dir.path()));
    let path = dir.path().join("facts/00000001.open");
    let mut bytes = fs::read(&path).expect("a file");
    bytes[8] = 9;
    let crc = crc32fast::hash(&bytes[..28]);
    bytes[28..32].copy_from_slice(&crc.to_le_bytes());
    fs::write(&path, &bytes).expect("written");
    let refused = Store::open(dir.path(), small()).err();
    assert!(matches!(refused, Some(StoreError::Unavailable(why)) if why.contains("newer Clew")));
    let refused = Store::open(&path, small()).err();
    assert!(matches!(refused, Some(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn verifying_finds_nothing_in_a_sound_log_and_names_what_is_wrong() {
    let (dir, facts) = log().await;
    let references = |fact: &Fact| match &fact.body.event {
        clew_domain::fact::Event::Conversation(ConversationEvent::MessageReceived(message)) => {
            vec![(message.content.id, content(message.content.id.0, 200).commitment())]
        }
        _ => Vec::new(),
    };
    let found = verify(dir.path(), 0, false, references, |_, _| {}).expect("it opens");
    let sound = Verified { facts: facts.len() as u64, streams: 7, contents: 70, ..Verified::default() };
    assert_eq!(found, sound);
    let index = dir.path().join("contents/00000001.index");
    let mut bytes = fs::read(&index).expect("a file");
    bytes[50] ^= 1;
    fs::write(&index, &bytes).expect("written");
    let found = verify(dir.path(), 0, false, references, |_, _| {}).expect("it opens");
    assert!(matches!(&found.damage[..], [what] if what.contains("00000001.index")), "{found:?}");
    let found = verify(dir.path(), 0, true, references, |_, _| {}).expect("it opens");
    assert_eq!((found.damage.len(), found.rebuilt.len()), (0, 1));
    assert_eq!(verify(dir.path(), 0, false, references, |_, _| {}), Ok(sound.clone()));

    // A crash may leave what is erased as it was behind its state.
    let number = *layout::FileKind::Contents.numbers(dir.path()).expect("a folder").last().expect("one is appended to");
    let (file, _) = contents::ContentsFile::open(dir.path(), number).expect("a segment");
    let (id, offset) = *file.scan(u64::MAX).expect("sound").first().expect("a content");
    file.file.write_all_at(&[contents::ERASED], u64::from(offset) + contents::STATE_AT).expect("written");
    let found = verify(dir.path(), 0, false, references, |_, _| {});
    assert_eq!(found, Ok(Verified { erased: 1, unwiped: vec![id], ..sound.clone() }));
    let bytes = file.read_head(offset, id).expect("sound").bytes() - contents::WIPED_AT;
    let zeros = vec![0; usize::try_from(bytes).expect("a small content")];
    file.file.write_all_at(&zeros, u64::from(offset) + contents::WIPED_AT).expect("written");
    let found = verify(dir.path(), 0, false, references, |_, _| {});
    assert_eq!(found, Ok(Verified { erased: 1, ..sound.clone() }));

    // What a crash tore of contents that no commit brought is cut off, and no damage.
    let (last, offset) = *file.scan(u64::MAX).expect("sound").last().expect("a content");
    let end = u64::from(offset) + file.read_head(offset, last).expect("sound").bytes();
    file.file.write_all_at(&[7; 20], end).expect("written");
    let found = verify(dir.path(), 0, false, references, |_, _| {}).expect("it opens");
    assert_eq!((found.damage.len(), found.rebuilt.len(), found.unwiped.len()), (0, 1, 0), "{found:?}");
}
