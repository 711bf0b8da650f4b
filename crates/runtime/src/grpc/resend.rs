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
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, request};
use http_body::{Body as HttpBody, Frame};
use parking_lot::Mutex;
use tonic::{Status, body::Body};

/// A call that can be made into a request again for as long as nobody has read its body.
pub(super) struct Unsent {
    head: request::Parts,
    body: Arc<Shared>,
}

struct Shared {
    body: Mutex<Ahead>,
    read: AtomicBool,
}

impl Unsent {
    pub(super) fn new(request: Request<Body>) -> Self {
        let (head, body) = request.into_parts();
        let body = Shared { body: Mutex::new(Ahead::new(body)), read: AtomicBool::new(false) };
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

/// A body, one frame of which is known before it is asked for. So the end of a call of one message (which
/// tonic's body knows of only when it is asked once more) goes out with the message, and not in a packet of its
/// own that wakes the server once more.
struct Ahead {
    body: Body,
    next: Option<Result<Frame<Bytes>, Status>>,
    ended: bool,
}

impl Ahead {
    fn new(body: Body) -> Self {
        let mut ahead = Self { body, next: None, ended: false };
        // Whoever asks for a frame waits for what is not there yet.
        ahead.look(&mut Context::from_waker(Waker::noop()));
        ahead
    }

    /// Fetches what comes next, if it is there.
    fn look(&mut self, cx: &mut Context<'_>) {
        if self.next.is_none()
            && !self.ended
            && let Poll::Ready(next) = Pin::new(&mut self.body).poll_frame(cx)
        {
            self.ended = !matches!(next, Some(Ok(_)));
            self.next = next;
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.look(cx);
        match self.next.take() {
            Some(frame) => {
                self.look(cx);
                Poll::Ready(Some(frame))
            }
            None if self.ended => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    const fn is_at_end(&self) -> bool {
        self.ended && self.next.is_none()
    }
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
        self.0.body.lock().poll(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.body.lock().is_at_end()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll, Waker},
    };

    use bytes::Bytes;
    use futures::{StreamExt as _, channel::mpsc, stream};
    use http::Request;
    use http_body::{Body as _, Frame};
    use http_body_util::StreamBody;
    use tonic::{Status, body::Body};

    use super::Unsent;

    fn poll(body: &mut Body) -> Poll<Option<Bytes>> {
        let mut context = Context::from_waker(Waker::noop());
        let frame = Pin::new(body).poll_frame(&mut context);
        frame.map(|frame| frame.map(|frame| frame.expect("whole").into_data().expect("data")))
    }

    #[test]
    fn the_end_is_known_with_the_last_frame() {
        let frames = ["one", "two"].map(|text| Ok::<_, Status>(Frame::data(Bytes::from(text))));
        let call = Unsent::new(Request::new(Body::new(StreamBody::new(stream::iter(frames)))));
        let mut body = call.request().into_body();
        assert_eq!(poll(&mut body), Poll::Ready(Some("one".into())));
        assert!(!body.is_end_stream());
        assert_eq!(poll(&mut body), Poll::Ready(Some("two".into())));
        assert!(body.is_end_stream());
        assert_eq!(poll(&mut body), Poll::Ready(None));
    }

    #[test]
    fn a_frame_does_not_wait_for_the_next() {
        let (mut sender, frames) = mpsc::channel(1);
        let frames =
            frames.map(|text: &'static str| Ok::<_, Status>(Frame::data(Bytes::from(text))));
        let call = Unsent::new(Request::new(Body::new(StreamBody::new(frames))));
        let mut body = call.request().into_body();
        assert_eq!(poll(&mut body), Poll::Pending);
        sender.try_send("one").expect("open");
        assert_eq!(poll(&mut body), Poll::Ready(Some("one".into())));
        assert!(!body.is_end_stream());
        assert_eq!(poll(&mut body), Poll::Pending);
        drop(sender);
        assert_eq!(poll(&mut body), Poll::Ready(None));
        assert!(body.is_end_stream());
    }
}
