//! Request bodies: how much of them is held, how long they may take, and what is left of them when an
//! answer comes before their end.
//!
//! Nothing is read before a handler asks for it, so that the session and the credentials are judged
//! first. What was read counts as its client's unfinished data until the request is answered. A body
//! must keep a minimum rate. When a body is not read to its end, the connection cannot be used again,
//! and the client has to be told; a small rest is read, so that a refusal costs nobody their connection.

use std::{
    num::NonZeroU32,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, StatusCode, header::CONNECTION},
    response::Response,
};
use http_body_util::BodyExt as _;
use hubbub_domain::{Code, Fault};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use parking_lot::Mutex;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::{
    Config,
    holdings::Unfinished,
    metrics::{self, Refused},
    refuse,
};

/// A rest that is read, where the request says that there is no more.
const REST_BYTES_MAX: u64 = 16 * 1024;
/// How long such a rest may take.
const REST_TIMEOUT: Duration = Duration::from_secs(1);

/// How fast a body must come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    timeout: Duration,
    bytes_per_second_min: NonZeroU32,
}

impl Pace {
    pub(super) const fn new(config: &Config) -> Self {
        Self {
            timeout: config.body_timeout,
            bytes_per_second_min: config.body_bytes_per_second_min,
        }
    }

    /// Until when more must come of a body that began at one moment and was last heard of at another.
    fn due(&self, bytes: usize, (begun, last): (Instant, Instant)) -> Instant {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let paid = Duration::from_secs(1) * bytes / self.bytes_per_second_min.get();
        (begun + paid).min(last) + self.timeout
    }
}

/// A body and what is known of how it is read.
struct Watched {
    body: Option<Incoming>,
    pace: Pace,
    /// When a byte was first waited for, and when the last one came.
    waiting: Option<(Instant, Instant)>,
    deadline: Option<Pin<Box<Sleep>>>,
    state: Arc<Mutex<State>>,
}

struct State {
    unfinished: Option<Unfinished>,
    bytes: usize,
    /// Something came since it was last waited for.
    news: bool,
    ended: bool,
    /// What a handler gave up before its end.
    rest: Option<Incoming>,
    refused: Option<(Refused, Fault)>,
}

/// A handler gets no more of a body that broke off, or that was refused.
#[derive(Debug, thiserror::Error)]
#[error("the body broke off")]
struct Broke;

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Broke;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broke>>> {
        let this = &mut *self;
        let Some(body) = this.body.as_mut() else { return Poll::Ready(None) };
        let polled = Pin::new(&mut *body).poll_frame(context);
        let mut state = this.state.lock();
        state.ended = matches!(polled, Poll::Ready(None)) || body.is_end_stream();
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                let taken = state.take(frame.data_ref().map_or(0, Bytes::len));
                drop(state);
                Poll::Ready(Some(taken.map(|()| frame)))
            }
            Poll::Ready(Some(Err(_broken))) => Poll::Ready(Some(Err(Broke))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let now = Instant::now();
                let (begun, last) = this.waiting.get_or_insert((now, now));
                if state.news {
                    (*last, state.news) = (now, false);
                }
                let due = this.pace.due(state.bytes, (*begun, *last));
                let deadline = this.deadline.get_or_insert_with(|| Box::pin(sleep_until(due)));
                if deadline.deadline() != due {
                    deadline.as_mut().reset(due);
                }
                ready!(deadline.as_mut().poll(context));
                state.refused.get_or_insert((
                    Refused::BodyTimeout,
                    Fault::bad_request("the body came too slowly"),
                ));
                Poll::Ready(Some(Err(Broke)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::new, HttpBody::size_hint)
    }
}

impl State {
    /// Counts what came.
    fn take(&mut self, bytes: usize) -> Result<(), Broke> {
        self.bytes += bytes;
        self.news = true;
        let Some(unfinished) = &mut self.unfinished else { return Ok(()) };
        unfinished.set(self.bytes).map_err(|fault| {
            let reason = match fault.code {
                Code::RateLimited => Refused::AddressBytes,
                _ => Refused::BytesFull,
            };
            self.refused.get_or_insert((reason, fault));
            Broke
        })
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        if !state.ended && state.refused.is_none() {
            state.rest = self.body.take();
        }
    }
}

/// What a request's body came to.
pub(super) struct Unread(Option<Arc<Mutex<State>>>);

impl Unread {
    pub(super) fn watch(
        body: Incoming,
        pace: Pace,
        unfinished: Option<Unfinished>,
    ) -> (Body, Self) {
        if body.is_end_stream() {
            return (Body::empty(), Self(None));
        }
        let state =
            State { unfinished, bytes: 0, news: false, ended: false, rest: None, refused: None };
        let state = Arc::new(Mutex::new(state));
        let (waiting, deadline) = (None, None);
        let watched =
            Watched { body: Some(body), pace, waiting, deadline, state: Arc::clone(&state) };
        (Body::new(watched), Self(Some(state)))
    }

    /// The answer that is given: if the body was refused, that one; and if something of it is left,
    /// it says that the connection ends.
    pub(super) async fn tell(&self, response: Response) -> Response {
        let Some(state) = &self.0 else { return response };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return response;
        }
        let refused = state.lock().refused.take();
        if let Some((reason, fault)) = refused {
            metrics::refused(reason);
            return ends(refuse(status(reason), &fault));
        }
        let rest = state.lock().rest.take();
        if let Some(rest) = rest
            && rest.size_hint().upper().is_some_and(|bytes| bytes <= REST_BYTES_MAX)
        {
            let ended = timeout(REST_TIMEOUT, read_rest(rest)).await.unwrap_or(false);
            state.lock().ended = ended;
        }
        if state.lock().ended { response } else { ends(response) }
    }
}

const fn status(reason: Refused) -> StatusCode {
    match reason {
        Refused::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
        Refused::AddressBytes => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Reads and forgets; whether the end came.
async fn read_rest(mut rest: Incoming) -> bool {
    while let Some(frame) = rest.frame().await {
        if frame.is_err() {
            return false;
        }
    }
    true
}

/// Says in an answer that the connection ends with it.
pub(super) fn ends(mut response: Response) -> Response {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Why a body could not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Untaken {
    TooLarge,
    Broke,
}

/// A whole body of at most `bytes_max`, in one piece whatever the pieces it came in.
pub(crate) async fn take(mut body: Body, bytes_max: usize) -> Result<Vec<u8>, Untaken> {
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(Untaken::TooLarge);
    }
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Untaken::Broke)?.into_data() else { continue };
        if data.len() > bytes_max - whole.len() {
            return Err(Untaken::TooLarge);
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole)
}
