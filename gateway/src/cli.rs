//! The command line: which commands there are, and what their exit codes mean. Each command is a file in `cli/`.

mod audit;
mod backup;
mod bench;
mod doctor;
mod export;
mod failure;
mod import;
mod keys;
mod mask;
mod migrate;
mod offline;
mod progress;
mod projections;
mod remote;
mod serve;
mod sla;
mod token;
mod transcript;
mod user;

pub use failure::{Exit, Failure};

use clap::{Parser, Subcommand};
use std::process::ExitCode;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed
  2  the command line or a setting is wrong
  3  what was named is not there
  4  the data directory is in use by another clew
  5  refused: the rules of the workspace do not allow it
  6  done in part: some lines of the input were rejected";

/// Clew, the back end of a customer-care desk.
#[derive(Parser)]
#[command(name = "clew", version, after_help = EXIT_CODES, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve(Box<serve::Serve>),
    /// Take in the messages of a file, while no server runs
    Import(import::Import),
    /// Write all conversations as JSON, one a line, while no server runs
    Export(export::Export),
    /// Print a conversation as text, while no server runs
    Transcript(transcript::Transcript),
    /// Manage accounts, while no server runs
    User(user::User),
    /// Manage bearer tokens for programs, while no server runs
    Token(token::Token),
    /// Read the audit trail, while no server runs
    Audit(audit::Audit),
    /// Explain clocks of service levels, and try other policies on the past, while no server runs
    Sla(sla::Sla),
    /// Watch, rebuild, compare and exchange the views of the log
    Projections(projections::Projections),
    /// Show, rotate, export and import the keys
    Keys(keys::Keys),
    /// Copy the data directory to a backup, also while a server runs; what has not changed is not copied again
    Backup(backup::Backup),
    /// Make a data directory from a backup
    Restore(backup::Restore),
    /// Move the log between a directory and a cluster, while no server runs
    ///
    /// With one partition on the cluster it stays the same log. With several, each fact keeps all but its position:
    /// positions and receipts of before do not hold in the new log, which is signed with the same key under another
    /// name. The old directory is kept for what was signed before. Interrupted, the same command goes on where it was.
    Migrate(Box<migrate::Migrate>),
    /// Examine every byte of the data directory, while no server runs
    Doctor(doctor::Doctor),
    /// Show what masks have still to reach
    Mask(mask::Mask),
    /// Measure how fast this machine runs Clew
    Bench(bench::Bench),
}

impl Command {
    async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Serve(command) => command.run().await,
            Self::Import(command) => command.run().await,
            Self::Export(command) => command.run().await,
            Self::Transcript(command) => command.run().await,
            Self::User(command) => command.run().await,
            Self::Token(command) => command.run().await,
            Self::Audit(command) => command.run().await,
            Self::Sla(command) => command.run().await,
            Self::Projections(command) => command.run().await,
            Self::Keys(command) => command.run().await,
            Self::Backup(command) => command.run().await,
            Self::Restore(command) => command.run().await,
            Self::Migrate(command) => command.run().await,
            Self::Doctor(command) => command.run().await,
            Self::Mask(command) => command.run().await,
            Self::Bench(command) => command.run().await,
        }
    }
}

/// Runs the program that the command line asks for.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(cli.command.run()),
        Err(error) => Err(Failure::new(Exit::Failed, format!("can't start the runtime: {error}"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound_and_documents_its_exit_codes() {
        Cli::command().debug_assert();
        let help = Cli::command().render_long_help().to_string();
        for exit in Exit::ALL {
            assert!(help.contains(&format!("\n  {}  ", exit as u8)), "{exit:?} is not in --help");
        }
    }
}
