//! A load balancer without any stickiness, on loopback: every single HTTP request goes to the next
//! server in turn, also those that come over one connection. What is hardest on a protocol whose
//! sessions outlive a request, and what many a plain load balancer does.
//!
//! Each request's connection is closed with its answer (`Connection: close`), so that the next one is
//! balanced anew; a WebSocket stays where its handshake went. A server that cannot be reached is
//! passed over.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Bytes of a request's head. Over it the connection is ended.
const HEAD_BYTES_MAX: usize = 64 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a client may take to say what it wants.
const HEAD_TIMEOUT: Duration = Duration::from_mins(1);

/// The balancer. It ends, with all of its connections, when it is dropped.
pub struct RoundRobin {
    port: u16,
    turns: Arc<Turns>,
    stop: CancellationToken,
}

struct Turns {
    servers: Vec<String>,
    next: AtomicUsize,
    /// Requests that each server was given.
    served: Vec<AtomicUsize>,
}

impl RoundRobin {
    /// In front of `servers` (`127.0.0.1:…`).
    pub async fn start(servers: Vec<String>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let served = servers.iter().map(|_| AtomicUsize::new(0)).collect();
        let turns = Arc::new(Turns { servers, next: AtomicUsize::new(0), served });
        let stop = CancellationToken::new();
        tokio::spawn(accept(listener, Arc::clone(&turns), stop.clone()));
        Ok(Self { port, turns, stop })
    }

    /// `http://127.0.0.1:…`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many requests each server was given.
    pub fn served(&self) -> Vec<usize> {
        self.turns.served.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }
}

impl Drop for RoundRobin {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(listener: TcpListener, turns: Arc<Turns>, stop: CancellationToken) {
    let connections = TaskTracker::new();
    let accepting = async {
        loop {
            let Ok((client, _)) = listener.accept().await else {
                // Out of descriptors, most likely: those at work give some back.
                tokio::task::yield_now().await;
                continue;
            };
            let (turns, stop) = (Arc::clone(&turns), stop.clone());
            connections.spawn(async move {
                let carrying = stop.run_until_cancelled(carry(client, &turns));
                if let Some(Err(error)) = carrying.await {
                    tracing::debug!(%error, "a balanced connection broke");
                }
            });
        }
    };
    stop.run_until_cancelled(accepting).await;
}

/// Carries one request and its answer, or one WebSocket.
async fn carry(mut client: TcpStream, turns: &Turns) -> Result<()> {
    client.set_nodelay(true)?;
    let Some((head, rest)) = timeout(HEAD_TIMEOUT, read_head(&mut client)).await?? else {
        return Ok(());
    };
    let mut server = turns.connect().await?;
    server.set_nodelay(true)?;
    server.write_all(&closing(&head)?).await?;
    server.write_all(&rest).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

impl Turns {
    async fn connect(&self) -> Result<TcpStream> {
        for _ in &self.servers {
            let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.servers.len();
            let connecting = timeout(CONNECT_TIMEOUT, TcpStream::connect(&self.servers[turn]));
            if let Ok(Ok(stream)) = connecting.await {
                self.served[turn].fetch_add(1, Ordering::Relaxed);
                return Ok(stream);
            }
        }
        bail!("no server can be reached")
    }
}

/// The head of a request, and what came with it. `None` when the client went away instead.
async fn read_head(client: &mut TcpStream) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok(Some((bytes, rest)));
        }
        if bytes.len() > HEAD_BYTES_MAX {
            bail!("a request with a head of more than {HEAD_BYTES_MAX} bytes");
        }
        if client.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

/// The same head, but the connection ends with the answer, unless it is to become something else.
fn closing(head: &[u8]) -> Result<Vec<u8>> {
    let head = std::str::from_utf8(head).context("a request's head that is not text")?;
    let is_connection = |line: &str| {
        let name = line.split(':').next().unwrap_or_default();
        name.eq_ignore_ascii_case("connection") || name.eq_ignore_ascii_case("keep-alive")
    };
    let lines = head.trim_end_matches("\r\n").split("\r\n");
    let upgrades = lines.clone().any(|line| line.to_ascii_lowercase().starts_with("upgrade:"));
    if upgrades {
        return Ok(head.as_bytes().to_vec());
    }
    let kept: Vec<&str> = lines.filter(|line| !is_connection(line)).collect();
    Ok(format!("{}\r\nConnection: close\r\n\r\n", kept.join("\r\n")).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::closing;

    #[test]
    fn a_request_is_the_last_of_its_connection() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\nconnection: keep-alive\r\nAccept: */*\r\n\r\n";
        let expected = "GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nConnection: close\r\n\r\n";
        assert_eq!(closing(head).unwrap(), expected.as_bytes());
    }

    #[test]
    fn an_upgrade_stays_as_it_is() {
        let head = b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        assert_eq!(closing(head).unwrap(), head);
    }
}
