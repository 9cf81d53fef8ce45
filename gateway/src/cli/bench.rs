//! `clew bench`: measures this machine with data of its own, in a directory of its own. Never looks at real data.

mod projections;

use super::Failure;
use clap::{Args, Subcommand};

/// The arguments of `clew bench`.
#[derive(Args)]
pub(super) struct Bench {
    #[command(subcommand)]
    of: Of,
}

#[derive(Subcommand)]
enum Of {
    /// Rebuild projections from a log made for it, ask for pages, follow events as they arrive
    Projections(projections::Projections),
}

impl Bench {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self.of {
            Of::Projections(command) => command.run().await,
        }
    }
}
