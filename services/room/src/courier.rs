//! Takes notices to history: right after each change when it can, else with the next sweep. The
//! sweep also forgets old requests.
//!
//! A notice is written with the change it tells of and taken away only after history confirmed it,
//! so none is lost; its `client_id` is its position in its room, so history keeps a repeated one
//! once. A room's notices go in their order, and no other instance takes them meanwhile.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};
use history_service_client::HistoryServiceClient;
use hubbub_domain::{Clock, Code, RoomId, Timestamp, UserId};
use hubbub_proto::{
    GRPC_MESSAGE_BYTES_MAX,
    history::v1::{
        AppendRequest, AppendResult, NewMessage, append_result, history_service_client, new_message,
    },
};
use hubbub_runtime::{grpc::Transport, lifecycle::Lifecycle};
use rand::RngExt as _;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{error::StoreError, metrics, model::PendingNotice, store::Store};

/// Rooms of one claim. More wait for the next.
const CLAIM_ROOMS_MAX: u32 = 64;
/// Notices of one claim; below what history takes in one call.
const CLAIM_NOTICES_MAX: u32 = 512;
/// Calls to history at once.
const CALLS_MAX: usize = 8;
/// How long a repeated `CreateRoom` finds the room it made; the interface promises it.
const REQUESTS_KEPT: Duration = Duration::from_hours(7 * 24);
/// Requests forgotten by one sweep. More wait for the next.
const FORGOTTEN_MAX: u32 = 1_000;

/// What became of a pass.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Nothing is left.
    Done,
    /// All that was claimed is delivered; there may be more.
    Again,
    /// Something was not delivered: another attempt is for the next sweep.
    Stalled,
}

/// Delivers notices until the drain, and once more then.
pub(crate) struct Courier {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) history: Transport,
    pub(crate) clock: Arc<dyn Clock>,
    /// For one call of history.
    pub(crate) call_timeout: Duration,
    /// For one pass: a claim, its calls, and its end.
    pub(crate) pass_timeout: Duration,
    pub(crate) sweep_interval: Duration,
}

/// Tells the courier of new notices, and how far it has come.
#[derive(Clone)]
pub(crate) struct Nudge {
    new: Arc<Notify>,
    passes: watch::Sender<Passes>,
}

#[derive(Clone, Copy, Default)]
struct Passes {
    begun: u64,
    ended: u64,
}

impl Nudge {
    /// There are new notices. The answer ends when history has them, or one attempt has failed.
    pub(crate) fn nudge(&self) -> impl Future<Output = ()> + use<> {
        let mut passes = self.passes.subscribe();
        // A pass that is under way may have looked before these notices were there.
        let enough = passes.borrow_and_update().begun + 1;
        self.new.notify_one();
        async move {
            // The task is gone only when the process goes.
            let _gone = passes.wait_for(|passes| passes.ended >= enough).await;
        }
    }
}

impl Courier {
    /// Starts the task; nudge the answer when there are new notices.
    pub(crate) fn start(self, lifecycle: &Lifecycle) -> Nudge {
        let nudge = Nudge { new: Arc::new(Notify::new()), passes: watch::Sender::default() };
        let (nudged, stopping) = (nudge.clone(), lifecycle.clone());
        lifecycle.spawn("room_courier", async move {
            tokio::select! {
                () = self.run(&nudged, &stopping) => {}
                () = stopping.abort.cancelled() => {}
            }
        });
        nudge
    }

    async fn run(&self, nudge: &Nudge, lifecycle: &Lifecycle) {
        let mut stalled = false;
        let mut sweep_at = self.next_sweep();
        while !lifecycle.drain.is_cancelled() {
            tokio::select! {
                // While history is down every change would only be one more failing call.
                () = nudge.new.notified(), if !stalled => {}
                // Also when the nudges never cease.
                () = tokio::time::sleep_until(sweep_at) => {
                    self.measure().await;
                    self.forget_requests().await;
                    sweep_at = self.next_sweep();
                }
                () = lifecycle.drain.cancelled() => {}
            }
            nudge.passes.send_modify(|passes| passes.begun += 1);
            stalled = self.deliver_all().await == Pass::Stalled;
            nudge.passes.send_modify(|passes| passes.ended = passes.begun);
        }
    }

    /// Jittered, so that instances that started together do not sweep together.
    fn next_sweep(&self) -> Instant {
        Instant::now() + self.sweep_interval.mul_f64(rand::rng().random_range(0.75..1.25))
    }

    /// Until nothing is left, or history or the store take no more for now.
    async fn deliver_all(&self) -> Pass {
        loop {
            let pass = tokio::time::timeout(self.pass_timeout, self.deliver_some()).await;
            match pass {
                Ok(Ok(Pass::Again)) => {}
                Ok(Ok(pass)) => return pass,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "notices wait: the room store failed");
                    return Pass::Stalled;
                }
                Err(_) => {
                    tracing::warn!("notices wait: the room store took too long");
                    return Pass::Stalled;
                }
            }
        }
    }

    async fn deliver_some(&self) -> Result<Pass, StoreError> {
        let claim = self.store.claim_notices(CLAIM_ROOMS_MAX, CLAIM_NOTICES_MAX).await?;
        let claimed = claim.notices().len();
        if claimed == 0 {
            return Ok(Pass::Done);
        }
        let done = self.deliver(claim.notices()).await;
        claim.settle(&done).await?;
        Ok(if done.len() == claimed { Pass::Again } else { Pass::Stalled })
    }

    /// Which of the notices need not be delivered any more.
    async fn deliver(&self, claimed: &[PendingNotice]) -> Vec<(RoomId, u64)> {
        let mut rooms: BTreeMap<RoomId, Vec<PendingNotice>> = BTreeMap::new();
        for notice in claimed {
            rooms.entry(notice.room).or_default().push(notice.clone());
        }
        // One bound for all: the claim holds its rooms no longer than a call may take.
        let deadline = Instant::now() + self.call_timeout;
        stream::iter(rooms)
            .map(|room| self.deliver_room(room, deadline))
            .buffer_unordered(CALLS_MAX)
            .concat()
            .await
    }

    async fn deliver_room(
        &self,
        (room, notices): (RoomId, Vec<PendingNotice>),
        deadline: Instant,
    ) -> Vec<(RoomId, u64)> {
        let messages = notices.iter().map(message).collect();
        let mut request = tonic::Request::new(AppendRequest { messages });
        request.set_timeout(self.call_timeout);
        let mut history = HistoryServiceClient::new(self.history.pick(room.as_uuid().as_u128()))
            .max_decoding_message_size(GRPC_MESSAGE_BYTES_MAX);
        let append = tokio::time::timeout_at(deadline, history.append(request));
        match append.await {
            Ok(Ok(response)) => {
                let results = response.into_inner().results;
                let done =
                    notices.iter().zip(results).filter(|(notice, result)| settled(notice, result));
                done.map(|(notice, _)| (room, notice.position)).collect()
            }
            Ok(Err(status)) => {
                tracing::warn!(%room, code = ?status.code(), "notices wait: history failed");
                Vec::new()
            }
            Err(_) => {
                tracing::warn!(%room, "notices wait: history took too long");
                Vec::new()
            }
        }
    }

    async fn measure(&self) {
        let backlog = tokio::time::timeout(self.call_timeout, self.store.backlog()).await;
        if let Ok(Ok(backlog)) = backlog {
            let now = self.clock.now().as_micros();
            let waited = backlog.oldest.map_or(0, |oldest| now - oldest.as_micros());
            let waited = u64::try_from(waited).unwrap_or_default();
            metrics::backlog(backlog, Duration::from_micros(waited));
        }
    }

    /// What fails here waits for the next sweep.
    async fn forget_requests(&self) {
        let kept = i64::try_from(REQUESTS_KEPT.as_micros()).unwrap_or(i64::MAX);
        let before = Timestamp::from_micros(self.clock.now().as_micros() - kept);
        let forgetting = self.store.forget_requests(before, FORGOTTEN_MAX);
        match tokio::time::timeout(self.call_timeout, forgetting).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "old requests stay: the room store failed"),
            Err(_) => tracing::warn!("old requests stay: the room store took too long"),
        }
    }
}

fn message(notice: &PendingNotice) -> NewMessage {
    NewMessage {
        room_id: notice.room.to_string(),
        sender_id: UserId::SYSTEM.to_owned(),
        client_id: format!("notice-{}", notice.position),
        content: Some(new_message::Content::System(notice.notice.clone().into())),
        pause_ms: 0,
        traceparent: String::new(),
    }
}

/// Stored, or never to be: what history refuses for good would block its room for ever.
fn settled(notice: &PendingNotice, result: &AppendResult) -> bool {
    match &result.result {
        Some(append_result::Result::Appended(_)) => true,
        Some(append_result::Result::Refusal(refusal)) => {
            let for_good = Code::parse(&refusal.code)
                .is_some_and(|code| !code.retryable() && code != Code::Internal);
            if for_good {
                metrics::notice_refused();
                let (room, position) = (notice.room, notice.position);
                tracing::error!(%room, position, code = refusal.code, "history refused a notice");
            }
            for_good
        }
        None => false,
    }
}
