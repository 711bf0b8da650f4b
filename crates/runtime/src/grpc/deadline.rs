//! The deadline of a call: `grpc-timeout` read and written, and a body that keeps to it.
//!
//! The header is the one of the gRPC specification (PROTOCOL-HTTP2.md, "Timeout"): at most eight
//! digits and a unit.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, HeaderValue};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Sleep;
use tonic::{Status, body::Body};

const GRPC_TIMEOUT: &str = "grpc-timeout";
const DIGITS_MAX: usize = 8;

/// The time the caller gives the call, if it says so in a form that can be read.
pub(super) fn of(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(GRPC_TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > DIGITS_MAX {
        return None;
    }
    let count = digits.parse::<u64>().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3_600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

pub(super) fn set(headers: &mut HeaderMap, timeout: Duration) {
    headers.insert(GRPC_TIMEOUT, value(timeout));
}

fn value(timeout: Duration) -> HeaderValue {
    let fits = |count: u128| count < 10_u128.pow(8);
    let text = if fits(timeout.as_micros()) {
        format!("{}u", timeout.as_micros())
    } else if fits(timeout.as_millis()) {
        format!("{}m", timeout.as_millis())
    } else {
        format!("{}S", timeout.as_secs().min(99_999_999))
    };
    HeaderValue::try_from(text).expect("digits and a letter")
}

pub(super) fn exceeded() -> Status {
    Status::deadline_exceeded("the call took longer than its deadline")
}

/// A response's body, for which the deadline of its call still holds.
pub(super) struct DeadlineBody {
    body: Body,
    deadline: Pin<Box<Sleep>>,
}

impl DeadlineBody {
    pub(super) fn new(body: Body, deadline: Pin<Box<Sleep>>) -> Self {
        Self { body, deadline }
    }
}

impl HttpBody for DeadlineBody {
    type Data = bytes::Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<bytes::Bytes>, Status>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        self.deadline.as_mut().poll(cx).map(|()| Some(Err(exceeded())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue};

    use super::{GRPC_TIMEOUT, of, set};

    fn read(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(GRPC_TIMEOUT, HeaderValue::from_str(text).expect("ascii"));
        of(&headers)
    }

    #[test]
    fn what_is_written_reads_back() {
        for timeout in [
            Duration::from_micros(1),
            Duration::from_millis(2_500),
            Duration::from_mins(10),
            Duration::from_hours(2_400),
        ] {
            let mut headers = HeaderMap::new();
            set(&mut headers, timeout);
            assert_eq!(of(&headers), Some(timeout));
        }
    }

    #[test]
    fn nonsense_is_no_deadline() {
        for text in ["", "S", "12", "-1S", "123456789S", "5x", "1.5S"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read("3M"), Some(Duration::from_mins(3)));
    }
}
