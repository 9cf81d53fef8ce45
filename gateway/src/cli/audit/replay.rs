//! `clew audit replay`: a conversation as it was, step by step, from the log. That it was replayed is recorded.

use super::instant;
use crate::cli::offline::Offline;
use crate::cli::{Exit, Failure};
use crate::config::Place;
use crate::error::Problem;
use crate::replay::Recorded;
use clap::Args;
use clew_domain::ids::ConversationId;
use clew_domain::installation::DataReading;
use clew_eventstore::proofs::digests::{self, Replayed};
use clew_eventstore::store::{EventStore, StoreError};
use uuid::Uuid;

/// The arguments of `clew audit replay`.
#[derive(Args)]
pub(in crate::cli) struct Replay {
    /// Which conversation
    #[arg(required_unless_present = "digests", conflicts_with = "digests")]
    conversation: Option<Uuid>,

    /// Replay everything instead, and say whether it leads to what the views were recorded to have shown
    #[arg(long, conflicts_with_all = ["at", "json"])]
    digests: bool,

    /// Replay what was recorded up to this instant (RFC 3339) [default: all there is]
    #[arg(long, value_name = "INSTANT")]
    at: Option<String>,

    /// Print one JSON object a step
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: Place,
}

impl Replay {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let at = self.at.as_deref().map(instant).transpose()?;
        let desk = Offline::open(&self.place).await?;
        let Some(conversation) = self.conversation else {
            let replayed = replay_all(desk.app.state.store.as_ref()).await;
            desk.close().await;
            return told(&replayed.map_err(Problem::from)?);
        };
        let replayed = async {
            // Names of contacts are looked up in the views.
            desk.catch_up().await?;
            let conversation = ConversationId(conversation);
            let recorded = Recorded::read(&desk.app.state, conversation).await?;
            recorded.started()?;
            desk.record_reading(DataReading::Replay(conversation)).await?;
            Ok(recorded.replay(&desk.app.state, &desk.workspace(), at).await?)
        };
        let replayed: Result<_, Failure> = replayed.await;
        desk.close().await;
        let replay = replayed?;
        for step in &replay.steps {
            if self.json {
                println!("{}", serde_json::json!(step));
            } else {
                println!("{}", step.lines());
            }
        }
        if let Some(last) = replay.steps.last().filter(|_| !self.json) {
            println!("\nAfter step {} the conversation stands so:\n{}", last.version, last.state.lines());
        }
        Ok(())
    }
}

/// What every partition came to.
async fn replay_all(store: &dyn EventStore) -> Result<Replayed, StoreError> {
    let mut all = Replayed::default();
    for partition in 0..store.partitions() {
        let replayed = digests::replay(store, partition, &mut |_| {}).await?;
        all.agreeing += replayed.agreeing;
        all.elsewhere += replayed.elsewhere;
        all.findings.extend(replayed.findings);
    }
    Ok(all)
}

fn told(replayed: &Replayed) -> Result<(), Failure> {
    println!("Records of what was shown that agree with the log replayed: {}.", replayed.agreeing);
    if replayed.elsewhere > 0 {
        println!(
            "Of before the log was moved and parted otherwise, to be checked where it was: {}.",
            replayed.elsewhere
        );
    }
    replayed.findings.iter().for_each(|finding| println!("{finding}"));
    if replayed.findings.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, format!("{} do not", replayed.findings.len())))
}
