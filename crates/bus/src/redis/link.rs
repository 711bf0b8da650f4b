//! One subscriber's connection to one node.
//!
//! A link breaks once, for whatever reason, and says so before anything else can go on: its feed is
//! interrupted, the driver is woken. It is then thrown away, never repaired. A `sunsubscribe` that
//! we did not ask for (the slot moved to another node) breaks it too: the client library takes it
//! for the answer to whatever is in flight, so from there on answers cannot be trusted.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use parking_lot::Mutex;
use redis::{PushInfo, PushKind, RedisError, Value, aio::MultiplexedConnection};
use tokio::sync::Notify;

use super::{
    channel::Channels,
    nodes::{Node, Nodes},
};
use crate::{Topic, feed::Outlet};

/// Commands in one pipeline: bounds the memory that answers take, and the time of one wait.
const PIPELINE_MAX: usize = 1_000;

pub(super) struct Link {
    connection: MultiplexedConnection,
    shared: Arc<Shared>,
}

/// What all links of a subscriber report to.
#[derive(Clone)]
pub(super) struct Reports {
    pub(super) channels: Channels,
    pub(super) outlet: Arc<Outlet>,
    pub(super) wake: Arc<Notify>,
}

struct Shared {
    reports: Reports,
    broken: AtomicBool,
    /// The channels whose `sunsubscribe` we asked for.
    leaving: Mutex<HashSet<Vec<u8>>>,
}

impl Link {
    pub(super) async fn connect(
        nodes: &Nodes,
        node: &Node,
        reports: &Reports,
    ) -> Result<Self, RedisError> {
        let reports = reports.clone();
        let shared =
            Arc::new(Shared { reports, broken: AtomicBool::new(false), leaving: Mutex::default() });
        let reader = Arc::clone(&shared);
        let pushes = move |push: PushInfo| {
            reader.receive(push);
            Ok::<(), ()>(())
        };
        Ok(Self { connection: nodes.connect(node, pushes).await?, shared })
    }

    /// Returns when the node has confirmed every topic.
    ///
    /// One command per channel: an answer belongs to a command then, and a refusal (`MOVED`) is
    /// seen at once. In a pipeline that costs the node no more than many channels per command.
    pub(super) async fn subscribe(&self, topics: &[Topic]) -> Result<(), RedisError> {
        let names = topics.iter().map(|topic| self.shared.reports.channels.name(topic));
        self.pipeline("SSUBSCRIBE", names.collect()).await
    }

    pub(super) async fn unsubscribe(&self, topics: &[Topic]) -> Result<(), RedisError> {
        let names: Vec<_> =
            topics.iter().map(|topic| self.shared.reports.channels.name(topic)).collect();
        self.shared.leaving.lock().extend(names.iter().map(|name| name.clone().into_bytes()));
        self.pipeline("SUNSUBSCRIBE", names).await
    }

    /// Breaks the link when the node does not answer in time.
    pub(super) async fn check(&self) {
        let ping = redis::cmd("PING");
        if ping.exec_async(&mut self.connection.clone()).await.is_err() {
            self.shared.break_off();
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        self.shared.broken.load(Ordering::Acquire)
    }

    async fn pipeline(&self, command: &str, names: Vec<String>) -> Result<(), RedisError> {
        for names in names.chunks(PIPELINE_MAX) {
            let mut pipeline = redis::Pipeline::with_capacity(names.len());
            for name in names {
                pipeline.cmd(command).arg(name);
            }
            let result = pipeline.exec_async(&mut self.connection.clone()).await;
            if result.is_err() {
                // Whether the node did it is unknown now.
                self.shared.break_off();
            }
            result?;
        }
        Ok(())
    }
}

impl Shared {
    /// Runs in the connection's reading task, in the order of arrival.
    fn receive(&self, push: PushInfo) {
        match push.kind {
            PushKind::SMessage => self.receive_message(push.data),
            PushKind::SUnsubscribe => {
                let asked = match push.data.first() {
                    Some(Value::BulkString(name)) => self.leaving.lock().remove(name),
                    _ => false,
                };
                if !asked {
                    self.break_off();
                }
            }
            PushKind::Disconnection => self.break_off(),
            _ => {}
        }
    }

    fn receive_message(&self, data: Vec<Value>) {
        if let Ok([Value::BulkString(name), Value::BulkString(payload)]) =
            <[Value; 2]>::try_from(data)
            && let Some(topic) = self.reports.channels.topic(&name)
        {
            self.reports.outlet.deliver(topic, Bytes::from(payload));
        }
    }

    fn break_off(&self) {
        // First the flag, then the announcement: see `Outlet::resume`.
        self.broken.store(true, Ordering::Release);
        self.reports.outlet.interrupt();
        self.reports.wake.notify_one();
    }
}
