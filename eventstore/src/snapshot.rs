//! What was folded from the log up to somewhere, in a file: whether it is whole, of this version of the fold and of this
//! log. It may be lost at any time, at the cost of folding the log from its start. What is folded is others' business.
//!
//! All integers are little-endian.
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | CRC-32 of all that follows |
//! | 2 | version of the fold |
//! | 4 | bytes of the marks |
//! | … | the marks, `MessagePack` |
//! | … | what was folded |

use crate::cursor::Cursor;
use crate::msgpack;
use crate::store::{EventStore, StoreError};
use clew_domain::fact::Position;
use clew_domain::ids::EventId;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// The last facts that a fold knows, one of each partition that it knows anything of: by them a log is told from another
/// one, and from itself put back from a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks(Vec<(Position, EventId)>);

/// Why a snapshot can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The file can't be read.
    #[error("the file can't be read: {0}")]
    Io(#[from] io::Error),
    /// Its bytes are not what was written.
    #[error("the file is damaged")]
    Damaged,
    /// Another version of the fold wrote it.
    #[error("it was folded by version {0}, and this is version {1}")]
    OtherVersion(u16, u16),
    /// The log does not hold the facts that it names.
    #[error("it is of another log, or of one that went further than this does")]
    OtherLog,
    /// The log can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Marks {
    /// Those of a fold that knows so much.
    pub async fn at(seen: &Cursor, store: &dyn EventStore) -> Result<Self, StoreError> {
        let mut marks = Vec::new();
        for partition in 0..seen.partitions() {
            let position = seen.position(partition);
            if let Some(fact) = id_at(store, position).await? {
                marks.push((position, fact));
            }
        }
        Ok(Self(marks))
    }

    /// Whether these facts stand where they stood.
    pub async fn hold_in(&self, store: &dyn EventStore) -> Result<bool, StoreError> {
        for (position, expected) in &self.0 {
            if position.partition >= store.partitions() || id_at(store, *position).await? != Some(*expected) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Their positions.
    pub fn cursor(&self) -> Cursor {
        let mut cursor = Cursor::default();
        self.0.iter().for_each(|(position, _)| cursor.advance(*position));
        cursor
    }
}

async fn id_at(store: &dyn EventStore, position: Position) -> Result<Option<EventId>, StoreError> {
    let Some(before) = position.sequence.checked_sub(1) else { return Ok(None) };
    let facts = store.read_all(Position { sequence: before, ..position }, 1).await?;
    Ok(facts.first().filter(|fact| fact.position == position).map(|fact| fact.id))
}

/// Replaces what is in the file. Blocks on the disk; a crash leaves the one before or this one.
pub fn write(path: &Path, version: u16, marks: &Marks, folded: &[u8]) -> io::Result<()> {
    let marks = rmp_serde::to_vec(marks).map_err(io::Error::other)?;
    let mut head = version.to_le_bytes().to_vec();
    head.extend_from_slice(&u32::try_from(marks.len()).map_err(io::Error::other)?.to_le_bytes());
    head.extend_from_slice(&marks);
    let mut sum = crc32fast::Hasher::new();
    sum.update(&head);
    sum.update(folded);
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(&sum.finalize().to_le_bytes())?;
    file.write_all(&head)?;
    file.write_all(folded)?;
    file.sync_data()?;
    fs::rename(new, path)
}

/// What was folded from this log, and the positions of its marks; none where there is no file.
pub async fn read(
    path: &Path,
    version: u16,
    store: &dyn EventStore,
) -> Result<Option<(Cursor, Vec<u8>)>, SnapshotError> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || read_file(&path, version)).await;
    let Some((marks, folded)) = read.map_err(io::Error::other)?? else { return Ok(None) };
    if !marks.hold_in(store).await? {
        return Err(SnapshotError::OtherLog);
    }
    Ok(Some((marks.cursor(), folded)))
}

fn read_file(path: &Path, version: u16) -> Result<Option<(Marks, Vec<u8>)>, SnapshotError> {
    let mut bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let (sum, rest) = bytes.split_first_chunk::<4>().ok_or(SnapshotError::Damaged)?;
    if crc32fast::hash(rest).to_le_bytes() != *sum {
        return Err(SnapshotError::Damaged);
    }
    let (written_by, rest) = rest.split_first_chunk::<2>().ok_or(SnapshotError::Damaged)?;
    let written_by = u16::from_le_bytes(*written_by);
    if written_by != version {
        return Err(SnapshotError::OtherVersion(written_by, version));
    }
    let (marks_bytes, rest) = rest.split_first_chunk::<4>().ok_or(SnapshotError::Damaged)?;
    let marks_bytes = usize::try_from(u32::from_le_bytes(*marks_bytes)).map_err(|_| SnapshotError::Damaged)?;
    let (marks, folded) = rest.split_at_checked(marks_bytes).ok_or(SnapshotError::Damaged)?;
    let marks = msgpack::from_slice(marks).map_err(|_| SnapshotError::Damaged)?;
    let folded = bytes.split_off(bytes.len() - folded.len());
    Ok(Some((marks, folded)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::memory;
    use crate::conformance;
    use clew_domain::time::Timestamp;

    const VERSION: u16 = 7;

    async fn store_of(commits: u64, salt: u64) -> memory::Store {
        let store = memory::Store::new(2, Box::new(|| Timestamp::MIN), None);
        for n in 0..commits {
            let write = conformance::write(conformance::stream(n), 0, n + salt..n + salt + 1);
            store.append(conformance::commit(vec![write])).await.expect("memory can be written");
        }
        store
    }

    #[tokio::test]
    async fn what_was_folded_is_given_back() {
        let dir = tempfile::tempdir().expect("a directory");
        let (path, store) = (dir.path().join("fold"), store_of(9, 0).await);
        assert!(read(&path, VERSION, &store).await.expect("no file").is_none());
        let marks = Marks::at(&store.head(), &store).await.expect("memory can be read");
        for folded in [&b"folded"[..], b""] {
            write(&path, VERSION, &marks, folded).expect("written");
            let (seen, read) = read(&path, VERSION, &store).await.expect("whole").expect("there");
            assert!(seen.covers(&store.head()) && store.head().covers(&seen));
            assert_eq!(read, folded);
        }
    }

    #[tokio::test]
    async fn what_is_of_another_version_or_log_or_further_than_the_log_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let (path, store) = (dir.path().join("fold"), store_of(9, 0).await);
        let marks = Marks::at(&store.head(), &store).await.expect("memory can be read");
        write(&path, VERSION, &marks, b"folded").expect("written");
        let newer = read(&path, VERSION + 1, &store).await;
        assert!(matches!(newer, Err(SnapshotError::OtherVersion(7, 8))), "{newer:?}");
        for other in [store_of(9, 100).await, store_of(5, 0).await, store_of(0, 0).await] {
            let refused = read(&path, VERSION, &other).await;
            assert!(matches!(refused, Err(SnapshotError::OtherLog)), "{refused:?}");
        }
    }

    #[tokio::test]
    async fn no_changed_byte_and_no_torn_end_is_taken_for_what_was_written() {
        let dir = tempfile::tempdir().expect("a directory");
        let (path, store) = (dir.path().join("fold"), store_of(3, 0).await);
        let marks = Marks::at(&store.head(), &store).await.expect("memory can be read");
        write(&path, VERSION, &marks, b"folded").expect("written");
        let bytes = fs::read(&path).expect("there");
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x40;
            for damaged in [&changed[..], &bytes[..at]] {
                fs::write(&path, damaged).expect("written");
                let refused = read(&path, VERSION, &store).await;
                assert!(matches!(refused, Err(SnapshotError::Damaged)), "byte {at}: {refused:?}");
            }
        }
    }
}
