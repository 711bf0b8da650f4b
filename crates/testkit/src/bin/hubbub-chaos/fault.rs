//! What can go wrong, one row each: how it is inflicted, and how everything is repaired.

use std::time::Duration;

use anyhow::Result;
use hubbub_testkit::{Blow, ClientKind, Cluster, Direction, Flow, Node, Way, process::pause};
use rand::{RngExt as _, rngs::StdRng};
use sqlx::{Connection as _, Executor as _, PgConnection};

/// A fault, and whom it hits.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    Kill(String),
    Stop(String),
    Pause(String),
    RedisRestart,
    RedisPause,
    RedisSubscribersKilled,
    RedisClientsKilled,
    PostgresRestart,
    PostgresCrash,
    PostgresBackendsTerminated,
    Way { from: String, to: String, trouble: Trouble },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    Latency(Duration),
    Held,
    SilentUp,
    SilentDown,
    Cut(Direction, u64),
    Refused,
    Struck(Blow),
}

impl Fault {
    /// One that fits the cluster: half of them hit a process, half of them the network.
    pub(crate) fn any(cluster: &Cluster, random: &mut StdRng) -> Self {
        if random.random() {
            let ways = cluster.network.ways();
            let Way { from, to, .. } = &ways[random.random_range(0..ways.len())];
            let (from, to, trouble) = (from.clone(), to.clone(), Trouble::any(random));
            return Self::Way { from, to, trouble };
        }
        let nodes: Vec<_> = cluster.nodes().map(Node::name).collect();
        let node = nodes[random.random_range(0..nodes.len())].to_owned();
        match random.random_range(0..10) {
            0 => Self::Kill(node),
            1 => Self::Stop(node),
            2 => Self::Pause(node),
            3 => Self::RedisRestart,
            4 => Self::RedisPause,
            5 => Self::RedisSubscribersKilled,
            6 => Self::RedisClientsKilled,
            7 => Self::PostgresRestart,
            8 => Self::PostgresCrash,
            _ => Self::PostgresBackendsTerminated,
        }
    }

    /// For counting.
    pub(crate) fn kind(&self) -> String {
        let text = match self {
            Self::Way { trouble, .. } => format!("{trouble:?}"),
            other => format!("{other:?}"),
        };
        text.split('(').next().unwrap_or_default().to_owned()
    }

    pub(crate) async fn inflict(&self, cluster: &mut Cluster, lasting: Duration) -> Result<()> {
        match self {
            Self::Kill(name) => node(cluster, name).kill().await,
            Self::Stop(name) => node(cluster, name).stop().await,
            Self::Pause(name) => stand_still(node(cluster, name).pid(), lasting),
            Self::RedisRestart => cluster.redis.stop().await,
            Self::RedisPause => stand_still(cluster.redis.pid(), lasting),
            Self::RedisSubscribersKilled => kill_clients(cluster, ClientKind::PubSub).await,
            Self::RedisClientsKilled => kill_clients(cluster, ClientKind::Normal).await,
            Self::PostgresRestart => cluster.postgres.stop().await,
            Self::PostgresCrash => cluster.postgres.crash().await,
            Self::PostgresBackendsTerminated => terminate_backends(cluster).await,
            Self::Way { from, to, trouble } => {
                let proxy = cluster.network.proxy(from, to);
                trouble.inflict(proxy.expect("it was taken from the list of ways"));
            }
        }
        Ok(())
    }
}

impl Trouble {
    fn any(random: &mut StdRng) -> Self {
        let direction = if random.random() { Direction::Up } else { Direction::Down };
        match random.random_range(0..9) {
            0 => Self::Latency(Duration::from_millis(random.random_range(20..500))),
            1 => Self::Held,
            2 => Self::SilentUp,
            3 => Self::SilentDown,
            4 | 5 => Self::Cut(direction, random.random_range(1..20_000)),
            6 => Self::Refused,
            7 => Self::Struck(Blow::HalfClose(direction)),
            _ => Self::Struck(Blow::Reset),
        }
    }

    fn inflict(self, proxy: &hubbub_testkit::ChaosProxy) {
        proxy.set(|faults| match self {
            Self::Latency(latency) => faults.latency = latency,
            Self::Held => (faults.up, faults.down) = (Flow::Hold, Flow::Hold),
            Self::SilentUp => faults.up = Flow::Swallow,
            Self::SilentDown => faults.down = Flow::Swallow,
            Self::Cut(direction, bytes) => faults.cut = Some((direction, bytes)),
            Self::Refused => faults.refuse = true,
            Self::Struck(_) => {}
        });
        match self {
            // Refusing hurts nobody who is connected.
            Self::Refused => drop(proxy.strike(Blow::Reset)),
            Self::Struck(blow) => drop(proxy.strike(blow)),
            _ => {}
        }
    }
}

/// Everything runs again, and the network is well.
pub(crate) async fn repair_all(cluster: &mut Cluster) -> Result<()> {
    cluster.network.heal();
    if cluster.postgres.pid().is_none() {
        cluster.postgres.start_again().await?;
    }
    if cluster.redis.pid().is_none() {
        cluster.redis.start_again().await?;
    }
    let roles = [&mut cluster.histories, &mut cluster.rooms, &mut cluster.gateways];
    for node in roles.into_iter().flatten().filter(|node| node.pid().is_none()) {
        node.start_again().await?;
    }
    Ok(())
}

fn node<'a>(cluster: &'a mut Cluster, name: &str) -> &'a mut Node {
    let roles = [&mut cluster.histories, &mut cluster.rooms, &mut cluster.gateways];
    let mut nodes = roles.into_iter().flatten();
    nodes.find(|node| node.name() == name).expect("it was taken from this list")
}

/// The process goes on by itself, even if another fault has ended it meanwhile.
fn stand_still(id: Option<u32>, lasting: Duration) {
    if let Some(id) = id {
        tokio::spawn(pause(id, lasting));
    }
}

/// Best effort: the other fault of the round may have taken the server away.
async fn kill_clients(cluster: &Cluster, kind: ClientKind) {
    let _ = tokio::time::timeout(Duration::from_secs(5), cluster.redis.kill_clients(kind)).await;
}

async fn terminate_backends(cluster: &Cluster) {
    let terminate = async {
        let mut connection = PgConnection::connect(&cluster.postgres.url()).await?;
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                      WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        connection.execute(others).await
    };
    let _ = tokio::time::timeout(Duration::from_secs(5), terminate).await;
}
