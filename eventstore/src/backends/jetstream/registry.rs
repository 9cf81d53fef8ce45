//! What gateways agree on beside the log, by compare-and-set, and what they say to each other that is kept nowhere. What
//! it means is the gateways' own.

use super::Options;
use super::cluster::{Cluster, Kind};
use crate::store::StoreError;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use futures::StreamExt;
use futures::stream::BoxStream;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long one change is tried.
const TRY_FOR: Duration = Duration::from_secs(15);
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Small values by name, each changed only by who knows what it was.
#[derive(Clone)]
pub struct Registry {
    cluster: Cluster,
    stream: Stream,
}

/// A question of another gateway.
pub struct Question {
    /// What is asked.
    pub payload: Vec<u8>,
    client: async_nats::Client,
    reply: Option<async_nats::Subject>,
}

fn unavailable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("the cluster does not answer: {error}"))
}

impl Registry {
    /// Connects; its stream is made if it is not there.
    pub async fn connect(options: &Options) -> Result<Self, StoreError> {
        let cluster = Cluster::connect(options).await?;
        let stream = cluster.ensure_registry(options).await?;
        Ok(Self { cluster, stream })
    }

    /// Whether the log of the first partition was never written to.
    pub async fn log_is_empty(&self) -> bool {
        let log = self.cluster.context.get_stream(self.cluster.stream(Kind::Log, 0)).await;
        log.is_ok_and(|log| log.cached_info().state.last_sequence == 0)
    }

    /// Makes the streams of the log if they are not there, and checks those that are.
    pub async fn ensure_log(&self, options: &Options) -> Result<(), StoreError> {
        for partition in 0..options.partitions {
            self.cluster.ensure(Kind::Log, partition, options).await?;
        }
        Ok(())
    }

    /// A value as the leader has it.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.last(key).await?.1)
    }

    async fn last(&self, key: &str) -> Result<(u64, Option<Vec<u8>>), StoreError> {
        let until = Instant::now() + TRY_FOR;
        loop {
            match self.stream.get_last_raw_message_by_subject(&self.cluster.registered(key)).await {
                Ok(message) => return Ok((message.sequence, Some(message.payload.to_vec()))),
                Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => return Ok((0, None)),
                Err(error) if Instant::now() > until => return Err(unavailable(error)),
                Err(_) => sleep(AGAIN_AFTER).await,
            }
        }
    }

    /// Changes a value to what `change` makes of it, asked again whenever another gateway was faster; `None` leaves it.
    /// Answers what it is then.
    ///
    /// What is written must be unlike what any other gateway would write, or mean the same: where an answer got lost,
    /// finding it there counts as having written it.
    pub async fn update<E: From<StoreError>>(
        &self,
        key: &str,
        mut change: impl FnMut(Option<&[u8]>) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Option<Vec<u8>>, E> {
        let until = Instant::now() + TRY_FOR;
        let mut tried: Option<Vec<u8>> = None;
        loop {
            let (sequence, there) = self.last(key).await?;
            if tried.is_some() && tried == there {
                return Ok(there);
            }
            let Some(wanted) = change(there.as_deref())? else { return Ok(there) };
            let message = PublishMessage::build().payload(wanted.clone().into());
            let message = message.expected_last_subject_sequence(sequence);
            let sent = self.cluster.context.send_publish(self.cluster.registered(key), message).await;
            let acknowledged = match sent {
                Ok(acknowledgement) => acknowledgement.await,
                Err(error) => Err(error),
            };
            match acknowledged {
                Ok(_) => return Ok(Some(wanted)),
                Err(error) if Instant::now() > until => return Err(unavailable(error).into()),
                // Somebody was faster; or an earlier attempt of ours got there.
                Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => {}
                Err(_) => {
                    tried = Some(wanted);
                    sleep(AGAIN_AFTER).await;
                }
            }
        }
    }

    /// Tells all gateways that listen; nothing is kept, and nobody may.
    pub async fn say(&self, what: &str, payload: Vec<u8>) -> Result<(), StoreError> {
        self.cluster.client.publish(self.cluster.said(what), payload.into()).await.map_err(unavailable)
    }

    /// Asks whoever listens.
    pub async fn ask(&self, what: &str, payload: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let answer = self.cluster.client.request(self.cluster.said(what), payload.into()).await;
        answer.map(|answer| answer.payload.to_vec()).map_err(unavailable)
    }

    /// What is said or asked from now on.
    pub async fn listen(&self, what: &str) -> Result<BoxStream<'static, Question>, StoreError> {
        let client = self.cluster.client.clone();
        let heard = client.subscribe(self.cluster.said(what)).await.map_err(unavailable)?;
        // Servers know of it before this answers.
        client.flush().await.map_err(unavailable)?;
        let question = move |message: async_nats::Message| Question {
            payload: message.payload.to_vec(),
            client: client.clone(),
            reply: message.reply,
        };
        Ok(heard.map(question).boxed())
    }
}

impl Question {
    /// Answers who asked.
    pub async fn answer(&self, payload: Vec<u8>) {
        if let Some(reply) = &self.reply {
            // Who does not hear it asks again.
            let _ = self.client.publish(reply.clone(), payload.into()).await;
            let _ = self.client.flush().await;
        }
    }
}
