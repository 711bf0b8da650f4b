//! The command line: one subcommand per role, and a few for the people who run them.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use hubbub_runtime::config::ConfigError;

use crate::{
    chat::Chat,
    settings::{Loaded, Settings},
    smoke::Smoke,
};

/// A horizontally scalable chat cluster.
#[derive(Debug, Parser)]
#[command(name = "hubbub", version)]
pub(crate) struct Arguments {
    /// A TOML file with settings; `hubbub config default` prints all there are.
    #[arg(long, global = true, env = "HUBBUB_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Subcommands>,
}

#[derive(Clone, Debug, Subcommand)]
enum Subcommands {
    /// Every role in one process (the default): SQLite files and no Redis, unless told otherwise
    Standalone,
    /// Terminates client connections
    Gateway,
    /// Rooms, members and chat lists
    Room,
    /// Messages
    History,
    /// People, logins, contacts and blocks
    Identity,
    /// Bring the databases up to date and exit
    Migrate(Migrate),
    /// Print a token for a user, signed with auth.secret
    Token(Token),
    /// Talk with somebody in the terminal; lines piped in are sent
    Chat(Chat),
    /// Let two people chat over a running gateway, and say whether they could
    Smoke(Smoke),
    /// Ask the process on this host whether it is ready
    Healthcheck,
    /// Look after users
    #[command(subcommand)]
    Users(Users),
    /// Check or print the configuration
    #[command(subcommand)]
    Config(Config),
}

/// What `hubbub chat` reads from the environment: no settings.
const OF_CLIENTS: [&str; 2] = ["HUBBUB_PASSWORD", "HUBBUB_TOKEN"];

/// What the arguments ask for.
pub(crate) enum Command {
    Role(Role),
    Migrate(Migrate),
    Token(Token),
    Chat(Chat),
    Smoke(Smoke),
    Healthcheck,
    Users(Users),
    Config(Config),
}

/// What one process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    Standalone,
    Gateway,
    Room,
    History,
    Identity,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Migrate {
    /// After a restore: tell every client that what it remembers may be newer than what is stored
    #[arg(long)]
    pub(crate) new_epoch: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Token {
    /// The user the token stands for
    #[arg(long, value_name = "USER")]
    pub(crate) sub: String,
    /// How long it is valid
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = humantime::parse_duration)]
    pub(crate) ttl: Duration,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Users {
    /// List members of rooms who do not exist: whoever registers such a name becomes the member
    Ghosts(Ghosts),
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Ghosts {
    /// Take them out of their rooms
    #[arg(long)]
    pub(crate) remove: bool,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Config {
    /// Print every problem, and exit with 2 if there is one
    Check {
        /// The role the settings are for
        #[arg(long, value_enum, default_value_t = Role::Standalone)]
        role: Role,
    },
    /// Print the settings in effect, without secrets
    Show,
    /// Print every setting with its default and what it means
    Default {
        #[arg(long, value_enum, default_value_t = Format::Toml)]
        format: Format,
    },
}

/// How the defaults are printed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    Toml,
    Markdown,
}

impl Role {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Standalone => "standalone",
            Self::Gateway => "gateway",
            Self::Room => "room",
            Self::History => "history",
            Self::Identity => "identity",
        }
    }
}

impl Arguments {
    /// The settings as files and environment give them; `Err` when they cannot be read.
    pub(crate) fn settings(&self) -> Result<Loaded<Settings>, ConfigError> {
        let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
        let env = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
        let env = env.filter(|(name, _)| !OF_CLIENTS.contains(&name.as_str())).collect();
        Settings::load(self.config.clone(), env)
    }

    pub(crate) fn into_command(self) -> Command {
        match self.command.unwrap_or(Subcommands::Standalone) {
            Subcommands::Standalone => Command::Role(Role::Standalone),
            Subcommands::Gateway => Command::Role(Role::Gateway),
            Subcommands::Room => Command::Role(Role::Room),
            Subcommands::History => Command::Role(Role::History),
            Subcommands::Identity => Command::Role(Role::Identity),
            Subcommands::Migrate(how) => Command::Migrate(how),
            Subcommands::Token(wish) => Command::Token(wish),
            Subcommands::Chat(chat) => Command::Chat(chat),
            Subcommands::Smoke(smoke) => Command::Smoke(smoke),
            Subcommands::Healthcheck => Command::Healthcheck,
            Subcommands::Users(what) => Command::Users(what),
            Subcommands::Config(what) => Command::Config(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Arguments;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
