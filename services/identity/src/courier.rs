//! Takes blocks to the room service: right after each change when it can, else with the next sweep.
//! The sweep also forgets what has ended.
//!
//! That a block is not told yet stands in its own row, so none is lost; its version makes telling it
//! twice, or out of order, harmless. So any instance may tell any block.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};
use hubbub_domain::{Clock, Code, Timestamp};
use hubbub_proto::{
    fault_from_status,
    room::v1::{SetBlockRequest, room_service_client::RoomServiceClient},
};
use hubbub_runtime::{grpc::Transport, lifecycle::Lifecycle};
use rand::RngExt as _;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{error::StoreError, metrics, model::BlockNotice, store::Store};

/// Blocks told in one pass. More wait for the next, which follows at once.
const NOTICES_MAX: u32 = 64;
/// Calls to the room service at once.
const CALLS_MAX: usize = 8;
/// How long what has ended is kept, for those who look into it.
const ENDED_KEPT: Duration = Duration::from_hours(24);
/// Of each kind, forgotten by one sweep. More wait for the next.
const FORGOTTEN_MAX: u32 = 1_000;
/// Sweeps that only look for untold blocks, for each that forgets.
const SWEEPS_PER_FORGETTING: u32 = 60;

/// What became of a pass.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Nothing is left.
    Done,
    /// All that was found is told; there may be more.
    Again,
    /// Something was not told: another attempt is for the next sweep.
    Stalled,
}

/// Tells blocks until the drain, and once more then.
pub(crate) struct Courier {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) room: Transport,
    pub(crate) clock: Arc<dyn Clock>,
    /// For one call of the room service.
    pub(crate) call_timeout: Duration,
    /// For one pass.
    pub(crate) pass_timeout: Duration,
    pub(crate) sweep_interval: Duration,
}

/// Tells the courier of new blocks, and how far it has come.
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
    /// There are new blocks. The answer ends when the room service knows, or one attempt has failed.
    pub(crate) fn nudge(&self) -> impl Future<Output = ()> + use<> {
        let mut passes = self.passes.subscribe();
        // A pass that is under way may have looked before these were there.
        let enough = passes.borrow_and_update().begun + 1;
        self.new.notify_one();
        async move {
            // The task is gone only when the process goes.
            let _gone = passes.wait_for(|passes| passes.ended >= enough).await;
        }
    }
}

impl Courier {
    /// Starts the task; nudge the answer when there are new blocks.
    pub(crate) fn start(self, lifecycle: &Lifecycle) -> Nudge {
        let nudge = Nudge { new: Arc::new(Notify::new()), passes: watch::Sender::default() };
        let (nudged, stopping) = (nudge.clone(), lifecycle.clone());
        lifecycle.spawn("identity_courier", async move {
            tokio::select! {
                () = self.run(&nudged, &stopping) => {}
                () = stopping.abort.cancelled() => {}
            }
        });
        nudge
    }

    async fn run(&self, nudge: &Nudge, lifecycle: &Lifecycle) {
        let (mut stalled, mut sweeps) = (false, 0_u32);
        let mut sweep_at = self.next_sweep();
        while !lifecycle.drain.is_cancelled() {
            tokio::select! {
                // While the room service is down every block would only be one more failing call.
                () = nudge.new.notified(), if !stalled => {}
                // Also when the nudges never cease.
                () = tokio::time::sleep_until(sweep_at) => {
                    sweeps = sweeps.wrapping_add(1);
                    if sweeps.is_multiple_of(SWEEPS_PER_FORGETTING) {
                        self.forget().await;
                    }
                    sweep_at = self.next_sweep();
                }
                () = lifecycle.drain.cancelled() => {}
            }
            nudge.passes.send_modify(|passes| passes.begun += 1);
            stalled = self.tell_all().await == Pass::Stalled;
            nudge.passes.send_modify(|passes| passes.ended = passes.begun);
        }
    }

    /// Jittered, so that instances that started together do not sweep together.
    fn next_sweep(&self) -> Instant {
        Instant::now() + self.sweep_interval.mul_f64(rand::rng().random_range(0.75..1.25))
    }

    /// Until nothing is left, or the room service or the store take no more for now.
    async fn tell_all(&self) -> Pass {
        loop {
            match tokio::time::timeout(self.pass_timeout, self.tell_some()).await {
                Ok(Ok(Pass::Again)) => {}
                Ok(Ok(pass)) => return pass,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "blocks wait: the identity store failed");
                    return Pass::Stalled;
                }
                Err(_) => {
                    tracing::warn!("blocks wait: the identity store took too long");
                    return Pass::Stalled;
                }
            }
        }
    }

    async fn tell_some(&self) -> Result<Pass, StoreError> {
        let untold = self.store.untold_blocks(NOTICES_MAX).await?;
        if untold.is_empty() {
            return Ok(Pass::Done);
        }
        let count = untold.len();
        let told: Vec<BlockNotice> = stream::iter(untold)
            .map(|notice| self.tell(notice))
            .buffer_unordered(CALLS_MAX)
            .filter_map(std::future::ready)
            .collect()
            .await;
        self.store.blocks_told(&told).await?;
        Ok(if told.len() == count { Pass::Again } else { Pass::Stalled })
    }

    /// The notice itself when it need not be told any more.
    async fn tell(&self, notice: BlockNotice) -> Option<BlockNotice> {
        let mut request = tonic::Request::new(SetBlockRequest {
            user_id: notice.user.to_string(),
            peer_id: notice.peer.to_string(),
            blocked: notice.blocked,
            version: notice.version,
        });
        request.set_timeout(self.call_timeout);
        let mut room = RoomServiceClient::new(self.room.any());
        let called = tokio::time::timeout(self.call_timeout, room.set_block(request)).await;
        let fault = match called {
            Ok(Ok(_)) => return Some(notice),
            Ok(Err(status)) => fault_from_status(&status),
            Err(_) => {
                tracing::warn!("blocks wait: the room service took too long");
                return None;
            }
        };
        // What the room service refuses for good would come back for ever.
        if !fault.code.retryable() && fault.code != Code::Internal {
            metrics::block_refused();
            tracing::error!(%fault, "the room service refused a block");
            return Some(notice);
        }
        tracing::warn!(%fault, "blocks wait: the room service failed");
        None
    }

    /// What fails here waits for another sweep.
    async fn forget(&self) {
        let kept = i64::try_from(ENDED_KEPT.as_micros()).unwrap_or(i64::MAX);
        let before = Timestamp::from_micros(self.clock.now().as_micros() - kept);
        let forgetting = self.store.forget(before, FORGOTTEN_MAX);
        match tokio::time::timeout(self.pass_timeout, forgetting).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "what has ended stays: the store failed"),
            Err(_) => tracing::warn!("what has ended stays: the store took too long"),
        }
    }
}
