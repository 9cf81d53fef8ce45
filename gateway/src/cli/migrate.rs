//! `clew migrate`: moves the log, with its keys, from a directory to a cluster or back, while no server runs. With one
//! partition there and here it stays the same log: facts, positions, its Merkle tree and the key that signs it go
//! along. With several, facts have other positions there, and signing begins anew. Interrupted, it goes on where it
//! was.

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
use clew_eventstore::backends::transfer::{LateClock, Successor, TransferError, Transferred, facts_behind, transfer};
use clew_eventstore::backends::{embedded, jetstream};
use clew_eventstore::observer::LeafSource;
use clew_eventstore::proofs::{Checkpoint, ProofError, VerifierKey};
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
    /// Into how many partitions the log is parted on the cluster, for ever; with more than one, positions and receipts
    /// of before do not hold there [default: 1]
    #[arg(long, env = "CLEW_STORE_PARTITIONS", value_name = "COUNT")]
    store_partitions: Option<u16>,
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
        options.store_partitions = self.store_partitions;
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
        let move_ = Move { from: &from, to: &data, keeps: config.store_partitions == 1 };
        move_.announce();
        let moving = Moving::in_to(&config).await?;
        let clock = LateClock::default();
        let options = jetstream::Options { clock: clock.clock(), ..cluster::store_options(&config)? };
        let store = Arc::new(jetstream::Store::open(&data, options).await?);
        let source = Arc::new(embedded::Store::open(&from, embedded::Options::default())?.0);
        let signed = last_checkpoints(&from, source.clone(), None).await?;
        let done = take_over(source.as_ref(), store.as_ref(), &clock, &signed).await?;
        let key = move_.take_keys()?;
        moving.hold().await?;
        if key.is_some() {
            last_checkpoints(&data, store, Some(Arc::new(moving.membership))).await?;
        }
        leave(&from, &format!("{to}, with the data directory {}", data.display()))?;
        move_.report(&done, &signed, key.as_ref());
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
    let move_ = Move { from, to, keeps: config.store_partitions == 1 };
    move_.announce();
    let moving = Moving::out_of(&config).await?;
    let next = moving.next_numbers().await?;
    let source = Arc::new(jetstream::Store::open(from, cluster::store_options(&config)?).await?);
    let clock = LateClock::default();
    let options =
        embedded::Options { clock: clock.clock(), queue_commits_max: usize::MAX, ..embedded::Options::default() };
    let store = Arc::new(embedded::Store::open(to, options)?.0);
    let signed = last_checkpoints(from, source.clone(), Some(Arc::new(moving.membership))).await?;
    let done = take_over(source.as_ref(), store.as_ref(), &clock, &signed).await?;
    let key = move_.take_keys()?;
    if key.is_some() {
        last_checkpoints(to, store, None).await?;
    }
    // Gateways leased them; from now on they are counted beside the keys.
    Vault::open(&to.join("keys")).and_then(|vault| vault.raise_numbers(next.0, next.1))?;
    leave(from, &to.display().to_string())?;
    move_.report(&done, &signed, key.as_ref());
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

/// What is signed of the whole log where it was, for each of its trees.
async fn last_checkpoints<S: EventStore + LeafSource>(
    data: &Path,
    store: Arc<S>,
    membership: Option<Arc<cluster::Membership>>,
) -> Result<Vec<Checkpoint>, Failure> {
    let head = store.head();
    let logs = proofs::open(&data.join("proofs"), None, store.partitions())?;
    let signed = Proofs::start_among(logs, store, membership).await.refresh().await?;
    let signed: Vec<Checkpoint> = signed.iter().map(|signed| signed.checkpoint().clone()).collect();
    for (partition, Checkpoint { size, .. }) in (0..).zip(&signed) {
        let there = head.sequence(partition);
        if *size != there {
            let why = format!("{size} facts are signed, {there} are there: something else writes to the log");
            return Err(refused(why));
        }
    }
    Ok(signed)
}

/// Brings the facts over, compares them, and has the log tell that it moved.
async fn take_over<F, T>(from: &F, to: &T, clock: &LateClock, signed: &[Checkpoint]) -> Result<Transferred, Failure>
where
    F: EventStore + LeafSource,
    T: Successor,
{
    let bar = Progress::new(true, signed.iter().map(|signed| signed.size).sum(), "facts");
    let done = transfer(from, to, |done, of| bar.at_of(done, of)).await;
    bar.finish();
    let done = done?;
    let trees: Vec<_> = signed.iter().map(|signed| (signed.size, RootHash::new(signed.root.0))).collect();
    let moved =
        |(size, root): &(u64, RootHash)| Event::Installation(InstallationEvent::LogMoved { size: *size, root: *root });
    let record: Vec<Event> = trees.iter().map(moved).collect();
    // It is written at once, or not at all.
    let behind = facts_behind(to, &done.upto, record.len() + 1).await?;
    let behind: Vec<Event> = behind.into_iter().flatten().map(|fact| fact.body.event).collect();
    if behind == record {
        return Ok(done);
    }
    if !behind.is_empty() {
        return Err(refused("the log there goes on with other facts: name a place where nothing is"));
    }
    clock.start();
    let meta = CommandMeta::first(CommandId(Uuid::new_v4()), Actor::System, Clock::system().now(), 0);
    let record = Command::RecordMove { trees };
    transact::<Installation>(to, StreamId::INSTALLATION, &meta, &record, Vec::new()).await?;
    Ok(done)
}

/// A move between two directories: that of the log, or of a gateway of its cluster, on each side.
struct Move<'a> {
    from: &'a Path,
    to: &'a Path,
    /// Whether facts keep their positions: with one partition on both sides.
    keeps: bool,
}

impl Move<'_> {
    fn announce(&self) {
        if !self.keeps {
            println!(
                "The log has another number of partitions there. Facts keep all but their positions: positions and \
                 receipts of before do not hold there, and signing begins anew."
            );
        }
    }

    /// The keys and what signs are there as well, and where signing begins anew, the public key that it does with. What
    /// signs comes before the keys: with those, it can be served.
    fn take_keys(&self) -> Result<Option<VerifierKey>, Failure> {
        let (from, to) = (self.from.join("proofs"), self.to.join("proofs"));
        let key = if self.keeps {
            cluster::hand_on(&from, &to)?;
            None
        } else {
            // What was derived there, if anything was, was of other positions.
            cluster::destroy(&self.to.join("derived"))?;
            Some(proofs::begin_anew(&from, &to)?)
        };
        cluster::hand_on(&self.from.join("keys"), &self.to.join("keys"))?;
        Ok(key)
    }

    fn report(&self, done: &Transferred, signed: &[Checkpoint], key: Option<&VerifierKey>) {
        println!("{} facts and {} contents were moved and compared one by one.", done.facts, done.contents);
        match key {
            None => println!("Their root is the one that was signed: {}", signed[0].root),
            Some(key) => {
                println!("All but their positions is as it was. The new log tells with which roots the old one ended:");
                for tree in signed {
                    println!("  {}, {} facts: {}", tree.origin, tree.size, tree.root);
                }
                println!("Give auditors the new public key by another way, and keep {}", self.from.display());
                println!("for what was signed before:\n{key}");
            }
        }
        println!("Serve the log from now on with: clew serve --data {}", self.to.display());
    }
}

/// Nothing that reads contents or signs stays behind: a mask there would not reach it.
fn leave(from: &Path, to: &str) -> Result<(), ClusterError> {
    cluster::mark_as_moved(from, to)?;
    cluster::destroy(&from.join("keys"))?;
    cluster::destroy(&from.join("proofs").join(KEY))
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
