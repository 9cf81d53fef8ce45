//! `clew mask status`: what the log orders to be erased, and what each order has still to reach. A running server is
//! asked, else the files are read; nothing of what was erased is shown, for nothing of it is there.

use super::Failure;
use super::keys::{data_of, tell};
use crate::config::Place;
use crate::control::Ask;
use clap::{Args, Subcommand};

/// The arguments of `clew mask`.
#[derive(Args)]
pub(super) struct Mask {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List what is not erased everywhere yet
    Status {
        /// List every mask, also those that have nothing left to reach
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        place: Place,
    },
}

impl Mask {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let Action::Status { all, place } = self.action;
        tell(&data_of(&place)?, Ask::MaskStatus { all }).await
    }
}
