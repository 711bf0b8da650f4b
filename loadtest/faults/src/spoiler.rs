//! A man in the middle between clients and a gateway who spoils what is delivered: the rig is only
//! worth something if it sees that.
//!
//! He understands just enough of WebSocket (RFC 6455, section 5.2; a server's frames are not masked)
//! to tell one frame from the next, and touches only frames that carry a message.

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
};
use tokio_util::task::AbortOnDropHandle;

/// What begins a frame that is worth touching.
const MESSAGE: &[u8] = br#"{"type":"message""#;
const LEFT: &[u8] = br#"{"type":"left""#;
/// The answer to the upgrade is no longer than this.
const HEAD_BYTES_MAX: usize = 16 * 1_024;
/// A frame of a gateway is no longer than this.
const FRAME_BYTES_MAX: u64 = 16 * 1_024 * 1_024;
/// Of so many messages on a connection one is spoiled.
const ONE_OF: usize = 150;

/// What he does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Spoil {
    Drop,
    Duplicate,
    /// With the message that follows.
    Swap,
    /// Another text.
    Alter,
    /// Once a client was told that it left, the last message comes once more.
    Ghost,
}

pub(crate) struct Spoiler {
    port: u16,
    #[expect(dead_code, reason = "its value is its end")]
    accepting: AbortOnDropHandle<()>,
}

impl Spoiler {
    /// In front of `ws://host:port`.
    pub(crate) async fn start(url: &str, spoil: Spoil) -> Result<Self> {
        let upstream = url.strip_prefix("ws://").context("ws:// only")?.to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let accepting = tokio::spawn(async move {
            // Ends with its connections when the spoiler is dropped.
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(carry(client, upstream.clone(), spoil));
            }
        });
        Ok(Self { port, accepting: AbortOnDropHandle::new(accepting) })
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }
}

async fn carry(client: TcpStream, upstream: String, spoil: Spoil) -> Result<()> {
    let server = TcpStream::connect(upstream).await?;
    let (mut client_read, client_write) = client.into_split();
    let (server_read, mut server_write) = server.into_split();
    let mut down = Down { from: server_read, to: client_write, spoil, messages: 0 };
    tokio::select! {
        _ = copy(&mut client_read, &mut server_write) => Ok(()),
        ended = down.run() => ended,
    }
}

/// From the server to the client.
struct Down {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    spoil: Spoil,
    messages: usize,
}

impl Down {
    async fn run(&mut self) -> Result<()> {
        self.head().await?;
        let mut last: Option<Vec<u8>> = None;
        let mut held: Option<Vec<u8>> = None;
        loop {
            let (header, payload) = self.frame().await?;
            let is_message = payload.starts_with(MESSAGE);
            self.messages += usize::from(is_message);
            let unlucky = is_message && self.messages.is_multiple_of(ONE_OF);
            let mut whole = header;
            whole.extend_from_slice(&payload);
            match self.spoil {
                Spoil::Drop if unlucky => continue,
                Spoil::Duplicate if unlucky => self.to.write_all(&whole).await?,
                Spoil::Swap if unlucky => {
                    held = Some(whole);
                    continue;
                }
                Spoil::Alter if unlucky => alter(&mut whole),
                _ => {}
            }
            self.to.write_all(&whole).await?;
            if let Some(held) = held.take_if(|_| is_message) {
                self.to.write_all(&held).await?;
            }
            if self.spoil == Spoil::Ghost && payload.starts_with(LEFT) {
                self.to.write_all(last.as_deref().unwrap_or_default()).await?;
            }
            if is_message {
                last = Some(whole);
            }
        }
    }

    /// The answer to the upgrade, as it is.
    async fn head(&mut self) -> Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.from.read_u8().await?);
            if head.len() > HEAD_BYTES_MAX {
                bail!("no end of the head");
            }
        }
        Ok(self.to.write_all(&head).await?)
    }

    /// A frame's header and its payload.
    async fn frame(&mut self) -> Result<(Vec<u8>, Vec<u8>)> {
        let mut header = vec![0; 2];
        self.from.read_exact(&mut header).await?;
        let length_bytes = match header[1] {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        header.resize(2 + length_bytes, 0);
        self.from.read_exact(&mut header[2..]).await?;
        let length = match length_bytes {
            0 => u64::from(header[1]),
            _ => header[2..].iter().fold(0, |length, byte| (length << 8) | u64::from(*byte)),
        };
        if length > FRAME_BYTES_MAX {
            bail!("a frame of {length} bytes");
        }
        let mut payload = vec![0; usize::try_from(length)?];
        self.from.read_exact(&mut payload).await?;
        Ok((header, payload))
    }
}

/// One letter of what somebody says becomes another.
fn alter(frame: &mut [u8]) {
    const SAYS: &[u8] = b" says ";
    if let Some(at) = frame.windows(SAYS.len()).position(|window| window == SAYS) {
        frame[at + 1] = b'S';
    }
}
