//! Connections to one address under mutual TLS, with what the plain ones get from tonic: a time-out,
//! and the kernel's question whether the peer is still there.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::Uri;
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::client::TlsStream;
use tower::Service;

use super::{GrpcClientConfig, tls::Tls};

#[derive(Clone)]
pub(super) struct Connector {
    socket: SocketAddr,
    timeout: Duration,
    keepalive: TcpKeepalive,
    tls: Arc<Tls>,
}

impl Connector {
    pub(super) fn new(socket: SocketAddr, config: &GrpcClientConfig, tls: &Arc<Tls>) -> Self {
        let keepalive = TcpKeepalive::new().with_time(config.keepalive_interval);
        Self { socket, timeout: config.connect_timeout, keepalive, tls: Arc::clone(tls) }
    }

    async fn connect(self) -> io::Result<TokioIo<TlsStream<TcpStream>>> {
        let stream = timeout(self.timeout, TcpStream::connect(self.socket)).await??;
        stream.set_nodelay(true)?;
        SockRef::from(&stream).set_tcp_keepalive(&self.keepalive)?;
        let stream = self.tls.connect(stream).await.map_err(|error| {
            tracing::warn!(address = %self.socket, %error, "a role cannot be spoken to");
            io::Error::other(error)
        })?;
        Ok(TokioIo::new(stream))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}
