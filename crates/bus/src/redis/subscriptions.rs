//! A subscriber's handle: the list of what is wanted, and requests to the driver to make it so.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::timeout,
};

use super::{
    channel::Channels,
    driver::{Driver, Request},
    link::Reports,
    no_answer,
    nodes::Nodes,
};
use crate::{
    BusError, Config, Subscriber, Subscriptions, Topic,
    feed::{self, Outlet},
    metrics,
};

/// Requests waiting for the driver, which takes all of them at once. Further callers wait, within
/// their time-out.
const REQUESTS_MAX: usize = 256;

/// What subscribers want, shared by the handle and its driver.
pub(super) type Wanted = Arc<Mutex<HashSet<Topic>>>;

/// Starts a subscriber and waits for its first attempt to connect, which may fail.
pub(super) async fn subscribe(
    config: &Config,
    nodes: Arc<Nodes>,
    channels: Channels,
) -> Subscriber {
    let (outlet, feed) = feed::feed();
    let (requests, receiver) = mpsc::channel(REQUESTS_MAX);
    let (started, first_attempt) = oneshot::channel();
    let wake = Arc::new(Notify::new());
    let wanted = Wanted::default();
    let reports = Reports { channels, outlet: Arc::clone(&outlet), wake: Arc::clone(&wake) };
    let driver = Driver::new(config, nodes, reports, Arc::clone(&wanted));
    // It ends by itself when the handle or the feed is dropped.
    tokio::spawn(driver.run(receiver, started));
    if timeout(config.command_timeout(), first_attempt).await.is_err() {
        outlet.interrupt();
    }
    let config = config.clone();
    let subscriptions = Arc::new(RedisSubscriptions { wanted, requests, outlet, wake, config });
    Subscriber { subscriptions, feed }
}

struct RedisSubscriptions {
    wanted: Wanted,
    requests: mpsc::Sender<Request>,
    outlet: Arc<Outlet>,
    wake: Arc<Notify>,
    config: Config,
}

impl RedisSubscriptions {
    async fn request(&self, topics: &[Topic]) -> Result<(), BusError> {
        let ended = || BusError::Unavailable("the subscriber has ended".to_owned());
        let (done, answer) = oneshot::channel();
        let request = Request { topics: topics.to_vec(), done };
        let answered = async {
            self.requests.send(request).await.map_err(|_| ended())?;
            answer.await.map_err(|_| ended())?
        };
        timeout(self.config.command_timeout(), answered).await.unwrap_or_else(|_| Err(no_answer()))
    }
}

#[async_trait]
impl Subscriptions for RedisSubscriptions {
    async fn add(&self, topics: &[Topic]) -> Result<(), BusError> {
        {
            let mut wanted = self.wanted.lock();
            let before = wanted.len();
            wanted.extend(topics.iter().cloned());
            metrics::topics_changed(before, wanted.len());
        }
        let mut unconfirmed = Unconfirmed { subscriptions: self, confirmed: false };
        let result = self.request(topics).await;
        unconfirmed.confirmed = result.is_ok();
        result
    }

    async fn remove(&self, topics: &[Topic]) -> Result<(), BusError> {
        {
            let mut wanted = self.wanted.lock();
            let before = wanted.len();
            for topic in topics {
                wanted.remove(topic);
            }
            metrics::topics_changed(before, wanted.len());
        }
        self.request(topics).await
    }
}

/// Topics that are wanted, but whose caller will not learn that they are confirmed (the call failed
/// or was given up): the feed must say so, and say when they are.
struct Unconfirmed<'a> {
    subscriptions: &'a RedisSubscriptions,
    confirmed: bool,
}

impl Drop for Unconfirmed<'_> {
    fn drop(&mut self) {
        if !self.confirmed {
            self.subscriptions.outlet.interrupt();
            self.subscriptions.wake.notify_one();
        }
    }
}

impl Drop for RedisSubscriptions {
    fn drop(&mut self) {
        metrics::topics_changed(self.wanted.lock().len(), 0);
    }
}
