//! Which schema of events gateways write: the newest that each of them reads. So gateways of two versions serve one log
//! while one after the other is upgraded, and none meets a fact that it can't read.

use super::{ClusterError, Membership, Roll, json};
use crate::state::AppState;
use clew_eventstore::codec::SCHEMA;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What gateways read and write, in the registry.
const SCHEMAS: &str = "schemas";
/// How often a gateway looks whether all read more than they did.
const EVERY: Duration = Duration::from_secs(10);
/// What gateways read that have not said anything.
const FIRST: u16 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Schemas {
    /// The newest that may be written. It never goes back: facts of it may be there.
    written: u16,
    /// The newest that each gateway reads, as it said when it started last.
    read: BTreeMap<String, u16>,
}

impl Schemas {
    fn parsed(there: Option<&[u8]>) -> Result<Self, ClusterError> {
        let Some(there) = there else { return Ok(Self { written: FIRST, read: BTreeMap::new() }) };
        serde_json::from_slice(there).map_err(|_| ClusterError::Registry(SCHEMAS))
    }

    /// Takes note of what a gateway reads; whether that is new. Refuses one that can't read what may be written.
    fn announce(&mut self, gateway: &str, reads: u16) -> Result<bool, ClusterError> {
        if reads < self.written {
            return Err(ClusterError::TooOld { reads, written: self.written });
        }
        Ok(self.read.insert(gateway.to_owned(), reads) != Some(reads))
    }

    /// Raises what may be written to what all who hold the keys read; whether it was less.
    fn raise(&mut self, roll: &Roll) -> bool {
        let reads = |holder: &String| self.read.get(holder).copied().unwrap_or(FIRST);
        let by_all = roll.holders.keys().map(reads).min().unwrap_or(FIRST);
        let raised = by_all > self.written;
        self.written = self.written.max(by_all);
        raised
    }
}

impl Membership {
    async fn change_schemas(
        &self,
        mut change: impl FnMut(&mut Schemas) -> Result<bool, ClusterError>,
    ) -> Result<Schemas, ClusterError> {
        let changed = |there: Option<&[u8]>| {
            let mut schemas = Schemas::parsed(there)?;
            Ok::<_, ClusterError>(change(&mut schemas)?.then(|| json(&schemas)))
        };
        Schemas::parsed(self.registry.update(SCHEMAS, changed).await?.as_deref())
    }

    /// Says what this gateway reads, before it is let in or serves.
    pub(super) async fn announce_schema(&self) -> Result<(), ClusterError> {
        self.change_schemas(|schemas| schemas.announce(&self.gateway, SCHEMA)).await.map(|_| ())
    }

    /// Lets this gateway write what all read by now.
    pub(super) async fn raise_schema(&self) -> Result<(), ClusterError> {
        let roll = self.roll().await?;
        let schemas = self.change_schemas(|schemas| Ok(schemas.raise(&roll))).await?;
        let before = self.read_by_all.fetch_max(schemas.written.min(SCHEMA), Ordering::Relaxed);
        if before < schemas.written {
            tracing::info!(schema = schemas.written, "all gateways read this schema: it is written from now on");
        }
        Ok(())
    }

    /// The newest schema that each gateway reads.
    pub async fn schemas(&self) -> Result<BTreeMap<String, u16>, ClusterError> {
        let there = self.registry.get(SCHEMAS).await?;
        Schemas::parsed(there.as_deref()).map(|schemas| schemas.read)
    }
}

/// Writes a newer schema as soon as all gateways read it, until the server stops.
pub async fn keep_upgraded(app: AppState) {
    let Some(membership) = app.cluster.clone() else { return };
    let mut stopping = app.stopping.clone();
    while membership.read_by_all.load(Ordering::Relaxed) < SCHEMA {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if let Err(error) = membership.raise_schema().await {
            tracing::warn!(%error, "what all gateways read could not be looked up; it is tried again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clew_eventstore::cursor::Cursor;

    fn roll(holders: &[&str]) -> Roll {
        let holders = holders.iter().map(|name| ((*name).to_owned(), Cursor::start(1))).collect();
        Roll { holders, ..Roll::default() }
    }

    #[test]
    fn the_newest_that_all_holders_read_is_written() {
        let mut schemas = Schemas::parsed(None).expect("nothing is there");
        assert!(schemas.announce("a", 2).expect("it reads enough"));
        assert!(!schemas.announce("a", 2).expect("it reads enough"), "it said so before");
        assert!(!schemas.raise(&roll(&["a", "b"])), "b has not said what it reads");
        schemas.announce("b", 1).expect("it reads enough");
        assert!(!schemas.raise(&roll(&["a", "b"])));
        assert_eq!(schemas.written, 1);
        schemas.announce("b", 3).expect("it reads enough");
        assert!(schemas.raise(&roll(&["a", "b"])));
        assert_eq!(schemas.written, 2);
        assert!(schemas.raise(&roll(&["b"])), "who is dismissed is not waited for");
        assert_eq!(schemas.written, 3);
    }

    #[test]
    fn who_can_not_read_what_may_be_written_is_not_let_in() {
        let mut schemas = Schemas { written: 2, read: BTreeMap::new() };
        assert!(matches!(schemas.announce("a", 1), Err(ClusterError::TooOld { reads: 1, written: 2 })));
        assert!(schemas.read.is_empty());
        assert!(!schemas.raise(&roll(&["a"])) && schemas.written == 2, "it never goes back");
    }
}
