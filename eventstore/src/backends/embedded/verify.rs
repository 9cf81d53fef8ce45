//! Looks at every byte of a log that is not open: checksums, positions, versions, indexes against what they index,
//! contents against the commitments in facts. Repairs only what is derived.

use super::contents::{self, ContentsFile};
use super::contents_index::ContentsIndex;
use super::disk::Machine;
use super::index::ByStream;
use super::layout::FileKind;
use super::sealed::{Block, Sealed};
use super::{Options, Store};
use crate::codec;
use crate::store::{EventStore, StoreError};
use clew_domain::content::{Commitment, ContentId};
use std::path::Path;
use std::sync::Arc;

/// What a look at the whole log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Facts that were read.
    pub facts: u64,
    /// Streams they are of.
    pub streams: u64,
    /// Contents that were looked up for a commitment.
    pub contents: u64,
    /// Of these, erased ones.
    pub erased: u64,
    /// Contents that are erased and whose bytes are not overwritten: damage, unless their erasure is still to be finished.
    pub unwiped: Vec<ContentId>,
    /// Indexes that were made anew.
    pub rebuilt: Vec<String>,
    /// What is wrong, each with its place.
    pub damage: Vec<String>,
}

/// Verifies the log in `dir`, which no process may have open, or the copy there of this partition of a cluster's log.
/// `references` tells the contents that a fact refers to and that lie there. `progress` is told how many facts were read and
/// how many there are.
pub fn verify(
    dir: &Path,
    partition: u16,
    repair: bool,
    references: impl Fn(&clew_domain::fact::Fact) -> Vec<(ContentId, Commitment)>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Verified, StoreError> {
    let mut found = Verified::default();
    let lock = super::lock(dir)?;
    contents_indexes(dir, repair, &mut found)?;
    drop(lock);
    let (store, report) = Store::open(dir, Options { partition, ..Options::default() })?;
    for torn in report.torn {
        found.rebuilt.push(format!("{}: {} torn bytes at its end were cut off", torn.file.display(), torn.bytes));
    }
    let mut versions: ByStream<u64> = ByStream::default();
    let mut wanted = Vec::new();
    let last = store.head().sequence(partition);
    let scanned = store.scan(0, |fact| {
        found.facts += 1;
        let version = versions.entry(fact.stream).or_default();
        *version += 1;
        if fact.position.sequence != found.facts || fact.version != *version {
            let (at, stream) = (fact.position.sequence, fact.stream);
            found.damage.push(format!("fact {at} of {stream}: its position or version does not follow"));
        }
        wanted.extend(references(&fact));
        if found.facts.is_multiple_of(65_536) || found.facts == last {
            progress(found.facts, last);
        }
        true
    });
    if let Err(error) = scanned {
        found.damage.push(error.to_string());
    }
    found.streams = versions.len() as u64;
    commitments(&store, wanted, &mut found);
    streams(&store, &versions, &mut found);
    drop(store);
    sealed(dir, &mut found)?;
    unwiped(dir, &mut found)?;
    Ok(found)
}

/// Every stream is found by the index, as long as it is.
fn streams(store: &Store, versions: &ByStream<u64>, found: &mut Verified) {
    for (stream, version) in versions {
        match store.read_stream_blocking(*stream, version.saturating_sub(1)) {
            Ok(tail) if tail.last().is_some_and(|fact| fact.version == *version) => {}
            Ok(_) => found.damage.push(format!("{stream}: the index does not find its last fact")),
            Err(error) => found.damage.push(format!("{stream}: {error}")),
        }
    }
}

fn commitments(store: &Store, wanted: Vec<(ContentId, Commitment)>, found: &mut Verified) {
    for (id, commitment) in wanted {
        found.contents += 1;
        let candidates = store.shared.contents().candidates(id);
        match candidates.read(id) {
            Ok(Some(content)) if content.commitment() == commitment => {}
            Ok(Some(_)) => found.damage.push(format!("content {id} is not what its fact commits to")),
            Ok(None) => found.erased += 1,
            Err(error) => found.damage.push(format!("content {id}: {error}")),
        }
    }
}

/// Every block and bucket of sealed segments, those too that reading in order passes by.
fn sealed(dir: &Path, found: &mut Verified) -> Result<(), StoreError> {
    for number in FileKind::SealedFacts.numbers(dir)? {
        let segment = Sealed::open(dir, number)?;
        let look = || -> Result<(), StoreError> {
            segment.entries()?;
            let mut block = Block::default();
            for row in segment.table()? {
                segment.read_block_in_order(row.offset, &mut block)?;
                let first = block.facts().next().map(codec::decode_header);
                if first.and_then(Result::ok).is_none_or(|header| header.place.position.sequence != row.first) {
                    let what = "a block does not begin with the fact that the table names".to_owned();
                    return Err(StoreError::Corrupt { place: segment.path.display().to_string(), what });
                }
            }
            Ok(())
        };
        if let Err(error) = look() {
            found.damage.push(error.to_string());
        }
    }
    Ok(())
}

/// Indexes of contents against the contents.
fn contents_indexes(dir: &Path, repair: bool, found: &mut Verified) -> Result<(), StoreError> {
    let numbers = FileKind::Contents.numbers(dir)?;
    let Some((_, full)) = numbers.split_last() else { return Ok(()) };
    for number in full {
        let path = FileKind::ContentsIndex.path(dir, *number);
        if !path.exists() {
            continue;
        }
        let file = Arc::new(ContentsFile::open(dir, *number)?.0);
        let sound = match ContentsIndex::open(dir, Arc::clone(&file))? {
            Some(index) => index.matches_segment()?,
            None => false,
        };
        if !sound && repair {
            ContentsIndex::create(&Machine, dir, file, u64::MAX)?;
            found.rebuilt.push(path.display().to_string());
        } else if !sound {
            found
                .damage
                .push(format!("{}: it does not match its segment; it can be made anew from it", path.display()));
        }
    }
    Ok(())
}

/// Erased contents against what must be gone. What no commit brought was removed when the log was opened.
fn unwiped(dir: &Path, found: &mut Verified) -> Result<(), StoreError> {
    for number in FileKind::Contents.numbers(dir)? {
        let file = ContentsFile::open(dir, number)?.0;
        for (id, offset) in file.scan(u64::MAX)? {
            if !contents::is_stored_or_wiped(&file, offset, id)? {
                found.unwiped.push(id);
            }
        }
    }
    Ok(())
}
