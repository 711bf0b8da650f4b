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

/// It ends, with all of its connections, when it is dropped.
pub struct Balancer {
    port: u16,
    servers: Arc<Servers>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Servers {
    /// In the order of their turns: the first is next.
    turns: Mutex<Vec<String>>,
}

impl Balancer {
    /// Before nothing yet.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let servers = Arc::new(Servers::default());
        let stop = CancellationToken::new();
        tokio::spawn(accept(listener, Arc::clone(&servers), stop.clone()));
        Ok(Self { port, servers, stop })
    }

    /// `http://127.0.0.1:…`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// New connections also go to this server (`127.0.0.1:…`).
    pub fn admit(&self, address: String) {
        self.servers.turns.lock().push(address);
    }

    /// No new connections go there.
    pub fn retire(&self, address: &str) {
        self.servers.turns.lock().retain(|server| server != address);
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Servers {
    /// A connection to whose turn it is; one that cannot be reached is passed over.
    async fn connect(&self) -> Option<TcpStream> {
        let candidates = {
            let mut turns = self.turns.lock();
            if turns.is_empty() {
                return None;
            }
            let candidates = turns.clone();
            turns.rotate_left(1);
            candidates
        };
        for server in candidates {
            if let Ok(Ok(stream)) = timeout(CONNECT_TIMEOUT, TcpStream::connect(server)).await {
                return Some(stream);
            }
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
    let Some(mut server) = servers.connect().await else { return Ok(()) };
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
