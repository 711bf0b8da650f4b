//! The service as a value in a process: its tasks, and the routes that lead to them.

use std::sync::Arc;

use hubbub_bus::Bus;
use hubbub_domain::Clock;
use hubbub_proto::{
    GRPC_MESSAGE_BYTES_MAX, history::v1::history_service_server::HistoryServiceServer,
};
use hubbub_runtime::{grpc::Services, lifecycle::Lifecycle};
use tokio_util::sync::CancellationToken;

use crate::{
    Config,
    changing::Changing,
    grpc::Service,
    lane::{Lane, Lanes},
    metrics,
    publisher::publisher,
    store::{Store, StoreError},
    sweeper::Sweeper,
    worker::Worker,
};

/// The running service. Its tasks belong to the lifecycle it was started with, which should drain
/// after whoever calls it: `lifecycle.behind()`.
#[derive(Clone)]
pub struct History {
    service: Service,
}

/// What the service stands on.
struct Parts {
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
}

impl History {
    /// `config` has been validated.
    pub fn start(
        config: &Config,
        store: Arc<dyn Store>,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
        lifecycle: &Lifecycle,
    ) -> Self {
        metrics::begin(config.append.lanes * config.append.queue_messages_max);
        let parts = Parts { store, bus, clock };
        let lanes = (0..config.append.lanes).map(|_| start_lane(config, &parts, lifecycle));
        let lanes = Lanes::new(lanes.collect());
        let Parts { store, bus, clock } = parts;
        let sweeper = Sweeper {
            store: Arc::clone(&store),
            bus,
            clock: Arc::clone(&clock),
            config: config.sweep.clone(),
        };
        lifecycle.spawn("history_sweep", sweeper.run(lifecycle.clone()));
        let changing = Changing {
            store: Arc::clone(&store),
            clock,
            lanes: lanes.clone(),
            reactions: config.reactions,
        };
        Self { service: Service { store, lanes, changing, drain: CancellationToken::new() } }
    }

    /// Whether the store answers: for readiness.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.service.store.epoch().await.map(drop)
    }

    /// For `Transport::local`.
    pub fn services(&self) -> Services {
        self.services_until(CancellationToken::new())
    }

    /// For a server: calls that last come to their end when it drains.
    pub fn services_until(&self, drain: CancellationToken) -> Services {
        let server = HistoryServiceServer::new(Service { drain, ..self.service.clone() })
            .max_decoding_message_size(GRPC_MESSAGE_BYTES_MAX)
            .max_encoding_message_size(GRPC_MESSAGE_BYTES_MAX);
        Services::of(server)
    }
}

/// A writer and its publisher.
fn start_lane(config: &Config, parts: &Parts, lifecycle: &Lifecycle) -> Lane {
    let (publisher, publishing) =
        publisher(Arc::clone(&parts.bus), config.append.publish_bytes_max);
    let (lane, jobs) = Lane::new(config.append.queue_messages_max, publisher.clone());
    let worker = Worker {
        jobs,
        store: Arc::clone(&parts.store),
        clock: Arc::clone(&parts.clock),
        publisher,
        config: config.append.clone(),
    };
    let ended = CancellationToken::new();
    let store = Arc::clone(&parts.store);
    lifecycle
        .spawn("history_publish", publishing.run(store, lifecycle.abort.clone(), ended.clone()));
    lifecycle.spawn("history_write", worker.run(lifecycle.clone(), ended));
    lane
}
