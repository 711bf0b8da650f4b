//! `hubbub chat`: a terminal client for the native door. Lines typed (or piped) are sent; what the
//! other side says is printed. It comes back by itself after a broken connection, resumes where it
//! was, and sends again, under the same ids, what was not acknowledged.

pub(crate) mod link;
mod presence;
mod talk;

use std::time::Duration;

use clap::Args;
use hubbub_domain::{RoomId, UserId};
use hubbub_runtime::config::ConfigError;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    sync::mpsc,
};

use crate::{
    announce,
    cli::Token,
    failure::Failure,
    settings::{Loaded, Settings},
    token,
};
use link::Link;
use talk::{Talk, Turn};

/// How long a token lives that the client makes for itself.
const TOKEN_LIFETIME: Duration = Duration::from_hours(1);
/// The longest pause between two attempts to connect.
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// Typed lines that wait for the connection. At the bound typing has to wait.
const LINES_MAX: usize = 1_024;

#[derive(Clone, Debug, Args)]
pub(crate) struct Chat {
    /// Who you are
    #[arg(long = "as", value_name = "USER")]
    user: UserId,
    /// Whom you talk with: the room is found, or made
    #[arg(long = "with", value_name = "USER", required_unless_present = "room")]
    peer: Option<UserId>,
    /// The room to talk in, instead of a person
    #[arg(long, value_name = "ROOM", conflicts_with = "peer")]
    room: Option<RoomId>,
    /// Where the gateway listens
    #[arg(long, default_value = "ws://127.0.0.1:8080", value_name = "URL")]
    url: String,
    /// Your token; without one it is made with auth.secret, or with standalone's own key
    #[arg(long, env = "HUBBUB_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// Stay after the input has ended, and go on printing what is said
    #[arg(long)]
    stay: bool,
}

pub(crate) async fn run(
    loaded: Result<Loaded<Settings>, ConfigError>,
    chat: Chat,
) -> Result<(), Failure> {
    let settings = match chat.token {
        Some(_) => None,
        None => Some(loaded?.settings.with_dev_secret()?),
    };
    let mut lines = read_lines();
    let mut talk = Talk::new(chat.user.clone(), chat.peer.clone(), chat.room, chat.stay);
    let mut backoff = Duration::from_millis(100);
    loop {
        let token = match (&chat.token, &settings) {
            (Some(token), _) => token.clone(),
            (None, Some(settings)) => mint(settings, &chat.user)?,
            (None, None) => unreachable!("the settings were read because there is no token"),
        };
        let turn = match Link::open(&chat.url, &token).await {
            Ok(link) => {
                let turn = talk.hold(link, &mut lines).await;
                if talk.was_welcomed() {
                    backoff = Duration::from_millis(100);
                }
                turn
            }
            Err(error) => Turn::Broken(error.to_string()),
        };
        match turn {
            Turn::Done => return Ok(()),
            Turn::Refused(text) => return Err(Failure::Other(anyhow::anyhow!(text))),
            Turn::Moved(after) => tokio::time::sleep(after).await,
            Turn::Broken(why) => {
                announce::say(format_args!("-- {why}; trying again"));
                tokio::time::sleep(backoff).await;
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
        }
    }
}

fn mint(settings: &Settings, user: &UserId) -> Result<String, Failure> {
    token::mint(&settings.auth, &Token { sub: user.to_string(), ttl: TOKEN_LIFETIME })
}

/// Standard input, line by line. The channel ends with the input.
fn read_lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(LINES_MAX);
    tokio::spawn(async move {
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if sender.send(line).await.is_err() {
                return;
            }
        }
    });
    receiver
}
