//! One HTTP connection: hyper with every bound set, until it ends or becomes a WebSocket.

use std::{convert::Infallible, future, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    http::{HeaderValue, Request, StatusCode, header::X_CONTENT_TYPE_OPTIONS},
    response::Response,
};
use hubbub_domain::Fault;
use hubbub_runtime::shares::Share;
use hyper::{body::Incoming, server::conn::http1::Builder, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::{net::TcpStream, sync::OwnedSemaphorePermit, time::sleep};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::{
    ClientAddress, Config, Connection, TrustedProxies,
    body::{Pace, Unread, ends},
    holdings::Holdings,
    metrics::{self, Refused},
    refuse,
};

/// The smallest read buffer hyper agrees to.
const BUFFER_BYTES_MIN: usize = 8 * 1024;

/// What all connections of a listener have in common.
pub(super) struct Http {
    builder: Builder,
    handshake_timeout: Duration,
    request_timeout: Duration,
    pace: Pace,
    proxies: TrustedProxies,
    holdings: Holdings,
    pub(super) drain: CancellationToken,
    pub(super) abort: CancellationToken,
}

/// A place among those whose first request has not arrived, in all and of its address; given back when
/// it has.
#[derive(Clone)]
pub(super) struct Handshake(Arc<Mutex<Option<HandshakePlace>>>);

type HandshakePlace = (OwnedSemaphorePermit, Option<Share>);

impl Handshake {
    pub(super) fn new(place: OwnedSemaphorePermit, of_address: Option<Share>) -> Self {
        Self(Arc::new(Mutex::new(Some((place, of_address)))))
    }

    fn end(&self) {
        self.0.lock().take();
    }

    fn has_ended(&self) -> bool {
        self.0.lock().is_none()
    }
}

impl Http {
    pub(super) fn new(
        config: &Config,
        (proxies, holdings): (TrustedProxies, Holdings),
        (drain, abort): (CancellationToken, CancellationToken),
    ) -> Self {
        let mut builder = Builder::new();
        builder
            .timer(TokioTimer::new())
            // The first head has the shorter time-out of the handshake.
            .header_read_timeout(config.keep_alive_timeout)
            .max_header_size(config.header_bytes_max)
            .max_buf_size(config.header_bytes_max.max(BUFFER_BYTES_MIN));
        Self {
            builder,
            handshake_timeout: config.handshake_timeout,
            request_timeout: config.request_timeout,
            pace: Pace::new(config),
            proxies,
            holdings,
            drain,
            abort,
        }
    }

    /// Hands the requests of a connection to the router.
    pub(super) async fn serve(
        &self,
        stream: TcpStream,
        connection: Connection,
        handshake: Handshake,
        router: Router,
    ) {
        let answer = |mut request: Request<Incoming>| {
            handshake.end();
            let client = self.proxies.client_address(connection.peer().ip(), request.headers());
            request.extensions_mut().insert(client);
            request.extensions_mut().insert(connection.clone());
            self.answer(router.clone(), request)
        };
        self.drive(stream, &handshake, answer).await;
    }

    /// Answers the one request of a connection that is turned away.
    pub(super) async fn turn_away(
        &self,
        stream: TcpStream,
        handshake: Handshake,
        status: StatusCode,
        fault: &Fault,
    ) {
        let answer = |_request: Request<Incoming>| {
            handshake.end();
            future::ready(ends(refuse(status, fault)))
        };
        self.drive(stream, &handshake, answer).await;
    }

    async fn answer(&self, router: Router, request: Request<Incoming>) -> Response {
        let answered = async {
            let (head, body) = request.into_parts();
            let client = head.extensions.get::<ClientAddress>();
            let unfinished = client.map(|client| self.holdings.unfinished(client.0));
            let (body, unread) = Unread::watch(body, self.pace, unfinished);
            let answered = router.oneshot(Request::from_parts(head, body)).await;
            unread.tell(answered.unwrap_or_else(|never| match never {})).await
        };
        tokio::time::timeout(self.request_timeout, answered).await.unwrap_or_else(|_elapsed| {
            metrics::refused(Refused::RequestTimeout);
            let fault = Fault::unavailable("the request took too long");
            ends(refuse(StatusCode::SERVICE_UNAVAILABLE, &fault))
        })
    }

    async fn drive<F>(
        &self,
        stream: TcpStream,
        handshake: &Handshake,
        answer: impl Fn(Request<Incoming>) -> F,
    ) where
        F: Future<Output = Response>,
    {
        let service = service_fn(|request| {
            let response = answer(request);
            async { Ok::<_, Infallible>(taken_at_its_word(response.await)) }
        });
        let http = self.builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let mut http = pin!(http);
        let mut patience = pin!(sleep(self.handshake_timeout));
        let (mut patient, mut draining) = (true, false);
        loop {
            tokio::select! {
                ended = http.as_mut() => {
                    if let Err(error) = ended && !handshake.has_ended() {
                        metrics::refused(Refused::BadRequest);
                        tracing::debug!(%error, "a connection ended before its first request");
                    }
                    return;
                }
                () = patience.as_mut(), if patient => {
                    if !handshake.has_ended() {
                        metrics::refused(Refused::HandshakeTimeout);
                        return;
                    }
                    patient = false;
                }
                () = self.drain.cancelled(), if !draining => {
                    http.as_mut().graceful_shutdown();
                    draining = true;
                }
                () = self.abort.cancelled() => return,
            }
        }
    }
}

/// Every answer has the content type it names and no other, whatever a browser thinks of its bytes.
fn taken_at_its_word(mut response: Response) -> Response {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let nosniff = HeaderValue::from_static("nosniff");
        response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, nosniff);
    }
    response
}
