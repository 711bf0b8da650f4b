//! The bus over Redis sharded pub/sub: a standalone server or a Cluster, told apart by asking.
//!
//! Everything stands on plain connections, one per node: [`nodes`] knows which node owns which
//! slot, [`publisher`] keeps one connection to each for publishing, and each subscriber has [`links`]
//! to all, looked after by its [`driver`]. No client library's own reconnecting or resubscribing
//! is used, because it would hide the very losses that the contract wants announced.

mod channel;
mod driver;
mod link;
mod links;
mod nodes;
mod publisher;
mod subscriptions;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::{Bus, BusError, Config, Publication, Subscriber, metrics};

use self::{channel::Channels, nodes::Nodes, publisher::Publisher};

pub(crate) struct RedisBus {
    config: Config,
    channels: Channels,
    nodes: Arc<Nodes>,
    publisher: Publisher,
}

impl RedisBus {
    pub(crate) fn new(config: &Config) -> Result<Self, BusError> {
        config.validate()?;
        let channels = Channels::new(&config.prefix);
        let nodes = Arc::new(Nodes::new(config)?);
        let publisher = Publisher::new(Arc::clone(&nodes), channels.clone());
        Ok(Self { config: config.clone(), channels, nodes, publisher })
    }
}

#[async_trait]
impl Bus for RedisBus {
    async fn publish(&self, batch: &[Publication]) -> Result<(), BusError> {
        let deadline = Instant::now() + self.config.command_timeout();
        let result = self.publisher.publish(batch, deadline).await;
        match &result {
            Ok(()) => metrics::published(batch.len()),
            Err(_) => metrics::publish_failed(),
        }
        result
    }

    async fn subscribe(&self) -> Result<Subscriber, BusError> {
        let nodes = Arc::clone(&self.nodes);
        Ok(subscriptions::subscribe(&self.config, nodes, self.channels.clone()).await)
    }
}

fn no_answer() -> BusError {
    BusError::Unavailable("no answer within the time-out".to_owned())
}

/// What went wrong, without the address: that may hold credentials.
fn unavailable(error: &redis::RedisError) -> BusError {
    let detail = error.detail().unwrap_or_default();
    BusError::Unavailable(format!("{} {detail}", error.category()).trim_end().to_owned())
}
