//! `clew backup` and `clew restore`: a copy of the data directory that may be made while a server runs, and a data
//! directory from such a copy. Neither touches a key; what that means for masks stands in `docs/operating.md`.

use super::doctor;
use super::progress::Progress;
use super::{Exit, Failure};
use crate::clock::Clock;
use crate::cluster;
use crate::config::{Config, Options, Place};
use crate::proofs::PUBLIC_KEY;
use clap::Args;
use clew_eventstore::backup::{self, BackupError};
use clew_eventstore::proofs::SigningKey;
use clew_eventstore::vault::KEK_FILE;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The arguments of `clew backup`.
#[derive(Args)]
pub(super) struct Backup {
    /// Directory of the backup: a new one, or the one of an earlier backup, which is brought up to date
    directory: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// The arguments of `clew restore`.
#[derive(Args)]
pub(super) struct Restore {
    /// Directory of the backup
    backup: PathBuf,
    /// Directory with the keys to use, as `keys` in the data directory that the backup was made of; its server must
    /// be stopped. Without it, `clew keys import` puts them in place later
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// File with the key that signs the log, as `proofs/signing-key` in the data directory that the backup was made of
    #[arg(long, value_name = "FILE")]
    signing_key: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

impl Backup {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let data = Config::resolve(&self.place, Options::default())?.data;
        if cluster::is_copy(&data) {
            let why = "this is a gateway of a cluster: back up the streams with the tools of NATS (`nats stream backup`), \
                       and the keys with `clew keys export`";
            return Err(Failure::new(Exit::Refused, why));
        }
        let into = self.directory;
        let now = Clock::system().now();
        let made = off_the_runtime(move || {
            let bar = Progress::new(true, 0, "files");
            let made = backup::make(&data, &into, now, |done, of| bar.at_of(done as u64, of as u64))?;
            backup::check(&into, |done, of| bar.at_of(done as u64, of as u64))?;
            bar.finish();
            Ok(made)
        });
        let made = made.await?;
        println!(
            "The backup holds {} facts. {} files were copied ({} bytes), {} were there already, {} are not needed any \
             more and were removed. Every file was read back and matches.",
            made.facts, made.copied, made.bytes_copied, made.kept, made.removed
        );
        println!("It holds no key: keep a custody copy elsewhere (clew keys export).");
        Ok(())
    }
}

impl Restore {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let data = Config::resolve(&self.place, Options::default())?.data;
        if let Some(keys) = &self.keys
            && !keys.join(KEK_FILE).is_file()
        {
            let why = format!("{} holds no keys: there is no file {KEK_FILE} in it", keys.display());
            return Err(Failure::new(Exit::NotFound, why));
        }
        let (backup, to) = (self.backup, data.clone());
        let (keys, signing_key) = (self.keys, self.signing_key);
        let manifest = off_the_runtime(move || {
            let bar = Progress::new(true, 0, "files");
            let manifest = backup::restore(&backup, &to, |done, of| bar.at_of(done as u64, of as u64))?;
            bar.finish();
            if let Some(keys) = keys {
                copy_keys(&keys, &to.join("keys"))?;
            }
            let signs = signing_key.map(|file| copy_signing_key(&file, &to.join("proofs"))).transpose();
            Ok((manifest, signs))
        });
        let (manifest, signs) = manifest.await?;
        println!("{} facts are restored to {}.", manifest.facts, data.display());
        let sound = doctor::examine_restored(&data).await?;
        if !data.join("keys").exists() {
            println!(
                "There are no keys yet: put back the keys directory, or run clew keys import FILE --data {}.",
                data.display()
            );
        }
        if !data.join("proofs/signing-key").exists() {
            println!(
                "The key that signs the log is not in a backup: put it back as {}/proofs/signing-key before the \
                 server starts.",
                data.display()
            );
        }
        if !sound {
            return Err(Failure::new(Exit::Failed, "what was restored is not sound"));
        }
        signs.map(|_| ())
    }
}

/// Puts the key in place that signs the log, if it is the one whose public key came with the backup.
fn copy_signing_key(from: &Path, proofs: &Path) -> Result<(), Failure> {
    let failed = |error: &dyn Display| Failure::new(Exit::Failed, format!("{}: {error}", from.display()));
    let secret = Zeroizing::new(std::fs::read_to_string(from).map_err(|error| failed(&error))?);
    let key = SigningKey::from_secret_text(&secret).map_err(|error| failed(&error))?.verifier();
    if let Ok(public) = std::fs::read_to_string(proofs.join(PUBLIC_KEY))
        && public.trim() != key.to_string()
    {
        let why = format!(
            "{} is the key of another log and was not put in place; this log was signed by {}",
            from.display(),
            public.trim()
        );
        return Err(Failure::new(Exit::Failed, why));
    }
    copy(from, &proofs.join("signing-key"))
}

/// Copies the files of the keys; the ones that are left behind must be destroyed by whoever owns them.
fn copy_keys(from: &Path, to: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(std::fs::File::open(to)?.sync_all()?)
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let failed =
        |error| Failure::new(Exit::Failed, format!("can't copy {} to {}: {error}", from.display(), to.display()));
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    // Permissions come along: keys stay readable by their owner alone.
    std::fs::copy(from, to).and_then(|_| std::fs::File::open(to)?.sync_all()).map_err(failed)
}

async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Failure::new(Exit::Failed, format!("it broke off: {error}"))))
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        let exit = match &error {
            BackupError::NotABackup(_) | BackupError::NoLog(_) => Exit::NotFound,
            BackupError::NotEmpty(_) => Exit::Refused,
            BackupError::InUse(_) => Exit::InUse,
            _ => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}
