//! The floor of routing as it is kept between two starts. What routing knows and does is the domain's and the gateway's;
//! here it becomes bytes and is made of them again.

use clew_domain::ids::StreamId;
use clew_domain::routing::{Floor, Saved};
use clew_eventstore::cursor::Cursor;
use clew_eventstore::msgpack;
use clew_eventstore::snapshot::{self, Marks, SnapshotError};
use clew_eventstore::store::{EventStore, StoreError};
use std::io;
use std::path::Path;

/// Raised whenever the same facts make another floor than before, or a floor other bytes: what was kept is then passed
/// over, and the log read from its start.
pub const VERSION: u16 = 1;

/// The file's name among what is derived.
pub const FILE: &str = "routing";

/// Why a floor was not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The log can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file can't be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A floor, or what is kept of one, with how far the log was read for it.
pub struct Reached<T> {
    /// What is known.
    pub known: T,
    /// Up to where all is known.
    pub seen: Cursor,
    /// Behind this nothing is.
    pub furthest: Cursor,
}

/// Keeps a floor. Answers when it is on disk.
pub async fn keep(path: &Path, reached: Reached<Saved>, store: &dyn EventStore) -> Result<(), KeepError> {
    let (path, marks) = (path.to_owned(), Marks::at(&reached.furthest, store).await?);
    let write = move || {
        let bytes = encode(reached.seen, reached.known).map_err(io::Error::other)?;
        snapshot::write(&path, VERSION, &marks, &bytes)
    };
    Ok(tokio::task::spawn_blocking(write).await.map_err(io::Error::other)??)
}

/// The floor of this log that was kept; none if none was.
pub async fn kept(path: &Path, store: &dyn EventStore) -> Result<Option<Reached<Floor>>, SnapshotError> {
    let Some((furthest, bytes)) = snapshot::read(path, VERSION, store).await? else { return Ok(None) };
    let settings = store.read_stream(StreamId::WORKSPACE, 0).await?;
    let resume = move || {
        let (seen, saved) = decode(&bytes).map_err(|_| SnapshotError::Damaged)?;
        drop(bytes);
        let known = Floor::resumed(saved, &settings).ok_or(SnapshotError::OtherLog)?;
        Ok::<_, SnapshotError>(Reached { known, seen, furthest })
    };
    Ok(Some(tokio::task::spawn_blocking(resume).await.map_err(io::Error::other)??))
}

// What is async is compiled where it is awaited, which may be for less speed; these are compiled here.

fn decode(bytes: &[u8]) -> Result<(Cursor, Saved), msgpack::ReadError> {
    msgpack::from_slice(bytes)
}

/// The same bytes for the same floor.
fn encode(seen: Cursor, mut saved: Saved) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    saved.sort();
    rmp_serde::to_vec(&(seen, saved))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histories::History;

    /// What the floor of this history is kept as, by its checksum.
    const KEPT: (u16, u32) = (1, 4_026_668_903);

    #[test]
    fn another_fold_or_other_bytes_have_another_version() {
        let (mut floor, mut seen) = (Floor::default(), Cursor::start(1));
        for fact in History::facts(7, 20_000) {
            floor.take(&fact);
            seen.advance(fact.position);
        }
        let bytes = encode(seen.clone(), floor.saved(&[])).expect("plain data");
        let now = (VERSION, crc32fast::hash(&bytes));
        assert_eq!(now, KEPT, "raise VERSION, unless the histories alone have changed; then write this down");
        let (cursor, saved) = decode(&bytes).expect("what was written");
        assert_eq!(cursor, seen);
        assert_eq!(encode(cursor, saved).expect("plain data"), bytes);
    }
}
