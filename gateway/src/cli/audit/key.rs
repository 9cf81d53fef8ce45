//! `clew audit key`: the public key of the log, whether a server runs or not.

use super::verify::read;
use crate::cli::{Exit, Failure};
use crate::config::{Config, Options, Place};
use crate::proofs;
use clap::Args;
use clew_eventstore::proofs::VerifierKey;

/// The arguments of `clew audit key`.
#[derive(Args)]
pub(in crate::cli) struct Key {
    #[command(flatten)]
    place: Place,
}

impl Key {
    pub(super) fn run(self) -> Result<(), Failure> {
        let data = Config::resolve(&self.place, Options::default())?.data;
        let path = data.join("proofs").join(proofs::PUBLIC_KEY);
        let key: VerifierKey =
            read(&path)?.parse().map_err(|error| Failure::new(Exit::Failed, format!("{}: {error}", path.display())))?;
        println!("{key}");
        Ok(())
    }
}
