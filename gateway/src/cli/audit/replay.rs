//! `clew audit replay`: a conversation as it was, step by step, from the log. That it was replayed is recorded.

use super::instant;
use crate::cli::Failure;
use crate::cli::offline::Offline;
use crate::config::Place;
use crate::replay::Recorded;
use clap::Args;
use clew_domain::ids::ConversationId;
use clew_domain::installation::DataReading;
use uuid::Uuid;

/// The arguments of `clew audit replay`.
#[derive(Args)]
pub(in crate::cli) struct Replay {
    /// Which conversation
    conversation: Uuid,

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
        let replayed = async {
            // Names of contacts are looked up in the views.
            desk.catch_up().await?;
            let conversation = ConversationId(self.conversation);
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
