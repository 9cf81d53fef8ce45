//! The manifest of a bundle: which facts it holds and which reports, signed by the log's key as a note. Its
//! first line keeps it apart from a checkpoint.

use super::super::checkpoint::SignedCheckpoint;
use super::super::note::{Note, VerifierKey};
use super::super::tree::Hash;
use super::super::{ProofError, files};
use super::REPORTS;
use sha2::{Digest, Sha256};
use std::fmt;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;

const FIRST_LINE: &str = "clew.audit-bundle/v1";

/// What a bundle holds. As text it has a line for each of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The identity of the log.
    pub origin: String,
    /// The facts that are in it, counted from 0.
    pub facts: Range<u64>,
    /// The root that they are proved against.
    pub root: Hash,
    /// Each report's name and SHA-256.
    pub reports: Vec<(String, Hash)>,
}

impl Manifest {
    /// For a bundle whose reports lie in `directory`.
    pub fn of(directory: &Path, signed: &SignedCheckpoint, facts: Range<u64>) -> Result<Self, ProofError> {
        let mut reports = Vec::new();
        for name in REPORTS {
            if let Some(hash) = hash_of_file(&directory.join(name))? {
                reports.push((name.to_owned(), hash));
            }
        }
        let signed = signed.checkpoint();
        Ok(Self { origin: signed.origin.clone(), facts, root: signed.root, reports })
    }

    /// Reads a manifest that this key must have signed.
    pub fn open(text: &str, key: &VerifierKey) -> Result<Self, ProofError> {
        let note: Note = text.parse()?;
        note.verify(key)?;
        note.text.parse()
    }

    /// Reads a manifest without trusting it.
    pub fn read(text: &str) -> Result<Self, ProofError> {
        text.parse::<Note>()?.text.parse()
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { start, end } = self.facts;
        writeln!(f, "{FIRST_LINE}\nlog {}\nfacts {start} {end}\nroot {}", self.origin, self.root)?;
        self.reports.iter().try_for_each(|(name, hash)| writeln!(f, "report {name} {hash}"))
    }
}

impl FromStr for Manifest {
    type Err = ProofError;
    fn from_str(text: &str) -> Result<Self, ProofError> {
        parse(text).ok_or_else(|| ProofError::malformed("manifest", "a line is missing or not as it should be"))
    }
}

fn parse(text: &str) -> Option<Manifest> {
    let mut lines = text.lines();
    lines.next().filter(|line| *line == FIRST_LINE)?;
    let origin = lines.next()?.strip_prefix("log ")?.to_owned();
    let (start, end) = lines.next()?.strip_prefix("facts ")?.split_once(' ')?;
    let facts = start.parse().ok()?..end.parse().ok()?;
    let root = lines.next()?.strip_prefix("root ")?.parse().ok()?;
    let report = |line: &str| {
        let (name, hash) = line.strip_prefix("report ")?.split_once(' ')?;
        Some((name.to_owned(), hash.parse().ok()?)).filter(|(name, _)| REPORTS.contains(&name.as_str()))
    };
    let reports = lines.map(report).collect::<Option<_>>()?;
    (facts.start <= facts.end).then_some(Manifest { origin, facts, root, reports })
}

/// The SHA-256 of a file; `None` if it is not there.
pub(super) fn hash_of_file(path: &Path) -> Result<Option<Hash>, ProofError> {
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ProofError::io(path)(error)),
    };
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer).map_err(ProofError::io(path))? {
            0 => return Ok(Some(Hash(hash.finalize().into()))),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// The text of a file of the bundle; an error if it is not there.
pub(in super::super) fn text_of(path: &Path) -> Result<String, ProofError> {
    let missing = || ProofError::io(path)(std::io::ErrorKind::NotFound.into());
    files::read_text(path)?.ok_or_else(missing)
}
