//! A gateway's own copy of a partition: what was taken in of the log, who waits for what, and why it stopped if it did.
//! Reading the log is the follower's.

use super::checkpoint::Checkpoint;
use super::cluster::Cluster;
use super::follower::{Follower, Taken, resolve};
use super::publisher::Failing;
use super::{Options, cluster};
use crate::backends::embedded;
use crate::backends::embedded::queue::Outcome;
use crate::observer::LeafSource;
use crate::store::StoreError;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use uuid::Uuid;

/// So long the copy may take in nothing before whoever waits for it is told so.
pub(super) const STALLED_AFTER: Duration = Duration::from_secs(15);

/// So long it is awaited whether a proposal that was not acknowledged is met in the log.
const MET_WITHIN: Duration = Duration::from_secs(1);

/// How far a copy is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Followed {
    /// The last message of the log that was taken in.
    pub(super) message: u64,
    /// Facts that the copy has and that were not yet met again in the log.
    pub(super) unmet: u64,
}

/// Where a gateway has its copy of a partition, in the directory that its store was opened with.
pub fn copy_of(dir: &Path, partition: u16) -> PathBuf {
    dir.join(format!("partition-{partition:02}"))
}

/// The copy of one partition.
pub(super) struct Replica {
    pub(super) partition: u16,
    pub(super) store: embedded::Store,
    pub(super) followed: watch::Sender<Followed>,
    /// The last message that the log is known to hold.
    pub(super) held: watch::Sender<u64>,
    pending: Mutex<Pending>,
}

/// Proposals that were taken in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TakenIn {
    /// Of this gateway.
    pub(super) own: usize,
    /// Of all.
    pub(super) all: usize,
}

#[derive(Default)]
struct Pending {
    waiting: HashMap<Uuid, oneshot::Sender<Outcome>>,
    taken_in: TakenIn,
    failed: Option<String>,
}

impl Replica {
    /// Opens the copy in `dir`, or begins one, and follows the log from where it is. Ends when the handles are aborted.
    pub(super) async fn open(
        cluster: &Cluster,
        partition: u16,
        options: &Options,
        dir: &Path,
    ) -> Result<(Arc<Self>, Vec<AbortHandle>), StoreError> {
        let info = cluster.ensure(cluster::Kind::Log, partition, options).await?;
        cluster.ensure(cluster::Kind::Contents, partition, options).await?;
        let (kept, log) = (copy_of(dir, partition), info.created.to_string());
        let local = embedded::Options {
            queue_commits_max: usize::MAX,
            queue_bytes_max: usize::MAX,
            // Times come with the commits.
            clock: Box::new(|| clew_domain::time::Timestamp::MIN),
            observer: (options.observer)(partition),
            partition,
            // The cluster has made it durable; what this disk loses is fetched anew.
            durable: embedded::Durable::Later,
            ..embedded::Options::default()
        };
        let at = kept.clone();
        let opened = tokio::task::spawn_blocking(move || embedded::Store::open(&at, local)).await;
        let (store, report) = opened.map_err(|error| StoreError::Unavailable(error.to_string()))??;
        let checkpoint =
            Checkpoint::read(&kept).unwrap_or_else(|| Checkpoint { log: log.clone(), ..Checkpoint::default() });
        if checkpoint.log != log {
            return Err(StoreError::Unavailable(format!(
                "{} is a copy of a log created at {}, the cluster's was created at {log}: give this cluster a data \
                 directory of its own",
                kept.display(),
                checkpoint.log
            )));
        }
        let unmet = report.facts.checked_sub(checkpoint.facts).ok_or_else(|| StoreError::Corrupt {
            place: kept.display().to_string(),
            what: "the copy ends before what it has followed; remove the directory and it is fetched anew".into(),
        })?;
        let followed = Followed { message: checkpoint.message, unmet };
        let replica = Arc::new(Self {
            partition,
            store,
            followed: watch::Sender::new(followed),
            held: watch::Sender::new(followed.message),
            pending: Mutex::default(),
        });
        if info.state.last_sequence < followed.message {
            return Err(replica.is_ahead());
        }
        let (sender, receiver) = mpsc::unbounded_channel::<Taken>();
        let log = Follower::new(Arc::clone(&replica), cluster.clone(), &checkpoint, sender);
        let tasks = vec![
            tokio::spawn(log.run()).abort_handle(),
            tokio::spawn(resolve(Arc::clone(&replica), receiver, kept, checkpoint)).abort_handle(),
        ];
        Ok((replica, tasks))
    }

    /// Waits until the copy has all that the log had when this was called. Fails when it stopped or gets nowhere.
    pub(super) async fn catch_up(&self, cluster: &Cluster) -> Result<(), StoreError> {
        let last = cluster.last_sequence(self.partition).await?;
        self.is_held(last);
        let mut followed = self.followed.subscribe();
        loop {
            self.check()?;
            let seen = *followed.borrow_and_update();
            if seen.message >= last {
                return if seen.unmet == 0 { Ok(()) } else { Err(self.is_ahead()) };
            }
            // A stop wakes nobody here, so it is looked for now and then.
            let stalled = tokio::time::timeout(STALLED_AFTER, followed.changed()).await;
            if !matches!(stalled, Ok(Ok(()))) {
                self.check()?;
                let (partition, at) = (self.partition, seen.message);
                return Err(StoreError::Unavailable(format!(
                    "the copy of partition {partition} is at message {at} of {last} and gets no further"
                )));
            }
        }
    }

    fn is_ahead(&self) -> StoreError {
        StoreError::Unavailable(format!(
            "this gateway's copy of partition {} has facts that the cluster has not: the cluster lost what it had \
             acknowledged, or was put back from a backup. Keep this directory: it may be all that is left of them",
            self.partition
        ))
    }

    /// Takes note that the log holds this message.
    pub(super) fn is_held(&self, message: u64) {
        self.held.send_if_modified(|held| {
            let more = message > *held;
            *held = message.max(*held);
            more
        });
    }

    /// Announces a proposal: what becomes of it will be told.
    pub(super) fn expect(self: &Arc<Self>, id: Uuid) -> Result<Expected, StoreError> {
        let (sender, outcome) = oneshot::channel();
        let mut pending = self.pending();
        if let Some(why) = &pending.failed {
            return Err(StoreError::Unavailable(why.clone()));
        }
        pending.waiting.insert(id, sender);
        drop(pending);
        Ok(Expected { replica: Arc::clone(self), id, outcome })
    }

    /// Tells whoever waits what became of proposals.
    pub(super) fn tell(&self, ids: &[Uuid], outcomes: Vec<Outcome>) {
        let mut pending = self.pending();
        pending.taken_in.all += ids.len();
        for (id, outcome) in ids.iter().zip(outcomes) {
            if let Some(waiting) = pending.waiting.remove(id) {
                pending.taken_in.own += 1;
                // Whoever asked may have gone; the outcome stands all the same.
                let _ = waiting.send(outcome);
            }
        }
    }

    /// How many proposals were taken in since there were at least so many; none until there are.
    pub(super) fn taken_in(&self, at_least: usize) -> Option<TakenIn> {
        let mut pending = self.pending();
        (pending.taken_in.all >= at_least).then(|| std::mem::take(&mut pending.taken_in))
    }

    /// Takes in nothing any more.
    pub(super) fn fail(&self, why: &str) {
        let partition = self.partition;
        tracing::error!(partition, %why, "this gateway follows the log no more");
        let mut pending = self.pending();
        pending.waiting.clear();
        pending.failed.get_or_insert_with(|| why.to_owned());
    }

    /// Why it stopped, if it did.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let why = self.pending().failed.clone();
        why.map_or(Ok(()), |why| Err(StoreError::Unavailable(why)))
    }

    /// The salt of the fact behind `after`.
    pub(super) async fn salt_behind(&self, after: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let leaves = self.store.leaves(self.partition, after, 1).await?;
        Ok(leaves.first().and_then(|leaf| leaf.bytes.get(48..64)).map(<[u8]>::to_vec))
    }

    /// No call under the lock panics, so what a poisoned one guards is whole.
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why the outcome of a proposal that the log holds is not known after [`STALLED_AFTER`].
pub(super) fn not_met_yet() -> StoreError {
    StoreError::Unknown("the log holds the commit and this gateway has not met it yet".into())
}

/// An outcome that is to come.
pub(super) struct Expected {
    replica: Arc<Replica>,
    id: Uuid,
    outcome: oneshot::Receiver<Outcome>,
}

impl Expected {
    /// What became of the proposal, unless that can't be known. Not acknowledged, it may be in the log all the same: then
    /// its outcome is met there.
    pub(super) async fn outcome(mut self, failing: Failing) -> Outcome {
        let failed = tokio::select! {
            biased;
            outcome = &mut self.outcome => return self.told(outcome.ok()),
            failed = failing => failed,
        };
        match failed {
            Ok(unknown @ StoreError::Unknown(_)) => {
                let outcome = tokio::time::timeout(MET_WITHIN, &mut self.outcome).await;
                outcome.map_or(Err(unknown), |outcome| self.told(outcome.ok()))
            }
            Ok(refused) => Err(refused),
            // It was told meanwhile, or never will be.
            Err(_) => {
                let outcome = self.outcome.try_recv().ok();
                self.told(outcome)
            }
        }
    }

    /// What became of the proposal, which this message of the log holds.
    pub(super) async fn outcome_in(mut self, message: u64) -> Outcome {
        self.replica.is_held(message);
        let outcome = tokio::time::timeout(STALLED_AFTER, &mut self.outcome).await;
        self.told(outcome.map_err(|_| not_met_yet())?.ok())
    }

    fn told(&self, outcome: Option<Outcome>) -> Outcome {
        outcome.unwrap_or_else(|| {
            let why = self.replica.check().err();
            Err(StoreError::Unknown(why.map_or_else(|| "the store is closed".into(), |error| error.to_string())))
        })
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.replica.pending().waiting.remove(&self.id);
    }
}
