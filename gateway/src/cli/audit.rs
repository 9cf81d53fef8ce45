//! `clew audit`: the trail of a data directory, while no server runs, and what is checked of it offline. Who reads
//! or exports the trail is recorded.

mod export;
mod key;
mod receipt;
mod replay;
mod verify;
mod witness;

use super::Failure;
use super::offline::Offline;
use crate::config::Place;
use crate::routes::audit;
use clap::{Args, Subcommand};
use clew_domain::ids::{ConversationId, StreamId};
use clew_domain::installation::DataReading;
use clew_domain::time::Timestamp;
use clew_projections::action::Action as What;
use clew_projections::audit::{Filter, Order};
use std::time::Duration;
use uuid::Uuid;

/// Entries read at once.
const PAGE: usize = 500;
/// How long the trail may take to catch up with the log before what is there is shown.
const CATCH_UP_MAX: Duration = Duration::from_secs(600);

/// The arguments of `clew audit`.
#[derive(Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Write a bundle that an auditor can check offline
    Export(export::Export),
    /// Check a bundle, or a data directory that no server has open, with the public key alone
    Verify(verify::Verify),
    /// Replay a conversation step by step, as it was
    Replay(replay::Replay),
    /// Print the public key that everything is checked with
    Key(key::Key),
    /// Ask the witnesses of the settings file to cosign the log
    Witness(witness::Witness),
    /// Check a receipt (a .tlog-proof file), offline, and show the fact in it
    Receipt(receipt::Receipt),
    /// List who did what, oldest first
    List {
        /// Of this conversation only
        #[arg(long, value_name = "ID")]
        conversation: Option<Uuid>,
        /// This action only, by its word
        #[arg(long, value_name = "WORD")]
        action: Option<String>,
        /// Recorded at this instant or later (RFC 3339)
        #[arg(long, value_name = "INSTANT")]
        from: Option<String>,
        /// Recorded before this instant (RFC 3339)
        #[arg(long, value_name = "INSTANT")]
        to: Option<String>,
        /// Print one JSON object an entry
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
}

impl Audit {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (conversation, action, from, to, json, place) = match self.action {
            Action::Export(command) => return command.run().await,
            Action::Verify(command) => return command.run().await,
            Action::Replay(command) => return command.run().await,
            Action::Key(command) => return command.run(),
            Action::Witness(command) => return command.run().await,
            Action::Receipt(command) => return command.run(),
            Action::List { conversation, action, from, to, json, place } => {
                (conversation, action, from, to, json, place)
            }
        };
        let filter = Filter {
            stream: conversation.map(|id| StreamId::from(ConversationId(id))),
            action: action.as_deref().map(word).transpose()?,
            from: from.as_deref().map(instant).transpose()?,
            to: to.as_deref().map(instant).transpose()?,
            ..Filter::default()
        };
        let desk = Offline::open(&place).await?;
        let listed = list(&desk, &filter, json).await;
        desk.close().await;
        listed
    }
}

fn word(text: &str) -> Result<What, Failure> {
    text.parse().map_err(|_| super::Failure::new(super::Exit::Usage, format!("'{text}' is no action of the trail")))
}

fn instant(text: &str) -> Result<Timestamp, Failure> {
    text.parse().map_err(|error| super::Failure::new(super::Exit::Usage, format!("'{text}': {error}")))
}

async fn list(desk: &Offline, filter: &Filter, json: bool) -> Result<(), Failure> {
    let app = &desk.app.state;
    desk.record_reading(DataReading::AuditTrail).await?;
    let trail = app.projections.audit();
    trail
        .wait_for(&app.store.head(), CATCH_UP_MAX)
        .await
        .map_err(|behind| Failure::new(super::Exit::Failed, behind.to_string()))?;
    let workspace = desk.workspace();
    let mut cursor = None;
    loop {
        let page = trail.page(filter, Order::Oldest, cursor.as_deref(), PAGE).map_err(crate::error::Problem::from)?;
        for entry in page.items {
            let entry = audit::view(&workspace, entry);
            if json {
                println!("{}", serde_json::json!(entry));
            } else {
                println!("{}", entry.line());
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(());
        }
    }
}
