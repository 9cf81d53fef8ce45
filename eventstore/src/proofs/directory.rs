//! The examination of a data directory: the facts that a store reads, against the hashes and the checkpoint that
//! lie beside them. Nothing is written and nothing made anew, so that what is wrong is seen.

use super::against::{Against, compare, open_checkpoint, unreadable};
use super::examine::{self, Examiner, Progress};
use super::tile::{Tiles, decode_hashes, level_len};
use super::tree::Hash;
use super::verdict::{Finding, Verdict};
use super::{ProofError, files};
use crate::observer::LeafSource;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// How many facts are read at once.
const LEAVES_READ_MAX: usize = 4_096;

/// Examines the facts of a partition against the files of its [`Log`](super::Log), up to the last checkpoint.
///
/// Fails only if there is no directory to examine.
pub async fn verify(
    directory: &Path,
    source: &dyn LeafSource,
    partition: u16,
    against: Against<'_>,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Verdict, ProofError> {
    std::fs::read_dir(directory).map_err(ProofError::io(directory))?;
    let mut verdict = Verdict { origin: against.key.name().to_owned(), ..Verdict::default() };
    let Some(signed) = open_checkpoint(directory, against.key, &mut verdict) else { return Ok(verdict) };
    verdict.size = signed.checkpoint().size;
    verdict.facts = 0..verdict.size;
    let tiles = match Kept::open(directory, verdict.size) {
        Ok(tiles) => tiles,
        Err(error) => {
            verdict.findings.push(unreadable(error));
            return Ok(verdict);
        }
    };
    let found = examine::fingerprints(&tiles, &signed, progress);
    verdict.take(found);
    let found = facts(&tiles, source, partition, progress).await;
    verdict.take(found);
    compare(directory, &tiles, against, &mut verdict);
    Ok(verdict)
}

async fn facts(
    tiles: &Kept,
    source: &dyn LeafSource,
    partition: u16,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Vec<Finding>, ProofError> {
    let mut examiner = Examiner::new(tiles, 0..tiles.size);
    let (mut after, mut more) = (0, Vec::new());
    while after < tiles.size {
        let leaves = match source.leaves(partition, after, LEAVES_READ_MAX).await {
            Ok(leaves) => leaves,
            Err(error) => {
                more.push(Finding::Unreadable { path: "of the facts".into(), why: error.to_string() });
                break;
            }
        };
        let Some(last) = leaves.last() else { break };
        after = last.sequence;
        let signed = leaves.iter().take_while(|leaf| leaf.sequence <= tiles.size);
        signed.into_iter().try_for_each(|leaf| examiner.take(&leaf.bytes))?;
        progress(Progress { stage: "facts", done: after.min(tiles.size), total: tiles.size });
    }
    // Facts that could not be read are named as such, not as removed.
    if more.is_empty() {
        more.extend(examiner.finish()?);
    }
    Ok(more)
}

/// The hash files of a log, to be read only.
struct Kept {
    size: u64,
    levels: Vec<(PathBuf, File)>,
}

impl Kept {
    fn open(directory: &Path, size: u64) -> Result<Self, ProofError> {
        let mut levels = Vec::new();
        for level in (0..8).take_while(|level| level_len(size, *level) > 0) {
            let path = files::path_of(directory, level);
            let file = File::open(&path).map_err(ProofError::io(&path))?;
            levels.push((path, file));
        }
        Ok(Self { size, levels })
    }
}

impl Tiles for Kept {
    fn size(&self) -> u64 {
        self.size
    }

    fn hashes(&self, level: u8, first: u64, count: u64) -> Result<Vec<Hash>, ProofError> {
        let out_of_range = || ProofError::OutOfRange { asked: first.saturating_add(count), size: self.size };
        let (path, file) = self.levels.get(usize::from(level)).ok_or_else(out_of_range)?;
        let width = u16::try_from(count).map_err(|_| out_of_range())?;
        let mut bytes = vec![0; usize::from(width) * 32];
        file.read_exact_at(&mut bytes, first * 32).map_err(ProofError::io(path))?;
        decode_hashes(&bytes, width)
    }
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
