//! `clew keys`: the state of the keys, a new key for all of them, and custody copies. The server must not run: one
//! process alone holds the keys. What a custody copy is good for stands in `docs/masking.md`.

use super::{Exit, Failure};
use crate::clock::Clock;
use crate::config::{Config, Options, Place};
use clap::{Args, Subcommand};
use clew_domain::time::Timestamp;
use clew_eventstore::erasure::CHECKPOINT_FILE;
use clew_eventstore::vault::{Vault, VaultError, VaultStatus};
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{BufRead, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The arguments of `clew keys`.
#[derive(Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show how many keys are destroyed, and who holds custody copies
    State {
        #[command(flatten)]
        place: Place,
    },
    /// Put the key state under a new key and destroy the one before
    Rotate {
        #[command(flatten)]
        place: Place,
    },
    /// Write a custody copy of all keys to a new file, under the passphrase that is the first line of standard input
    Export {
        /// Who will hold the copy
        #[arg(long, value_name = "NAME")]
        holder: String,
        /// File to make
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Make keys from a custody copy, with its passphrase on standard input; keys that are there and do not open are
    /// set aside
    Import {
        /// The custody copy
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Record that a custody copy was destroyed
    Destroyed {
        /// The number that `clew keys state` shows for it
        copy: u64,
        #[command(flatten)]
        place: Place,
    },
}

impl Keys {
    // Every command's `run` is async; this one's work is the disk's alone.
    #[allow(clippy::unused_async)]
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::State { place } => {
                let (_, vault) = open(&place)?;
                print!("{}", described(&vault.status()?));
                Ok(())
            }
            Action::Rotate { place } => {
                let (_, vault) = open(&place)?;
                vault.rotate()?;
                println!("The keys are under a new key; the one before is overwritten.");
                Ok(())
            }
            Action::Export { holder, file, place } => export(&place, &holder, &file),
            Action::Import { file, place } => import(&place, &file),
            Action::Destroyed { copy, place } => {
                let (_, vault) = open(&place)?;
                let known = vault.forget_custody(copy)?;
                known.then_some(()).ok_or_else(|| Failure::new(Exit::NotFound, format!("there is no copy {copy}")))
            }
        }
    }
}

fn open(place: &Place) -> Result<(PathBuf, Vault), Failure> {
    let data = Config::resolve(place, Options::default())?.data;
    let vault = Vault::open(&data.join("keys"))?;
    Ok((data, vault))
}

fn described(status: &VaultStatus) -> String {
    let mut text = format!(
        "Generation {}: {} contents and {} contacts are erased for good; the state takes {} bytes.\n",
        status.generation, status.contents_punctured, status.contacts_punctured, status.state_bytes
    );
    if status.custody.is_empty() {
        text += "Nobody holds a custody copy: if the key file is lost, all contents are.\n";
    }
    for copy in &status.custody {
        let at = Timestamp::from_micros(copy.exported_at_micros);
        let behind = status.generation - copy.generation;
        let age = if behind == 0 { "current".to_owned() } else { format!("{behind} changes behind") };
        let (number, holder) = (copy.generation, &copy.holder);
        writeln!(text, "Custody copy {number}: held by {holder}, made {at}, {age}.").expect("a String takes all");
    }
    text
}

fn export(place: &Place, holder: &str, file: &Path) -> Result<(), Failure> {
    let (_, vault) = open(place)?;
    let passphrase = passphrase()?;
    // Made first, so that a state never speaks of a copy for which there was no file.
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    let copy = vault.export_custody(holder, Clock::system().now(), &passphrase);
    let copy = copy.inspect_err(|_| drop(std::fs::remove_file(file)))?;
    out.write_all(&copy)?;
    out.sync_all()?;
    println!(
        "{holder} holds a copy from now on: what is masked later can be brought back by it until it is destroyed."
    );
    Ok(())
}

fn import(place: &Place, file: &Path) -> Result<(), Failure> {
    let data = Config::resolve(place, Options::default())?.data;
    let keys = data.join("keys");
    let copy = std::fs::read(file)?;
    let passphrase = passphrase()?;
    let aside = match Vault::open(&keys) {
        Ok(_) => {
            let why = format!("the keys in {} are whole; nothing is put over them", keys.display());
            return Err(Failure::new(Exit::Refused, why));
        }
        Err(VaultError::KekLost { .. } | VaultError::Damaged { .. }) => {
            Some(data.join(format!("keys.set-aside-{}", Clock::system().now().micros())))
        }
        Err(VaultError::NoKeys { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    // Tried beside first: a wrong passphrase must change nothing.
    let imported = data.join("keys.imported");
    drop(Vault::import_custody(&imported, &copy, &passphrase)?);
    if let Some(aside) = &aside {
        std::fs::rename(&keys, aside)?;
        println!("The keys that do not open are in {} now.", aside.display());
    }
    std::fs::rename(&imported, &keys)?;
    // Without it, the next start erases again whatever the log says is erased.
    for checkpoint in [data.join(CHECKPOINT_FILE), data.join("derived").join(CHECKPOINT_FILE)] {
        if checkpoint.exists() {
            std::fs::remove_file(checkpoint)?;
        }
    }
    println!("The keys are in place. The next start erases again what the log says is erased.");
    Ok(())
}

fn passphrase() -> Result<Zeroizing<String>, Failure> {
    let mut line = Zeroizing::new(String::with_capacity(256));
    std::io::stdin().lock().read_line(&mut line)?;
    let kept = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(kept);
    Ok(line)
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        let exit = match &error {
            VaultError::InUse { .. } => Exit::InUse,
            VaultError::NoKeys { .. } => Exit::NotFound,
            VaultError::WeakPassphrase | VaultError::WrongPassphrase | VaultError::NotACustodyCopy => Exit::Usage,
            _ => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}
