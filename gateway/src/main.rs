//! The `clew` program: hands over to the command line.

fn main() -> std::process::ExitCode {
    // Before any key or plaintext is in memory, and before there is a thread.
    clew_eventstore::vault::harden_process();
    clew_gateway::cli::run()
}
