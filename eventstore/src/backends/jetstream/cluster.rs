//! The cluster as a gateway meets it: connecting, the streams and the settings that they must have, and publishing
//! until it is known to be there. What stands in a message is not known here.

use super::Options;
use crate::store::{StoreError, limits};
use async_nats::jetstream::Context;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType, Stream};
use async_nats::{Client, ConnectOptions};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a publication is repeated before its outcome counts as unknown.
pub(super) const PUBLISH_FOR: Duration = Duration::from_secs(15);
/// How long one answer of the cluster is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// The same for what was asked before in vain: while servers elect a leader nobody answers, and what is asked just before
/// there is one is lost.
const ANSWER_AGAIN_WITHIN: Duration = Duration::from_secs(1);
/// How long after the last attempt a connection is tried again, at the most.
const CONNECTED_AGAIN_WITHIN: Duration = Duration::from_millis(250);
/// A server that leaves two of these unanswered is given up: one that is cut off does not say that it is gone.
const PING_EVERY: Duration = Duration::from_secs(1);
/// How long a server may take to take a connection, before the next one is tried.
const CONNECTED_WITHIN: Duration = Duration::from_secs(2);
/// How long opening waits for a cluster that has no leader yet.
const OPEN_FOR: Duration = Duration::from_secs(30);
/// How long servers that have just started may take to agree on who leads.
const ELECTED_WITHIN: Duration = Duration::from_secs(10);
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// What a proposal has besides its facts, at the most.
const ENVELOPE_BYTES: usize = 64 * 1024;
const PARTITIONS: &str = "clew-partitions";

/// A connection to the cluster, and how its streams are named.
#[derive(Clone)]
pub(super) struct Cluster {
    pub(super) client: Client,
    pub(super) context: Context,
    /// For what is asked again and again.
    pub(super) again: Context,
    prefix: String,
}

/// What a stream is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The log of a partition: nothing in it is ever removed.
    Log,
    /// The contents of a partition: each may be removed alone.
    Contents,
}

fn unavailable(what: impl Into<String>) -> StoreError {
    StoreError::Unavailable(what.into())
}

impl Cluster {
    /// Connects, and refuses servers that can't keep what is promised.
    pub(super) async fn connect(options: &Options) -> Result<Self, StoreError> {
        let servers = options.servers.join(", ");
        let client = connect_options(options)?.connect(&options.servers[..]).await;
        let client = client.map_err(|error| unavailable(format!("no connection to {servers}: {error}")))?;
        let info = client.server_info();
        if !options.allow_old_server && !is_new_enough(&info.version) {
            let version = &info.version;
            return Err(unavailable(format!(
                "nats-server {version} is too old: that nothing acknowledged is lost in a power cut was seen with 2.15 and \
                 later alone. Upgrade it, or take that risk with allow_old_server"
            )));
        }
        let needed = limits::COMMIT_BYTES_MAX + ENVELOPE_BYTES;
        if info.max_payload < needed {
            return Err(unavailable(format!(
                "the server takes messages of {} bytes only, the largest commit needs {needed}: set `max_payload: 9MB` \
                 in the configuration of every server",
                info.max_payload
            )));
        }
        let answering_within = |within: Duration| {
            let context = ContextBuilder::new().timeout(within).ack_timeout(within);
            context.max_ack_inflight(32_768).backpressure_on_inflight(true).build(client.clone())
        };
        let (context, again) = (answering_within(ANSWER_WITHIN), answering_within(ANSWER_AGAIN_WITHIN));
        let until = Instant::now() + ELECTED_WITHIN;
        while let Err(error) = context.query_account().await {
            if Instant::now() > until {
                return Err(unavailable(format!(
                    "JetStream does not answer ({error}): is `jetstream` on in the servers' configuration, and are more \
                     than half of them up?"
                )));
            }
            sleep(AGAIN_AFTER).await;
        }
        Ok(Self { client, context, again, prefix: options.prefix.clone() })
    }

    /// The name of a stream.
    pub(super) fn stream(&self, kind: Kind, partition: u16) -> String {
        let kind = if kind == Kind::Log { "EV" } else { "CT" };
        format!("{}_{kind}_{partition:02}", self.prefix)
    }

    /// The subject of its messages.
    pub(super) fn subject(&self, kind: Kind, partition: u16) -> String {
        let kind = if kind == Kind::Log { "ev" } else { "ct" };
        format!("{}.{kind}.{partition:02}", self.prefix)
    }

    /// Creates a stream, or checks that the one there has the settings that it must have. Answers what it is.
    pub(super) async fn ensure(&self, kind: Kind, partition: u16, options: &Options) -> Result<Info, StoreError> {
        let wanted = self.config(kind, partition, options);
        let until = Instant::now() + OPEN_FOR;
        loop {
            let tried = async {
                let mut there = match self.context.get_stream(&wanted.name).await {
                    Ok(there) => there,
                    // Another gateway may be as far: then the one that is there is checked.
                    Err(_) => match self.context.create_stream(wanted.clone()).await {
                        Ok(created) => created,
                        Err(error) => self.context.get_stream(&wanted.name).await.map_err(|_| error.to_string())?,
                    },
                };
                there.info().await.cloned().map_err(|error| error.to_string())
            };
            match tried.await {
                Ok(info) => return check(&info.config, &wanted).map(|()| info),
                Err(why) if Instant::now() > until => {
                    return Err(unavailable(format!("the stream {} can't be opened: {why}", wanted.name)));
                }
                Err(_) => sleep(AGAIN_AFTER).await,
            }
        }
    }

    fn config(&self, kind: Kind, partition: u16, options: &Options) -> Config {
        Config {
            name: self.stream(kind, partition),
            subjects: vec![self.subject(kind, partition)],
            retention: RetentionPolicy::Limits,
            storage: StorageType::File,
            discard: DiscardPolicy::New,
            num_replicas: options.replicas,
            deny_delete: kind == Kind::Log,
            deny_purge: true,
            duplicate_window: Duration::from_secs(120),
            metadata: HashMap::from([(PARTITIONS.into(), options.partitions.to_string())]),
            ..Config::default()
        }
    }

    /// Creates the stream of what gateways agree on beside the log, if it is not there: of each subject the last message.
    pub(super) async fn ensure_registry(&self, options: &Options) -> Result<Stream, StoreError> {
        let wanted = Config {
            name: format!("{}_RG", self.prefix),
            subjects: vec![self.registered(">")],
            retention: RetentionPolicy::Limits,
            storage: StorageType::File,
            num_replicas: options.replicas,
            max_messages_per_subject: 1,
            ..Config::default()
        };
        let until = Instant::now() + OPEN_FOR;
        loop {
            let tried = match self.context.get_stream(&wanted.name).await {
                Ok(there) => Ok(there),
                Err(_) => self.context.create_stream(wanted.clone()).await,
            };
            match tried {
                Ok(there) => {
                    let config = &there.cached_info().config;
                    if config.num_replicas != wanted.num_replicas || config.max_messages_per_subject != 1 {
                        return Err(unavailable(format!(
                            "the stream {} has {} replicas and keeps {} messages of a subject; Clew needs {} and 1: \
                             change one or the other",
                            wanted.name, config.num_replicas, config.max_messages_per_subject, wanted.num_replicas
                        )));
                    }
                    return Ok(there);
                }
                Err(error) if Instant::now() > until => {
                    return Err(unavailable(format!("the stream {} can't be opened: {error}", wanted.name)));
                }
                Err(_) => sleep(AGAIN_AFTER).await,
            }
        }
    }

    /// The subject of something that gateways agree on.
    pub(super) fn registered(&self, key: &str) -> String {
        format!("{}.rg.{key}", self.prefix)
    }

    /// A subject for what is said between gateways and kept nowhere.
    pub(super) fn said(&self, what: &str) -> String {
        format!("{}.say.{what}", self.prefix)
    }

    /// Publishes until the cluster has acknowledged it, and answers its sequence. Once given up, it is
    /// [`StoreError::Unknown`] whether it is there; with an `id` a repetition within two minutes adds nothing.
    pub(super) async fn publish(&self, subject: &str, id: Option<&str>, payload: Vec<u8>) -> Result<u64, StoreError> {
        self.publish_until(Instant::now() + PUBLISH_FOR, subject, id, payload).await
    }

    /// The same, given up at an instant.
    pub(super) async fn publish_until(
        &self,
        until: Instant,
        subject: &str,
        id: Option<&str>,
        payload: Vec<u8>,
    ) -> Result<u64, StoreError> {
        let mut message = PublishMessage::build().payload(payload.into());
        if let Some(id) = id {
            message = message.message_id(id);
        }
        let mut context = &self.context;
        loop {
            let sent = context.send_publish(subject.to_owned(), message.clone()).await;
            let acknowledged = match sent {
                Ok(acknowledgement) => acknowledgement.await,
                Err(error) => Err(error),
            };
            match acknowledged {
                Ok(acknowledgement) => return Ok(acknowledgement.sequence),
                Err(error) if error.kind() == PublishErrorKind::MaxPayloadExceeded => {
                    return Err(StoreError::Invalid(error.to_string()));
                }
                Err(error) if Instant::now() > until => {
                    return Err(StoreError::Unknown(format!("the cluster does not acknowledge: {error}")));
                }
                Err(error) => {
                    tracing::debug!(%error, "a publication is repeated");
                    context = &self.again;
                    sleep(AGAIN_AFTER).await;
                }
            }
        }
    }

    /// The last sequence of a log, as its leader knows it.
    pub(super) async fn last_sequence(&self, partition: u16) -> Result<u64, StoreError> {
        let name = self.stream(Kind::Log, partition);
        let until = Instant::now() + PUBLISH_FOR;
        loop {
            match self.context.get_stream(&name).await {
                Ok(stream) => return Ok(stream.cached_info().state.last_sequence),
                Err(error) if Instant::now() > until => {
                    return Err(unavailable(format!("the leader of {name} does not answer: {error}")));
                }
                Err(_) => sleep(AGAIN_AFTER).await,
            }
        }
    }
}

fn connect_options(options: &Options) -> Result<ConnectOptions, StoreError> {
    let mut connect = ConnectOptions::new()
        .name("clew")
        .request_timeout(Some(ANSWER_WITHIN))
        .ping_interval(PING_EVERY)
        .connection_timeout(CONNECTED_WITHIN)
        .reconnect_delay_callback(|attempts| {
            let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
            CONNECTED_AGAIN_WITHIN.min(Duration::from_millis(10).saturating_mul(attempts))
        });
    if let (Some(user), Some(password)) = (&options.user, &options.password) {
        connect = connect.user_and_password(user.clone(), password.clone());
    } else if options.user.is_some() || options.password.is_some() {
        return Err(unavailable("a user of the cluster needs a password, and a password a user"));
    }
    if let Some(token) = &options.token {
        connect = connect.token(token.clone());
    }
    if options.tls {
        connect = connect.require_tls(true);
    }
    if let Some(roots) = &options.tls_ca {
        connect = connect.add_root_certificates(roots.clone()).require_tls(true);
    }
    if let Some((certificate, key)) = &options.tls_client {
        connect = connect.add_client_certificate(certificate.clone(), key.clone()).require_tls(true);
    }
    Ok(connect)
}

/// Whether a server's version is 2.15 or later.
fn is_new_enough(version: &str) -> bool {
    let mut parts = version.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (2, 15)
}

/// Refuses a stream whose settings would break a promise.
fn check(there: &Config, wanted: &Config) -> Result<(), StoreError> {
    let partitions = |config: &Config| config.metadata.get(PARTITIONS).cloned().unwrap_or_else(|| "none".into());
    let settings = [
        ("partitions", partitions(wanted), partitions(there)),
        ("subjects", format!("{:?}", wanted.subjects), format!("{:?}", there.subjects)),
        ("storage", format!("{:?}", wanted.storage), format!("{:?}", there.storage)),
        ("retention", format!("{:?}", wanted.retention), format!("{:?}", there.retention)),
        ("replicas", wanted.num_replicas.to_string(), there.num_replicas.to_string()),
        ("deny_delete", wanted.deny_delete.to_string(), there.deny_delete.to_string()),
        ("deny_purge", wanted.deny_purge.to_string(), there.deny_purge.to_string()),
        ("max_age", "0ns".into(), format!("{:?}", there.max_age)),
        ("max_msgs", "none".into(), limit(there.max_messages)),
        ("max_bytes", "none".into(), limit(there.max_bytes)),
        ("max_msgs_per_subject", "none".into(), limit(there.max_messages_per_subject)),
        ("no_ack", "false".into(), there.no_ack.to_string()),
        ("sealed", "false".into(), there.sealed.to_string()),
        ("allow_rollup", "false".into(), there.allow_rollup.to_string()),
        ("mirror", "false".into(), there.mirror.is_some().to_string()),
        ("persist_mode", format!("{:?}", wanted.persist_mode), format!("{:?}", there.persist_mode)),
    ];
    let wrong = settings.into_iter().find(|(.., wanted, there)| wanted != there);
    wrong.map_or(Ok(()), |(setting, wanted, found)| {
        let name = &there.name;
        Err(unavailable(format!(
            "the stream {name} has {setting} {found}; Clew needs {wanted}: change one or the other"
        )))
    })
}

fn limit(of: i64) -> String {
    if of <= 0 { "none".into() } else { of.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, enough) in
            [("2.15.1", true), ("2.9.9", false), ("2.15.0-RC.1", true), ("3.0.0", true), ("", false)]
        {
            assert_eq!(is_new_enough(version), enough, "{version}");
        }
    }

    #[test]
    fn an_unsafe_setting_is_named() {
        let wanted = Config { name: "CLEW_EV_00".into(), deny_delete: true, ..Config::default() };
        assert_eq!(check(&wanted.clone(), &wanted), Ok(()));
        let there = Config { max_age: Duration::from_secs(60), ..wanted.clone() };
        let why = check(&there, &wanted).expect_err("refused").to_string();
        assert!(why.contains("CLEW_EV_00") && why.contains("max_age 60s"), "{why}");
    }
}
