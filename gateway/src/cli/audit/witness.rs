//! `clew audit witness`: asks the witnesses of the settings file to cosign the log, while no server runs.

use crate::cli::offline::Offline;
use crate::cli::{Exit, Failure};
use crate::config::Place;
use crate::error::Problem;
use crate::witnesses;
use clap::Args;
use clew_domain::time::Timestamp;

/// The arguments of `clew audit witness`.
#[derive(Args)]
pub(in crate::cli) struct Witness {
    #[command(flatten)]
    place: Place,
}

impl Witness {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let desk = Offline::open(&self.place).await?;
        let state = &desk.app.state;
        let asked = witnesses::configured(state);
        let done = if asked.is_empty() { None } else { Some(witnesses::ask_all(&state.proofs, &asked).await) };
        desk.close().await;
        let Some(done) = done else {
            let why = "the settings name no witness: put [[witnesses]] with url and key into the file of --config";
            return Err(Failure::new(Exit::Usage, why));
        };
        let mut refused = 0;
        for (signed, outcomes) in done.map_err(Problem::from)? {
            let (size, origin) = (signed.checkpoint().size, &signed.checkpoint().origin);
            for outcome in outcomes {
                match outcome.result {
                    Ok(at) => {
                        let at = i64::try_from(at).unwrap_or(i64::MAX).saturating_mul(1_000_000);
                        let at = Timestamp::from_micros(at);
                        println!("{} cosigned the first {size} facts of {origin} at {at}.", outcome.witness);
                    }
                    Err(why) => {
                        refused += 1;
                        println!("{} did not cosign {origin}: {why}.", outcome.witness);
                    }
                }
            }
        }
        if refused == 0 {
            return Ok(());
        }
        Err(Failure::new(Exit::Failed, format!("{refused} of the witnesses did not cosign")))
    }
}
