//! The examination: facts against fingerprints, fingerprints against each other and against what was signed.
//! Where facts and fingerprints come from is the caller's business: a bundle, or the files of a data directory.

use super::ProofError;
use super::checkpoint::SignedCheckpoint;
use super::proof::root_at;
use super::tile::{TILE_WIDTH, Tiles, level_len};
use super::tree::{Hash, leaf_hash, root_of};
use super::verdict::Finding;
use crate::codec::{Header, decode_header};
use clew_domain::time::Timestamp;
use std::collections::{HashMap, VecDeque};
use std::ops::Range;

/// How many facts are looked at to find where facts and fingerprints agree again.
const WINDOW: usize = 64;
/// How many must agree in a row for that.
const RUN: usize = 3;

/// After so many differences the rest is not diagnosed any more: it is another log.
const DIFFERENCES_MAX: usize = 1_000;

/// How far an examination is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: &'static str,
    /// How much of it is done.
    pub done: u64,
    /// How much it is.
    pub total: u64,
}

/// Holds all fingerprints against each other, level by level, and against the signed root.
pub fn fingerprints(
    tiles: &dyn Tiles,
    signed: &SignedCheckpoint,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Finding>, ProofError> {
    let (size, root) = (signed.checkpoint().size, signed.checkpoint().root);
    let mut findings = Vec::new();
    let total: u64 = (1..8).map(|level| level_len(size, level)).sum();
    let mut done = 0;
    for level in 1..8_u8 {
        let mut parents = Vec::new();
        for index in 0..level_len(size, level) {
            let within = index % TILE_WIDTH;
            if within == 0 {
                parents = tiles.hashes(level, index, TILE_WIDTH.min(level_len(size, level) - index))?;
            }
            let below = tiles.hashes(level - 1, index * TILE_WIDTH, TILE_WIDTH)?;
            let parent = parents[usize::try_from(within).expect("less than a tile is wide")];
            if root_of(&below) != Some(parent) {
                let span = TILE_WIDTH.pow(u32::from(level));
                findings.push(Finding::Rewritten { facts: index * span..(index + 1) * span });
            }
            done += 1;
            progress(Progress { stage: "fingerprints", done, total });
        }
    }
    if findings.is_empty() && root_at(tiles, size)? != root {
        findings.push(Finding::NotTheSignedRoot);
    }
    Ok(smallest(findings))
}

/// A hash that does not fit disturbs every level above it: only the narrowest findings say where it is.
fn smallest(findings: Vec<Finding>) -> Vec<Finding> {
    let spans: Vec<_> = findings.iter().map(span).collect();
    let holds = |outer: &Option<Range<u64>>, inner: &Option<Range<u64>>| match (outer, inner) {
        (Some(outer), Some(inner)) => outer != inner && outer.start <= inner.start && inner.end <= outer.end,
        _ => false,
    };
    let keep = |at: usize| !spans.iter().any(|inner| holds(&spans[at], inner));
    let kept: Vec<bool> = (0..spans.len()).map(keep).collect();
    findings.into_iter().zip(kept).filter_map(|(finding, keep)| keep.then_some(finding)).collect()
}

fn span(finding: &Finding) -> Option<Range<u64>> {
    if let Finding::Rewritten { facts } = finding { Some(facts.clone()) } else { None }
}

/// Holds the log against a checkpoint of before.
pub fn continuation(tiles: &dyn Tiles, size: u64, older: &SignedCheckpoint) -> Result<Option<Finding>, ProofError> {
    let older = older.checkpoint();
    if older.size > size {
        return Ok(Some(Finding::Shortened { from: older.size, to: size }));
    }
    Ok((root_at(tiles, older.size)? != older.root).then_some(Finding::Forked { size: older.size }))
}

/// Holds facts, given one after the other, against their fingerprints.
pub struct Examiner<'a> {
    tiles: &'a dyn Tiles,
    /// The fact that is expected next, and the end.
    next: u64,
    end: u64,
    /// Fingerprints from `next` on, as far as they are loaded.
    expected: VecDeque<Hash>,
    /// Facts that do not fit and are kept until it is clear why.
    kept: VecDeque<Seen>,
    recorded_at: Option<Timestamp>,
    /// By how much the facts' own numbers differ from their places.
    shift: i128,
    differences: Vec<Difference>,
    findings: Vec<Finding>,
}

struct Seen {
    hash: Hash,
    header: Option<Header>,
}

/// From `index` on, facts with the fingerprints `expected` were replaced by `found`.
struct Difference {
    index: u64,
    expected: Vec<Hash>,
    found: Vec<Seen>,
    behind: Option<Timestamp>,
}

impl<'a> Examiner<'a> {
    /// For these facts of a tree.
    pub fn new(tiles: &'a dyn Tiles, facts: Range<u64>) -> Self {
        Self {
            tiles,
            next: facts.start,
            end: facts.end,
            expected: VecDeque::new(),
            kept: VecDeque::new(),
            recorded_at: None,
            shift: 0,
            differences: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// Takes the next fact. Fails only if fingerprints can't be read.
    pub fn take(&mut self, leaf: &[u8]) -> Result<(), ProofError> {
        let seen = Seen { hash: leaf_hash(leaf), header: decode_header(leaf).ok() };
        if self.kept.is_empty() && self.load(1)? == 1 && self.expected[0] == seen.hash {
            self.agree(&seen);
            return Ok(());
        }
        self.kept.push_back(seen);
        if self.kept.len() >= WINDOW { self.settle(false) } else { Ok(()) }
    }

    /// Says what was found, when all facts were given.
    pub fn finish(mut self) -> Result<Vec<Finding>, ProofError> {
        self.settle(true)?;
        self.findings.extend(explain(self.differences));
        self.findings.sort_by_key(place_of);
        Ok(self.findings)
    }

    /// Makes sure that `count` fingerprints are at hand; says how many are, where the end comes before.
    fn load(&mut self, count: usize) -> Result<usize, ProofError> {
        while self.expected.len() < count {
            let first = self.next + self.expected.len() as u64;
            let width = (TILE_WIDTH - first % TILE_WIDTH).min(self.end.saturating_sub(first));
            if width == 0 {
                break;
            }
            self.expected.extend(self.tiles.hashes(0, first, width)?);
        }
        Ok(self.expected.len().min(count))
    }

    /// The fact fits its fingerprint; what it says of itself must fit those before it.
    fn agree(&mut self, seen: &Seen) {
        if let Some(header) = seen.header {
            let place = header.place;
            let shift = i128::from(place.position.sequence) - i128::from(self.next + 1);
            if shift != std::mem::replace(&mut self.shift, shift) {
                self.findings.push(Finding::Misnumbered { index: self.next, claims: place.position.sequence });
            }
            if self.recorded_at.is_some_and(|before| place.recorded_at < before) {
                self.findings.push(Finding::BackDated { index: self.next, now: header });
            }
            self.recorded_at = self.recorded_at.max(Some(place.recorded_at));
        }
        self.expected.pop_front();
        self.next += 1;
    }

    /// Finds out how the kept facts came to differ; at the end, all of them, otherwise while there are enough.
    fn settle(&mut self, at_end: bool) -> Result<(), ProofError> {
        loop {
            while !self.kept.is_empty() && self.load(1)? == 1 && self.expected[0] == self.kept[0].hash {
                let seen = self.kept.pop_front().expect("it is not empty");
                self.agree(&seen);
            }
            if at_end && self.kept.is_empty() {
                self.all_missing();
                return Ok(());
            }
            if !at_end && self.kept.len() < WINDOW {
                return Ok(());
            }
            let loaded = self.load(2 * WINDOW)?;
            let agree = if self.differences.len() < DIFFERENCES_MAX { self.where_they_agree(loaded) } else { None };
            let (found, expected) = agree.unwrap_or_else(|| {
                let found = self.kept.len();
                // More facts may come that stand for the fingerprints left.
                if at_end && loaded < 2 * WINDOW { (found, loaded) } else { (found, found.min(loaded)) }
            });
            let difference = Difference {
                index: self.next,
                expected: self.expected.drain(..expected).collect(),
                found: self.kept.drain(..found).collect(),
                behind: self.recorded_at,
            };
            self.next += expected as u64;
            self.differences.push(difference);
        }
    }

    /// The fewest facts and fingerprints to pass over so that they agree from there on.
    fn where_they_agree(&self, loaded: usize) -> Option<(usize, usize)> {
        let (found, all) = (self.kept.len(), self.next + loaded as u64 == self.end);
        for skipped in 1..found + loaded {
            for facts in skipped.saturating_sub(loaded)..=skipped.min(found) {
                let fingerprints = skipped - facts;
                let left = (found - facts).min(loaded - fingerprints);
                let run = RUN.min(left);
                let to_the_end = all && found - facts == left && loaded - fingerprints == left;
                let agree = (0..run).all(|at| self.kept[facts + at].hash == self.expected[fingerprints + at]);
                if agree && run > 0 && (run == RUN || to_the_end) {
                    return Some((facts, fingerprints));
                }
            }
        }
        None
    }

    fn all_missing(&mut self) {
        if self.next < self.end {
            self.findings.push(Finding::Missing { index: self.next, count: self.end - self.next });
            self.next = self.end;
        }
    }
}

/// Turns differences into findings: a fact that is missing here and stands there was moved, and so on.
fn explain(differences: Vec<Difference>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut changed: Vec<(u64, Hash, Seen, Option<Timestamp>)> = Vec::new();
    let (mut missing, mut inserted) = (Vec::new(), Vec::new());
    for Difference { index, expected, found, behind } in differences {
        let both = expected.len().min(found.len());
        let at = index + both as u64;
        if expected.len() > both {
            missing.push((at, expected[both..].to_vec()));
        }
        let mut found = found.into_iter();
        let replaced: Vec<Seen> = found.by_ref().take(both).collect();
        let more: Vec<Hash> = found.map(|seen| seen.hash).collect();
        if !more.is_empty() {
            inserted.push((at, more));
        }
        changed.extend((index..).zip(expected).zip(replaced).map(|((at, hash), seen)| (at, hash, seen, behind)));
    }
    missing.retain(|(index, hashes)| {
        let moved = inserted.iter().position(|(_, found)| found == hashes && hashes.len() == 1);
        let Some(moved) = moved else {
            findings.push(Finding::Missing { index: *index, count: hashes.len() as u64 });
            return true;
        };
        findings.push(Finding::Moved { index: *index, to: inserted.remove(moved).0 });
        false
    });
    let insertions = inserted.iter().map(|(index, hashes)| (*index, hashes.len() as u64));
    findings.extend(insertions.map(|(index, count)| Finding::Inserted { index, count }));
    findings.extend(explain_changed(&changed));
    findings
}

fn explain_changed(changed: &[(u64, Hash, Seen, Option<Timestamp>)]) -> Vec<Finding> {
    let stands_at: HashMap<Hash, u64> = changed.iter().map(|(at, _, seen, _)| (seen.hash, *at)).collect();
    let recorded_at: HashMap<Hash, u64> = changed.iter().map(|(at, hash, ..)| (*hash, *at)).collect();
    let finding = |(at, hash, seen, behind): &(u64, Hash, Seen, Option<Timestamp>)| {
        if let (Some(there), Some(from)) = (stands_at.get(hash), recorded_at.get(&seen.hash))
            && there == from
        {
            return (at < there).then_some(Finding::Swapped { index: *at, with: *there });
        }
        match (seen.header, behind) {
            (Some(now), Some(behind)) if now.place.recorded_at < *behind => {
                Some(Finding::BackDated { index: *at, now })
            }
            (now, _) => Some(Finding::Changed { index: *at, now }),
        }
    };
    changed.iter().filter_map(finding).collect()
}

fn place_of(finding: &Finding) -> u64 {
    match finding {
        Finding::Changed { index, .. }
        | Finding::BackDated { index, .. }
        | Finding::Missing { index, .. }
        | Finding::Inserted { index, .. }
        | Finding::Swapped { index, .. }
        | Finding::Moved { index, .. }
        | Finding::Misnumbered { index, .. }
        | Finding::StateDiffers { index, .. } => *index,
        Finding::Rewritten { facts } => facts.start,
        Finding::NotTheSignedRoot
        | Finding::Forked { .. }
        | Finding::Shortened { .. }
        | Finding::NotSigned { .. }
        | Finding::Unreadable { .. }
        | Finding::ReportChanged { .. } => 0,
    }
}
