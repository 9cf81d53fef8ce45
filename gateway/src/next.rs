//! The program of a schema to come, for tests of upgrades; never in a release.

fn main() -> std::process::ExitCode {
    clew_eventstore::vault::harden_process();
    clew_gateway::cli::run()
}
