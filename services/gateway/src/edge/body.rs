//! Request bodies that nobody may read to their end. When an answer comes before that, the connection
//! cannot be used again, and the client has to be told: else it sends its next request into a connection
//! that is being closed. Small bodies are read before anybody looks at the request, so that a refusal
//! costs nobody their connection.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, StatusCode, header::CONNECTION},
    response::Response,
};
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

/// Read at once, where the request says that there is no more.
const SMALL_BYTES_MAX: u64 = 16 * 1024;

struct Watched {
    body: Incoming,
    ended: Arc<AtomicBool>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if matches!(polled, Poll::Ready(None)) || self.body.is_end_stream() {
            self.ended.store(true, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Whether there is something of a request's body that nobody has read.
pub(super) struct Unread(Option<Arc<AtomicBool>>);

impl Unread {
    /// An error when a small body broke off.
    pub(super) async fn watch(body: Incoming) -> Result<(Body, Self), hyper::Error> {
        if body.size_hint().upper().is_some_and(|bytes| bytes <= SMALL_BYTES_MAX) {
            let whole = body.collect().await?.to_bytes();
            return Ok((Body::from(whole), Self(None)));
        }
        let ended = Arc::new(AtomicBool::new(false));
        let body = Watched { body, ended: Arc::clone(&ended) };
        Ok((Body::new(body), Self(Some(ended))))
    }

    /// Says in the answer that the connection ends with it, if it does.
    pub(super) fn tell(&self, response: Response) -> Response {
        let unread = self.0.as_ref().is_some_and(|ended| !ended.load(Ordering::Relaxed));
        if unread && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            ends(response)
        } else {
            response
        }
    }
}

/// Says in an answer that the connection ends with it.
pub(super) fn ends(mut response: Response) -> Response {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
