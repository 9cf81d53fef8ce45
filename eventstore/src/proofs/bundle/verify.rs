//! The examination of a bundle: needs nothing but its files and the public key. What is wrong with it becomes a
//! finding, never an early end, as far as the files can be read at all.

use super::super::ProofError;
use super::super::against::{Against, compare, not_signed, open_checkpoint, unreadable};
use super::super::checkpoint::SignedCheckpoint;
use super::super::examine::{self, Examiner, Progress};
use super::super::note::VerifierKey;
use super::super::tile::{TILE_WIDTH, Tile, TileKind, Tiles, decode_entries, decode_hashes};
use super::super::tree::Hash;
use super::super::verdict::{Finding, Verdict};
use super::MANIFEST;
use super::manifest::{Manifest, hash_of_file, text_of};
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// Examines a bundle. Fails only if there is no directory to examine.
pub fn verify(
    directory: &Path,
    against: Against<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Verdict, ProofError> {
    std::fs::read_dir(directory).map_err(ProofError::io(directory))?;
    let mut verdict = Verdict { origin: against.key.name().to_owned(), ..Verdict::default() };
    let Some(signed) = open_checkpoint(directory, against.key, &mut verdict) else { return Ok(verdict) };
    let size = signed.checkpoint().size;
    verdict.size = size;
    if let Some(manifest) = open_manifest(directory, against.key, &mut verdict) {
        verdict.facts = manifest.facts.start..manifest.facts.end.min(size);
        check_reports(directory, &manifest, &signed, &mut verdict);
    } else {
        verdict.facts = 0..size;
    }
    let tiles = Kept { directory, size, last: RefCell::new(None) };
    let found = examine::fingerprints(&tiles, &signed, progress);
    verdict.take(found);
    let found = facts(&tiles, &verdict, progress);
    verdict.take(found);
    compare(directory, &tiles, against, &mut verdict);
    Ok(verdict)
}

/// Who changes the manifest must not thereby keep facts from being read: what it says is used all the same.
fn open_manifest(directory: &Path, key: &VerifierKey, verdict: &mut Verdict) -> Option<Manifest> {
    let text = match text_of(&directory.join(MANIFEST)) {
        Ok(text) => text,
        Err(error) => {
            verdict.findings.push(unreadable(error));
            return None;
        }
    };
    match Manifest::open(&text, key) {
        Ok(manifest) => Some(manifest),
        Err(error) => {
            verdict.findings.push(not_signed("manifest", &error));
            Manifest::read(&text).ok()
        }
    }
}

fn check_reports(directory: &Path, manifest: &Manifest, signed: &SignedCheckpoint, verdict: &mut Verdict) {
    if manifest.root != signed.checkpoint().root || manifest.facts.end > signed.checkpoint().size {
        let why = "it belongs to another checkpoint".to_owned();
        verdict.findings.push(Finding::NotSigned { what: "manifest", why });
    }
    for (name, hash) in &manifest.reports {
        match hash_of_file(&directory.join(name)) {
            Ok(Some(found)) if found == *hash => {}
            Ok(Some(_)) => verdict.findings.push(Finding::ReportChanged { path: name.clone() }),
            Ok(None) => {
                verdict.findings.push(Finding::Unreadable { path: name.clone(), why: "it is not there".into() });
            }
            Err(error) => verdict.findings.push(unreadable(error)),
        }
    }
}

/// Reads every fact of the bundle against its fingerprint.
fn facts(tiles: &Kept<'_>, verdict: &Verdict, progress: &mut dyn FnMut(Progress)) -> Result<Vec<Finding>, ProofError> {
    let range = verdict.facts.clone();
    let total = range.end - range.start;
    let mut examiner = Examiner::new(tiles, range.clone());
    let mut more = Vec::new();
    for tile in Tile::entries(tiles.size, range.start, range.end) {
        let path = tiles.path(tile);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                // What the tile held turns out to be missing when the rest is compared.
                more.push(unreadable(ProofError::io(&path)(error)));
                continue;
            }
        };
        match decode_entries(&bytes) {
            Ok(entries) => entries.iter().try_for_each(|entry| examiner.take(entry))?,
            Err(error) => more.push(Finding::Unreadable { path: path.display().to_string(), why: error.to_string() }),
        }
        let done = (tile.first() + u64::from(tile.width)).min(range.end) - range.start;
        progress(Progress { stage: "facts", done, total });
    }
    more.extend(examiner.finish()?);
    Ok(more)
}

/// The fingerprints of a bundle, read from its tiles.
struct Kept<'a> {
    directory: &'a Path,
    size: u64,
    last: RefCell<Option<(Tile, Vec<Hash>)>>,
}

impl Kept<'_> {
    fn path(&self, tile: Tile) -> PathBuf {
        self.directory.join(tile.to_string())
    }
}

impl Tiles for Kept<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn hashes(&self, level: u8, first: u64, count: u64) -> Result<Vec<Hash>, ProofError> {
        let out_of_range = || ProofError::OutOfRange { asked: first.saturating_add(count), size: self.size };
        let tile = Tile::of(TileKind::Hashes(level), first / TILE_WIDTH, self.size).ok_or_else(out_of_range)?;
        let mut last = self.last.borrow_mut();
        if last.as_ref().is_none_or(|(of, _)| *of != tile) {
            let path = self.path(tile);
            let bytes = std::fs::read(&path).map_err(ProofError::io(&path))?;
            *last = Some((tile, decode_hashes(&bytes, tile.width)?));
        }
        let hashes = &last.as_ref().expect("it was just read").1;
        let start = usize::try_from(first % TILE_WIDTH).expect("less than a tile is wide");
        let end = start.saturating_add(usize::try_from(count).map_err(|_| out_of_range())?);
        hashes.get(start..end).map(<[Hash]>::to_vec).ok_or_else(out_of_range)
    }
}
