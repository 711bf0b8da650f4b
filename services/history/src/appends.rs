//! Batches of messages over one lasting call: what a call costs by itself (its headers, its stream, its
//! place among the others) is paid once, and not for every message of a room where people talk.
//!
//! The call is none that anybody depends on. It ends when it is idle, old or in the way of a drain, and
//! whoever called repeats what was not answered with a call of its own.

use std::time::Duration;

use hubbub_proto::{history::v1 as wire, status_from_fault};
use tokio::time::{Instant, timeout, timeout_at};
use tonic::{Status, Streaming};

use crate::grpc::Service;

/// After so long without a request the call ends.
const IDLE_MAX: Duration = Duration::from_secs(5);
/// After so long it ends however busy it is: its connection may be one that is to be closed, and takes
/// less than its grace (30 s) then.
const AGE_MAX: Duration = Duration::from_secs(20);
/// A batch that is not stored within this ends the call with an error, as a call of its own would at most
/// last.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// A call in whose turn it is to read or to answer.
pub(crate) struct Appends {
    service: Service,
    requests: Streaming<wire::AppendStreamRequest>,
    ends: Instant,
}

impl Appends {
    pub(crate) fn new(service: Service, requests: Streaming<wire::AppendStreamRequest>) -> Self {
        Self { service, requests, ends: Instant::now() + AGE_MAX }
    }

    /// The next answer; `None` ends the call, and so does an error.
    pub(crate) async fn next(
        mut self,
    ) -> Option<(Result<wire::AppendStreamResponse, Status>, Self)> {
        let until = self.ends.min(Instant::now() + IDLE_MAX);
        let requested = timeout_at(until, self.requests.message());
        let requested = self.service.drain.run_until_cancelled(requested).await?.ok()?;
        let answer = match requested {
            Ok(request) => {
                let storing = timeout(ANSWER_MAX, self.service.append_all(request?.messages)).await;
                match storing {
                    Ok(Ok(results)) => Ok(wire::AppendStreamResponse { results }),
                    Ok(Err(fault)) => Err(status_from_fault(&fault)),
                    Err(_elapsed) => Err(Status::deadline_exceeded("the batch took too long")),
                }
            }
            Err(status) => Err(status),
        };
        Some((answer, self))
    }
}
