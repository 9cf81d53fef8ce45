//! `clew audit verify`: a verdict on a bundle or a data directory, from its files and the public key alone.

use crate::cli::{Exit, Failure};
use crate::proofs::directory_of;
use clap::Args;
use clew_eventstore::backends::embedded::{self as store, Store};
use clew_eventstore::backends::jetstream::copy_of;
use clew_eventstore::proofs::bundle::{Against, of_partition, verify};
use clew_eventstore::proofs::examine::Progress;
use clew_eventstore::proofs::{Finding, ProofError, Verdict, VerifierKey, digests, directory};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// The arguments of `clew audit verify`.
#[derive(Args)]
pub(in crate::cli) struct Verify {
    /// Directory that was exported, or a data directory that no server has open; also one whose log was moved
    directory: PathBuf,

    /// Public key of the log, or a file that holds it; from a source that you trust, not from the bundle
    #[arg(long, value_name = "KEY")]
    key: String,

    /// File with a checkpoint that you kept before: the log must continue it
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,

    /// Public key of a witness that you trust, or a file that holds it; may be given several times
    #[arg(long, value_name = "KEY")]
    witness: Vec<String>,
}

impl Verify {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let key = public_key(&self.key)?;
        let witnesses = self.witness.iter().map(|key| public_key(key)).collect::<Result<Vec<_>, _>>()?;
        let since = self.since.as_deref().map(read).transpose()?;
        let against = Against { key: &key, since: since.as_deref(), witnesses: &witnesses };
        let bar = bar();
        let verdicts = if self.directory.join("facts").is_dir() {
            examine(&self.directory, None, against, &bar).await.map(|verdict| vec![verdict])
        } else if is_copy(&self.directory, 0) {
            examine_copies(&self.directory, against, &bar).await
        } else {
            bundles(&self.directory, against, &bar)
        };
        bar.finish_and_clear();
        let verdicts = verdicts?;
        for verdict in &verdicts {
            print!("{verdict}");
        }
        if verdicts.iter().all(Verdict::is_sound) {
            return Ok(());
        }
        Err(Failure::new(Exit::Failed, "what was recorded is not sound"))
    }
}

/// Examines a bundle, or those of all partitions that lie in a directory: each is signed with the log's key under a name of
/// its own. A checkpoint that was kept before is of one of them.
fn bundles(directory: &Path, against: Against<'_>, bar: &ProgressBar) -> Result<Vec<Verdict>, Failure> {
    let mut show = |progress: Progress| show(bar, progress);
    let failed = |error: ProofError| Failure::new(Exit::NotFound, error.to_string());
    if !directory.join(of_partition(0)).is_dir() {
        return Ok(vec![verify(directory, against, &mut show).map_err(failed)?]);
    }
    let there = (0..).take_while(|partition| directory.join(of_partition(*partition)).is_dir());
    let mut verdicts = Vec::new();
    for partition in there {
        let key = against.key.of_partition(partition);
        let since = against.since.filter(|text| text.lines().next() == Some(key.name()));
        let against = Against { key: &key, since, witnesses: against.witnesses };
        verdicts.push(verify(&directory.join(of_partition(partition)), against, &mut show).map_err(failed)?);
    }
    Ok(verdicts)
}

/// Examines the copies of all partitions that a gateway of a cluster has. A checkpoint that was kept before is of one
/// of them.
async fn examine_copies(data: &Path, against: Against<'_>, bar: &ProgressBar) -> Result<Vec<Verdict>, Failure> {
    let mut verdicts = Vec::new();
    for partition in (0..).take_while(|partition| is_copy(data, *partition)) {
        let key = against.key.of_partition(partition);
        let since = against.since.filter(|text| text.lines().next() == Some(key.name()));
        let against = Against { key: &key, since, witnesses: against.witnesses };
        verdicts.push(examine(data, Some(partition), against, bar).await?);
    }
    Ok(verdicts)
}

/// Whether a directory holds a gateway's copy of a partition; in what was exported lie bundles under the same names.
fn is_copy(data: &Path, partition: u16) -> bool {
    copy_of(data, partition).join("facts").is_dir()
}

/// Examines a data directory, or in it the copy of a partition. A log that does not even open is a finding like any
/// other.
async fn examine(data: &Path, copy: Option<u16>, against: Against<'_>, bar: &ProgressBar) -> Result<Verdict, Failure> {
    let lock = File::open(data.join("clew.lock"));
    if lock.as_ref().is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock))) {
        let why = format!("the data directory {} is in use by another clew; stop it first", data.display());
        return Err(Failure::new(Exit::InUse, why));
    }
    let partition = copy.unwrap_or(0);
    let dir = copy.map_or_else(|| data.to_owned(), |partition| copy_of(data, partition));
    let options = store::Options { partition, ..store::Options::default() };
    let opened = tokio::task::spawn_blocking(move || Store::open(&dir, options)).await;
    let store = match opened.map_err(|error| Failure::new(Exit::Failed, error.to_string()))? {
        Ok((store, _)) => store,
        Err(error) => {
            let finding = Finding::Unreadable { path: "of facts or contents".into(), why: error.to_string() };
            return Ok(Verdict {
                origin: against.key.name().to_owned(),
                findings: vec![finding],
                ..Verdict::default()
            });
        }
    };
    let proofs = directory_of(&data.join("proofs"), partition);
    let mut told = |progress: Progress| show(bar, progress);
    let verdict = directory::verify(&proofs, &store, partition, against, &mut told).await;
    let mut verdict = verdict.map_err(|error| Failure::new(Exit::NotFound, error.to_string()))?;
    if partition > 0 {
        // What was shown of it is recorded in the first.
        return Ok(verdict);
    }
    match digests::replay(&store, 0, &mut told).await {
        Ok(replayed) => {
            verdict.digests = replayed.agreeing;
            verdict.digests_elsewhere = replayed.elsewhere;
            verdict.findings.extend(replayed.findings);
        }
        // What can't be read was named with the facts.
        Err(_) if !verdict.is_sound() => {}
        Err(error) => verdict.findings.push(Finding::Unreadable { path: "of facts".into(), why: error.to_string() }),
    }
    Ok(verdict)
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:12} {wide_bar} {percent}%  {pos} of {len}, {eta} left");
    ProgressBar::new(0).with_style(style.expect("the template is well formed"))
}

fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_message(progress.stage);
    bar.set_length(progress.total);
    bar.set_position(progress.done);
}

/// A public key, given as text or as the file that holds it.
pub(super) fn public_key(given: &str) -> Result<VerifierKey, Failure> {
    let text = if Path::new(given).is_file() { read(Path::new(given))? } else { given.to_owned() };
    text.parse().map_err(|error| Failure::new(Exit::Usage, format!("{given}: {error}")))
}

pub(super) fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::new(Exit::NotFound, format!("can't read {}: {error}", path.display())))
}
