//! `clew serve`: runs the server until it is told to stop.

use super::Failure;
use crate::config::{Config, Options, Place};
use clap::Args;

/// The arguments of `clew serve`.
#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    options: Options,
}

impl Serve {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let config = Config::resolve(&self.place, self.options)?;
        let _ = config;
        Ok(())
    }
}
