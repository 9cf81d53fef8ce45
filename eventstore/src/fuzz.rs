//! What every decoder must bear: any bytes at all, without a panic and without reading what they do not say. Each
//! target is run by the suite over random and mutated bytes, and without end by `cargo fuzz` (`eventstore/fuzz/`).

use crate::backends::embedded;
use crate::codec;
use crate::cursor::Cursor;
use crate::proofs::{Checkpoint, Hash, Note, Tile, VerifierKey, tile};

/// A decoder under test, with its name and bytes that it takes.
pub struct Target {
    /// What it decodes.
    pub name: &'static str,
    /// Gives it bytes; panics where it breaks a promise.
    pub run: fn(&[u8]),
    /// Sound bytes, from which mutations start.
    pub sound: fn() -> Vec<u8>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "fact", run: fact, sound: a_fact },
    Target { name: "frame", run: embedded::fuzz::frame, sound: embedded::fuzz::a_frame },
    Target { name: "content", run: embedded::fuzz::content, sound: embedded::fuzz::a_content },
    Target { name: "open_facts", run: embedded::fuzz::open_facts, sound: embedded::fuzz::a_segment_of_open_facts },
    Target {
        name: "sealed_facts",
        run: embedded::fuzz::sealed_facts,
        sound: embedded::fuzz::a_segment_of_sealed_facts,
    },
    Target { name: "contents_index", run: embedded::fuzz::contents_index, sound: embedded::fuzz::an_index_of_contents },
    Target { name: "cursor", run: cursor, sound: || b"p3.0.7ff".to_vec() },
    Target {
        name: "proofs",
        run: proofs,
        sound: || b"clew/log\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n".to_vec(),
    },
];

/// Gives bytes to the target of that name.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("the fuzz crate names targets that there are").run)(bytes);
}

/// What reads as a fact is written as one that reads the same.
fn fact(bytes: &[u8]) {
    let header = codec::decode_header(bytes);
    if let Ok(fact) = codec::decode(bytes) {
        assert_eq!(header.map(|header| header.stream), Ok(fact.stream));
        let salt = bytes[48..64].try_into().expect("a fact has a header");
        let again = codec::encode(&fact, salt).expect("it was no longer than a fact may be");
        assert_eq!(codec::decode(&again), Ok(fact));
    }
}

fn a_fact() -> Vec<u8> {
    embedded::fuzz::facts(1).remove(0)
}

fn cursor(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(cursor) = text.parse::<Cursor>()
    {
        assert_eq!(cursor.to_string().parse::<Cursor>().as_ref(), Ok(&cursor));
    }
}

/// What auditors hand in as text and tiles.
fn proofs(bytes: &[u8]) {
    if let Ok(entries) = tile::decode_entries(bytes) {
        assert_eq!(entries.iter().map(|entry| entry.len() + 2).sum::<usize>(), bytes.len());
    }
    for width in [1, 2, 256] {
        if let Ok(hashes) = tile::decode_hashes(bytes, width) {
            assert_eq!(hashes.len(), usize::from(width));
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = text.parse::<Note>();
        let _ = text.parse::<Checkpoint>();
        let _ = text.parse::<VerifierKey>();
        let _ = text.parse::<Tile>();
        let _ = text.parse::<Hash>();
        let _ = text.parse::<crate::proofs::bundle::manifest::Manifest>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    /// A change of sound bytes: bits flipped, a cut, a repetition, bytes put in.
    fn mutated(sound: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
        let change = (any::<u8>(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>());
        proptest::collection::vec(change, 1..6).prop_map(move |changes| {
            let mut bytes = sound.clone();
            for (kind, at, to, byte) in changes {
                if bytes.is_empty() {
                    break;
                }
                let (at, to) = (at.index(bytes.len()), to.index(bytes.len()));
                match kind % 5 {
                    0 => bytes[at] ^= 1 << (byte % 8),
                    1 => bytes[at] = byte,
                    2 => bytes.truncate(at),
                    3 => bytes.insert(at, byte),
                    _ => {
                        let part = bytes[at.min(to)..at.max(to)].to_vec();
                        bytes.splice(at..at, part);
                    }
                }
            }
            bytes
        })
    }

    fn cases(target: &Target) -> u32 {
        // Those that open a directory take milliseconds each.
        if target.name.ends_with("facts") || target.name.ends_with("index") { 64 } else { 2_000 }
    }

    #[test]
    fn no_decoder_panics_or_breaks_a_promise_whatever_bytes_it_meets() {
        for target in TARGETS {
            let sound = (target.sound)();
            (target.run)(&sound);
            let bytes = prop_oneof![
                3 => mutated(sound),
                1 => proptest::collection::vec(any::<u8>(), 0..600),
            ];
            let config = ProptestConfig { cases: cases(target), ..ProptestConfig::default() };
            let ran = TestRunner::new(config).run(&bytes, |bytes| {
                (target.run)(&bytes);
                Ok(())
            });
            assert!(ran.is_ok(), "{}: {}", target.name, ran.expect_err("just seen"));
        }
    }
}
