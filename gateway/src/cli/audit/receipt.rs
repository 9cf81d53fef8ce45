//! `clew audit receipt`: whether a receipt holds, and what it proves.

use super::verify::{public_key, read};
use crate::cli::{Exit, Failure};
use clap::Args;
use clew_eventstore::codec;
use clew_eventstore::proofs::receipt;
use std::path::PathBuf;

/// The arguments of `clew audit receipt`.
#[derive(Args)]
pub(in crate::cli) struct Receipt {
    /// The .tlog-proof file
    file: PathBuf,

    /// Public key of the log, or a file that holds it; from a source that you trust
    #[arg(long, value_name = "KEY")]
    key: String,
}

impl Receipt {
    pub(super) fn run(self) -> Result<(), Failure> {
        let (key, text) = (public_key(&self.key)?, read(&self.file)?);
        // A receipt of a partition is signed with the log's key under a name of its own.
        let named = |partition: &u16| text.lines().any(|line| line == key.of_partition(*partition).name());
        let key = (0..=u8::MAX.into()).find(named).map_or(key.clone(), |partition| key.of_partition(partition));
        let receipt = receipt::Receipt::open(&text, &key)
            .map_err(|error| Failure::new(Exit::Failed, format!("the receipt does not hold: {error}")))?;
        let (number, signed) = (receipt.index + 1, receipt.checkpoint.checkpoint());
        println!(
            "The receipt holds: this is fact {number} of the log of {}, signed with {} facts.",
            key.name(),
            signed.size
        );
        match codec::decode(&receipt.leaf) {
            Ok(fact) => {
                let event = serde_json::to_string(&fact.event).map_err(std::io::Error::from)?;
                println!("recorded at  {}\noccurred at  {}", fact.recorded_at, fact.occurred_at);
                println!(
                    "stream       {}, version {}\nactor        {:?}\nevent        {event}",
                    fact.stream, fact.version, fact.actor
                );
            }
            Err(error) => println!("What it says can't be shown: {error}."),
        }
        Ok(())
    }
}
