//! Bodies that are announced and not sent to their end: to sessions that do not exist, to sessions that
//! do, and to those who ask for a password.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Siege;
use crate::target::Target;

/// What is announced; all but a tenth of it comes, as far as the node takes it.
const BODY_BYTES: usize = 1_000_000;
const POLLING: &str = "/socket.io/?EIO=4&transport=polling";

pub(super) async fn half(target: Target, count: usize) -> Result<Siege> {
    let mut siege = Siege::default();
    for number in 0..count {
        // Every other one from the same address, the others from many.
        let last = if number % 2 == 0 { 0 } else { u8::try_from(number % 50)? };
        let from = Ipv4Addr::new(127, 0, 3, 1 + last);
        let path = match number % 3 {
            0 => format!("{POLLING}&sid=nobody"),
            1 => format!("{POLLING}&sid={}", session(target, from).await.unwrap_or_default()),
            _ => "/v1/auth/login".to_owned(),
        };
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: node\r\nContent-Length: {BODY_BYTES}\r\n\r\n");
        let end = siege.end.clone();
        siege.tasks.spawn(async move {
            end.run_until_cancelled(send_most(target, from, &head)).await;
            Ok(())
        });
    }
    Ok(siege)
}

/// A session that polls. The node may refuse it: it bounds how many one address begins.
async fn session(target: Target, from: Ipv4Addr) -> Result<String> {
    let request = format!("GET {POLLING} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n");
    let mut stream = target.say(from, request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let sid = answer.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next());
    Ok(sid.context("no session")?.to_owned())
}

/// Sends what the node takes, and waits until the node has had enough of it; then once more.
async fn send_most(target: Target, from: Ipv4Addr, head: &str) {
    loop {
        let Ok(mut stream) = target.say(from, head.as_bytes()).await else { continue };
        let body = vec![b'4'; BODY_BYTES / 10 * 9];
        if stream.write_all(&body).await.is_ok() {
            let mut answer = Vec::new();
            // The node ends it, by an answer or without one.
            let _ended = stream.read_to_end(&mut answer).await;
        }
    }
}
