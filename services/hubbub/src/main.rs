//! hubbub: every role in one binary. The first argument says which one runs; see [`cli`].

mod announce;
mod chat;
mod cli;
mod data_dir;
mod dev_secret;
mod failure;
mod healthcheck;
mod migrate;
mod process;
mod settings;
mod smoke;
mod token;
mod users;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Arguments, Command};

#[tokio::main]
async fn main() -> ExitCode {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .expect("nothing installed one before");
    let arguments = Arguments::parse();
    let settings = arguments.settings();
    let done = match arguments.into_command() {
        Command::Role(role) => Box::pin(process::run(role, settings)).await,
        Command::Migrate(how) => Box::pin(migrate::run(settings, how)).await,
        Command::Token(wish) => token::run(settings, &wish),
        Command::Chat(chat) => Box::pin(chat::run(settings, chat)).await,
        Command::Smoke(smoke) => Box::pin(smoke::run(settings, smoke)).await,
        Command::Healthcheck => healthcheck::run(settings).await,
        Command::Users(what) => Box::pin(users::run(settings, what)).await,
        Command::Config(what) => settings::command::run(settings, what),
    };
    done.map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}
