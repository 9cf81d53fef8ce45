//! Puts proposals into the log of a partition. What is proposed while others are on their way to the cluster gathers, and
//! goes together, as one message: for a message the servers write and sync as much whether it holds one proposal or a hundred.

use super::cluster::{Cluster, Kind, PUBLISH_FOR};
use super::message;
use super::replica::{Followed, Replica, STALLED_AFTER, TakenIn, not_met_yet};
use crate::store::StoreError;
use futures::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

/// Messages on their way at once.
const UNDER_WAY_MAX: usize = 8;
/// How many times as many proposals as are on their way, from all gateways, have to gather before they go too. So with few
/// writers nobody waits, and with many there are few messages, whether they write through one gateway or through several.
const GATHERED_OF_UNDER_WAY: usize = 2;
/// How often other tasks go first before what gathered is looked at.
const YIELDS: usize = 2;
/// So many proposals taken in tell this gateway's share of all.
const SHARE_OF: usize = 256;
/// A message is on its way until this gateway has taken it in and answered who waited: they propose again at once, and what
/// they propose goes together. After so long it is on its way no more, taken in or not.
const TAKEN_IN_WITHIN: Duration = Duration::from_millis(100);
/// Bytes of proposals that make a message, unless a single one has more.
const MESSAGE_BYTES_MAX: usize = 512 * 1024;

/// Tells why a proposal may not be in the log. Where it is dropped, what became of the proposal is told, or the store is
/// closed.
pub(super) type Failing = oneshot::Receiver<StoreError>;

struct Offered {
    proposal: Vec<u8>,
    /// Until when it is tried.
    until: Instant,
    failing: oneshot::Sender<StoreError>,
}

/// Where proposals of a partition are handed in.
pub(super) struct Publisher(mpsc::UnboundedSender<Offered>);

impl Publisher {
    /// Publishes until the handle is aborted. What is handed in is bounded by those who wait for it.
    pub(super) fn start(cluster: &Cluster, replica: &Arc<Replica>) -> (Self, AbortHandle) {
        let (sender, offered) = mpsc::unbounded_channel();
        let running = tokio::spawn(run(cluster.clone(), Arc::clone(replica), offered));
        (Self(sender), running.abort_handle())
    }

    /// Publishes a proposal, with others or alone. See [`Cluster::publish`].
    pub(super) fn publish(&self, proposal: Vec<u8>) -> Result<Failing, StoreError> {
        let (failing, failed) = oneshot::channel();
        let until = Instant::now() + PUBLISH_FOR;
        let sent = self.0.send(Offered { proposal, until, failing });
        sent.map_err(|_| StoreError::Unavailable("the store is closed".into()))?;
        Ok(failed)
    }
}

async fn run(cluster: Cluster, replica: Arc<Replica>, mut offered: mpsc::UnboundedReceiver<Offered>) {
    let subject = cluster.subject(Kind::Log, replica.partition);
    let (mut waiting, mut under_way, mut on_their_way) = (Waiting::default(), FuturesUnordered::new(), 0);
    loop {
        while waiting.is_due(on_their_way, under_way.len()) {
            let message = waiting.message();
            let count = message.len();
            on_their_way += count;
            under_way.push(publish(&cluster, &subject, &replica, message).map(move |()| count));
            if let Some(taken_in) = replica.taken_in(SHARE_OF) {
                waiting.share = taken_in;
            }
        }
        tokio::select! {
            Some(count) = under_way.next() => on_their_way -= count,
            next = offered.recv() => {
                let Some(next) = next else { return };
                waiting.add(next);
            }
        }
        // Whoever is about to propose as well, or again, gets the chance to.
        for _ in 0..YIELDS {
            tokio::task::yield_now().await;
        }
        while let Ok(next) = offered.try_recv() {
            waiting.add(next);
        }
    }
}

/// Proposals that gather.
#[derive(Default)]
struct Waiting {
    offered: VecDeque<Offered>,
    bytes: usize,
    /// What this gateway's share of all proposals was.
    share: TakenIn,
}

impl Waiting {
    fn add(&mut self, offered: Offered) {
        self.bytes += offered.proposal.len();
        self.offered.push_back(offered);
    }

    /// Whether some are to go now, with so many of this gateway's proposals on their way in so many messages.
    fn is_due(&self, on_their_way: usize, under_way: usize) -> bool {
        let of_all = on_their_way * self.share.all.max(1) / self.share.own.max(1);
        let many = self.offered.len() >= GATHERED_OF_UNDER_WAY * of_all || self.bytes >= MESSAGE_BYTES_MAX;
        !self.offered.is_empty() && many && under_way < UNDER_WAY_MAX
    }

    /// Takes the first, as many as fit into one message.
    fn message(&mut self) -> Vec<Offered> {
        let (mut message, mut bytes) = (Vec::new(), 0);
        while let Some(next) = self.offered.front()
            && (message.is_empty() || bytes + next.proposal.len() <= MESSAGE_BYTES_MAX)
        {
            bytes += next.proposal.len();
            message.extend(self.offered.pop_front());
        }
        self.bytes -= bytes;
        message
    }
}

/// Answers when the message is not on its way any more.
async fn publish(cluster: &Cluster, subject: &str, replica: &Replica, gathered: Vec<Offered>) {
    let now = Instant::now();
    let (late, gathered): (Vec<_>, Vec<_>) = gathered.into_iter().partition(|it| it.until <= now);
    for late in late {
        let why = "the cluster takes nothing: what was proposed before is still on its way".into();
        let _ = late.failing.send(StoreError::Unavailable(why));
    }
    let Some(until) = gathered.iter().map(|it| it.until).max() else { return };
    let (proposals, waiting): (Vec<_>, Vec<_>) = gathered.into_iter().map(|it| (it.proposal, it.failing)).unzip();
    let message = match cluster.publish_until(until, subject, None, message::several(proposals)).await {
        Ok(message) => message,
        Err(error) => return tell(waiting, &error),
    };
    replica.is_held(message);
    let mut followed = replica.followed.subscribe();
    let is_taken_in = move |followed: &Followed| followed.message >= message;
    if timeout(TAKEN_IN_WITHIN, followed.wait_for(is_taken_in)).await.is_ok() {
        // Whoever waits was told what became of it.
        return;
    }
    // That it is taken in later is no reason to hold back what gathers.
    tokio::spawn(async move {
        if timeout(STALLED_AFTER, followed.wait_for(is_taken_in)).await.is_err() {
            tell(waiting, &not_met_yet());
        }
    });
}

fn tell(waiting: Vec<oneshot::Sender<StoreError>>, error: &StoreError) {
    for waiting in waiting {
        // Whoever asked may have gone; the proposal stands all the same.
        let _ = waiting.send(error.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(proposals: usize, bytes: usize) -> Waiting {
        let mut waiting = Waiting::default();
        for _ in 0..proposals {
            waiting.add(Offered { proposal: vec![0; bytes], until: Instant::now(), failing: oneshot::channel().0 });
        }
        waiting
    }

    #[test]
    fn few_do_not_wait_and_many_gather() {
        assert!(!waiting(0, 0).is_due(0, 0));
        assert!(waiting(1, 400).is_due(0, 0), "nothing is on its way");
        assert!(waiting(2, 400).is_due(1, 1));
        assert!(!waiting(100, 400).is_due(120, 1), "they gather while many are on their way");
        assert!(waiting(2, MESSAGE_BYTES_MAX).is_due(120, 1), "they make a message by themselves");
        assert!(!waiting(2, MESSAGE_BYTES_MAX).is_due(120, UNDER_WAY_MAX));
        let mut of_three = waiting(40, 400);
        assert!(of_three.is_due(20, 1));
        of_three.share = TakenIn { own: 100, all: 300 };
        assert!(!of_three.is_due(20, 1), "as many again are on their way from each of the others");
        assert!(of_three.is_due(0, 0));
    }

    #[test]
    fn a_message_has_no_more_than_fit_and_at_least_one() {
        let mut three = waiting(3, MESSAGE_BYTES_MAX / 2);
        assert_eq!((three.message().len(), three.message().len()), (2, 1));
        assert_eq!((three.bytes, three.offered.len()), (0, 0));
        assert_eq!(waiting(2, MESSAGE_BYTES_MAX + 1).message().len(), 1);
    }
}
