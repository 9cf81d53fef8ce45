//! How far all erasures of the log are completed, in a small file. Losing it costs a pass over the log; a log
//! that was put back from a backup is told by the facts that the file names.

use crate::cursor::Cursor;
use crate::msgpack;
use crate::snapshot::Marks;
use crate::store::{EventStore, StoreError};
use clew_domain::content::ContactNumber;
use clew_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::io::{Error as IoError, Write};
use std::path::Path;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    marks: Marks,
    pub(super) installation_version: u64,
    pub(super) lately: Vec<Forgotten>,
}

/// A contact who was forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Forgotten {
    pub(super) contact: ContactNumber,
    pub(super) at: Timestamp,
}

impl Checkpoint {
    /// That everything up to `seen` is completed.
    pub(super) async fn at(
        seen: &Cursor,
        installation_version: u64,
        lately: Vec<Forgotten>,
        store: &dyn EventStore,
    ) -> Result<Self, StoreError> {
        let marks = Marks::at(seen, store).await?;
        Ok(Self { marks, installation_version, lately })
    }

    /// The file's, if there is one and it speaks of this log.
    pub(super) async fn load(path: &Path, store: &dyn EventStore) -> Result<Option<Self>, StoreError> {
        let Ok(bytes) = std::fs::read(path) else { return Ok(None) };
        let Some((sum, body)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
        if crc32fast::hash(body).to_le_bytes() != *sum {
            return Ok(None);
        }
        let Ok(checkpoint) = msgpack::from_slice::<Self>(body) else { return Ok(None) };
        Ok(checkpoint.marks.hold_in(store).await?.then_some(checkpoint))
    }

    pub(super) fn save(&self, path: &Path) -> Result<(), IoError> {
        let body = rmp_serde::to_vec(self).map_err(IoError::other)?;
        let new = path.with_extension("new");
        let mut file = std::fs::File::create(&new)?;
        file.write_all(&crc32fast::hash(&body).to_le_bytes())?;
        file.write_all(&body)?;
        file.sync_data()?;
        std::fs::rename(new, path)
    }

    pub(super) fn cursor(&self) -> Cursor {
        self.marks.cursor()
    }
}
