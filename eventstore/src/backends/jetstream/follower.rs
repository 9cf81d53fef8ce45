//! Follows the log of a partition and offers each proposal, in the log's order, to the gateway's own copy. Whether a
//! proposal is written is decided by the copy's versions and by nothing else, so every copy decides alike.
//!
//! After a restart the copy may be ahead of the checkpoint. Deciding once more would not do (an expectation that failed
//! then may hold by now), so as long as the copy has facts that were not met again, a proposal counts as written if
//! the copy's next fact has its salt, and as refused if not.

use super::checkpoint::Checkpoint;
use super::cluster::{Cluster, Kind};
use super::message::{self, Body, Proposal};
use super::replica::{Followed, Replica};
use crate::backends::embedded::queue::{Outcome, Prepared};
use crate::backends::embedded::replica::Answer;
use crate::store::{Appended, StoreError};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::ClusterInfo;
use bytes::Bytes;
use clew_domain::fact::Position;
use clew_domain::time::Timestamp;
use futures::StreamExt;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use uuid::Uuid;

/// Messages asked for at once.
const BATCH_MESSAGES: usize = 2_000;
/// Bytes asked for at once. Up to half as many more may be on their way, and a server gives up a client for which more than
/// its `max_pending` (64 MiB) wait.
const BATCH_BYTES: usize = 24 << 20;
/// A server that says nothing for twice this long is given up, and another one is asked.
const HEARTBEAT: Duration = Duration::from_millis(750);
/// How long what the log holds may be on its way before another server is asked: a consumer lies on any server of the stream,
/// and one that lags, as after a power cut, answers and has nothing to tell.
const ON_ITS_WAY_MAX: Duration = Duration::from_secs(2);
/// Consumers that are made until one lies where the leader is.
const PLACED_TRIES_MAX: usize = 6;
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// Kilobytes of proposals that wait for the copy at the most.
const WAITING_KIB_MAX: u32 = 64 * 1024;
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);

/// A message that was taken in, and what is awaited of its proposals.
pub(super) struct Taken {
    sequence: u64,
    unmet: u64,
    steps: Vec<Step>,
    /// The room that it takes.
    room: OwnedSemaphorePermit,
}

enum Step {
    /// Commits one after the other, and by which they are known again.
    Commits(Vec<Uuid>, Answer<Vec<Outcome>>),
    Erasure(Uuid, Answer<Result<(), StoreError>>),
    /// Its outcome is in the copy since before a restart.
    Before(Uuid),
}

/// Why a follower pauses.
enum Pause {
    /// It asks anew.
    Again(String),
    /// For ever.
    Failed(String),
}

/// Reads the log of one partition.
pub(super) struct Follower {
    replica: Arc<Replica>,
    cluster: Cluster,
    /// The message to come.
    next: u64,
    /// The copy's last fact that was met in the log, and how many follow it that were not.
    met: u64,
    unmet: u64,
    /// The message behind which one was missing when asked last.
    gap: Option<u64>,
    room: Arc<Semaphore>,
    taken: mpsc::UnboundedSender<Taken>,
}

impl Follower {
    pub(super) fn new(
        replica: Arc<Replica>,
        cluster: Cluster,
        from: &Checkpoint,
        taken: mpsc::UnboundedSender<Taken>,
    ) -> Self {
        let unmet = replica.followed.borrow().unmet;
        let room = Arc::new(Semaphore::new(WAITING_KIB_MAX as usize));
        Self { replica, cluster, next: from.message + 1, met: from.facts, unmet, gap: None, room, taken }
    }

    /// Follows until the log can't be followed any more.
    pub(super) async fn run(mut self) {
        loop {
            match self.follow().await {
                Pause::Again(why) => {
                    tracing::debug!(partition = self.replica.partition, %why, "the log is asked for anew");
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
                Pause::Failed(why) => return self.replica.fail(&why),
            }
        }
    }

    async fn follow(&mut self) -> Pause {
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: self.next },
            ack_policy: AckPolicy::None,
            inactive_threshold: Duration::from_secs(30),
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let name = self.cluster.stream(Kind::Log, self.replica.partition);
        let consumer = match self.consumer(&config, &name).await {
            Ok(consumer) => consumer,
            Err(error) => return Pause::Again(error.to_string()),
        };
        let asked = consumer.stream().max_messages_per_batch(BATCH_MESSAGES).max_bytes_per_batch(BATCH_BYTES);
        let mut messages = match asked.heartbeat(HEARTBEAT).expires(Duration::from_secs(30)).messages().await {
            Ok(messages) => messages,
            Err(error) => return Pause::Again(error.to_string()),
        };
        let mut held = self.replica.held.subscribe();
        loop {
            let next = self.next;
            let overdue = async {
                // Its other end is the replica's, which is here.
                let _ = held.wait_for(|held| *held >= next).await;
                tokio::time::sleep(ON_ITS_WAY_MAX).await;
            };
            let message = tokio::select! {
                message = messages.next() => message,
                () = overdue => return Pause::Again(format!("message {next} does not come")),
            };
            let Some(message) = message else { return Pause::Again("the consumer ended".into()) };
            let message = match message {
                Ok(message) => message,
                Err(error) => return Pause::Again(error.to_string()),
            };
            let sequence = match message.info() {
                Ok(info) => info.stream_sequence,
                Err(error) => return Pause::Again(error.to_string()),
            };
            if let Err(pause) = self.meet(sequence, &message.payload).await {
                return pause;
            }
        }
    }

    /// A consumer on the server that leads the stream, if a few tries bring it there: each lies on a server of the cluster's
    /// choice, and the leader has a message as soon as it is agreed on, the others once they are told.
    async fn consumer(&self, config: &pull::Config, name: &str) -> Result<PullConsumer, Box<dyn Error + Send + Sync>> {
        let stream = self.cluster.again.get_stream(name).await?;
        let leader = |of: Option<&ClusterInfo>| of.and_then(|cluster| cluster.leader.clone());
        let wanted = leader(stream.cached_info().cluster.as_ref());
        let mut tries = 1;
        loop {
            let consumer = stream.create_consumer(config.clone()).await?;
            let info = consumer.cached_info();
            if leader(info.cluster.as_ref()) == wanted || tries == PLACED_TRIES_MAX {
                return Ok(consumer);
            }
            tries += 1;
            stream.delete_consumer(&info.name).await?;
        }
    }

    async fn meet(&mut self, sequence: u64, payload: &Bytes) -> Result<(), Pause> {
        if sequence < self.next {
            return Ok(());
        }
        if sequence > self.next {
            let missing = self.next;
            // What a server that lags has not got yet, another one has; what is missing twice is gone.
            return Err(match self.gap.replace(missing) {
                Some(before) if before == missing => Pause::Failed(format!(
                    "message {missing} of the log is gone: the cluster lost what it had acknowledged"
                )),
                _ => Pause::Again(format!("message {missing} was left out")),
            });
        }
        let room = u32::try_from(payload.len() / 1024 + 1).unwrap_or(u32::MAX).min(WAITING_KIB_MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(room).await.expect("it is never closed");
        let unreadable = |error| Pause::Failed(format!("message {sequence} of the log can't be read: {error}"));
        let proposals = message::parse(payload).map_err(unreadable)?;
        let steps = self.take(proposals).await.map_err(|error| Pause::Failed(error.to_string()))?;
        let taken = Taken { sequence, unmet: self.unmet, steps, room };
        self.taken.send(taken).map_err(|_| Pause::Failed("the store is closed".into()))?;
        self.next = sequence + 1;
        Ok(())
    }

    /// Offers proposals to the copy: commits that follow each other together.
    async fn take(&mut self, proposals: Vec<Proposal>) -> Result<Vec<Step>, StoreError> {
        let (mut steps, mut ids, mut commits) = (Vec::new(), Vec::new(), Vec::new());
        for Proposal { id, body } in proposals {
            if let Body::Commit(prepared) = body {
                if self.unmet > 0 && !prepared.streams.is_empty() {
                    self.meet_again(&prepared).await?;
                    steps.push(Step::Before(id));
                } else {
                    ids.push(id);
                    commits.push(prepared);
                }
            } else if let Body::Erasure(erased) = body {
                steps.extend(self.offer(&mut ids, &mut commits)?);
                steps.push(Step::Erasure(id, self.replica.store.offer_erasure(erased)?));
            }
        }
        steps.extend(self.offer(&mut ids, &mut commits)?);
        Ok(steps)
    }

    fn offer(&self, ids: &mut Vec<Uuid>, commits: &mut Vec<Prepared>) -> Result<Option<Step>, StoreError> {
        if commits.is_empty() {
            return Ok(None);
        }
        let answer = self.replica.store.offer(std::mem::take(commits))?;
        Ok(Some(Step::Commits(std::mem::take(ids), answer)))
    }

    /// Passes over a proposal that was decided before a restart.
    async fn meet_again(&mut self, prepared: &Prepared) -> Result<(), StoreError> {
        let facts: u64 = prepared.streams.iter().map(|(.., count)| u64::from(*count)).sum();
        let salt = prepared.first_fact().and_then(|bytes| bytes.get(48..64));
        if salt.is_some() && self.replica.salt_behind(self.met).await?.as_deref() == salt {
            self.met += facts;
            self.unmet = self.unmet.checked_sub(facts).ok_or_else(|| StoreError::Corrupt {
                place: format!("the copy of partition {}", self.replica.partition),
                what: "it has half of a commit; remove its directory and it is fetched anew".into(),
            })?;
        }
        Ok(())
    }
}

/// Waits for the copy, proposal by proposal, tells the outcomes and notes how far it is: message by message.
pub(super) async fn resolve(
    replica: Arc<Replica>,
    mut taken: mpsc::UnboundedReceiver<Taken>,
    dir: PathBuf,
    mut checkpoint: Checkpoint,
) {
    let (mut unmet, mut noted) = (replica.followed.borrow().unmet, Instant::now());
    let mut facts = checkpoint.facts;
    let mut noting: Option<tokio::task::JoinHandle<()>> = None;
    loop {
        let due = noted + CHECKPOINT_EVERY;
        let next = tokio::time::timeout_at(due, taken.recv()).await;
        if let Ok(Some(taken)) = next {
            facts += unmet - taken.unmet;
            unmet = taken.unmet;
            for step in taken.steps {
                match outcomes(&replica, step).await {
                    Ok(last) if unmet == 0 => facts = facts.max(last),
                    Ok(_) => {}
                    Err(why) => return replica.fail(&why.to_string()),
                }
            }
            drop(taken.room);
            (checkpoint.message, checkpoint.facts) = (taken.sequence, facts);
            replica.followed.send_replace(Followed { message: taken.sequence, unmet });
        } else if matches!(next, Ok(None)) {
            return;
        }
        if Instant::now() >= due {
            noted = Instant::now();
            if replica.followed.borrow().message == checkpoint.message
                && noting.as_ref().is_none_or(tokio::task::JoinHandle::is_finished)
            {
                noting = Some(tokio::spawn(note(Arc::clone(&replica), dir.clone(), checkpoint.clone())));
            }
        }
    }
}

/// Writes down how far the log was followed, once the copy is durable up to there.
async fn note(replica: Arc<Replica>, dir: PathBuf, checkpoint: Checkpoint) {
    let synced = async {
        let gone = |_| StoreError::Unavailable("the writer of the copy is gone".into());
        replica.store.offer_sync()?.await.map_err(gone)??;
        checkpoint.write(&dir)
    };
    if let Err(error) = synced.await {
        tracing::warn!(%error, "how far the log was followed is not noted; a restart will take longer");
    }
}

/// Tells what became of proposals, and answers the sequence of the last fact that they wrote, or 0; an error if the copy
/// can't go on.
async fn outcomes(replica: &Replica, step: Step) -> Result<u64, StoreError> {
    let gone = |_| StoreError::Unavailable("the writer of the copy is gone".into());
    let (ids, outcomes) = match step {
        Step::Commits(ids, answer) => (ids, answer.await.map_err(gone)?),
        Step::Erasure(id, answer) => {
            answer.await.map_err(gone)??;
            (vec![id], vec![Ok(nothing(replica))])
        }
        Step::Before(id) => (vec![id], vec![Ok(nothing(replica))]),
    };
    let mut last = 0;
    for outcome in &outcomes {
        match outcome {
            Ok(appended) => last = last.max(appended.last.sequence),
            Err(refused) if refused.is_refusal() => {}
            Err(stopped) => return Err(stopped.clone()),
        }
    }
    replica.tell(&ids, outcomes);
    Ok(last)
}

fn nothing(replica: &Replica) -> Appended {
    let last = Position { partition: replica.partition, sequence: 0 };
    Appended { last, versions: Vec::new(), recorded_at: Timestamp::MIN }
}
