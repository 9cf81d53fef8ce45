//! Puts proposals into the log of a partition: while some are on their way to the cluster the next gather, and go
//! together, as one message.

use super::cluster::{Cluster, Kind, PUBLISH_FOR};
use super::message;
use crate::store::StoreError;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// Messages on their way at once.
const UNDER_WAY_MAX: usize = 4;
/// Bytes of proposals that make a message, unless a single one has more.
const MESSAGE_BYTES_MAX: usize = 512 * 1024;

/// The sequence of the message that a proposal went with, or why it may not be there.
type Published = Result<u64, StoreError>;

struct Offered {
    proposal: Vec<u8>,
    /// Until when it is tried.
    until: Instant,
    published: oneshot::Sender<Published>,
}

/// Where proposals of a partition are handed in.
pub(super) struct Publisher(mpsc::UnboundedSender<Offered>);

impl Publisher {
    /// Publishes until the handle is aborted. What is handed in is bounded by those who wait for it.
    pub(super) fn start(cluster: &Cluster, partition: u16) -> (Self, AbortHandle) {
        let (sender, offered) = mpsc::unbounded_channel();
        let running = tokio::spawn(run(cluster.clone(), cluster.subject(Kind::Log, partition), offered));
        (Self(sender), running.abort_handle())
    }

    /// Publishes a proposal, with others or alone. See [`Cluster::publish`].
    pub(super) async fn publish(&self, proposal: Vec<u8>) -> Published {
        let closed = || StoreError::Unavailable("the store is closed".into());
        let (published, answer) = oneshot::channel();
        let until = Instant::now() + PUBLISH_FOR;
        self.0.send(Offered { proposal, until, published }).map_err(|_| closed())?;
        answer.await.map_err(|_| StoreError::Unknown("the store was closed meanwhile".into()))?
    }
}

async fn run(cluster: Cluster, subject: String, mut offered: mpsc::UnboundedReceiver<Offered>) {
    let (mut under_way, mut left) = (FuturesUnordered::new(), None);
    loop {
        let next = async {
            match left.take() {
                Some(left) => Some(left),
                None => offered.recv().await,
            }
        };
        tokio::select! {
            Some(()) = under_way.next(), if !under_way.is_empty() => {}
            first = next, if under_way.len() < UNDER_WAY_MAX => {
                let Some(first) = first else { return };
                // Whoever is about to propose as well gets the chance to.
                tokio::task::yield_now().await;
                let gathered;
                (gathered, left) = gather(first, &mut offered);
                under_way.push(publish(&cluster, &subject, gathered));
            }
        }
    }
}

/// What is there already and fits into one message; and one that does not fit any more.
fn gather(first: Offered, offered: &mut mpsc::UnboundedReceiver<Offered>) -> (Vec<Offered>, Option<Offered>) {
    let mut bytes = first.proposal.len();
    let mut gathered = vec![first];
    while let Ok(next) = offered.try_recv() {
        bytes += next.proposal.len();
        if bytes > MESSAGE_BYTES_MAX {
            return (gathered, Some(next));
        }
        gathered.push(next);
    }
    (gathered, None)
}

async fn publish(cluster: &Cluster, subject: &str, gathered: Vec<Offered>) {
    let now = Instant::now();
    let (late, gathered): (Vec<_>, Vec<_>) = gathered.into_iter().partition(|it| it.until <= now);
    for late in late {
        let why = "the cluster takes nothing: what was proposed before is still on its way".into();
        let _ = late.published.send(Err(StoreError::Unavailable(why)));
    }
    let Some(until) = gathered.iter().map(|it| it.until).max() else { return };
    let (proposals, waiting): (Vec<_>, Vec<_>) = gathered.into_iter().map(|it| (it.proposal, it.published)).unzip();
    let published = cluster.publish_until(until, subject, None, message::several(proposals)).await;
    for waiting in waiting {
        // Whoever asked may have gone; the proposal stands all the same.
        let _ = waiting.send(published.clone());
    }
}
