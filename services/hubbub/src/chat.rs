//! `hubbub chat`: a terminal client for the native door. Lines typed (or piped) are sent; what the
//! other side says is printed, and so is whether they are there, that they type, and how far one's own
//! messages have come with them. It comes back by itself after a broken connection, unless the server
//! says that there is no use in it, resumes where it was, and sends again, under the same ids, what was
//! not acknowledged. It registers, logs in, or enters as a guest, as its flags say.

pub(crate) mod address;
pub(crate) mod link;
mod login;
mod presence;
mod screen;
mod setting;
mod show;
mod talk;
mod terminal;
mod ticks;
mod times;
mod typed;
mod waiting;

use std::time::{Duration, Instant};

use clap::Args;
use hubbub_domain::{RoomId, UserId};
use hubbub_runtime::config::ConfigError;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    cli::Token,
    failure::Failure,
    settings::{Loaded, Settings},
    token,
};
use address::Address;
use link::Link;
use login::{Entry, Login};
use setting::{Expiry, Setting};
use talk::{Talk, Turn};

/// How long a token lives that the client makes for itself.
const TOKEN_LIFETIME: Duration = Duration::from_hours(1);
/// The longest pause between two attempts to connect.
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// The first pause.
const BACKOFF_MIN: Duration = Duration::from_millis(100);

#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Chat {
    /// Who you are: your name
    #[arg(long = "as", value_name = "USER")]
    user: UserId,
    /// Make an account of this name; its password is asked for, or taken from HUBBUB_PASSWORD
    #[arg(long, conflicts_with_all = ["login", "guest", "token"])]
    register: bool,
    /// Log in with a password, which is asked for, or taken from HUBBUB_PASSWORD
    #[arg(long, conflicts_with_all = ["guest", "token"])]
    login: bool,
    /// Come as a guest, with this name as your nickname
    #[arg(long, conflicts_with = "token")]
    guest: bool,
    /// Whom you talk with: the room is found, or made
    #[arg(long = "with", value_name = "USER", required_unless_present = "room")]
    peer: Option<UserId>,
    /// The room to talk in, instead of a person
    #[arg(long, value_name = "ROOM", conflicts_with = "peer")]
    room: Option<RoomId>,
    /// Where the gateway is: ws://, wss://, http:// or https://, or a bare host (TLS for names with a dot)
    #[arg(long, default_value = "ws://127.0.0.1:8080", value_name = "URL")]
    url: Address,
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
    let pass = Pass::of(&chat, loaded).await?;
    let (screen, keyboard) = terminal::open()?;
    let setting = Setting {
        me: pass.user().unwrap_or(&chat.user).clone(),
        peer: chat.peer.clone(),
        room: chat.room,
        stay: chat.stay,
        expiry: pass.expiry(),
    };
    let talk = Talk::new(setting, screen, keyboard);
    let mut terminated = signal(SignalKind::terminate()).map_err(anyhow::Error::from)?;
    tokio::select! {
        ended = converse(&chat, pass, talk) => ended,
        // Ends as every other way does: the terminal is given back as it was.
        _ = terminated.recv() => Ok(()),
    }
}

/// Talks over one connection after the other.
async fn converse(chat: &Chat, mut pass: Pass, mut talk: Talk) -> Result<(), Failure> {
    let mut backoff = BACKOFF_MIN;
    loop {
        let connecting = async {
            let token = pass.token(&chat.user).await?;
            Ok::<_, Failure>(Link::open(&chat.url, &token).await)
        };
        let turn = match Box::pin(talk.meanwhile(connecting)).await {
            Ok(connected) => match connected? {
                Ok(link) => {
                    let begun = Instant::now();
                    let turn = talk.hold(link).await;
                    // A server that welcomes and closes at once is given time too.
                    if talk.was_welcomed() && begun.elapsed() > BACKOFF_MAX {
                        backoff = BACKOFF_MIN;
                    }
                    turn
                }
                Err(error) => Turn::of(&error),
            },
            Err(turn) => turn,
        };
        let pause = match turn {
            Turn::Done => return Ok(()),
            Turn::Refused(text) => return Err(Failure::Other(anyhow::anyhow!(text))),
            Turn::Moved(after) => after,
            Turn::Expiring => Duration::ZERO,
            Turn::Broken(why) => {
                talk.note_lost(&why);
                // Random, so that the clients of one gateway do not come back together.
                let pause = backoff.mul_f64(rand::random_range(0.5..1.5));
                backoff = (backoff * 2).min(BACKOFF_MAX);
                pause
            }
        };
        if let Err(Turn::Done) = talk.meanwhile(tokio::time::sleep(pause)).await {
            return Ok(());
        }
    }
}

/// Where tokens come from.
enum Pass {
    Given(String),
    /// Made with the secret of the settings.
    Minted(Box<Settings>),
    LoggedIn(Box<Login>),
}

impl Pass {
    async fn of(
        chat: &Chat,
        loaded: Result<Loaded<Settings>, ConfigError>,
    ) -> Result<Self, Failure> {
        let entry = match (chat.register, chat.login, chat.guest) {
            (true, ..) => Some(Entry::Register),
            (_, true, _) => Some(Entry::Login),
            (.., true) => Some(Entry::Guest),
            (false, false, false) => None,
        };
        match (&chat.token, entry) {
            // Flags and the environment's token: who logs in means it.
            (_, Some(entry)) => {
                let login = Login::begin(&chat.url, entry, chat.user.as_str()).await?;
                Ok(Self::LoggedIn(Box::new(login)))
            }
            (Some(token), None) => Ok(Self::Given(token.clone())),
            (None, None) => Ok(Self::Minted(Box::new(loaded?.settings.with_found_dev_secret()?))),
        }
    }

    /// Who is logged in: a name may be typed in other letters than it is kept in.
    fn user(&self) -> Option<&UserId> {
        match self {
            Self::LoggedIn(login) => Some(login.user()),
            Self::Given(_) | Self::Minted(_) => None,
        }
    }

    async fn token(&mut self, user: &UserId) -> Result<String, Failure> {
        match self {
            Self::Given(token) => Ok(token.clone()),
            Self::Minted(settings) => {
                let wish = Token { sub: user.to_string(), ttl: TOKEN_LIFETIME };
                token::mint(&settings.auth, &wish)
            }
            Self::LoggedIn(login) => Ok(login.token().await?),
        }
    }

    /// Whether another token can be had when this one ends.
    const fn expiry(&self) -> Expiry {
        match self {
            Self::Given(_) => Expiry::Stay,
            Self::Minted(_) | Self::LoggedIn(_) => Expiry::ComeBack,
        }
    }
}
