//! One address before several servers, which come and go while it stands: what a Service of Kubernetes is to
//! its pods. Each TCP connection goes to the next server in turn, and stays there; taking a server off the
//! list does nothing to the connections it has.

use std::sync::Arc;

use anyhow::Result;
use parking_lot::Mutex;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    time::{Duration, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// One after the other.
    RoundRobin,
    /// Whoever has the fewest connections.
    FewestConnections,
}

/// It ends, with all of its connections, when it is dropped.
pub struct Balancer {
    port: u16,
    servers: Arc<Servers>,
    stop: CancellationToken,
}

struct Servers {
    turn: Turn,
    /// The first is next; equals keep taking turns.
    list: Mutex<Vec<Server>>,
}

#[derive(Clone)]
struct Server {
    address: String,
    /// One more than there are connections.
    connections: Arc<()>,
}

impl Balancer {
    /// Before nothing yet.
    pub async fn start(turn: Turn) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let servers = Arc::new(Servers { turn, list: Mutex::default() });
        let stop = CancellationToken::new();
        tokio::spawn(accept(listener, Arc::clone(&servers), stop.clone()));
        Ok(Self { port, servers, stop })
    }

    /// `127.0.0.1:…`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// New connections also go to this server (`127.0.0.1:…`).
    pub fn admit(&self, address: String) {
        self.servers.list.lock().push(Server { address, connections: Arc::default() });
    }

    /// No new connections go there.
    pub fn retire(&self, address: &str) {
        self.servers.list.lock().retain(|server| server.address != address);
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Servers {
    /// Whose turn it is among those that were not tried yet. Counted from here on, for as long as what is
    /// returned lives.
    fn next(&self, tried: &[String]) -> Option<Server> {
        let mut list = self.list.lock();
        let untried = list.iter().enumerate().filter(|(_, one)| !tried.contains(&one.address));
        let (at, _) = match self.turn {
            Turn::RoundRobin => untried.min_by_key(|(at, _)| *at),
            Turn::FewestConnections => {
                untried.min_by_key(|(at, one)| (Arc::strong_count(&one.connections), *at))
            }
        }?;
        // The others come before it the next time.
        list[at..].rotate_left(1);
        list.last().cloned()
    }

    /// A connection to whose turn it is, and what counts it; who cannot be reached is passed over.
    async fn connect(&self) -> Option<(TcpStream, Arc<()>)> {
        let mut tried = Vec::new();
        while let Some(Server { address, connections }) = self.next(&tried) {
            let connecting = timeout(CONNECT_TIMEOUT, TcpStream::connect(&address));
            if let Ok(Ok(stream)) = connecting.await {
                return Some((stream, connections));
            }
            tried.push(address);
        }
        None
    }
}

async fn accept(listener: TcpListener, servers: Arc<Servers>, stop: CancellationToken) {
    let connections = TaskTracker::new();
    let accepting = async {
        loop {
            let Ok((client, _)) = listener.accept().await else {
                // Out of descriptors, most likely: connections that end give some back.
                tokio::task::yield_now().await;
                continue;
            };
            let (servers, stop) = (Arc::clone(&servers), stop.clone());
            connections.spawn(async move {
                // Whoever cannot be served, or breaks off, is simply gone.
                let _ended = stop.run_until_cancelled(carry(client, &servers)).await;
            });
        }
    };
    stop.run_until_cancelled(accepting).await;
}

async fn carry(mut client: TcpStream, servers: &Servers) -> std::io::Result<()> {
    let Some((mut server, _counted)) = servers.connect().await else { return Ok(()) };
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
