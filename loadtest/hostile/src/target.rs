//! How the node is reached: each client from a loopback address of its own, or of its group.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result, bail};
use futures::{SinkExt as _, StreamExt as _};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpSocket, TcpStream},
    time::{Duration, timeout},
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

/// No bystander waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Copy)]
pub(crate) struct Target(pub(crate) SocketAddr);

pub(crate) type Socket = WebSocketStream<TcpStream>;

impl Target {
    pub(crate) async fn connect(self, from: Ipv4Addr) -> Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind((from, 0).into())?;
        let stream = timeout(PATIENCE, socket.connect(self.0)).await.context("no connection")??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// A connection on which something was said already.
    pub(crate) async fn say(self, from: Ipv4Addr, bytes: &[u8]) -> Result<TcpStream> {
        let mut stream = self.connect(from).await?;
        stream.write_all(bytes).await?;
        Ok(stream)
    }

    pub(crate) async fn websocket(self, from: Ipv4Addr, path: &str) -> Result<Socket> {
        let stream = self.connect(from).await?;
        let url = format!("ws://{}{path}", self.0);
        let (socket, _) =
            timeout(PATIENCE, client_async(url, stream)).await.context("no answer")??;
        Ok(socket)
    }

    /// A guest in the lobby.
    pub(crate) async fn guest(self, from: Ipv4Addr) -> Result<Socket> {
        let mut socket = self.websocket(from, "/socket.io/?EIO=4&transport=websocket").await?;
        expect(&mut socket, "0{").await?;
        socket.send(Message::text("40")).await?;
        expect(&mut socket, "40{").await?;
        Ok(socket)
    }
}

/// Passes over what is said until something begins so.
pub(crate) async fn expect(socket: &mut Socket, beginning: &str) -> Result<String> {
    let heard = async {
        while let Some(message) = socket.next().await {
            if let Message::Text(text) = message?
                && text.starts_with(beginning)
            {
                return Ok(text.to_string());
            }
        }
        bail!("closed instead of {beginning}")
    };
    timeout(PATIENCE, heard).await.with_context(|| format!("{beginning} never came"))?
}
