//! The task behind a subscriber: makes what is confirmed the same as what is wanted, for ever.
//!
//! It has two states. *Serving*: all nodes are connected, everything wanted is confirmed, and
//! requests that wait together are made good together. *Mending*: something broke; it connects and
//! subscribes what is missing, again and again with growing, jittered pauses, and refuses requests
//! at once meanwhile. `Resumed` is announced on the way from the second to the first, only if at
//! that very moment no link is broken and nothing wanted is unconfirmed.

use std::{collections::HashSet, ops::ControlFlow, pin::pin, sync::Arc, time::Duration};

use futures::FutureExt;
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval_at, sleep},
};

use super::{link::Reports, links::Links, nodes::Nodes, subscriptions::Wanted};
use crate::{BusError, Config, Topic, feed::Outlet};

/// The first pause between two attempts; each next one is twice as long, up to the configured.
const RETRY_DELAY_MIN: Duration = Duration::from_millis(10);
/// Requests made good together.
const COALESCED_MAX: usize = 256;

/// Topics that were put on or taken off the list.
pub(super) struct Request {
    pub(super) topics: Vec<Topic>,
    pub(super) done: oneshot::Sender<Result<(), BusError>>,
}

pub(super) struct Driver {
    links: Links,
    outlet: Arc<Outlet>,
    wake: Arc<Notify>,
    wanted: Wanted,
    config: Config,
}

impl Driver {
    pub(super) fn new(
        config: &Config,
        nodes: Arc<Nodes>,
        reports: Reports,
        wanted: Wanted,
    ) -> Self {
        let (outlet, wake) = (Arc::clone(&reports.outlet), Arc::clone(&reports.wake));
        let links = Links::new(nodes, reports, Arc::clone(&wanted));
        Self { links, outlet, wake, wanted, config: config.clone() }
    }

    /// Runs until the handle or the feed is dropped. `started` hears of the first attempt's end.
    pub(super) async fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        started: oneshot::Sender<()>,
    ) {
        let mut started = Some(started);
        let outlet = Arc::clone(&self.outlet);
        let work = async {
            loop {
                if self.mend(&mut requests, &mut started).await.is_break()
                    || self.serve(&mut requests).await.is_break()
                {
                    return;
                }
            }
        };
        tokio::select! {
            () = work => {}
            () = outlet.closed() => {}
        }
    }

    /// Breaks when there is nobody to work for.
    async fn mend(
        &mut self,
        requests: &mut mpsc::Receiver<Request>,
        started: &mut Option<oneshot::Sender<()>>,
    ) -> ControlFlow<()> {
        let mut delay = RETRY_DELAY_MIN;
        loop {
            // What has woken us up to here is mended by this attempt.
            let _ = self.wake.notified().now_or_never();
            let result = refusing(requests, self.links.connect_and_subscribe()).await;
            let result = match result {
                ControlFlow::Continue(result) => result,
                ControlFlow::Break(()) => return ControlFlow::Break(()),
            };
            let whole = match &result {
                Ok(()) => self.outlet.resume(|| self.links.all_is_confirmed()),
                Err(error) => {
                    self.outlet.interrupt();
                    tracing::debug!(%error, "the bus is not whole yet");
                    false
                }
            };
            // Told after an interruption is announced, which the feed shall start with.
            if let Some(started) = started.take() {
                let _ = started.send(());
            }
            if whole {
                return ControlFlow::Continue(());
            }
            if result.is_err() {
                let pause = delay.mul_f64(rand::random_range(0.5..=1.0));
                if refusing(requests, sleep(pause)).await.is_break() {
                    return ControlFlow::Break(());
                }
                delay = (delay * 2).min(Duration::from_millis(self.config.retry_delay_max_ms));
            }
        }
    }

    /// Continues when something is to be mended.
    async fn serve(&mut self, requests: &mut mpsc::Receiver<Request>) -> ControlFlow<()> {
        let mut waiting = Vec::new();
        let mut ping = ticks(Duration::from_millis(self.config.ping_interval_ms));
        let mut refresh = ticks(Duration::from_millis(self.config.refresh_interval_ms));
        loop {
            let made_good = tokio::select! {
                // What broke comes first: requests would only fail on it.
                biased;
                () = self.wake.notified() => return ControlFlow::Continue(()),
                taken = requests.recv_many(&mut waiting, COALESCED_MAX) => {
                    if taken == 0 {
                        return ControlFlow::Break(());
                    }
                    self.make_good(&mut waiting).await
                }
                _ = ping.tick() => {
                    self.links.check().await;
                    Ok(())
                }
                _ = refresh.tick() => self.links.confirm_all_again().await,
            };
            if let Err(error) = made_good {
                tracing::debug!(%error, "the bus is interrupted");
                self.outlet.interrupt();
                return ControlFlow::Continue(());
            }
        }
    }

    /// Subscribes and unsubscribes what the requests touched, by what is wanted now: requests for
    /// the same topic may have overtaken each other.
    async fn make_good(&mut self, waiting: &mut Vec<Request>) -> Result<(), BusError> {
        let touched: HashSet<&Topic> = waiting.iter().flat_map(|request| &request.topics).collect();
        let (add, remove): (Vec<_>, Vec<_>) = {
            let wanted = self.wanted.lock();
            touched.into_iter().cloned().partition(|topic| wanted.contains(topic))
        };
        let result = async {
            self.links.unsubscribe(remove).await?;
            self.links.subscribe(add).await
        };
        let result = result.await;
        for request in waiting.drain(..) {
            let answer = match &result {
                Ok(()) => Ok(()),
                Err(error) => Err(BusError::Unavailable(error.to_string())),
            };
            // Whoever has stopped waiting announces that by itself.
            let _ = request.done.send(answer);
        }
        result
    }
}

/// Does `work` and meanwhile refuses all requests; breaks when none can come any more.
async fn refusing<T>(
    requests: &mut mpsc::Receiver<Request>,
    work: impl Future<Output = T>,
) -> ControlFlow<(), T> {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            result = &mut work => return ControlFlow::Continue(result),
            request = requests.recv() => match request {
                Some(request) => {
                    let refusal = BusError::Unavailable("reconnecting".to_owned());
                    let _ = request.done.send(Err(refusal));
                }
                None => return ControlFlow::Break(()),
            }
        }
    }
}

/// Ticks give or take a quarter, so that processes that started together do not stay together.
fn ticks(period: Duration) -> tokio::time::Interval {
    let period = period.mul_f64(rand::random_range(0.75..=1.25));
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
