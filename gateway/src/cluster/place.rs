//! What a data directory says of the cluster that it belongs to: the gateway's name, and how the servers are reached,
//! so that commands on the directory need not be told again.

use super::ClusterError;
use crate::config::{Config, MaybeFile, Servers};
use clew_eventstore::backends::jetstream::Options;
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use uuid::Uuid;

const FILE: &str = "cluster.json";

#[derive(Serialize, Deserialize)]
struct Remembered {
    gateway: String,
    store: Servers,
    prefix: String,
    replicas: usize,
    #[serde(default = "one_partition")]
    partitions: u16,
    credentials: MaybeFile,
    tls_ca: MaybeFile,
    tls_cert: MaybeFile,
    tls_key: MaybeFile,
    allow_old_server: bool,
}

/// What is not said is of a time in which there were no more.
fn one_partition() -> u16 {
    1
}

/// Whether a data directory belongs to a gateway of a cluster.
pub fn is_copy(data: &Path) -> bool {
    data.join(FILE).exists()
}

fn read(data: &Path) -> Result<Option<Remembered>, ClusterError> {
    let path = data.join(FILE);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ClusterError::File { path, source }),
    };
    let parsed = serde_json::from_slice(&text);
    parsed.map(Some).map_err(|source| ClusterError::File { path, source: source.into() })
}

/// Completes settings that name no cluster with those that the directory was last served with. Refuses the directory of
/// a log on this machine where a cluster is named.
pub fn remembered(config: &mut Config) -> Result<(), ClusterError> {
    let found = read(&config.data)?;
    if !config.store.is_none() {
        let own_log = found.is_none() && config.data.join("facts").exists();
        return if own_log { Err(ClusterError::HasALog(config.data.clone())) } else { Ok(()) };
    }
    let Some(found) = found else { return Ok(()) };
    config.store = found.store;
    config.store_prefix = found.prefix;
    config.store_replicas = found.replicas;
    config.store_credentials = found.credentials;
    config.store_tls_ca = found.tls_ca;
    config.store_tls_cert = found.tls_cert;
    config.store_tls_key = found.tls_key;
    config.store_partitions = found.partitions;
    config.store_allow_old_server = found.allow_old_server;
    Ok(())
}

/// The name of this gateway: that of the machine and a few digits, drawn once.
pub(super) fn name(config: &Config) -> Result<String, ClusterError> {
    let gateway = match read(&config.data)? {
        Some(found) => found.gateway,
        None => drawn_name(),
    };
    let remembered = Remembered {
        gateway: gateway.clone(),
        store: config.store.clone(),
        prefix: config.store_prefix.clone(),
        replicas: config.store_replicas,
        partitions: config.store_partitions,
        credentials: config.store_credentials.clone(),
        tls_ca: config.store_tls_ca.clone(),
        tls_cert: config.store_tls_cert.clone(),
        tls_key: config.store_tls_key.clone(),
        allow_old_server: config.store_allow_old_server,
    };
    let (path, beside) = (config.data.join(FILE), config.data.join("cluster.json.new"));
    let written = || {
        // An address may hold a password.
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(&super::json(&remembered))?;
        file.sync_all()?;
        std::fs::rename(&beside, &path)
    };
    written().map_err(|source| ClusterError::File { path: path.clone(), source })?;
    Ok(gateway)
}

fn drawn_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let letter = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let host: String = host.trim().chars().filter(letter).take(40).collect();
    let drawn = Uuid::new_v4().simple().to_string();
    format!("{}-{}", if host.is_empty() { "gateway" } else { &host }, &drawn[..6])
}

/// How the store reaches the cluster.
pub fn store_options(config: &Config) -> Result<Options, ClusterError> {
    let mut options = Options {
        servers: config.store.as_slice().to_vec(),
        tls: config.store.as_slice().iter().any(|server| server.starts_with("tls://")),
        tls_ca: config.store_tls_ca.path(),
        tls_client: config.store_tls_cert.path().zip(config.store_tls_key.path()),
        prefix: config.store_prefix.clone(),
        replicas: config.store_replicas,
        partitions: config.store_partitions,
        allow_old_server: config.store_allow_old_server,
        ..Options::default()
    };
    if let Some(path) = config.store_credentials.path() {
        let text = read_text(path)?;
        match text.trim().split_once(':') {
            Some((user, password)) => (options.user, options.password) = (Some(user.into()), Some(password.into())),
            None => options.token = Some(text.trim().to_owned()),
        }
    }
    Ok(options)
}

fn read_text(path: PathBuf) -> Result<String, ClusterError> {
    std::fs::read_to_string(&path).map_err(|source| ClusterError::File { path, source })
}
