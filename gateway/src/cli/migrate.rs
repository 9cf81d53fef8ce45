//! `clew migrate`: moves the log, with its keys, from a directory to a cluster or back, while no server runs. It stays the
//! same log: facts, positions, its Merkle tree and the key that signs it go along. Interrupted, it goes on where it was.

use super::progress::Progress;
use super::{Exit, Failure};
use crate::app::{OpenError, lock_any_directory, lock_directory};
use crate::clock::Clock;
use crate::cluster::{self, ClusterError, MOVED_FILE, Moving};
use crate::config::{Config, MaybeFile, Options, Place, Servers};
use crate::proofs::{self, KEY, Proofs};
use clap::Args;
use clew_domain::content::RootHash;
use clew_domain::fact::{Actor, CommandMeta, Event};
use clew_domain::ids::{CommandId, StreamId};
use clew_domain::installation::{Command, Installation, InstallationEvent};
use clew_eventstore::backends::transfer::{LateClock, Successor, TransferError, Transferred, fact_behind, transfer};
use clew_eventstore::backends::{embedded, jetstream};
use clew_eventstore::observer::LeafSource;
use clew_eventstore::proofs::{Checkpoint, ProofError};
use clew_eventstore::store::EventStore;
use clew_eventstore::transact::{TransactError, transact};
use clew_eventstore::vault::Vault;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// The arguments of `clew migrate`.
#[derive(Args)]
pub(super) struct Migrate {
    /// Data directory to move the log from: one with a log of its own, or a gateway's of a cluster
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Where to move it: the servers of a cluster, as in `nats://a:4222,nats://b:4222`, or a new directory
    #[arg(long, value_name = "URL,...|DIR")]
    to: String,
    /// What the names of the streams on the cluster begin with [default: clew]
    #[arg(long, env = "CLEW_STORE_PREFIX", value_name = "NAME")]
    store_prefix: Option<String>,
    /// On how many servers of the cluster each stream lies [default: 3]
    #[arg(long, env = "CLEW_STORE_REPLICAS", value_name = "COUNT")]
    store_replicas: Option<usize>,
    /// File with what the cluster's servers ask for: one line `USER:PASSWORD`, or one with a token [default: none]
    #[arg(long, env = "CLEW_STORE_CREDENTIALS", value_name = "FILE")]
    store_credentials: Option<MaybeFile>,
    /// File of certificates that are trusted besides the system's [default: none]
    #[arg(long, env = "CLEW_STORE_TLS_CA", value_name = "FILE")]
    store_tls_ca: Option<MaybeFile>,
    /// File with the certificate by which the cluster's servers know this gateway; goes with its key [default: none]
    #[arg(long, env = "CLEW_STORE_TLS_CERT", value_name = "FILE")]
    store_tls_cert: Option<MaybeFile>,
    /// File with the key of that certificate [default: none]
    #[arg(long, env = "CLEW_STORE_TLS_KEY", value_name = "FILE")]
    store_tls_key: Option<MaybeFile>,
    /// Whether to take servers before 2.15, which may lose what they acknowledged when power fails [default: false]
    #[arg(long, env = "CLEW_STORE_ALLOW_OLD_SERVER", value_name = "BOOL")]
    store_allow_old_server: Option<bool>,
    /// Its data directory is the gateway's on the cluster; where the log leaves a cluster, it is not looked at.
    #[command(flatten)]
    place: Place,
}

fn refused(why: impl Into<String>) -> Failure {
    Failure::new(Exit::Refused, why)
}

impl Migrate {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let is_gateway = cluster::is_copy(&self.from);
        if self.to.contains("://") {
            if is_gateway {
                return Err(refused("the log lies on a cluster already: move it to a directory first"));
            }
            let servers: Servers = self.to.parse().map_err(|error| Failure::new(Exit::Usage, format!("{error}")))?;
            return self.move_to_cluster(servers).await;
        }
        if !is_gateway {
            let why = "the log lies in a directory already: to move that, stop the server and move the directory";
            return Err(refused(why));
        }
        move_to_directory(&self.from, Path::new(&self.to)).await
    }

    async fn move_to_cluster(self, servers: Servers) -> Result<(), Failure> {
        let (from, to) = (self.from, self.to);
        let mut options = Options::default();
        options.store = Some(servers);
        options.store_prefix = self.store_prefix;
        options.store_replicas = self.store_replicas;
        options.store_credentials = self.store_credentials;
        options.store_tls_ca = self.store_tls_ca;
        options.store_tls_cert = self.store_tls_cert;
        options.store_tls_key = self.store_tls_key;
        options.store_allow_old_server = self.store_allow_old_server;
        let mut config = Config::resolve(&self.place, options)?;
        if !from.join("facts").is_dir() {
            return Err(Failure::new(Exit::NotFound, format!("{} holds no log", from.display())));
        }
        cluster::remembered(&mut config)?;
        let data = config.data.clone();
        std::fs::create_dir_all(&data)?;
        let (_from, _to) = (lock_any_directory(&from)?, lock_directory(&data)?);
        check_keys(&from, &data)?;
        let moving = Moving::in_to(&config).await?;
        let clock = LateClock::default();
        let options = jetstream::Options { clock: clock.clock(), ..cluster::store_options(&config)? };
        let store = jetstream::Store::open(&data, options).await?;
        let source = Arc::new(embedded::Store::open(&from, embedded::Options::default())?.0);
        let signed = last_checkpoint(&from, source.clone(), None).await?;
        let done = take_over(source.as_ref(), &store, &clock, &signed).await?;
        take_keys(&from, &data)?;
        moving.hold().await?;
        leave(&from, &format!("{to}, with the data directory {}", data.display()))?;
        report(done, &signed, &data);
        Ok(())
    }
}

async fn move_to_directory(from: &Path, to: &Path) -> Result<(), Failure> {
    let place = Place { data: Some(from.to_owned()), ..Place::default() };
    let mut config = Config::resolve(&place, Options::default())?;
    cluster::remembered(&mut config)?;
    std::fs::create_dir_all(to)?;
    if cluster::is_copy(to) {
        return Err(refused(format!("{} is a gateway's of a cluster: name a new directory", to.display())));
    }
    let (_from, _to) = (lock_any_directory(from)?, lock_directory(to)?);
    check_keys(from, to)?;
    let moving = Moving::out_of(&config).await?;
    let next = moving.next_numbers().await?;
    let source = Arc::new(jetstream::Store::open(from, cluster::store_options(&config)?).await?);
    let clock = LateClock::default();
    let options =
        embedded::Options { clock: clock.clock(), queue_commits_max: usize::MAX, ..embedded::Options::default() };
    let store = embedded::Store::open(to, options)?.0;
    let signed = last_checkpoint(from, source.clone(), Some(Arc::new(moving.membership))).await?;
    let done = take_over(source.as_ref(), &store, &clock, &signed).await?;
    take_keys(from, to)?;
    // Gateways leased them; from now on they are counted beside the keys.
    Vault::open(&to.join("keys")).and_then(|vault| vault.raise_numbers(next.0, next.1))?;
    leave(from, &to.display().to_string())?;
    report(done, &signed, to);
    Ok(())
}

/// The keys must be in one of the two places, and this log's in both.
fn check_keys(from: &Path, to: &Path) -> Result<(), Failure> {
    match (from.join("keys").exists(), to.join("keys").exists()) {
        (true, _) => Ok(()),
        (false, true) if from.join(MOVED_FILE).exists() => {
            Err(refused(format!("the log of {} was moved to {} already: serve it there", from.display(), to.display())))
        }
        (false, _) => Err(OpenError::KeysMissing(from.to_owned()).into()),
    }
}

/// What is signed of the whole log where it was.
async fn last_checkpoint<S: LeafSource + 'static>(
    data: &Path,
    store: Arc<S>,
    membership: Option<Arc<cluster::Membership>>,
) -> Result<Checkpoint, Failure> {
    let logs = proofs::open(&data.join("proofs"), None, 1)?;
    let signed = Proofs::start_among(logs, store, membership).await.refresh().await?;
    Ok(signed[0].checkpoint().clone())
}

/// Brings the facts over, compares them, and has the log tell that it moved.
async fn take_over<F, T>(from: &F, to: &T, clock: &LateClock, signed: &Checkpoint) -> Result<Transferred, Failure>
where
    F: EventStore + LeafSource,
    T: Successor,
{
    let size = from.head().sequence(0);
    if signed.size != size {
        let why = format!("{} facts are signed, {size} are there: something else writes to the log", signed.size);
        return Err(refused(why));
    }
    let bar = Progress::new(true, size, "facts");
    let done = transfer(from, to, |done, of| bar.at_of(done, of)).await;
    bar.finish();
    let done = done?;
    let root = RootHash::new(signed.root.0);
    match fact_behind(to, size).await?.map(|fact| fact.body.event) {
        None => {}
        Some(Event::Installation(InstallationEvent::LogMoved { size: moved, root: with }))
            if (moved, with) == (size, root) =>
        {
            return Ok(done);
        }
        Some(_) => {
            return Err(refused("the log there goes on with other facts: name a place where nothing is"));
        }
    }
    clock.start();
    let meta = CommandMeta::first(CommandId(Uuid::new_v4()), Actor::System, Clock::system().now(), 0);
    let record = Command::RecordMove { size, root };
    transact::<Installation>(to, StreamId::INSTALLATION, &meta, &record, Vec::new()).await?;
    Ok(done)
}

/// The keys and what is signed are there as well. What signs comes before the keys: with those, it can be served.
fn take_keys(from: &Path, to: &Path) -> Result<(), ClusterError> {
    cluster::hand_on(&from.join("proofs"), &to.join("proofs"))?;
    cluster::hand_on(&from.join("keys"), &to.join("keys"))
}

/// Nothing that reads contents or signs stays behind: a mask there would not reach it.
fn leave(from: &Path, to: &str) -> Result<(), ClusterError> {
    cluster::mark_as_moved(from, to)?;
    cluster::destroy(&from.join("keys"))?;
    cluster::destroy(&from.join("proofs").join(KEY))
}

fn report(done: Transferred, signed: &Checkpoint, data: &Path) {
    println!("{} facts and {} contents were moved and compared one by one.", done.facts, done.contents);
    println!("Their root is the one that was signed: {}", signed.root);
    println!("Serve the log from now on with: clew serve --data {}", data.display());
}

impl From<ClusterError> for Failure {
    fn from(error: ClusterError) -> Self {
        let exit = match error {
            ClusterError::HoldsAnotherLog(_) | ClusterError::OthersHoldKeys(_) | ClusterError::HasALog(_) => {
                Exit::Refused
            }
            _ => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}

macro_rules! failures {
    ($($error:ty),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(Exit::Failed, error.to_string())
            }
        })*
    };
}

failures!(TransferError, ProofError, TransactError<clew_domain::installation::Rejection>);
