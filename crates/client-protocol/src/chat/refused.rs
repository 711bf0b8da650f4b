//! A refusal as `/chat` and the lobby tell it: in an acknowledgement as `{error: {code, message, …}}`,
//! as an `error` event, and in a `connect_error`.

use hubbub_domain::Fault;
use serde::Serialize;
use serde_json::{Value, json};

use crate::ErrorView;

/// The acknowledgement of an event that was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    pub error: ErrorView,
}

impl From<&Fault> for Refused {
    fn from(fault: &Fault) -> Self {
        Self { error: fault.into() }
    }
}

impl Refused {
    /// The name of the event beside the acknowledgement.
    pub const EVENT: &'static str = "error";

    /// The arguments of that event: a readable text, and what a program needs. (The last one is not
    /// a text: a client would take it for an offset.)
    pub fn event(fault: &Fault, event: &str) -> [Value; 2] {
        let error = ErrorView::from(fault);
        let retry = error.retry_after_ms;
        let details = json!({
            "code": error.code,
            "message": error.message,
            "retryable": error.retryable,
            "retryAfterMs": retry,
            "event": event,
        });
        [json!(fault.message), details]
    }

    /// The `data` of a `connect_error`.
    pub fn connect_data(fault: &Fault) -> Value {
        let error = ErrorView::from(fault);
        json!({
            "code": error.code,
            "retryable": error.retryable,
            "retryAfterMs": error.retry_after_ms,
        })
    }
}
