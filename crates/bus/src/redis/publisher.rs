//! Publishing: one pipeline per node and batch, all nodes at once.
//!
//! A payload that may have been published is never sent a second time: only what a node refused
//! because it does not own the slot (any more) goes out again, to the owner.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::{TryFutureExt, future::join_all};
use parking_lot::Mutex;
use redis::{
    ErrorKind, PushInfo, PushKind, RedisError, RedisResult, ServerErrorKind, Value,
    aio::MultiplexedConnection,
};
use tokio::{
    sync::OnceCell,
    time::{Instant, timeout_at},
};

use super::{
    channel::{self, Channels},
    no_answer,
    nodes::{Node, Nodes},
    unavailable,
};
use crate::{BusError, Publication};

/// How often one batch follows slots that move.
const ROUNDS_MAX: usize = 4;

pub(super) struct Publisher {
    nodes: Arc<Nodes>,
    channels: Channels,
    /// A cell per node, so that publishers who need the same connection make it once, and nobody
    /// waits for another node's.
    connections: Mutex<HashMap<Node, Arc<OnceCell<Connection>>>>,
}

struct Connection {
    redis: MultiplexedConnection,
    closed: Arc<AtomicBool>,
}

impl Publisher {
    pub(super) fn new(nodes: Arc<Nodes>, channels: Channels) -> Self {
        Self { nodes, channels, connections: Mutex::default() }
    }

    /// Ends by the deadline, whatever the nodes do.
    pub(super) async fn publish(
        &self,
        batch: &[Publication],
        deadline: Instant,
    ) -> Result<(), BusError> {
        let mut batch: Vec<_> = batch.iter().collect();
        let mut topology = within(deadline, self.nodes.topology()).await?;
        for _ in 0..ROUNDS_MAX {
            let mut by_node: HashMap<&Node, Vec<&Publication>> = HashMap::new();
            for publication in batch {
                let owner = topology.owner(channel::slot(&publication.topic));
                let owner = owner.ok_or_else(|| no_owner("a slot has no owner"))?;
                by_node.entry(owner).or_default().push(publication);
            }
            let sent =
                by_node.into_iter().map(|(node, part)| self.publish_on(node, part, deadline));
            let refused = join_all(sent).await.into_iter().collect::<Result<Vec<_>, _>>()?;
            batch = refused.into_iter().flatten().collect();
            if batch.is_empty() {
                return Ok(());
            }
            topology = within(deadline, self.nodes.ask_topology()).await?;
        }
        Err(no_owner("a slot is moving"))
    }

    /// Returns what the node refused because the slot is not its own.
    async fn publish_on<'a>(
        &self,
        node: &Node,
        part: Vec<&'a Publication>,
        deadline: Instant,
    ) -> Result<Vec<&'a Publication>, BusError> {
        let cell = self.cell(node);
        let publish = async {
            let mut connection = cell.get_or_try_init(|| self.connect(node)).await?.redis.clone();
            let mut pipeline = redis::Pipeline::with_capacity(part.len());
            for publication in &part {
                let channel = self.channels.name(&publication.topic);
                pipeline.cmd("SPUBLISH").arg(channel).arg(publication.payload.as_ref());
            }
            let answers: Vec<RedisResult<Value>> =
                pipeline.ignore_errors().query_async(&mut connection).await?;
            let mut refused = Vec::new();
            for (publication, answer) in part.into_iter().zip(answers) {
                match answer {
                    Ok(_) => {}
                    Err(error) if is_moved(&error) => refused.push(publication),
                    Err(error) => return Err(error),
                }
            }
            Ok(refused)
        };
        let publish = publish.map_err(|error: RedisError| unavailable(&error));
        let result = within(deadline, publish).await;
        if result.is_err() {
            self.forget(node, &cell);
        }
        result
    }

    fn cell(&self, node: &Node) -> Arc<OnceCell<Connection>> {
        let mut connections = self.connections.lock();
        let cell = connections.entry(node.clone()).or_default();
        // Found closed before anything is sent: nothing is in doubt, so a new one may be used.
        if cell.get().is_some_and(|connection| connection.closed.load(Ordering::Acquire)) {
            *cell = Arc::default();
        }
        Arc::clone(cell)
    }

    /// After a failure the next publisher starts afresh, and asks again who owns what.
    fn forget(&self, node: &Node, cell: &Arc<OnceCell<Connection>>) {
        self.nodes.doubt_topology();
        let mut connections = self.connections.lock();
        if connections.get(node).is_some_and(|current| Arc::ptr_eq(current, cell)) {
            connections.remove(node);
        }
    }

    async fn connect(&self, node: &Node) -> Result<Connection, RedisError> {
        let closed = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&closed);
        let pushes = move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                told.store(true, Ordering::Release);
            }
            Ok::<(), ()>(())
        };
        Ok(Connection { redis: self.nodes.connect(node, pushes).await?, closed })
    }
}

async fn within<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, BusError>>,
) -> Result<T, BusError> {
    timeout_at(deadline, work).await.unwrap_or_else(|_| Err(no_answer()))
}

fn is_moved(error: &RedisError) -> bool {
    let moved = [ServerErrorKind::Moved, ServerErrorKind::Ask, ServerErrorKind::TryAgain];
    moved.iter().any(|kind| error.kind() == ErrorKind::Server(*kind))
}

fn no_owner(reason: &str) -> BusError {
    BusError::Unavailable(reason.to_owned())
}
