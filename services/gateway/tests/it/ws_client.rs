//! A WebSocket client made of bytes, so that it can say everything a client must not say.

use std::{net::SocketAddr, num::NonZeroU32, time::Duration};

use axum::Router;
use hubbub_gateway::{
    edge::{Config, Listener, OpenConnections},
    ws::Limits,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::ws_echo;

/// How long anything may take before a test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

/// A listener on a free port, gone when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) open: OpenConnections,
    pub(crate) drain: CancellationToken,
    pub(crate) served: tokio::task::JoinHandle<()>,
    _abort: DropGuard,
}

impl Server {
    pub(crate) fn start(config: Config, router: Router) -> Self {
        Self::start_with(config, |_, _| router)
    }

    /// For what needs the listener, or the token that stops everything.
    pub(crate) fn start_with(
        config: Config,
        router: impl FnOnce(&Listener, &CancellationToken) -> Router,
    ) -> Self {
        let listener = Listener::bind(config).expect("a free port");
        let address = listener.local_address().expect("bound");
        let open = listener.open_connections();
        let (drain, abort) = (CancellationToken::new(), CancellationToken::new());
        let router = router(&listener, &abort);
        let served = tokio::spawn(listener.serve(router, drain.clone(), abort.clone()));
        Self { address, open, drain, served, _abort: abort.drop_guard() }
    }

    pub(crate) fn echo(limits: Limits) -> Self {
        Self::start(config(), ws_echo::router(limits))
    }
}

/// A loopback port of the system's choice, and no limit on how fast a test may be.
pub(crate) fn config() -> Config {
    Config {
        listen: ([127, 0, 0, 1], 0).into(),
        connects_per_address_per_second: NonZeroU32::MAX,
        connects_per_second: NonZeroU32::MAX,
        connects_burst: NonZeroU32::MAX,
        ..Config::default()
    }
}

/// A frame as the server sent it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) first: u8,
    pub(crate) payload: Vec<u8>,
}

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
}

impl Client {
    /// Connects and shakes hands.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self::open_at(address, "/").await
    }

    /// The same, at another path.
    pub(crate) async fn open_at(address: SocketAddr, path: &str) -> Self {
        let mut client = Self { stream: TcpStream::connect(address).await.expect("connects") };
        client.write(HANDSHAKE.replacen("GET / ", &format!("GET {path} "), 1).as_bytes()).await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        client
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        timeout(DEADLINE, self.stream.write_all(bytes)).await.expect("in time").expect("written");
    }

    /// Writes what the server may no longer want to read.
    pub(crate) async fn try_write(&mut self, bytes: &[u8]) {
        let _reset = timeout(DEADLINE, self.stream.write_all(bytes)).await.expect("in time");
    }

    /// The head of an HTTP response.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(
                timeout(DEADLINE, self.stream.read_u8()).await.expect("in time").expect("read"),
            );
        }
        String::from_utf8(head).expect("a head is text")
    }

    pub(crate) async fn frame(&mut self) -> Frame {
        timeout(DEADLINE, self.read_frame()).await.expect("in time").expect("a frame")
    }

    async fn read_frame(&mut self) -> std::io::Result<Frame> {
        let first = self.stream.read_u8().await?;
        let length = match self.stream.read_u8().await? {
            126 => u64::from(self.stream.read_u16().await?),
            127 => self.stream.read_u64().await?,
            length => u64::from(length),
        };
        let mut payload = vec![0; usize::try_from(length).expect("fits")];
        self.stream.read_exact(&mut payload).await?;
        Ok(Frame { first, payload })
    }

    pub(crate) async fn expect(&mut self, first: u8, payload: &[u8]) {
        let frame = self.frame().await;
        assert_eq!((frame.first, frame.payload.len()), (first, payload.len()), "head");
        assert!(frame.payload == payload, "payload");
    }

    /// The server closes with this code, and then ends the connection itself.
    pub(crate) async fn expect_close(mut self, code: u16) {
        let frame = self.frame().await;
        assert_eq!(frame.first, 0x88, "a close frame");
        assert_eq!(frame.payload.get(..2), Some(&code.to_be_bytes()[..]), "close code {code}");
        assert!(std::str::from_utf8(&frame.payload[2..]).is_ok());
        self.expect_end().await;
    }

    pub(crate) async fn expect_end(&mut self) {
        let end = timeout(DEADLINE, self.stream.read(&mut [0; 1])).await.expect("in time");
        assert!(matches!(end, Ok(0) | Err(_)), "nothing more");
    }
}

pub(crate) const HANDSHAKE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A masked frame.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | u8::try_from(length).expect("small")),
        length @ 126..65_536 => {
            frame.push(0xfe);
            frame.extend(u16::try_from(length).expect("small").to_be_bytes());
        }
        length => {
            frame.push(0xff);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}
