//! A copy whose commits are durable some time after they were answered: a power cut takes its end, whatever the disk had
//! written of it and in whatever order, and what is left opens as a beginning of what was there.

use super::*;
use crate::backends::embedded::Disk;
use crate::observer::LeafSource;
use clew_domain::fact::Position;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::MetadataExt;
use std::sync::Mutex;

/// What was written since its file was last synced.
struct Written {
    file: File,
    inode: u64,
    offset: u64,
    before: Vec<u8>,
}

/// A disk that keeps what it is given in a cache until it is synced, and can lose any of it.
#[derive(Default)]
struct Cached(Mutex<Vec<Written>>);

impl Disk for Cached {
    fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut before = vec![0; bytes.len()];
        // What lies behind its end counts as zeros.
        file.read_at(&mut before, offset)?;
        let written = Written { file: file.try_clone()?, inode: file.metadata()?.ino(), offset, before };
        self.0.lock().expect("no panic under it").push(written);
        file.write_all_at(bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let inode = file.metadata()?.ino();
        self.0.lock().expect("no panic under it").retain(|written| written.inode != inode);
        Ok(())
    }
}

impl Cached {
    /// Loses pages of what was not synced, drawn at random.
    fn lose(&self, random: &mut impl FnMut(u64) -> u64) -> usize {
        let mut lost = 0;
        let mut cache = self.0.lock().expect("no panic under it");
        // The latest first: where writes overlap, what was there before the first of them comes back last.
        for written in cache.drain(..).rev() {
            for (page, bytes) in (0..).zip(written.before.chunks(512)) {
                if random(3) == 0 {
                    written.file.write_all_at(bytes, written.offset + page * 512).expect("written");
                    lost += 1;
                }
            }
        }
        lost
    }
}

fn options(disk: &Arc<Cached>) -> Options {
    Options { durable: Durable::Later, disk: Arc::clone(disk) as Arc<dyn Disk>, ..small() }
}

async fn leaves(store: &Store) -> Vec<Vec<u8>> {
    let leaves = store.leaves(0, 0, usize::MAX).await.expect("they read");
    leaves.into_iter().map(|leaf| leaf.bytes).collect()
}

/// Commits of one fact and, for every third, one content.
async fn write_on(store: &Store, from: u64, count: u64) {
    for n in from..from + count {
        let mut commit = commit(vec![write(stream(n % 5), n / 5, n..n + 1)]);
        if n.is_multiple_of(3) {
            commit.contents = vec![content(n, 300)];
        }
        store.append(commit).await.expect("taken");
    }
}

#[tokio::test]
async fn a_power_cut_takes_the_end_of_a_copy_and_nothing_that_was_synced() {
    let (mut shorter, mut lost) = (0, 0);
    for seed in 1..60_u64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut random = move |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let (dir, disk) = (tempfile::tempdir().expect("a directory"), Arc::new(Cached::default()));
        let mut there = 0;
        for round in 0..3 {
            let (store, report) = Store::open(dir.path(), options(&disk)).expect("a power cut is no damage");
            assert_eq!(report.facts, there, "seed {seed}");
            write_on(&store, there, 20 + random(150)).await;
            store.offer_sync().expect("queued").await.expect("answered").expect("synced");
            let synced = store.head().sequence(0);
            write_on(&store, synced, random(150)).await;
            let before = leaves(&store).await;
            store.settle();
            // The power is cut here: what the process does behind it does not count.
            lost += disk.lose(&mut random);
            let cut = copy(dir.path());
            drop(store);
            put(dir.path(), &cut);
            disk.0.lock().expect("no panic under it").clear();
            let (store, report) = Store::open(dir.path(), options(&disk)).expect("a power cut is no damage");
            assert!(report.facts >= synced, "seed {seed}, round {round}: what was synced is there");
            let after = leaves(&store).await;
            assert_eq!(after, before[..after.len()], "seed {seed}, round {round}: a beginning of what was there");
            for fact in store.read_all(Position { partition: 0, sequence: 0 }, usize::MAX).await.expect("they read") {
                let n = fact.position.sequence - 1;
                if n.is_multiple_of(3) {
                    assert_eq!(store.read_content(ContentId(n)).await, Ok(Some(content(n, 300))), "seed {seed}, {n}");
                }
            }
            shorter += usize::from(after.len() < before.len());
            there = after.len() as u64;
        }
    }
    assert!(lost > 1_000 && shorter > 50, "the power cuts did something: {lost} pages, {shorter} times shorter");
}

/// Every file in a directory and below.
fn copy(dir: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(copy(&path));
        } else if let Ok(bytes) = std::fs::read(&path) {
            // One that is gone was a segment being prepared.
            files.push((path, bytes));
        }
    }
    files
}

/// Puts these files where they were, and removes all others.
fn put(dir: &Path, files: &[(std::path::PathBuf, Vec<u8>)]) {
    for (path, _) in copy(dir) {
        std::fs::remove_file(path).expect("removed");
    }
    for (path, bytes) in files {
        std::fs::write(path, bytes).expect("written");
    }
}

/// Which files were synced.
#[derive(Default)]
struct Synced(Mutex<Vec<u64>>);

impl Disk for Synced {
    fn sync(&self, file: &File) -> io::Result<()> {
        self.0.lock().expect("no panic under it").push(file.metadata()?.ino());
        file.sync_data()
    }
}

#[tokio::test]
async fn what_opening_finds_is_durable_before_anybody_builds_upon_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _) = open(dir.path());
    write_on(&store, 0, 3).await;
    drop(store);
    let disk = Arc::new(Synced::default());
    let options = Options { disk: Arc::clone(&disk) as Arc<dyn Disk>, ..small() };
    let (_store, report) = Store::open(dir.path(), options).expect("it opens");
    assert_eq!(report.facts, 3);
    let synced = disk.0.lock().expect("no panic under it").clone();
    for file in ["facts/00000001.open", "contents/00000001.contents"] {
        let path = dir.path().join(file);
        let inode = std::fs::metadata(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).ino();
        assert!(synced.contains(&inode), "{file} is synced");
    }
}
