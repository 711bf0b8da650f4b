//! The way in: connecting, the upgrade and what an arm wants to hear, until a client is ready to talk.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{
    arm::Arm,
    frame,
    wire::{Heard, Member, Step, Upgrade, Wire},
};

/// How long one client may take to come in.
const PATIENCE: Duration = Duration::from_mins(1);
/// How many come in at the same time.
const AT_ONCE: usize = 32;
const READ_BYTES: usize = 16 * 1024;

/// A client that was welcomed.
pub(crate) struct Welcomed {
    pub(crate) stream: TcpStream,
    /// What was read already and is not yet a whole frame, or came after the welcome.
    pub(crate) rest: Vec<u8>,
}

/// All of these, spread over the arm's addresses in turn.
pub(crate) async fn connect_all(arm: &dyn Arm, members: &[Member]) -> Result<Vec<Welcomed>> {
    connect_each(arm, members).try_collect().await
}

/// The same one after the other, in their order.
pub(crate) fn connect_each(
    arm: &dyn Arm,
    members: &[Member],
) -> impl Stream<Item = Result<Welcomed>> {
    let (addresses, wire) = (arm.addresses(), arm.wire());
    let targets = members.iter().zip(addresses.into_iter().cycle());
    let connecting = targets.map(move |(member, address)| {
        let wire = Arc::clone(&wire);
        async move { connect(address, wire.as_ref(), member).await }
    });
    stream::iter(connecting).buffered(AT_ONCE)
}

/// One client.
pub(crate) async fn connect(
    address: SocketAddr,
    wire: &dyn Wire,
    member: &Member,
) -> Result<Welcomed> {
    timeout(PATIENCE, enter(address, wire, member))
        .await
        .context("it took too long")
        .flatten()
        .with_context(|| format!("{} is not let in", member.user))
}

async fn enter(address: SocketAddr, wire: &dyn Wire, member: &Member) -> Result<Welcomed> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut client = Welcomed { stream, rest: Vec::new() };
    if let Some(upgrade) = wire.upgrade(member) {
        client.upgrade(&upgrade, address).await?;
    }
    for step in wire.greeting(member) {
        client.take(&step, wire).await?;
    }
    Ok(client)
}

impl Welcomed {
    async fn upgrade(&mut self, upgrade: &Upgrade, address: SocketAddr) -> Result<()> {
        let Upgrade { path, headers } = upgrade;
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        );
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        request.push_str("\r\n");
        self.stream.write_all(request.as_bytes()).await?;
        let end = loop {
            if let Some(at) = memchr::memmem::find(&self.rest, b"\r\n\r\n") {
                break at + 4;
            }
            self.read().await?;
        };
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        response.parse(&self.rest[..end])?;
        ensure!(response.code == Some(101), "answered with {:?}", response.code);
        self.rest.drain(..end);
        Ok(())
    }

    async fn take(&mut self, step: &Step, wire: &dyn Wire) -> Result<()> {
        if let Some(say) = &step.say {
            self.say(say).await?;
        }
        loop {
            let text = self.text().await?;
            if text.starts_with(step.until.as_bytes()) {
                return Ok(());
            }
            match wire.hear(&text) {
                Heard::Say(answer) => self.say(answer).await?,
                Heard::Refused => bail!("refused: {}", String::from_utf8_lossy(&text)),
                Heard::Delivered { .. }
                | Heard::Acked { .. }
                | Heard::Again { .. }
                | Heard::Other => {}
            }
        }
    }

    /// Says a text.
    pub(crate) async fn say(&mut self, text: &str) -> Result<()> {
        let mut bytes = Vec::new();
        frame::append_masked(frame::TEXT, text.as_bytes(), &mut bytes);
        Ok(self.stream.write_all(&bytes).await?)
    }

    /// The next text. Pings are answered.
    pub(crate) async fn text(&mut self) -> Result<Vec<u8>> {
        loop {
            let Some(first) = frame::first(&self.rest)? else {
                self.read().await?;
                continue;
            };
            let payload = self.rest[first.payload.clone()].to_vec();
            self.rest.drain(..first.payload.end);
            match first.opcode {
                frame::TEXT => return Ok(payload),
                frame::PING => {
                    let mut pong = Vec::new();
                    frame::append_masked(frame::PONG, &payload, &mut pong);
                    self.stream.write_all(&pong).await?;
                }
                frame::CLOSE => bail!("closed: {}", String::from_utf8_lossy(&payload)),
                _ => {}
            }
        }
    }

    async fn read(&mut self) -> Result<()> {
        self.rest.reserve(READ_BYTES);
        let read = self.stream.read_buf(&mut self.rest).await?;
        ensure!(read > 0, "the connection ended: {}", String::from_utf8_lossy(&self.rest));
        Ok(())
    }
}
