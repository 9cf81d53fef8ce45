//! `clew sla`: why clocks of service levels say what they say, and what another policy would have come to; read from
//! a data directory, while no server runs. Nothing is written to the log.

mod bench;
mod explain;
mod log;
mod report;
mod rules_file;
mod what_if;

use super::{Exit, Failure};
use clap::{Args, Subcommand};
use clew_domain::time::Timestamp;

/// The arguments of `clew sla`.
#[derive(Args)]
pub(super) struct Sla {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Say of each clock of a conversation which time it counted, and which it left out and why
    Explain(explain::Explain),
    /// Count what would have been breached under another policy or calendar, against what was
    WhatIf(what_if::WhatIf),
    /// Measure the view on this machine, over many open conversations, in a directory of its own
    Bench(bench::Bench),
}

impl Sla {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::Explain(command) => command.run().await,
            Action::WhatIf(command) => command.run(),
            Action::Bench(command) => command.run(),
        }
    }
}

fn instant(text: &str) -> Result<Timestamp, Failure> {
    let why = |error| format!("'{text}' is no instant ({error}); write one as 2026-11-20T16:45:00Z");
    text.parse().map_err(|error| Failure::new(Exit::Usage, why(error)))
}
