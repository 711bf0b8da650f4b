//! Where the service's own errors become the faults that callers are told.

use std::time::Duration;

use hubbub_domain::{Code, Fault, Timestamp};

use crate::{
    rules::ChangeRefused,
    store::{ChangeError, StoreError},
};

/// When to come back after the store failed to answer.
const STORE_RETRY: Duration = Duration::from_millis(500);
/// When to come back after a writer's queue was full: some batches later.
pub(crate) const QUEUE_RETRY: Duration = Duration::from_millis(100);

/// Tells the operator what a caller need not know.
impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Contended | StoreError::OtherServer => {
                tracing::warn!(%error, "the store does not answer");
                Self::unavailable("the history cannot be reached").retry_after(STORE_RETRY)
            }
            StoreError::Defect(_) => {
                tracing::error!(%error, "the store failed");
                Self::new(Code::Internal, "the history failed")
            }
        }
    }
}

impl From<ChangeRefused> for Fault {
    fn from(refused: ChangeRefused) -> Self {
        let code = match refused {
            ChangeRefused::NoSuchMessage => Code::NotFound,
            ChangeRefused::NotTheSender => Code::Forbidden,
            ChangeRefused::Deleted | ChangeRefused::SystemNotice => Code::Conflict,
            ChangeRefused::NoSuchReply | ChangeRefused::ReplyDeleted => Code::BadRequest,
            ChangeRefused::TooManyReactions(_)
            | ChangeRefused::TooManyEmoji(_)
            | ChangeRefused::TooManyOfOne(_) => Code::LimitReached,
        };
        Self::new(code, refused.to_string())
    }
}

impl From<ChangeError> for Fault {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Refused(refused) => refused.into(),
            ChangeError::Body(fault) => fault,
            ChangeError::Store(error) => error.into(),
        }
    }
}

/// Slow mode: from when on the message would be taken.
pub(crate) fn too_soon(until: Timestamp, now: Timestamp) -> Fault {
    let micros = u64::try_from(until.as_micros() - now.as_micros()).unwrap_or_default();
    let delay = Duration::from_micros(micros).max(Duration::from_millis(1));
    let seconds = delay.as_millis().div_ceil(1_000);
    Fault::new(Code::RateLimited, format!("slow mode: speak again in {seconds} s"))
        .retry_after(delay)
}

/// The queue is at its bound.
pub(crate) fn queue_full() -> Fault {
    Fault::unavailable("too many messages wait to be stored").retry_after(QUEUE_RETRY)
}

/// Nobody answers any more.
pub(crate) fn stopping() -> Fault {
    Fault::unavailable("this instance is stopping").retry_after(QUEUE_RETRY)
}
