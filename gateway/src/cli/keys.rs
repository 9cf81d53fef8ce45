//! `clew keys`: the state of the keys, a new key for all of them, and custody copies. One process alone holds the
//! keys: a running server is asked, else the files are opened. What a custody copy is good for stands in
//! `docs/masking.md`.

use super::{Exit, Failure};
use crate::clock::Clock;
use crate::config::{Config, Options, Place};
use crate::control::{self, Answer, Ask, AskKeys};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use clew_eventstore::erasure::CHECKPOINT_FILE;
use clew_eventstore::vault::{PASSPHRASE_CHARACTERS_MIN, Vault, VaultError};
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
    /// Let a gateway in that waits for the keys of its cluster: they are handed over sealed for it alone
    Admit {
        /// The name that the waiting gateway shows
        gateway: String,
        /// The code that it shows
        code: String,
        #[command(flatten)]
        place: Place,
    },
    /// Wait no more for a gateway that is gone for good: masks are complete without it
    Dismiss {
        /// Its name, as `clew keys state` shows it
        gateway: String,
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
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::State { place } => tell(&data_of(&place)?, Ask::Keys(AskKeys::State)).await,
            Action::Rotate { place } => tell(&data_of(&place)?, Ask::Keys(AskKeys::Rotate)).await,
            Action::Export { holder, file, place } => export(&data_of(&place)?, holder, &file).await,
            Action::Import { file, place } => import(&data_of(&place)?, &file),
            Action::Admit { gateway, code, place } => {
                tell(&data_of(&place)?, Ask::Keys(AskKeys::Admit { gateway, code })).await
            }
            Action::Dismiss { gateway, place } => {
                tell(&data_of(&place)?, Ask::Keys(AskKeys::Dismiss { gateway })).await
            }
            Action::Destroyed { copy, place } => {
                tell(&data_of(&place)?, Ask::Keys(AskKeys::CopyDestroyed { copy })).await
            }
        }
    }
}

pub(super) fn data_of(place: &Place) -> Result<PathBuf, Failure> {
    Ok(Config::resolve(place, Options::default())?.data)
}

/// Asks, and prints what is answered.
pub(super) async fn tell(data: &Path, ask: Ask) -> Result<(), Failure> {
    match control::answer_for(data, ask).await? {
        Answer::Text(text) | Answer::Copy(text) => {
            print!("{text}");
            Ok(())
        }
        Answer::Missing(why) => Err(Failure::new(Exit::NotFound, why)),
        Answer::Failed(why) => Err(Failure::new(Exit::Failed, why)),
    }
}

async fn export(data: &Path, holder: String, file: &Path) -> Result<(), Failure> {
    let told = format!(
        "{holder} holds a copy from now on: what is masked later can be brought back by it until it is destroyed."
    );
    let passphrase = passphrase()?;
    if passphrase.chars().count() < PASSPHRASE_CHARACTERS_MIN {
        return Err(VaultError::WeakPassphrase.into());
    }
    // Made first, so that a state never speaks of a copy for which there was no file.
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    let ask = Ask::Keys(AskKeys::Export { holder, passphrase: passphrase.to_string() });
    let copy = match control::answer_for(data, ask).await {
        Ok(Answer::Copy(copy)) => STANDARD.decode(copy).map_err(|error| error.to_string()),
        Ok(Answer::Failed(why) | Answer::Missing(why) | Answer::Text(why)) => Err(why),
        Err(error) => {
            drop(std::fs::remove_file(file));
            return Err(error.into());
        }
    };
    let copy = copy.map_err(|why| {
        drop(std::fs::remove_file(file));
        Failure::new(Exit::Failed, why)
    })?;
    out.write_all(&copy)?;
    out.sync_all()?;
    println!("{told}");
    Ok(())
}

fn import(data: &Path, file: &Path) -> Result<(), Failure> {
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
