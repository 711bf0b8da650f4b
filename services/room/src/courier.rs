//! Takes notices to history: right after each change when it can, else with the next sweep.
//!
//! A notice is written with the change it tells of and taken away only after history confirmed it,
//! so none is lost; its `client_id` is its position in its room, so history keeps a repeated one
//! once. A room's notices go in their order, and no other instance takes them meanwhile.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};
use history_service_client::HistoryServiceClient;
use hubbub_domain::{Clock, Code, RoomId};
use hubbub_proto::{
    GRPC_MESSAGE_BYTES_MAX,
    history::v1::{
        AppendRequest, AppendResult, NewMessage, append_result, history_service_client, new_message,
    },
};
use hubbub_runtime::{grpc::Transport, lifecycle::Lifecycle};
use rand::RngExt as _;
use tokio::sync::Notify;

use crate::{error::StoreError, metrics, model::PendingNotice, store::Store};

/// Who speaks in a notice.
const SENDER: &str = "system";
/// Rooms of one claim. More wait for the next.
const CLAIM_ROOMS_MAX: u32 = 64;
/// Notices of one claim; below what history takes in one call.
const CLAIM_NOTICES_MAX: u32 = 512;
/// Calls to history at once.
const CALLS_MAX: usize = 8;

/// Delivers notices until the drain, and once more then.
pub(crate) struct Courier {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) history: Transport,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) call_timeout: Duration,
    pub(crate) sweep_interval: Duration,
}

impl Courier {
    /// Starts the task; notify the answer when there are new notices.
    pub(crate) fn start(self, lifecycle: &Lifecycle) -> Arc<Notify> {
        let nudge = Arc::new(Notify::new());
        let (nudged, stopping) = (Arc::clone(&nudge), lifecycle.clone());
        lifecycle.spawn("room-courier", async move {
            tokio::select! {
                () = self.run(&nudged, &stopping) => {}
                () = stopping.abort.cancelled() => {}
            }
        });
        nudge
    }

    async fn run(&self, nudge: &Notify, lifecycle: &Lifecycle) {
        while !lifecycle.drain.is_cancelled() {
            // Jittered, so that instances that started together do not sweep together.
            let pause = self.sweep_interval.mul_f64(rand::rng().random_range(0.75..1.25));
            tokio::select! {
                () = nudge.notified() => {}
                () = tokio::time::sleep(pause) => self.measure().await,
                () = lifecycle.drain.cancelled() => {}
            }
            if let Err(error) = self.deliver_all().await {
                tracing::warn!(%error, "notices wait: the room store failed");
            }
        }
    }

    /// Until nothing is left, or history takes no more for now.
    async fn deliver_all(&self) -> Result<(), StoreError> {
        loop {
            let claim = self.store.claim_notices(CLAIM_ROOMS_MAX, CLAIM_NOTICES_MAX).await?;
            let claimed = claim.notices().len();
            if claimed == 0 {
                return Ok(());
            }
            let done = self.deliver(claim.notices()).await;
            let all_done = done.len() == claimed;
            claim.settle(&done).await?;
            if !all_done {
                return Ok(());
            }
        }
    }

    /// Which of the notices need not be delivered any more.
    async fn deliver(&self, claimed: &[PendingNotice]) -> Vec<(RoomId, u64)> {
        let mut rooms: BTreeMap<RoomId, Vec<PendingNotice>> = BTreeMap::new();
        for notice in claimed {
            rooms.entry(notice.room).or_default().push(notice.clone());
        }
        stream::iter(rooms)
            .map(|(room, notices)| self.deliver_room(room, notices))
            .buffer_unordered(CALLS_MAX)
            .concat()
            .await
    }

    async fn deliver_room(&self, room: RoomId, notices: Vec<PendingNotice>) -> Vec<(RoomId, u64)> {
        let messages = notices.iter().map(message).collect();
        let mut request = tonic::Request::new(AppendRequest { messages });
        request.set_timeout(self.call_timeout);
        let mut history = HistoryServiceClient::new(self.history.pick(room.as_uuid().as_u128()))
            .max_decoding_message_size(GRPC_MESSAGE_BYTES_MAX);
        let append = tokio::time::timeout(self.call_timeout, history.append(request));
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
        if let Ok(backlog) = self.store.backlog().await {
            let now = self.clock.now().as_micros();
            let waited = backlog.oldest.map_or(0, |oldest| now - oldest.as_micros());
            let waited = u64::try_from(waited).unwrap_or_default();
            metrics::backlog(backlog, Duration::from_micros(waited));
        }
    }
}

fn message(notice: &PendingNotice) -> NewMessage {
    NewMessage {
        room_id: notice.room.to_string(),
        sender_id: SENDER.to_owned(),
        client_id: format!("notice-{}", notice.position),
        content: Some(new_message::Content::System(notice.notice.clone().into())),
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
