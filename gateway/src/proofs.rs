//! The proofs of a running server: the tree beside each partition of the log, the key that signs them, and the signing at
//! intervals.
//! What is proved and how is `clew_eventstore::proofs`' business.

use crate::cluster::Membership;
use clew_eventstore::observer::{CommitObserver, LeafSource};
pub use clew_eventstore::proofs::Log;
use clew_eventstore::proofs::log::CHECKPOINT;
use clew_eventstore::proofs::{Follower, ProofError, SignedCheckpoint, SigningKey, Standing, VerifierKey};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use uuid::Uuid;

/// The file with the secret key, in the directory of the proofs.
pub(crate) const KEY: &str = "signing-key";
/// The file with the public key, beside it.
pub const PUBLIC_KEY: &str = "public-key";

/// The trees beside the log, and where its facts are read from.
pub struct Proofs {
    /// The tree of each partition, in their order.
    logs: Vec<Arc<Log>>,
    /// The facts.
    pub leaves: Arc<dyn LeafSource>,
    /// The other gateways that sign with the same key, if there are any.
    cluster: Option<Arc<Membership>>,
    witness_trouble: Mutex<Option<String>>,
}

/// Where the tree of a partition lies: the first in the directory of the proofs itself, each other in one of its own in it.
pub fn directory_of(directory: &Path, partition: u16) -> PathBuf {
    if partition == 0 { directory.to_owned() } else { directory.join(format!("partition-{partition:02}")) }
}

/// The trees of so many partitions in this directory, before they follow a store. Their key is drawn when there is none
/// yet: its name, which is the identity of the log for ever, is the server's public address where one is set.
///
/// Where the key is gone and what it signed is there, nothing is drawn and nothing signed until it is put back.
pub fn open(directory: &Path, public_url: Option<&str>, partitions: u16) -> Result<Vec<Arc<Log>>, ProofError> {
    std::fs::create_dir_all(directory).map_err(io(directory))?;
    let path = directory.join(KEY);
    let key = match std::fs::read_to_string(&path) {
        Ok(text) => SigningKey::from_secret_text(&zeroize::Zeroizing::new(text))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if (0..partitions).any(|partition| directory_of(directory, partition).join(CHECKPOINT).exists()) {
                return without_key(directory, &path, partitions);
            }
            draw(directory, public_url)?
        }
        Err(error) => return Err(io(&path)(error)),
    };
    open_each(directory, &key, partitions)
}

fn open_each(directory: &Path, key: &SigningKey, partitions: u16) -> Result<Vec<Arc<Log>>, ProofError> {
    let open = |partition| {
        let log = Log::open(&directory_of(directory, partition), partition, key.of_partition(partition));
        log.map(Arc::new)
    };
    (0..partitions).map(open).collect()
}

fn without_key(directory: &Path, path: &Path, partitions: u16) -> Result<Vec<Arc<Log>>, ProofError> {
    let logs = open_each(directory, &SigningKey::generate("clew.localhost/key-is-gone")?, partitions)?;
    for log in &logs {
        log.stop(format!(
            "the signing key {} is gone; put it back from a backup, or move the whole directory away to begin a new log \
             with a new key, whose public key auditors then need",
            path.display()
        ));
    }
    Ok(logs)
}

/// Trees of so many partitions that last as long as the process.
pub fn in_memory(partitions: u16) -> Result<Vec<Arc<Log>>, ProofError> {
    let key = SigningKey::generate("clew.localhost/memory")?;
    Ok((0..partitions).map(|partition| Arc::new(Log::in_memory(partition, key.of_partition(partition)))).collect())
}

/// What to give to a store that writes all partitions, so that every durable fact becomes a leaf of its tree.
pub fn followers(logs: &[Arc<Log>]) -> Box<dyn CommitObserver> {
    Box::new(Followers(logs.iter().map(Log::follower).collect()))
}

struct Followers(Vec<Follower>);

impl CommitObserver for Followers {
    fn prepare(&mut self, partition: u16, leaves: &mut dyn Iterator<Item = (u64, &[u8])>) {
        self.0[usize::from(partition)].prepare(partition, leaves);
    }

    fn committed(&mut self, partition: u16, leaves: &mut dyn Iterator<Item = (u64, &[u8])>) {
        self.0[usize::from(partition)].committed(partition, leaves);
    }
}

fn draw(directory: &Path, public_url: Option<&str>) -> Result<SigningKey, ProofError> {
    let host = public_url.and_then(|url| url.split_once("://")).map(|(_, host)| host);
    let name = host.map_or_else(|| format!("clew.localhost/{}", Uuid::new_v4()), |host| format!("{host}/v1/audit"));
    let key = SigningKey::generate(&name)?;
    write(&key, directory)?;
    Ok(key)
}

/// Writes both keys into a directory that has no secret one.
fn write(key: &SigningKey, directory: &Path) -> Result<(), ProofError> {
    let path = directory.join(KEY);
    let write = |path: &Path, mode: u32, text: &str| {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        writeln!(file, "{text}")?;
        file.sync_all()
    };
    let public = directory.join(PUBLIC_KEY);
    let _ = std::fs::remove_file(&public);
    write(&public, 0o644, &key.verifier().to_string()).map_err(io(&public))?;
    write(&path, 0o600, &key.to_secret_text()).map_err(io(&path))?;
    std::fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(io(directory))
}

/// Gives the key that signs the log in `from` to a log that begins in `to` with the same facts at other positions:
/// under another name, since its trees are others. Whatever else is in `to` is refused; the same key there already is
/// not.
pub(crate) fn begin_anew(from: &Path, to: &Path) -> Result<VerifierKey, ProofError> {
    let read = |directory: &Path| {
        let path = directory.join(KEY);
        std::fs::read_to_string(&path).map(zeroize::Zeroizing::new).map_err(io(&path))
    };
    let key = SigningKey::from_secret_text(&read(from)?)?.after_move();
    let verifier = key.verifier();
    if to.exists() {
        let there = SigningKey::from_secret_text(&read(to)?)?;
        let why = || format!("{} holds what another log is signed with: name a new directory", to.display());
        return if there.verifier() == verifier { Ok(verifier) } else { Err(ProofError::Stopped(why())) };
    }
    let under_way = to.with_extension("under-way");
    if under_way.exists() {
        std::fs::remove_dir_all(&under_way).map_err(io(&under_way))?;
    }
    std::fs::create_dir_all(&under_way).map_err(io(&under_way))?;
    write(&key, &under_way)?;
    std::fs::rename(&under_way, to).map_err(io(to))?;
    let parent = to.parent().unwrap_or(to);
    std::fs::File::open(parent).and_then(|parent| parent.sync_all()).map_err(io(parent))?;
    Ok(verifier)
}

/// Writes the public key beside the secret one that lies in this directory.
pub(crate) fn write_public_key(directory: &Path) -> Result<(), ProofError> {
    let path = directory.join(KEY);
    let text = zeroize::Zeroizing::new(std::fs::read_to_string(&path).map_err(io(&path))?);
    let key = SigningKey::from_secret_text(&text)?;
    let public = directory.join(PUBLIC_KEY);
    std::fs::write(&public, format!("{}\n", key.verifier())).map_err(io(&public))
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> ProofError {
    let path = path.display().to_string();
    move |source| ProofError::Io { path, source }
}

impl Proofs {
    /// Brings the trees up to their facts and signs them. What goes wrong is logged, and told by [`Self::trouble`].
    pub async fn start(logs: Vec<Arc<Log>>, leaves: Arc<dyn LeafSource>) -> Arc<Self> {
        Self::start_among(logs, leaves, None).await
    }

    /// The same where other gateways sign with the same key: nothing is signed that they have not agreed to.
    pub async fn start_among(
        logs: Vec<Arc<Log>>,
        leaves: Arc<dyn LeafSource>,
        cluster: Option<Arc<Membership>>,
    ) -> Arc<Self> {
        let proofs = Arc::new(Self { logs, leaves, cluster, witness_trouble: Mutex::default() });
        if let Err(error) = proofs.refresh().await {
            tracing::error!(%error, "the log is not signed");
        }
        proofs
    }

    /// The tree of each partition, in their order.
    pub fn logs(&self) -> &[Arc<Log>] {
        &self.logs
    }

    /// The tree of a partition, if there is such a partition.
    pub fn log(&self, partition: u16) -> Option<&Arc<Log>> {
        self.logs.get(usize::from(partition))
    }

    /// Why the log is not signed, if it is not.
    pub fn trouble(&self) -> Option<String> {
        self.logs.iter().find_map(|log| match log.standing() {
            Standing::Signing => None,
            Standing::CatchingUp => Some("the proofs lag behind the log".to_owned()),
            Standing::Stopped(why) => Some(why),
        })
    }

    /// Why not every witness cosigned when they were last asked, if so.
    pub fn witness_trouble(&self) -> Option<String> {
        self.witness_trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes note of what the witnesses said; whether it is another than before.
    pub fn set_witness_trouble(&self, trouble: Option<String>) -> bool {
        let mut known = self.witness_trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = *known != trouble;
        *known = trouble;
        changed
    }

    /// Signs all that is in the log now: a checkpoint for each partition. The first that can't be signed is told, when the
    /// others are.
    pub async fn refresh(&self) -> Result<Vec<SignedCheckpoint>, ProofError> {
        let mut signed = Vec::with_capacity(self.logs.len());
        for log in &self.logs {
            signed.push(self.sign(log).await);
        }
        signed.into_iter().collect()
    }

    /// Signs all that is in one of the trees now.
    pub async fn sign(&self, log: &Arc<Log>) -> Result<SignedCheckpoint, ProofError> {
        if log.standing() == Standing::CatchingUp {
            log.catch_up(self.leaves.as_ref()).await?;
        }
        let log = Arc::clone(log);
        let (cluster, runtime) = (self.cluster.clone(), Handle::current());
        let sign = move || match cluster {
            None => log.sign(),
            Some(cluster) => log.sign_if(|size, root| runtime.block_on(cluster.agree_to_sign(&log, size, root))),
        };
        let signed = tokio::task::spawn_blocking(sign).await;
        signed.map_err(|error| ProofError::Stopped(format!("signing broke off: {error}")))?
    }

    /// Signs again and again, until the server stops, and once more then.
    pub async fn run(self: Arc<Self>, every: Duration, mut stopping: watch::Receiver<bool>) {
        let mut told = None;
        loop {
            let stop = tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => true,
                () = tokio::time::sleep(every) => false,
            };
            let trouble = self.refresh().await.err().map(|error| error.to_string());
            if trouble.is_some() && trouble != told {
                tracing::error!(why = trouble, "the log is not signed");
            }
            told = trouble;
            if stop {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clew_eventstore::backends::memory::Store;
    use std::os::unix::fs::PermissionsExt as _;

    #[tokio::test]
    async fn the_key_is_drawn_once_and_kept_from_others() {
        let directory = tempfile::tempdir().expect("a directory");
        let logs = open(directory.path(), Some("https://desk.example.org"), 2).expect("new logs");
        let log = &logs[0];
        assert_eq!(log.verifier().name(), "desk.example.org/v1/audit");
        let mode = std::fs::metadata(directory.path().join(KEY)).expect("a key").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let public = std::fs::read_to_string(directory.path().join(PUBLIC_KEY)).expect("a public key");
        assert_eq!(public.trim(), log.verifier().to_string());
        assert_eq!(logs[1].verifier().name(), "desk.example.org/v1/audit/1");
        assert_eq!(logs[1].verifier(), log.verifier().of_partition(1));
        let again = open(directory.path(), Some("https://elsewhere.example.org"), 2).expect("the same logs");
        assert_eq!(again[0].verifier(), log.verifier());
        let store = Store::new(2, Box::new(|| clew_domain::time::Timestamp::MIN), Some(followers(&again)));
        let proofs = Proofs::start(again, Arc::new(store)).await;
        assert_eq!(proofs.trouble(), None);
        for log in proofs.logs() {
            assert_eq!(log.checkpoint().expect("signed at start").checkpoint().size, 0);
        }
    }

    #[test]
    fn the_key_goes_to_other_positions_under_another_name_and_nowhere_else() {
        let directory = tempfile::tempdir().expect("a directory");
        let (here, there) = (directory.path().join("here"), directory.path().join("there"));
        let old = open(&here, None, 1).expect("a new log")[0].verifier();
        let new = begin_anew(&here, &there).expect("a key");
        assert_eq!(new.name(), format!("{}/moved-1", old.name()));
        assert_eq!(begin_anew(&here, &there).expect("the same").to_string(), new.to_string(), "begun again");
        let logs = open(&there, None, 3).expect("new trees");
        assert_eq!(logs[2].verifier(), new.of_partition(2));
        let other = directory.path().join("other");
        open(&other, None, 1).expect("another log");
        assert!(begin_anew(&here, &other).is_err(), "the key of another log stays");
    }
}
