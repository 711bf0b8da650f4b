//! The outcomes of appends and the heads of rooms, as messages of the contract.

use std::time::Duration;

use hubbub_domain::{Code, Fault};
use hubbub_proto::{
    history::v1::{self as wire, append_result},
    timestamp,
};

use crate::{lane::Appending, store};

/// When nothing was stored and the same request may succeed later, the call as a whole says so: that
/// carries the delay, and clients repeat calls more readily than entries.
pub(super) fn whole_failure(answers: &[Appending]) -> Option<Fault> {
    // Slow mode is each message's own matter: the others of a batch have not heard of it.
    let retryable =
        |answer: &Appending| answer.as_ref().is_err_and(|it| it.code == Code::Unavailable);
    let defect =
        |answer: &Appending| answer.as_ref().is_err_and(|fault| fault.code == Code::Internal);
    let failed = answers.iter().all(retryable) || answers.iter().all(defect);
    answers.first().filter(|_| failed).and_then(|first| first.clone().err())
}

pub(super) fn results(answers: Vec<Appending>) -> Vec<wire::AppendResult> {
    let results = answers.into_iter().map(|answer| wire::AppendResult {
        result: Some(match answer {
            Ok(appended) => append_result::Result::Appended(wire::Appended {
                seq: appended.place.seq.0,
                rev: appended.place.rev.0,
                message_id: appended.place.id.to_string(),
                created_at: Some(timestamp(appended.place.created_at)),
                duplicate: appended.duplicate,
            }),
            Err(fault) => append_result::Result::Refusal(refusal(fault)),
        }),
    });
    results.collect()
}

fn refusal(fault: Fault) -> wire::Refusal {
    let millis = |delay: Duration| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
    wire::Refusal {
        code: fault.code.as_str().to_owned(),
        message: fault.message.into_owned(),
        retry_after_ms: fault.retry_after.map_or(0, |delay| millis(delay).max(1)),
    }
}

pub(super) fn room_head(head: store::RoomHead) -> wire::RoomHead {
    wire::RoomHead {
        head: Some(wire::Head::of(head.room, head.head)),
        unread: head.unread,
        mentions: head.mentions,
        read_seq: head.read.0,
        last_at: head.last_at.map(timestamp),
        last_said_at: head.last_said_at.map(timestamp),
    }
}
