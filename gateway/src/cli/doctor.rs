//! `clew doctor`: reads every byte of a data directory while no server runs, and says what is wrong and where. It
//! repairs only what can be made anew from the log; facts and contents it never changes.

use super::progress::Progress;
use super::{Exit, Failure};
use crate::cluster;
use crate::config::{Config, Options, Place};
use crate::proofs::directory_of;
use clap::Args;
use clew_domain::content::{Commitment, ContentId};
use clew_domain::fact::Fact;
use clew_domain::ids::EventId;
use clew_eventstore::backends::embedded::{self, Verified};
use clew_eventstore::backends::jetstream;
use clew_eventstore::erasure::{self, Finding, Left};
use clew_eventstore::observer::LeafSource;
use clew_eventstore::proofs::{Against, VerifierKey, directory};
use clew_eventstore::store::{EventStore, StoreError};
use clew_eventstore::vault::Vault;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Findings that are printed of each kind; more are only counted.
const SHOWN_MAX: usize = 100;

/// The arguments of `clew doctor`.
#[derive(Args)]
pub(super) struct Doctor {
    /// Make anew what is derived and damaged; facts and contents are never changed
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    place: Place,
}

impl Doctor {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let mut config = Config::resolve(&self.place, Options::default())?;
        let data = config.data.clone();
        let is_copy = cluster::is_copy(&data);
        if !is_copy && !data.join("facts").is_dir() {
            return Err(Failure::new(Exit::NotFound, format!("{} holds no log", data.display())));
        }
        let _lock = lock(&data)?;
        let sound = if is_copy {
            cluster::remembered(&mut config)?;
            examine_copy(&config, self.repair).await?
        } else {
            examine(&data, self.repair).await?
        };
        if sound { Ok(()) } else { Err(Failure::new(Exit::Failed, "damage was found; see above")) }
    }
}

/// Keeps a server from starting meanwhile.
fn lock(data: &Path) -> Result<std::fs::File, Failure> {
    let lock = std::fs::File::create(data.join("clew.lock"))?;
    lock.try_lock().map_err(|_| {
        let why = format!("the data directory {} is in use by another clew; stop it first", data.display());
        Failure::new(Exit::InUse, why)
    })?;
    Ok(lock)
}

/// Makes what a new directory from a backup lacks, and examines it.
pub(super) async fn examine_restored(data: &Path) -> Result<bool, Failure> {
    let (store, _) = embedded::Store::open(data, embedded::Options::default()).map_err(unreadable)?;
    make_hashes(data, &store).await?;
    drop(store);
    examine(data, false).await
}

/// Examines all of it and prints what it finds. Answers whether it is sound.
async fn examine(data: &Path, repair: bool) -> Result<bool, Failure> {
    let log = log(data.to_path_buf(), 0, repair, commitments).await?;
    let (store, _) = embedded::Store::open(data, embedded::Options::default()).map_err(unreadable)?;
    examine_beside(data, &store, &log, repair).await
}

/// Examines what a gateway of a cluster has: its copies of the log, which come anew where they are removed, and with the
/// contents, which the cluster has, all that is beside them.
async fn examine_copy(config: &Config, repair: bool) -> Result<bool, Failure> {
    let mut unwiped = Vec::new();
    for partition in 0..config.store_partitions {
        let copy = jetstream::copy_of(&config.data, partition);
        let verified = log(copy.clone(), partition, repair, |_| Vec::new()).await?;
        unwiped.extend(verified.unwiped);
        if !verified.damage.is_empty() {
            println!("It is not sound. Remove {}, and it is fetched anew from the cluster.", copy.display());
            return Ok(false);
        }
    }
    let store = jetstream::Store::open(&config.data, cluster::store_options(config)?).await?;
    examine_beside(&config.data, &store, &Verified { unwiped, ..Verified::default() }, repair).await
}

/// Examines all that is beside a log, against it, and says whether it is sound with the log.
async fn examine_beside<S: EventStore + LeafSource>(
    data: &Path,
    store: &S,
    log: &Verified,
    repair: bool,
) -> Result<bool, Failure> {
    if repair && make_hashes(data, store).await? {
        println!("  made anew: hashes of proofs");
    }
    let contents = contents(data, store, &log.unwiped).await?;
    let mut proofs = true;
    for partition in 0..store.partitions() {
        proofs &= self::proofs(data, store, partition).await?;
    }
    let views = views(data, store, repair)?;
    let sound = log.damage.is_empty() && contents && proofs && views;
    println!("{}", if sound { "All is sound." } else { "It is not sound." });
    Ok(sound)
}

/// Makes what the proofs need of the facts where it is not there at all, as in what comes from a backup.
async fn make_hashes<S: EventStore + LeafSource>(data: &Path, store: &S) -> Result<bool, Failure> {
    let proofs = data.join("proofs");
    let mut made = false;
    for partition in 0..store.partitions() {
        let tree = directory_of(&proofs, partition);
        if tree.is_dir() {
            let of_it = directory::make_hashes(&tree, store, partition).await;
            made |= of_it.map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        }
    }
    Ok(made)
}

/// What a fact says of contents that lie with it.
type Commitments = fn(&Fact) -> Vec<(ContentId, Commitment)>;

/// The log by itself: checksums, positions, versions, indexes, commitments.
async fn log(data: PathBuf, partition: u16, repair: bool, commitments: Commitments) -> Result<Verified, Failure> {
    let verified = tokio::task::spawn_blocking(move || {
        let bar = Progress::new(true, 0, "facts");
        let verified = embedded::verify(&data, partition, repair, commitments, |done, of| bar.at_of(done, of));
        bar.finish();
        verified
    });
    let broken_off = |error| Failure::new(Exit::Failed, format!("it broke off: {error}"));
    let verified = verified.await.map_err(broken_off)?.map_err(unreadable)?;
    println!(
        "Log: {} facts of {} streams, {} contents as their facts commit to them, {} erased.",
        verified.facts,
        verified.streams,
        verified.contents - verified.erased,
        verified.erased
    );
    list("made anew", &verified.rebuilt);
    list("DAMAGE", &verified.damage);
    Ok(verified)
}

/// What a fact says of the contents that it brings in.
fn commitments(fact: &Fact) -> Vec<(ContentId, Commitment)> {
    fact.event.brings_in().contents.iter().map(|content| (content.id, content.commitment)).collect()
}

/// The log against the keys: what is not masked opens, what is masked does not, and its bytes are gone.
async fn contents(data: &Path, store: &dyn EventStore, unwiped: &[ContentId]) -> Result<bool, Failure> {
    let vault = match Vault::open(&data.join("keys")) {
        Ok(vault) => vault,
        Err(error) => {
            are_wiped(unwiped, &BTreeSet::new());
            println!("Keys: {error}. Facts, trail and proofs can be read without them; contents can't.");
            return Ok(false);
        }
    };
    let report = erasure::verify(store, &vault).await;
    let report = report.map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    println!("Keys: {} contents open, {} are erased as the log says.", report.readable, report.erased);
    let findings: Vec<String> = report.findings.iter().map(described).collect();
    list("DAMAGE", &findings);
    if !report.unfinished.is_empty() {
        println!("Erasures: {} not completed, with which the next start goes on.", report.unfinished.len());
        let unfinished: Vec<String> = report.unfinished.iter().map(left).collect();
        list("unfinished", &unfinished);
    }
    Ok(are_wiped(unwiped, &report.unfinished_contents) && report.findings_total == 0)
}

/// Lists erased contents whose bytes are there, and says whether they all are of unfinished erasures.
fn are_wiped(unwiped: &[ContentId], unfinished: &BTreeSet<ContentId>) -> bool {
    let (to_come, left): (Vec<ContentId>, Vec<_>) = unwiped.iter().partition(|content| unfinished.contains(content));
    for (what, contents) in [("unfinished", &to_come), ("DAMAGE", &left)] {
        let lines: Vec<String> = contents.iter().map(|it| format!("content {it} is not overwritten")).collect();
        list(what, &lines);
    }
    left.is_empty()
}

fn left((of, left): (&EventId, &Left)) -> String {
    let Left { readable, ciphertexts } = left;
    format!("ordered by fact {of}: contents still readable {readable}, unreadable with a ciphertext {ciphertexts}")
}

fn described(finding: &Finding) -> String {
    match finding {
        Finding::StillReadable { content, of } => {
            format!("content {content} of fact {of} is erased by the log, and its key can still be derived")
        }
        Finding::CiphertextRemains { content, of } => {
            format!("content {content} of fact {of} is erased, and its ciphertext is still there")
        }
        Finding::Unreadable { content, of, why } => {
            format!(
                "content {content} of fact {of} can't be read, and nothing in the log says that it was erased: {why}"
            )
        }
        Finding::PuncturedContents(numbers) => format!(
            "the keys of contents {} to {} are gone, and nothing in the log says that they were erased",
            numbers.start,
            numbers.end.saturating_sub(1)
        ),
        Finding::NotForgotten(contact) => {
            format!("contact number {} is forgotten by the log, and their key can still be derived", contact.0)
        }
        Finding::PuncturedContact(contact) => {
            format!(
                "the key of contact number {} is gone, and nothing in the log says that they were forgotten",
                contact.0
            )
        }
    }
}

/// The rows of views, all of which can be made anew.
fn views(data: &Path, store: &dyn EventStore, repair: bool) -> Result<bool, Failure> {
    let examined = clew_projections::examine(&data.join("derived"), &store.head(), repair)?;
    println!("Views: {} rows of {} views.", examined.iter().map(|it| it.rows).sum::<u64>(), examined.len());
    let damaged = examined.iter().filter_map(|it| Some(format!("view {}: {}", it.name, it.damage.as_ref()?)));
    let damaged: Vec<String> = damaged.collect();
    list(
        if repair { "set aside, for the next start to make it anew" } else { "DAMAGE, which --repair mends" },
        &damaged,
    );
    Ok(repair || damaged.is_empty())
}

/// The log against what is signed of it.
async fn proofs(data: &Path, store: &dyn LeafSource, partition: u16) -> Result<bool, Failure> {
    let proofs = data.join("proofs");
    let Ok(key) = std::fs::read_to_string(proofs.join("public-key")) else {
        println!("Proofs: nothing is signed yet.");
        return Ok(true);
    };
    let key: VerifierKey = key
        .trim()
        .parse()
        .map_err(|error| Failure::new(Exit::Failed, format!("{}: {error}", proofs.join("public-key").display())))?;
    let bar = Progress::new(true, 0, "hashes and facts");
    let key = key.of_partition(partition);
    let against = Against { key: &key, since: None, witnesses: &[] };
    let mut show = |progress: clew_eventstore::proofs::examine::Progress| bar.at_of(progress.done, progress.total);
    let verdict = directory::verify(&directory_of(&proofs, partition), store, partition, against, &mut show).await;
    bar.finish();
    let verdict = verdict.map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    print!("{verdict}");
    Ok(verdict.is_sound())
}

fn list(what: &str, lines: &[String]) {
    for line in lines.iter().take(SHOWN_MAX) {
        println!("  {what}: {line}");
    }
    if lines.len() > SHOWN_MAX {
        println!("  and {} more", lines.len() - SHOWN_MAX);
    }
}

// `map_err` hands the error over by value.
#[allow(clippy::needless_pass_by_value)]
fn unreadable(error: StoreError) -> Failure {
    let exit = if error.to_string().contains("open in another process") { Exit::InUse } else { Exit::Failed };
    Failure::new(exit, error.to_string())
}
