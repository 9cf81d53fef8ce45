//! This gateway among others on one cluster: who it is, how it comes to its keys, and what gateways agree on beside the
//! log by compare-and-set. How keys are sealed on the way is the vault's, where the log lies the store's.

mod feeds;
mod join;
mod leases;
mod moving;
mod place;
mod recorded;
mod schemas;

pub use feeds::{FEEDS_HEARD_WITHIN, hear as hear_feeds, tell as tell_feeds};
pub use join::{admit, dismiss, enter};
pub use leases::Leases;
pub use moving::{MOVED_FILE, Moving, destroy, hand_on, mark_as_moved};
pub use place::{is_copy, remembered, store_options};
pub use recorded::keep_recorded;
pub use schemas::keep_upgraded;

use clew_domain::fact::Position;
use clew_eventstore::backends::jetstream::Registry;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::erasure::Holders;
use clew_eventstore::proofs::proof::root_at;
use clew_eventstore::proofs::{Hash, Log, ProofError};
use clew_eventstore::store::StoreError;
use clew_eventstore::vault::VaultError;
use futures::future::{BoxFuture, FutureExt};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU16;
use tokio::sync::Mutex;

/// Who holds the keys, in the registry.
const HOLDERS: &str = "holders";
/// Up to where the first partition of the log is signed, in the registry; for the others their numbers follow.
const SIGNED: &str = "signed";

fn signed_key(partition: u16) -> String {
    if partition == 0 { SIGNED.to_owned() } else { format!("{SIGNED}-{partition:02}") }
}

/// This gateway, and what it agrees on with the others.
pub struct Membership {
    /// Its name among them.
    pub gateway: String,
    registry: Registry,
    partitions: u16,
    /// The newest schema of events that may be written, for the store.
    pub read_by_all: Arc<AtomicU16>,
    /// Held while this gateway changes who holds the keys, or records it: what it takes back at once is not recorded.
    changing: Mutex<()>,
}

/// Who holds the keys, and who did.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Roll {
    /// Each with how far it has destroyed the keys of what the log erases.
    pub holders: BTreeMap<String, Cursor>,
    /// Those whose keys count no more.
    pub dismissed: BTreeSet<String>,
}

#[derive(Serialize, Deserialize)]
struct Signed {
    size: u64,
    root: String,
}

/// Why this gateway can't be one of the cluster's.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The cluster can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys can't be used.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The directory is that of a log on this machine.
    #[error(
        "{} holds a log of its own: give a gateway of a cluster a data directory that is empty, or leave out the servers \
         to go on with this log", .0.display()
    )]
    HasALog(PathBuf),
    /// The cluster has a log, and nobody knows who has its keys.
    #[error(
        "the cluster holds a log, but not who has its keys: start a gateway that has them first, or put keys into {} \
         with `clew keys import`", .0.display()
    )]
    NobodyHasKeys(PathBuf),
    /// This gateway made the keys and has lost them.
    #[error(
        "this gateway had the keys of the cluster's log and {} is gone: put it back, import a custody copy with \
         `clew keys import`, or remove cluster.json beside it to join anew", .0.display()
    )]
    KeysLost(PathBuf),
    /// The keys of this gateway count no more.
    #[error(
        "the gateway {0} was dismissed: others do not wait any more for it to destroy keys; remove its data directory, \
         and it can join as a new one"
    )]
    Dismissed(String),
    /// The log may hold what this version can't read.
    #[error(
        "this clew reads facts up to schema {reads}, and the gateways of the cluster write schema {written}: start their \
         version here"
    )]
    TooOld {
        /// The newest schema that is read here.
        reads: u16,
        /// The newest that the others may write.
        written: u16,
    },
    /// Keys left alone.
    #[error("a gateway of a cluster can't leave its keys alone: start it without --without-keys")]
    WithoutKeys,
    /// A file can't be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The registry holds something else than gateways of this version write.
    #[error("the cluster's {0} can't be read: another version of clew wrote it")]
    Registry(&'static str),
    /// The names of streams that another gateway began a log in.
    #[error(
        "the cluster holds a log already that the gateway {0} began: name another prefix with --store-prefix, or the data \
         directory with which this move was begun"
    )]
    HoldsAnotherLog(String),
    /// Others hold the keys of a log that is to leave the cluster.
    #[error(
        "other gateways hold the keys of this log ({}): stop them, and `clew keys dismiss` each on this one while it serves; \
         then stop it and begin again", .0.join(", ")
    )]
    OthersHoldKeys(Vec<String>),
    /// What blocks on the disk broke off.
    #[error("entering the cluster broke off")]
    BrokenOff,
}

impl Membership {
    /// A gateway of this name over a registry, in a log of so many partitions.
    pub fn new(gateway: &str, registry: Registry, partitions: u16) -> Self {
        let read_by_all = Arc::new(AtomicU16::new(1));
        Self { gateway: gateway.to_owned(), registry, partitions, read_by_all, changing: Mutex::new(()) }
    }

    /// Who holds the keys.
    pub async fn roll(&self) -> Result<Roll, ClusterError> {
        let there = self.registry.get(HOLDERS).await?;
        read_roll(there.as_deref())
    }

    async fn change_roll(
        &self,
        mut change: impl FnMut(&mut Roll) -> Result<bool, ClusterError>,
    ) -> Result<(), ClusterError> {
        let changed = |there: Option<&[u8]>| {
            let mut roll = read_roll(there)?;
            Ok::<_, ClusterError>(change(&mut roll)?.then(|| json(&roll)))
        };
        self.registry.update(HOLDERS, changed).await.map(|_| ())
    }

    /// Takes this gateway up among the holders, if it is not one already.
    async fn hold(&self) -> Result<(), ClusterError> {
        let (gateway, start) = (self.gateway.clone(), Cursor::start(self.partitions));
        self.change_roll(|roll| {
            if roll.dismissed.contains(&gateway) {
                return Err(ClusterError::Dismissed(gateway.clone()));
            }
            let new = !roll.holders.contains_key(&gateway);
            roll.holders.entry(gateway.clone()).or_insert_with(|| start.clone());
            Ok(new)
        })
        .await
    }

    /// Waits no more for a holder; whether there was one of this name. Its keys must be destroyed otherwise.
    async fn dismiss(&self, holder: &str) -> Result<bool, ClusterError> {
        let mut known = false;
        self.change_roll(|roll| {
            known = roll.holders.remove(holder).is_some();
            if known {
                roll.dismissed.insert(holder.to_owned());
            }
            Ok(known)
        })
        .await?;
        Ok(known)
    }

    /// Whether this size and root of the log may be signed: never another root where one is signed already. No, where
    /// others have signed more than this gateway has.
    pub async fn agree_to_sign(&self, log: &Log, size: u64, root: Hash) -> Result<bool, ProofError> {
        let mut behind = false;
        let signed = |there: Option<&[u8]>| {
            behind = false;
            let ours = || Some(json(&Signed { size, root: root.to_string() }));
            let Some(there) = there else { return Ok(ours()) };
            let there: Signed = serde_json::from_slice(there)
                .map_err(|_| ProofError::Stopped(ClusterError::Registry(SIGNED).to_string()))?;
            if there.size > size {
                behind = true;
                return Ok(None);
            }
            if root_at(log, there.size)?.to_string() != there.root {
                let why = format!(
                    "another gateway signed other facts than this one has, among the first {}: stop this gateway, \
                     remove its partition-{:02} directory to fetch the log anew, and start it",
                    there.size,
                    log.partition()
                );
                tracing::error!(why, "the log is not signed any more");
                log.stop(why.clone());
                return Err(ProofError::Stopped(why));
            }
            Ok((there.size < size).then(ours).flatten())
        };
        self.registry.update(&signed_key(log.partition()), signed).await?;
        Ok(!behind)
    }
}

impl Roll {
    /// Who has not destroyed yet what is erased at this position.
    pub fn without(&self, position: Position) -> Vec<&str> {
        let lacks = self.holders.iter().filter(|(_, erased)| !erased.has_seen(position));
        lacks.map(|(holder, _)| holder.as_str()).collect()
    }
}

impl Holders for Membership {
    fn acknowledge(&self, seen: Cursor) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let acknowledged = self.change_roll(|roll| {
                let erased = roll.holders.get_mut(&self.gateway);
                // A dismissed one is not waited for.
                let Some(erased) = erased.filter(|erased| !erased.covers(&seen)) else { return Ok(false) };
                *erased = seen.clone();
                Ok(true)
            });
            acknowledged.await.map_err(as_store_error)
        }
        .boxed()
    }

    fn erased_by_all(&self) -> BoxFuture<'_, Result<Cursor, StoreError>> {
        async move {
            let roll = self.roll().await.map_err(as_store_error)?;
            let mut by_all = Cursor::start(self.partitions);
            for partition in 0..self.partitions {
                let least = roll.holders.values().map(|erased| erased.sequence(partition)).min();
                by_all.advance(Position { partition, sequence: least.unwrap_or(0) });
            }
            Ok(by_all)
        }
        .boxed()
    }
}

fn as_store_error(error: ClusterError) -> StoreError {
    match error {
        ClusterError::Store(error) => error,
        other => StoreError::Unavailable(other.to_string()),
    }
}

fn read_roll(there: Option<&[u8]>) -> Result<Roll, ClusterError> {
    let Some(there) = there else { return Ok(Roll::default()) };
    serde_json::from_slice(there).map_err(|_| ClusterError::Registry("list of holders"))
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("plain data")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_that_is_behind_an_erasure_is_named() {
        let mut roll = Roll::default();
        for (holder, sequence) in [("a", 7), ("b", 3)] {
            roll.holders.insert(holder.into(), Cursor::at(Position { partition: 0, sequence }));
        }
        assert_eq!(roll.without(Position { partition: 0, sequence: 5 }), ["b"]);
        assert!(roll.without(Position { partition: 0, sequence: 3 }).is_empty());
    }
}
