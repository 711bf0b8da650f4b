//! Guests of the lobby: those who begin packets and never end them, and one who shouts.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, bail};
use futures::{SinkExt as _, StreamExt as _, future::try_join_all};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use super::Siege;
use crate::target::{Socket, Target};

/// Attachments that are announced, and bytes of each of those that come.
const ATTACHMENTS: usize = 10;
const ATTACHMENT_BYTES: usize = 980_000;
/// Bytes of what the loud guest says at once.
const SHOUT_BYTES: usize = 900_000;

/// An address for a guest of some group; several share one.
fn address(group: u8, number: usize) -> Result<Ipv4Addr> {
    Ok(Ipv4Addr::new(127, 0, group, 1 + u8::try_from(number % 10)?))
}

/// Each announces ten attachments and sends four.
pub(super) fn incomplete(target: Target, count: usize) -> Result<Siege> {
    let mut siege = Siege::default();
    let places: Vec<_> =
        (0..ATTACHMENTS).map(|num| json!({"_placeholder": true, "num": num})).collect();
    let event = json!(["chatMessage", {"message": "look", "files": places}]);
    for number in 0..count {
        let (event, end) = (format!("45{ATTACHMENTS}-{event}"), siege.end.clone());
        let from = address(5, number)?;
        siege.tasks.spawn(async move {
            while !end.is_cancelled() {
                let Ok(mut guest) = target.guest(from).await else { continue };
                let said = async {
                    guest.send(Message::text(event.clone())).await?;
                    for _ in 0..4 {
                        guest.send(Message::binary(vec![7; ATTACHMENT_BYTES])).await?;
                    }
                    stay(&mut guest).await
                };
                // The node may end it; then once more.
                let _ended = end.run_until_cancelled(said).await;
            }
            Ok(())
        });
    }
    Ok(siege)
}

/// Answers pings, as any client does, until the connection ends.
async fn stay(guest: &mut Socket) -> Result<()> {
    while let Some(message) = guest.next().await {
        if message? == Message::text("2") {
            guest.send(Message::text("3")).await?;
        }
    }
    bail!("the connection ended")
}

/// One shouts, the others listen; if one of those is disconnected, the shouting did what it must not.
pub(super) async fn loud(target: Target, count: usize) -> Result<Siege> {
    let mut siege = Siege::default();
    let arrivals = (0..count).map(|number| async move { target.guest(address(6, number)?).await });
    for mut guest in try_join_all(arrivals).await.context("a guest was not let in")? {
        let end = siege.end.clone();
        siege.tasks.spawn(async move {
            match end.run_until_cancelled(stay(&mut guest)).await {
                Some(ended) => ended.context("a guest was disconnected by another's words"),
                None => Ok(()),
            }
        });
    }
    siege.tasks.spawn(shout(target, siege.end.clone()));
    Ok(siege)
}

async fn shout(target: Target, end: CancellationToken) -> Result<()> {
    let loud = json!(["chatMessage", {"message": "hear me", "z": ["A".repeat(SHOUT_BYTES)]}]);
    let words = format!("42{loud}");
    let shouting = async {
        loop {
            let Ok(mut guest) = target.guest(Ipv4Addr::new(127, 0, 7, 1)).await else { continue };
            while guest.send(Message::text(words.clone())).await.is_ok() {}
        }
    };
    end.run_until_cancelled(shouting).await;
    Ok(())
}
