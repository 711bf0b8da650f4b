//! A request's body that knows whether it was read to its end. When an answer comes before that, the
//! connection cannot be used again, and the client has to be told: else it sends its next request into
//! a connection that is being closed.

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
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

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
    pub(super) fn watch(body: Incoming) -> (Body, Self) {
        if body.is_end_stream() {
            return (Body::new(body), Self(None));
        }
        let ended = Arc::new(AtomicBool::new(false));
        (Body::new(Watched { body, ended: Arc::clone(&ended) }), Self(Some(ended)))
    }

    /// Says in the answer that the connection ends with it, if it does.
    pub(super) fn tell(&self, mut response: Response) -> Response {
        let unread = self.0.as_ref().is_some_and(|ended| !ended.load(Ordering::Relaxed));
        if unread && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
