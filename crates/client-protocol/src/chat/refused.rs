//! A refusal as `/chat` and the lobby tell it: in an acknowledgement as `{error: {code, message, …}}`,
//! as an `error` event, and in a `connect_error`.

use hubbub_domain::{Code, Fault};
use serde::Serialize;
use utoipa::ToSchema;

use crate::ErrorView;

/// The acknowledgement of an event that was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = chat::Refused)]
pub struct Refused {
    pub error: ErrorView,
}

impl From<&Fault> for Refused {
    fn from(fault: &Fault) -> Self {
        Self { error: fault.into() }
    }
}

/// The arguments of an `error` event: a readable text, and the details for programs. (The last
/// argument is not a text: a client would take it for an offset.)
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = chat::Failure)]
pub struct Failure(pub String, pub FailureDetails);

/// Which event was refused, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = chat::FailureDetails)]
pub struct FailureDetails {
    #[schema(value_type = Code)]
    pub code: String,
    pub message: String,
    pub retryable: bool,
    #[schema(required)]
    pub retry_after_ms: Option<u64>,
    /// The name of the client's event.
    pub event: String,
}

impl Failure {
    pub fn new(fault: &Fault, event: &str) -> Self {
        let ErrorView { code, message, retryable, retry_after_ms } = fault.into();
        let event = event.to_owned();
        Self(message.clone(), FailureDetails { code, message, retryable, retry_after_ms, event })
    }
}

/// The `data` of a `connect_error`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = chat::ConnectRefused)]
pub struct ConnectRefused {
    #[schema(value_type = Code)]
    pub code: String,
    pub retryable: bool,
    #[schema(required)]
    pub retry_after_ms: Option<u64>,
}

impl From<&Fault> for ConnectRefused {
    fn from(fault: &Fault) -> Self {
        let ErrorView { code, retryable, retry_after_ms, .. } = fault.into();
        Self { code, retryable, retry_after_ms }
    }
}
