//! A TCP proxy on loopback that treats what it forwards as badly as a network can, settable while
//! connections are open.
//!
//! Two kinds of faults: *conditions* ([`Faults`]) hold until they are set otherwise, *blows*
//! ([`Blow`]) strike all open connections once. What is in the proxy when a connection is reset or
//! swallowed is lost, as in a real network; otherwise bytes are neither lost, nor added, nor moved.

mod pump;
mod toll;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Result;
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{broadcast, watch},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use toll::Tolls;

pub use toll::Toll;

/// Blows that a connection may be behind by. One that is behind by more missed only repetitions.
const BLOWS_MAX: usize = 16;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// What holds until it is set otherwise; by default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// How much later everything arrives, in either direction.
    pub latency: Duration,
    /// From the one who connected to the one behind the proxy.
    pub up: Flow,
    /// From the one behind the proxy to the one who connected.
    pub down: Flow,
    /// Resets a connection when it has carried this many bytes in this direction since this was set.
    pub cut: Option<(Direction, u64)>,
    /// Resets new connections at once.
    pub refuse: bool,
}

/// What becomes of the bytes in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    #[default]
    Pass,
    /// They wait, and so does the end of the stream; later they go on, as after lost packets.
    Hold,
    /// They vanish: one-way silence. What a connection carried in the meantime is never made good,
    /// so it stays silent for ever; new connections are well once the condition has ended.
    Swallow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Up,
    Down,
}

/// What happens to all open connections, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// RST to both sides.
    Reset,
    /// FIN to both sides.
    Close,
    /// FIN to the receiver of one direction, the other direction goes on.
    HalfClose(Direction),
}

/// A running proxy. Dropping it resets its connections and frees its port.
#[derive(Debug)]
pub struct ChaosProxy {
    address: SocketAddr,
    upstream: watch::Sender<Arc<str>>,
    faults: watch::Sender<Faults>,
    blows: broadcast::Sender<Blow>,
    connections: TaskTracker,
    tolls: Arc<Tolls>,
    end: CancellationToken,
}

impl ChaosProxy {
    /// A proxy on a free port in front of `upstream` (`host:port`).
    pub async fn start(upstream: impl Into<String>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let proxy = Self {
            address: listener.local_addr()?,
            upstream: watch::Sender::new(upstream.into().into()),
            faults: watch::Sender::new(Faults::default()),
            blows: broadcast::Sender::new(BLOWS_MAX),
            connections: TaskTracker::new(),
            tolls: Arc::default(),
            end: CancellationToken::new(),
        };
        let accept = accept(
            listener,
            proxy.upstream.subscribe(),
            (proxy.faults.clone(), proxy.blows.clone()),
            (proxy.connections.clone(), Arc::clone(&proxy.tolls)),
            proxy.end.clone(),
        );
        // Ends with `end`, that is with the proxy.
        tokio::spawn(proxy.end.clone().run_until_cancelled_owned(accept));
        Ok(proxy)
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// New connections go to another server (`host:port`). Open ones stay where they are.
    pub fn lead_to(&self, upstream: impl Into<String>) {
        self.upstream.send_replace(upstream.into().into());
    }

    /// Changes the conditions: `proxy.set(|faults| faults.up = Flow::Hold)`.
    pub fn set(&self, change: impl FnOnce(&mut Faults)) {
        self.faults.send_modify(change);
    }

    /// Ends all conditions.
    pub fn heal(&self) {
        self.set(|faults| *faults = Faults::default());
    }

    /// Holds everything in both directions.
    pub fn pause(&self) {
        self.set(|faults| (faults.up, faults.down) = (Flow::Hold, Flow::Hold));
    }

    /// Lets everything pass again.
    pub fn resume(&self) {
        self.set(|faults| (faults.up, faults.down) = (Flow::Pass, Flow::Pass));
    }

    /// Strikes all open connections; returns how many there are.
    pub fn strike(&self, blow: Blow) -> usize {
        let struck = self.connections();
        // Without connections nobody listens.
        let _ = self.blows.send(blow);
        self.tolls.struck(struck);
        struck
    }

    /// What the faults have really done so far.
    pub fn toll(&self) -> Toll {
        self.tolls.sum()
    }

    /// Open connections.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }
}

impl Drop for ChaosProxy {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

async fn accept(
    listener: TcpListener,
    upstream: watch::Receiver<Arc<str>>,
    (faults, blows): (watch::Sender<Faults>, broadcast::Sender<Blow>),
    (connections, tolls): (TaskTracker, Arc<Tolls>),
    end: CancellationToken,
) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        if faults.borrow().refuse {
            tolls.refused();
            reset(client);
            continue;
        }
        let connection = pump::Connection {
            faults: faults.subscribe(),
            blows: blows.subscribe(),
            tolls: Arc::clone(&tolls),
            end: end.clone(),
        };
        let upstream = Arc::clone(&upstream.borrow());
        connections.spawn(async move {
            match timeout(CONNECT_TIMEOUT, TcpStream::connect(upstream.as_ref())).await {
                Ok(Ok(server)) => connection.run(client, server).await,
                // As if the proxy were not there: nobody listens.
                _ => reset(client),
            }
        });
    }
}

/// Closes with RST instead of FIN.
fn reset(stream: TcpStream) {
    // A socket that refuses the option is closed with FIN: it is closed all the same.
    let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    drop(stream);
}
