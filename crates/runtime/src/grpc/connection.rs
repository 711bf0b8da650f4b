//! Accepted connections, bounded in number and in time. One is cut when the process aborts, when the
//! grace after its maximum age is over, and when its peer does not begin in time, with HTTP/2 or with a
//! call that shows the service token. Accepting never ends at an error, nor does it wait for anybody's
//! TLS handshake.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::{Stream, StreamExt as _, stream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    time::{Instant, Sleep},
};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use super::{
    GrpcServerConfig, metrics,
    tls::{Tls, TlsError},
};
use crate::{
    listen::accept,
    shares::{Bounds, Share, Shares},
};

/// Handshakes at once. At the bound nobody is accepted until one has ended, at its time-out if need be.
const HANDSHAKES_MAX: usize = 256;

/// What a client sends before anything else: the preface and an empty SETTINGS frame (RFC 9113, section
/// 3.4). Before that hyper has no time-out of its own.
const PREFACE_BYTES: usize = 24 + 9;

pub(super) fn incoming(
    listener: TcpListener,
    config: &GrpcServerConfig,
    tls: Option<Arc<Tls>>,
    abort: CancellationToken,
) -> impl Stream<Item = Result<Connection, io::Error>> + Send + use<> {
    let times = Times {
        preface: config.preface_timeout,
        first_call: config.first_call_timeout,
        life: config.connection_age_max.saturating_add(config.connection_age_grace),
    };
    let places = Shares::new(Bounds {
        total: config.connections_max,
        per_address: config.connections_per_address_max,
    });
    let accepted = stream::unfold((listener, places), |(listener, places)| async move {
        loop {
            let stream = accept(&listener).await;
            let Ok(peer) = stream.peer_addr() else { continue };
            // At the bound: closed without a response.
            match places.take(peer.ip(), 1) {
                Ok(place) => return Some(((stream, place), (listener, places))),
                Err(_full) => metrics::connection_refused(),
            }
        }
    });
    accepted
        .map(move |(stream, place)| {
            let (tls, abort) = (tls.clone(), abort.clone());
            async move {
                let wire = secure(tls, stream).await?;
                Some(Ok(Connection::new((wire, place), times, abort)))
            }
        })
        .buffer_unordered(HANDSHAKES_MAX)
        .filter_map(std::future::ready)
}

/// `None` when the peer is not one of us; it is told so by the end of the connection.
async fn secure(tls: Option<Arc<Tls>>, stream: TcpStream) -> Option<Wire> {
    let Some(tls) = tls else { return Some(Wire::Plain(stream)) };
    let peer = stream.peer_addr().ok();
    match tls.accept(stream).await {
        Ok(stream) => Some(Wire::Tls(Box::new(stream))),
        Err(error) => {
            metrics::handshake_failed();
            // A peer that only looked whether the port is open is nothing to warn of.
            if !matches!(&error, TlsError::Handshake(e) if e.kind() == io::ErrorKind::UnexpectedEof)
            {
                tracing::warn!(?peer, %error, "a connection between roles was refused");
            }
            None
        }
    }
}

/// What a connection runs over.
enum Wire {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::server::TlsStream<TcpStream>>),
}

/// How long a connection may take.
#[derive(Clone, Copy)]
struct Times {
    preface: Duration,
    first_call: Duration,
    life: Duration,
}

/// Whether a connection has shown by a call that its peer is one of us. Calls find it among their
/// request's extensions.
#[derive(Clone, Debug, Default)]
pub(super) struct Proven(Arc<AtomicBool>);

impl Proven {
    pub(super) fn prove(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_proven(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection whose reads fail from the moment it is to be cut.
pub(super) struct Connection {
    stream: Wire,
    aborted: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// The next moment at which something must have happened.
    deadline: Pin<Box<Sleep>>,
    accepted_at: Instant,
    times: Times,
    /// What of the preface has not come.
    preface_left: usize,
    proven: Proven,
    cut: bool,
    _place: Share,
}

impl Connection {
    fn new((stream, place): (Wire, Share), times: Times, abort: CancellationToken) -> Self {
        let accepted_at = Instant::now();
        let first = accepted_at + times.preface.min(times.life);
        Self {
            stream,
            aborted: Box::pin(abort.cancelled_owned()),
            deadline: Box::pin(tokio::time::sleep_until(first)),
            accepted_at,
            times,
            preface_left: PREFACE_BYTES,
            proven: Proven::default(),
            cut: false,
            _place: place,
        }
    }

    /// Whether the connection is to be cut now; if not, the task is woken when it may be.
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> bool {
        self.cut = self.cut || self.aborted.as_mut().poll(cx).is_ready();
        while !self.cut && self.deadline.as_mut().poll(cx).is_ready() {
            let Times { first_call, life, .. } = self.times;
            let next = match (self.preface_left, self.proven.is_proven()) {
                (0, true) => life,
                (0, false) => first_call.min(life),
                _ => Duration::ZERO,
            };
            let next = self.accepted_at + next;
            if next <= self.deadline.deadline() {
                self.cut = true;
            } else {
                self.deadline.as_mut().reset(next);
            }
        }
        self.cut
    }
}

impl Connected for Connection {
    type ConnectInfo = Proven;

    fn connect_info(&self) -> Proven {
        self.proven.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.poll_cut(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = buffer.filled().len();
        let polled = match &mut self.stream {
            Wire::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Wire::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        };
        self.preface_left = self.preface_left.saturating_sub(buffer.filled().len() - before);
        polled
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Wire::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Wire::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Wire::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Wire::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Wire::Plain(stream) => stream.is_write_vectored(),
            Wire::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Wire::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Wire::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Wire::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Wire::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
