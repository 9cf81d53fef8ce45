//! The vault's promises as figures: sealing, opening a page of previews, masking with many masks behind it, and the
//! size of the key state. Prints them with what is promised; `cargo bench -p clew-eventstore --bench vault`.

#![allow(missing_docs, clippy::unwrap_used)]

use clew_domain::content::{ContactNumber, ContentId};
use clew_domain::conversation::ContentSpan;
use clew_domain::plaintext::Message;
use clew_eventstore::vault::{KEK_FILE, Vault};
use std::hint::black_box;
use std::time::{Duration, Instant};

const TEXT: [u8; 300] = [b'x'; 300];
const BILLION: u64 = 1_000_000_000;

fn main() {
    seal();
    seal_message();
    preview();
    mask();
    state_size();
}

/// A sequence without pattern, the same in every run.
fn scattered(n: u64, below: u64) -> u64 {
    let mut x = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 31)) % below
}

fn single(id: u64) -> ContentSpan {
    ContentSpan { first: ContentId(id), count: 1 }
}

fn on_disk() -> (tempfile::TempDir, Vault) {
    let root = tempfile::tempdir().unwrap();
    let vault = Vault::create(&root.path().join("keys")).unwrap();
    (root, vault)
}

fn seal() {
    let (_root, vault) = on_disk();
    // In ingest order: a contact writes two or three messages among those of 64 others who came at the same time.
    let arriving = |n: u64| 1 + (n * 2 / 5 + 64 - scattered(n, 64)).max(1);
    let owners: [(&str, &dyn Fn(u64) -> u64); 4] = [
        ("one contact", &|_| 1),
        ("contacts as they come", &arriving),
        ("100,000 contacts at random", &|n| 1 + scattered(n, 100_000)),
        ("1M contacts at random", &|n| 1 + scattered(n, 1_000_000)),
    ];
    for (name, owner) in owners {
        let count = 500_000;
        let start = Instant::now();
        for n in 0..count {
            black_box(vault.seal(ContactNumber(owner(n)), &TEXT).unwrap());
        }
        let each = start.elapsed() / u32::try_from(count).unwrap();
        println!("seal 300 bytes, {name}: {each:?} each, {:.0}/s (promised 500,000/s)", 1.0 / each.as_secs_f64());
    }
}

/// With what the desk adds to it: the value's encoding, and the commitment that the fact holds.
fn seal_message() {
    let (_root, vault) = on_disk();
    let message = Message { text: "x".repeat(TEXT.len()), ..Message::default() };
    let count = 500_000;
    let start = Instant::now();
    for n in 0..count {
        let owner = ContactNumber(1 + scattered(n, 100_000));
        black_box(vault.seal_value(owner, &message).unwrap().reference());
    }
    let each = start.elapsed() / u32::try_from(count).unwrap();
    println!("seal a message of 300 bytes and commit to it: {each:?} each, {:.0}/s", 1.0 / each.as_secs_f64());
}

fn preview() {
    let (_root, vault) = on_disk();
    vault.raise_numbers(ContentId(BILLION), ContactNumber(1_000_000)).unwrap();
    let masks: Vec<_> = (0..10_000).map(|n| single(2 * scattered(n, BILLION / 2))).collect();
    vault.puncture(&masks, &[]).unwrap();
    let mut times = Vec::new();
    for page in 0..200 {
        let contents: Vec<_> = (0..50)
            .map(|row| {
                let n = page * 50 + row;
                let id = ContentId(2 * scattered(n + 77, BILLION / 2) + 1);
                vault.seal_at(id, ContactNumber(1 + scattered(n, 1_000_000)), &[], &TEXT).unwrap()
            })
            .collect();
        // Makes the page cold: a rotation changes no key, but a puncture forgets every node that was derived.
        vault.puncture(&[single(2 * page)], &[]).unwrap();
        let start = Instant::now();
        for content in &contents {
            black_box(vault.open_content(content, &content.commitment()).unwrap());
        }
        times.push(start.elapsed());
    }
    report("open 50 previews at random among 1B, 10,000 masks", &mut times, "2 ms");
}

fn mask() {
    let (root, vault) = on_disk();
    vault.raise_numbers(ContentId(BILLION), ContactNumber(1_000_000)).unwrap();
    for masks in [0, 10_000, 100_000] {
        let behind: Vec<_> = (0..masks).map(|n| single(scattered(n, BILLION))).collect();
        vault.puncture(&behind, &[]).unwrap();
        let mut times = Vec::new();
        for n in 0..200 {
            let start = Instant::now();
            vault.puncture(&[single(scattered(n + BILLION, BILLION))], &[]).unwrap();
            times.push(start.elapsed());
        }
        report(&format!("mask one content, {masks} masks behind"), &mut times, "20 ms");
    }
    let (masks, threads) = (25, 8);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let vault = &vault;
            scope.spawn(move || {
                for n in 0..masks {
                    vault.puncture(&[single(scattered(BILLION * 2 + thread * masks + n, BILLION))], &[]).unwrap();
                }
            });
        }
    });
    println!("mask by {threads} at once, 110,200 masks behind: {:?} each", start.elapsed() / 200);
    drop(root);
}

fn state_size() {
    let (root, vault) = on_disk();
    vault.puncture(&[ContentSpan { first: ContentId(123_456_789), count: 1_000_000 }], &[]).unwrap();
    println!("key state, 1M contiguous masks: {} bytes (promised 1 MB)", vault.status().unwrap().state_bytes);
    drop((root, vault));

    let (root, vault) = on_disk();
    let masks: Vec<_> = (0..1_000_000).map(|n| single(scattered(n, BILLION))).collect();
    let start = Instant::now();
    vault.puncture(&masks, &[]).unwrap();
    let took = start.elapsed();
    let state = vault.status().unwrap().state_bytes;
    let keys = root.path().join("keys");
    let files: u64 = keys.read_dir().unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    println!(
        "key state, 1M random masks among 1B: {state} bytes, all files {files} (promised 300 MB); masked in {took:?}"
    );
    let mut times: Vec<Duration> = (0..20)
        .map(|n| {
            let start = Instant::now();
            vault.puncture(&[single(scattered(n + BILLION, BILLION))], &[]).unwrap();
            start.elapsed()
        })
        .collect();
    report("mask one content, 1M masks behind", &mut times, "no promise");
    drop(vault);
    let start = Instant::now();
    let vault = Vault::open(&keys).unwrap();
    println!(
        "open the keys with 1M masks: {:?}; key file {} bytes",
        start.elapsed(),
        keys.join(KEK_FILE).metadata().unwrap().len()
    );
    drop(vault);
}

fn report(name: &str, times: &mut [Duration], promised: &str) {
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!("{name}: median {:?}, 99th percentile {:?}, worst {:?} (promised {promised})", at(50), at(99), at(100));
}
