//! The examination of a data directory: the facts that a store reads, against the hashes and the checkpoint that
//! lie beside them. An examination writes nothing and makes nothing anew, so that what is wrong is seen; where there are
//! no hashes at all, as in what comes from a backup, they can be made from the facts before.

use super::ProofError;
use super::against::{Against, compare, open_checkpoint, unreadable};
use super::examine::{self, Examiner, Progress};
use super::files::{self, HashFiles};
use super::tile::{Tiles, decode_hashes, level_len};
use super::tree::{Edge, Hash, leaf_hash};
use super::verdict::{Finding, Verdict};
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

/// Makes the hashes from the facts where none are there: the checkpoint then says whether they are the signed ones.
/// Answers whether it did; a directory with hashes, whatever they are worth, is left as it is.
///
/// For a directory that no [`Log`](super::Log) has open.
pub async fn make_hashes(directory: &Path, source: &dyn LeafSource, partition: u16) -> Result<bool, ProofError> {
    if files::path_of(directory, 0).exists() {
        return Ok(false);
    }
    let mut files = HashFiles::open(directory, 0)?.expect("files of no hashes can't hold less");
    let mut edge = Edge::default();
    loop {
        let leaves = source.leaves(partition, edge.size(), LEAVES_READ_MAX).await;
        let leaves = leaves.map_err(|error| ProofError::Facts(error.to_string()))?;
        if leaves.is_empty() {
            files.write()?;
            return Ok(edge.size() > 0);
        }
        for leaf in &leaves {
            let mut kept = Ok(());
            edge.push(leaf_hash(&leaf.bytes), |level, hash| {
                if let Err(error) = files.push(level, hash) {
                    kept = Err(error);
                }
            });
            kept?;
        }
    }
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
