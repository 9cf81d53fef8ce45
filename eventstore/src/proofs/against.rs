//! What a log is held against, wherever it lies: the public key, an older checkpoint, the trusted witnesses.
//! What is wrong becomes a finding, never an early end.

use super::bundle::manifest::text_of;
use super::checkpoint::SignedCheckpoint;
use super::log::{CHECKPOINT, WITNESSED};
use super::note::VerifierKey;
use super::tile::Tiles;
use super::verdict::{Finding, Verdict};
use super::{ProofError, examine};
use std::path::Path;

/// What a log is held against.
#[derive(Clone, Copy)]
pub struct Against<'a> {
    /// The public key of the log, from a source that is trusted.
    pub key: &'a VerifierKey,
    /// The text of a checkpoint that was seen before, if there is one.
    pub since: Option<&'a str>,
    /// The witnesses that are trusted.
    pub witnesses: &'a [VerifierKey],
}

impl Verdict {
    /// Adds findings; a file that can't be read is one too.
    pub(super) fn take(&mut self, found: Result<Vec<Finding>, ProofError>) {
        match found {
            Ok(found) => self.findings.extend(found),
            Err(error) => {
                let finding = unreadable(error);
                if !self.findings.contains(&finding) {
                    self.findings.push(finding);
                }
            }
        }
    }
}

pub(super) fn unreadable(error: ProofError) -> Finding {
    match error {
        ProofError::Io { path, source } => Finding::Unreadable { path, why: source.to_string() },
        other => Finding::Unreadable { path: "of facts or fingerprints".into(), why: other.to_string() },
    }
}

/// The checkpoint in this directory, if the key signed it.
pub(super) fn open_checkpoint(directory: &Path, key: &VerifierKey, verdict: &mut Verdict) -> Option<SignedCheckpoint> {
    match text_of(&directory.join(CHECKPOINT)) {
        Err(error) => verdict.findings.push(unreadable(error)),
        Ok(text) => match SignedCheckpoint::open(&text, key) {
            Ok(signed) => return Some(signed),
            Err(error) => verdict.findings.push(not_signed("checkpoint", &error)),
        },
    }
    None
}

pub(super) fn not_signed(what: &'static str, error: &ProofError) -> Finding {
    Finding::NotSigned { what, why: error.to_string() }
}

/// Holds the log against the older checkpoint, and finds which trusted witnesses saw it.
pub(super) fn compare(directory: &Path, tiles: &dyn Tiles, against: Against<'_>, verdict: &mut Verdict) {
    let size = verdict.size;
    if let Some(text) = against.since {
        match SignedCheckpoint::open(text, against.key) {
            Err(error) => verdict.findings.push(not_signed("older checkpoint", &error)),
            Ok(older) => match examine::continuation(tiles, size, &older) {
                Ok(None) => verdict.continues = Some(older.checkpoint().size),
                Ok(Some(finding)) => verdict.findings.push(finding),
                Err(error) => verdict.take(Err(error)),
            },
        }
    }
    let Ok(text) = text_of(&directory.join(WITNESSED)) else { return };
    match SignedCheckpoint::open(&text, against.key) {
        Err(error) => verdict.findings.push(not_signed("checkpoint of the witnesses", &error)),
        Ok(witnessed) => match examine::continuation(tiles, size, &witnessed) {
            Ok(None) => witnesses(&witnessed, against.witnesses, verdict),
            Ok(Some(finding)) => verdict.findings.push(finding),
            Err(error) => verdict.take(Err(error)),
        },
    }
}

fn witnesses(witnessed: &SignedCheckpoint, trusted: &[VerifierKey], verdict: &mut Verdict) {
    for witness in trusted {
        match witnessed.cosigned_at(witness) {
            Ok(Some(at)) => {
                verdict.witnesses.push((witness.name().to_owned(), witnessed.checkpoint().size, at));
            }
            Ok(None) => {}
            Err(error) => verdict.findings.push(not_signed("cosignature", &error)),
        }
    }
}
