//! How a command ends badly: a message for the person and a code for the script.

use std::process::ExitCode;

/// What the exit code of `clew` tells a script; `--help` explains each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It failed.
    Failed = 1,
    /// The command line or a setting is wrong.
    Usage = 2,
    /// What was named is not there.
    NotFound = 3,
    /// Another process has the data directory open.
    InUse = 4,
    /// The rules of the workspace do not allow it.
    Refused = 5,
    /// Some of the input was rejected, the rest was done.
    Partial = 6,
}

impl Exit {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Failed, Self::Usage, Self::NotFound, Self::InUse, Self::Refused, Self::Partial];
}

/// Why a command ended badly.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    /// A failure with this code and message.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// Tells the person on standard error, the script by the code.
    pub(super) fn report(&self) -> ExitCode {
        eprintln!("clew: {}", self.message);
        ExitCode::from(self.exit as u8)
    }
}

impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Self {
        Self::new(Exit::Usage, error.to_string())
    }
}

impl From<crate::demo::DemoError> for Failure {
    fn from(error: crate::demo::DemoError) -> Self {
        let exit = if matches!(error, crate::demo::DemoError::NotTheDemo) { Exit::Refused } else { Exit::Failed };
        Self::new(exit, error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Failed, error.to_string())
    }
}
