//! A bundle: a directory that holds facts, fingerprints, a checkpoint and reports, for somebody who has nothing
//! of ours but the public key. Tiles are laid out as <https://c2sp.org/tlog-tiles> serves them.

pub mod manifest;
pub mod report;
mod verify;

pub use super::against::Against;
pub use verify::verify;

use super::checkpoint::SignedCheckpoint;
use super::examine::Progress;
use super::log::{CHECKPOINT, Log, WITNESSED};
use super::tile::{TILE_WIDTH, Tile, Tiles, encode_entry};
use super::{ProofError, files};
use crate::observer::LeafSource;
use manifest::Manifest;
use std::ops::Range;
use std::path::Path;

/// What the bundle holds, signed.
pub const MANIFEST: &str = "manifest";
/// The reports for people, where the bundle has them.
pub const REPORTS: [&str; 2] = ["report.csv", "report.html"];

const README: &str = "\
This directory holds a part of an audit trail, and the proof that it is as it was recorded.

  report.html, report.csv  the trail, to be read
  tile/entries/            the recorded facts themselves
  tile/0/, tile/1/ ...     fingerprints of all facts of the log
  checkpoint               the signed statement of how many facts there are, and their one fingerprint
  manifest                 the signed statement of what this directory holds

To check it you need the public key, from a source that you trust and not from this directory:

  clew audit verify DIRECTORY --key KEY

The formats are public (RFC 6962, c2sp.org/tlog-tiles, c2sp.org/tlog-checkpoint), so that programs others wrote
can check it too.
";

/// The name of the bundle of one of several partitions, in the directory of the whole.
pub fn of_partition(partition: u16) -> String {
    format!("partition-{partition:02}")
}

/// Writes what a verifier needs into a directory. Reports that lie in it already are bound by the manifest.
///
/// The facts are `facts` (counted from 0), widened to whole tiles; the fingerprints are those of the whole log.
pub async fn write(
    directory: &Path,
    log: &Log,
    source: &dyn LeafSource,
    signed: &SignedCheckpoint,
    facts: Range<u64>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Range<u64>, ProofError> {
    let size = signed.checkpoint().size;
    let facts = widened(&facts, size);
    let total = (facts.end - facts.start).div_ceil(TILE_WIDTH);
    for (done, tile) in (1..).zip(Tile::entries(size, facts.start, facts.end)) {
        put(directory, tile, &entries(log, source, tile).await?)?;
        progress(Progress { stage: "facts", done, total });
    }
    let total = Tile::all_hashes(size).count() as u64;
    for (done, tile) in (1..).zip(Tile::all_hashes(size)) {
        put(directory, tile, &log.tile(tile)?)?;
        progress(Progress { stage: "fingerprints", done, total });
    }
    let manifest = Manifest::of(directory, signed, facts.clone())?;
    files::replace(&directory.join(MANIFEST), &log.sign_note(&manifest.to_string())?.to_string())?;
    if let Some(witnessed) = log.witnessed().filter(|witnessed| witnessed.checkpoint().size <= size) {
        files::replace(&directory.join(WITNESSED), &witnessed.to_string())?;
    }
    files::replace(&directory.join("README.txt"), README)?;
    files::replace(&directory.join(CHECKPOINT), &signed.to_string())?;
    Ok(facts)
}

/// The bytes of an entry tile: its facts, read from the log.
pub async fn entries(log: &Log, source: &dyn LeafSource, tile: Tile) -> Result<Vec<u8>, ProofError> {
    let width = usize::from(tile.width);
    let leaves = source.leaves(log.partition(), tile.first(), width).await;
    let leaves = leaves.map_err(|error| ProofError::Facts(error.to_string()))?;
    if leaves.len() != width {
        return Err(ProofError::OutOfRange { asked: tile.first() + u64::from(tile.width), size: log.size() });
    }
    let mut bundle = Vec::new();
    leaves.iter().try_for_each(|leaf| encode_entry(&mut bundle, &leaf.bytes))?;
    Ok(bundle)
}

fn widened(facts: &Range<u64>, size: u64) -> Range<u64> {
    let end = facts.end.min(size);
    if facts.start >= end {
        return 0..0;
    }
    facts.start / TILE_WIDTH * TILE_WIDTH..end.next_multiple_of(TILE_WIDTH).min(size)
}

fn put(directory: &Path, tile: Tile, bytes: &[u8]) -> Result<(), ProofError> {
    let path = directory.join(tile.to_string());
    let parent = path.parent().expect("a tile lies in a directory");
    std::fs::create_dir_all(parent).map_err(ProofError::io(parent))?;
    std::fs::write(&path, bytes).map_err(ProofError::io(&path))
}

#[cfg(test)]
#[path = "bundle/tests.rs"]
mod tests;
