//! Accepted connections that can be cut from outside: when the process aborts, or when the grace
//! after their maximum age is over. Accepting never ends at an error, nor does it wait for anybody's
//! TLS handshake.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{Stream, StreamExt as _, stream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::{Connected, TcpConnectInfo};

use super::{
    GrpcServerConfig, metrics,
    tls::{Tls, TlsError},
};

/// How long accepting rests after an error that will not pass at once (no more file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Handshakes at once. At the bound nobody is accepted until one has ended, at its time-out if need be.
const HANDSHAKES_MAX: usize = 256;

pub(super) fn incoming(
    listener: TcpListener,
    config: &GrpcServerConfig,
    tls: Option<Arc<Tls>>,
    abort: CancellationToken,
) -> impl Stream<Item = Result<Connection, io::Error>> + Send + use<> {
    let life = config.connection_age_max + config.connection_age_grace;
    let accepted = stream::unfold(listener, |listener| async move {
        let stream = accept(&listener).await;
        Some((stream, listener))
    });
    accepted
        .map(move |stream| {
            let (tls, abort) = (tls.clone(), abort.clone());
            async move { Some(Ok(Connection::new(secure(tls, stream).await?, life, abort))) }
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

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // A socket that refuses the option works, only slower.
                drop(stream.set_nodelay(true));
                return stream;
            }
            Err(error) if of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections for the moment");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The client was gone before it was accepted; the listener is well.
fn of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// What a connection runs over.
enum Wire {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::server::TlsStream<TcpStream>>),
}

/// A connection whose reads fail from the moment it is to be cut.
pub(super) struct Connection {
    stream: Wire,
    cut: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Connection {
    fn new(stream: Wire, life: Duration, abort: CancellationToken) -> Self {
        let cut = async move {
            tokio::select! {
                () = abort.cancelled() => {}
                () = tokio::time::sleep(life) => {}
            }
        };
        Self { stream, cut: Box::pin(cut) }
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        match &self.stream {
            Wire::Plain(stream) => stream.connect_info(),
            Wire::Tls(stream) => stream.get_ref().0.connect_info(),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.cut.as_mut().poll(cx).is_ready() {
            // A finished future must not be polled again.
            self.cut = Box::pin(std::future::ready(()));
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        match &mut self.stream {
            Wire::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Wire::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
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
