//! Sending a call once more that was never sent.
//!
//! A connection that the server closes in an orderly way (it drains, or the connection reached its age)
//! takes no more calls, and hyper gives back those that still waited for it. None of them left this
//! process, so sending them again on a new connection is safe, whatever they are; without it every
//! closing would fail a call.

use std::{
    error::Error as _,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, request};
use http_body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;
use tonic::{Status, body::Body};

/// A call that can be made into a request again for as long as nobody has read its body.
pub(super) struct Unsent {
    head: request::Parts,
    body: Arc<Shared>,
}

struct Shared {
    body: Mutex<Body>,
    read: AtomicBool,
}

impl Unsent {
    pub(super) fn new(request: Request<Body>) -> Self {
        let (head, body) = request.into_parts();
        let body = Shared { body: Mutex::new(body), read: AtomicBool::new(false) };
        Self { head, body: Arc::new(body) }
    }

    pub(super) fn request(&self) -> Request<Body> {
        let body = Body::new(Lent(Arc::clone(&self.body)));
        Request::from_parts(self.head.clone(), body)
    }

    /// Whether this failure means that nothing was sent.
    pub(super) fn survived(&self, error: &tonic::transport::Error) -> bool {
        !self.body.read.load(Ordering::Acquire) && was_given_back(error)
    }
}

fn was_given_back(error: &tonic::transport::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            return error.is_canceled();
        }
        cause = error.source();
    }
    false
}

/// The body as the connection sees it.
struct Lent(Arc<Shared>);

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.0.read.store(true, Ordering::Release);
        Pin::new(&mut *self.0.body.lock()).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.body.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.body.lock().size_hint()
    }
}
