//! `hubbub smoke`: two people exchange a message over a running gateway, and one of them reads it back.
//! For `helm test` and for whoever has just installed something: it ends with 0 when people can chat.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;
use hubbub_client_protocol::{
    Appended, Command, ErrorView, Event, Hello, History, MessageContent, OpenDirect, Opened, Page,
    Send, Welcome,
};
use hubbub_domain::{Body, ClientId, MessageId, RoomId, UserId};
use hubbub_runtime::config::ConfigError;
use serde::Deserialize;
use tokio::time::timeout;

use crate::{
    announce,
    chat::{
        address::Address,
        link::{Heard, Link},
    },
    cli::Token,
    failure::Failure,
    settings::{Loaded, Settings},
    token,
};

/// Who talks, when the tokens are made here.
const PEOPLE: [&str; 2] = ["hubbub-smoke-1", "hubbub-smoke-2"];
const TOKEN_LIFETIME: Duration = Duration::from_mins(5);

#[derive(Clone, Debug, Args)]
pub(crate) struct Smoke {
    /// Where the gateway is: ws://, wss://, http:// or https://, or a bare host
    #[arg(long, default_value = "ws://127.0.0.1:8080", value_name = "URL")]
    url: Address,
    /// Tokens of two users; without them they are made with auth.secret, or with standalone's own key
    #[arg(
        long,
        env = "HUBBUB_SMOKE_TOKENS",
        hide_env_values = true,
        value_delimiter = ',',
        num_args = 2,
        value_name = "TOKEN,TOKEN"
    )]
    tokens: Vec<String>,
    /// How long all of it may take
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    patience: Duration,
}

pub(crate) async fn run(
    loaded: Result<Loaded<Settings>, ConfigError>,
    smoke: Smoke,
) -> Result<(), Failure> {
    let tokens = match <[String; 2]>::try_from(smoke.tokens) {
        Ok(given) => given,
        Err(none) if none.is_empty() => made(&loaded?.settings.with_found_dev_secret()?)?,
        Err(_) => return Err(Failure::config("--tokens takes two tokens, separated by a comma")),
    };
    let talk = talk(&smoke.url, &tokens);
    timeout(smoke.patience, talk).await.context("that took too long")??;
    Ok(())
}

fn made(settings: &Settings) -> Result<[String; 2], Failure> {
    let make = |user: &str| {
        token::mint(&settings.auth, &Token { sub: user.to_owned(), ttl: TOKEN_LIFETIME })
    };
    Ok([make(PEOPLE[0])?, make(PEOPLE[1])?])
}

async fn talk(url: &Address, [first, second]: &[String; 2]) -> anyhow::Result<()> {
    let (mut alice, _) = enter(url, first).await.context("the first user")?;
    let (mut bob, peer) = enter(url, second).await.context("the second user")?;
    let opened: Opened = ask(&mut alice, Command::OpenDirect(OpenDirect { peer })).await?;
    let room = opened.room.room;
    let text = MessageId::generate().to_string();
    let client_id = ClientId::parse(&text).context("a client id")?;
    let send = Send { room, client_id, body: Body::text(text.clone()) };
    let begun = Instant::now();
    let sent: Appended = ask(&mut alice, Command::Send(send)).await.context("sending")?;
    let acked = begun.elapsed();
    hear(&mut bob, room, &text).await.context("the second user")?;
    let heard = begun.elapsed();
    read_back(&mut bob, room, &text).await?;
    alice.close().await;
    bob.close().await;
    announce::say(format_args!(
        "two people chatted over {url}: message {} was acknowledged after {} ms and heard after {} ms",
        sent.seq,
        acked.as_millis(),
        heard.as_millis(),
    ));
    Ok(())
}

async fn enter(url: &Address, token: &str) -> anyhow::Result<(Link, UserId)> {
    let mut link = Link::open(url, token).await?;
    let hello = Command::Hello(Hello::default());
    let welcome: Welcome = ask(&mut link, hello).await?;
    Ok((link, welcome.user))
}

/// Until the message is there.
async fn hear(link: &mut Link, room: RoomId, text: &str) -> anyhow::Result<()> {
    loop {
        match link.hear().await? {
            Heard::Event(event) if tells(&event, room, text) => return Ok(()),
            Heard::Event(_) | Heard::Answer { .. } | Heard::Nothing => {}
        }
    }
}

/// A room that is new to a session may come with its newest page instead of single events.
fn tells(event: &Event, room: RoomId, text: &str) -> bool {
    match event {
        Event::Message(message) => message.room == room && says(&message.content, text),
        Event::Reset { room: of, messages, .. } => {
            *of == room && messages.iter().any(|message| says(&message.content, text))
        }
        _ => false,
    }
}

fn says(content: &MessageContent, text: &str) -> bool {
    matches!(content, MessageContent::Body(body) if body.text == text)
}

async fn read_back(link: &mut Link, room: RoomId, text: &str) -> anyhow::Result<()> {
    let history = History {
        room,
        before_seq: None,
        after_seq: None,
        around_seq: None,
        before_time: None,
        limit: None,
    };
    let page: Page = ask(link, Command::History(history)).await?;
    let there = page.messages.iter().any(|message| says(&message.content, text));
    ensure!(there, "the message is not in the room's history");
    Ok(())
}

async fn ask<T: for<'a> Deserialize<'a>>(link: &mut Link, command: Command) -> anyhow::Result<T> {
    let answer: Result<T, ErrorView> = link.call(command, |_| ()).await?;
    answer.map_err(|error| anyhow::anyhow!("refused: {}", error.message))
}
