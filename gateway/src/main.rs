//! The `clew` program: hands over to the command line.

fn main() -> std::process::ExitCode {
    clew_gateway::cli::run()
}
