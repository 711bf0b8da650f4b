//! How a command fails: with 2 for what the operator must change in the configuration (before anything
//! listens), with 1 for everything else.

use std::{fmt, process::ExitCode};

use hubbub_runtime::config::{ConfigError, Problem};

/// Why the process ends with another code than 0.
#[derive(Debug)]
pub(crate) enum Failure {
    Config(ConfigError),
    Other(anyhow::Error),
}

impl Failure {
    /// One problem with the configuration, in a text that names the setting.
    pub(crate) fn config(text: impl fmt::Display) -> Self {
        Self::Config(ConfigError::new(vec![Problem::sentence(text)]))
    }

    /// Tells the operator, on standard error.
    #[expect(clippy::print_stderr, reason = "the last word of a command that failed")]
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::Config(error) => {
                eprintln!("hubbub: {error}");
                ExitCode::from(2)
            }
            Self::Other(error) => {
                eprintln!("hubbub: {error:#}");
                ExitCode::FAILURE
            }
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}
