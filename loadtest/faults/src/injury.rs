//! A fault being inflicted, and the proof that it took effect: a fault that hit nothing is not counted.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result};
use hubbub_testkit::{
    Blow as Strike, ChaosProxy, ClientKind, Cluster, Flow, Node, Toll,
    postgres::{SlotsTaken, TablesLocked},
    process::pause,
};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    kind::{Blow, Kind, Network, Postgres, Redis},
    load::Load,
    rolling::Versions,
    schedule::{Detail, EACH, Fault, Target},
};

/// How long the orders to the stores may take; one that is broken by the other fault takes no longer.
const ORDER_PATIENCE: Duration = Duration::from_secs(10);
/// How soon a process that was told to stand still does.
const STILL_WITHIN: Duration = Duration::from_secs(1);
/// What every pool needs sooner or later.
const TABLES: &str = "history.heads, history.messages, room.members, room.records, room.rooms";
const OUTPUT_LIMIT: &str = "client-output-buffer-limit";
/// One kilobyte that waits is too much.
const OUTPUT_TINY: &str = "pubsub 1024 0 0";
/// What Redis comes with.
const OUTPUT_NORMAL: &str = "pubsub 33554432 8388608 60";

/// A fault that is at work.
pub(crate) struct Injury {
    pub(crate) kind: Kind,
    effect: Effect,
}

/// What will show that it took effect.
enum Effect {
    /// So many were hit, which is known already.
    Hit(u64),
    /// The process of this name is another one afterwards.
    Replaced(String, Option<u32>),
    /// The proxies have done what was asked.
    Toll(Vec<(String, String, u64)>),
    /// These subscribers' connections are gone.
    Unsubscribed(BTreeMap<u64, u64>),
    Commits(JoinHandle<Result<u64>>),
    Locked(#[expect(dead_code, reason = "its value is its end")] TablesLocked, u64),
    Slots(#[expect(dead_code, reason = "its value is its end")] SlotsTaken, u64),
}

impl Injury {
    pub(crate) async fn inflict(
        fault: &Fault,
        cluster: &mut Cluster,
        (load, versions): (&Load, &Versions),
        lasting: Duration,
    ) -> Result<Self> {
        let effect = match (fault.kind, &fault.target) {
            (Kind::Process(_, blow), Target::Node(name)) => {
                process(node(cluster, name)?, blow, lasting).await
            }
            (Kind::ReconnectStorm, Target::Node(name)) => {
                Effect::Hit(proxy(cluster, "clients", name)?.strike(Strike::Reset) as u64)
            }
            (Kind::Network(network), Target::Way { from, to, detail }) => {
                let way = proxy(cluster, from, to)?;
                let before = done(network, way.toll());
                trouble(way, network, *detail);
                Effect::Toll(vec![(from.clone(), to.clone(), before)])
            }
            (Kind::SlowReaders, Target::Clients(count)) => {
                Effect::Hit(load.slow_down(*count, lasting).await)
            }
            (Kind::Redis(redis), _) => in_redis(cluster, redis, lasting).await,
            (Kind::Postgres(postgres), _) => in_postgres(cluster, postgres, lasting).await,
            (Kind::DeadlineAfterCommit, _) => answers_held(cluster)?,
            (Kind::RollingRestart, _) => Effect::Hit(versions.take_turns(cluster).await?),
            (kind, target) => anyhow::bail!("{kind} does not hit {target:?}"),
        };
        Ok(Self { kind: fault.kind, effect })
    }

    /// Ends what does not end by itself; how often the fault really hit. What was killed must have been
    /// [started again](repair_processes) before.
    pub(crate) async fn end(self, cluster: &Cluster) -> u64 {
        match self.effect {
            Effect::Hit(count) | Effect::Locked(_, count) | Effect::Slots(_, count) => count,
            Effect::Replaced(name, before) => {
                let now = pid(cluster, &name);
                u64::from(before.is_some() && now.is_some() && now != before)
            }
            Effect::Toll(ways) => {
                let toll = |(from, to, before): &(String, String, u64)| {
                    let after = cluster.network.proxy(from, to)?.toll();
                    Some(toll_of(self.kind, after).saturating_sub(*before))
                };
                ways.iter().filter_map(toll).sum()
            }
            Effect::Unsubscribed(before) => {
                let now = cluster.redis.subscribers().await.unwrap_or_default();
                before.keys().filter(|id| !now.contains_key(id)).count() as u64
            }
            Effect::Commits(terminating) => {
                let terminated = terminating.await.ok().and_then(Result::ok);
                terminated.unwrap_or_default()
            }
        }
    }
}

async fn process(node: &mut Node, blow: Blow, lasting: Duration) -> Effect {
    let before = node.pid();
    match blow {
        Blow::Kill => node.kill().await,
        Blow::Drain => node.stop().await,
        Blow::Pause => return stand_still(before, lasting).await,
    }
    Effect::Replaced(node.name().to_owned(), before)
}

/// The process goes on by itself, even if another fault has ended it meanwhile.
async fn stand_still(pid: Option<u32>, lasting: Duration) -> Effect {
    let Some(pid) = pid else { return Effect::Hit(0) };
    tokio::spawn(pause(pid, lasting));
    let stopped = async {
        while state(pid) != Some('T') {
            sleep(Duration::from_millis(1)).await;
        }
    };
    Effect::Hit(u64::from(timeout(STILL_WITHIN.min(lasting), stopped).await.is_ok()))
}

/// The third field of proc_pid_stat(5), behind the name, which may hold anything.
fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

async fn in_redis(cluster: &Cluster, redis: Redis, lasting: Duration) -> Effect {
    let server = &cluster.redis;
    let before = server.pid();
    match redis {
        Redis::Down => server.stop().await,
        Redis::Restarted => {
            // It is started again with everything else, if not now.
            let _ = server.restart_empty().await;
        }
        Redis::Paused => return stand_still(before, lasting).await,
        Redis::SubscribersKilled => return killed(cluster, ClientKind::PubSub).await,
        Redis::ClientsKilled => return killed(cluster, ClientKind::Normal).await,
        Redis::BuffersOverflow => {
            let subscribers = server.subscribers().await.unwrap_or_default();
            return match server.configure(OUTPUT_LIMIT, OUTPUT_TINY).await {
                Ok(()) => Effect::Unsubscribed(subscribers),
                Err(_) => Effect::Hit(0),
            };
        }
    }
    Effect::Replaced("redis".to_owned(), before)
}

async fn killed(cluster: &Cluster, kind: ClientKind) -> Effect {
    let killed = timeout(ORDER_PATIENCE, cluster.redis.kill_clients(kind)).await;
    Effect::Hit(killed.ok().and_then(Result::ok).unwrap_or_default())
}

async fn in_postgres(cluster: &Cluster, postgres: Postgres, lasting: Duration) -> Effect {
    let server = &cluster.postgres;
    let before = server.pid();
    match postgres {
        Postgres::Restarted => server.stop().await,
        Postgres::Crashed => server.crash().await,
        Postgres::BackendsTerminated => {
            let terminated = timeout(ORDER_PATIENCE, server.terminate_backends()).await;
            return Effect::Hit(terminated.ok().and_then(Result::ok).unwrap_or_default());
        }
        Postgres::TerminatedAtCommit => {
            let Ok(mut held) = server.hold_commits().await else { return Effect::Hit(0) };
            return Effect::Commits(tokio::spawn(async move { held.terminate(lasting).await }));
        }
        Postgres::PoolExhausted => {
            let lock = server.lock_tables(cluster.database(), TABLES);
            let Ok(Ok(locked)) = timeout(ORDER_PATIENCE, lock).await else { return Effect::Hit(0) };
            // Looked at in the middle: in the end they may all have given up.
            sleep(lasting / 2).await;
            let waiting = server.waiting_for_locks().await.unwrap_or_default();
            return Effect::Locked(locked, waiting.unsigned_abs());
        }
        Postgres::SlotsExhausted => {
            let Ok(Ok(slots)) = timeout(ORDER_PATIENCE, server.take_slots()).await else {
                return Effect::Hit(0);
            };
            // Whoever still gets in shows that it did not work.
            let refused = server.connections().await.is_err();
            return Effect::Slots(slots, u64::from(refused));
        }
    }
    Effect::Replaced("postgres".to_owned(), before)
}

/// All answers of all history services to all gateways.
fn answers_held(cluster: &Cluster) -> Result<Effect> {
    let mut ways = Vec::new();
    for gateway in 1..=EACH {
        for history in 1..=EACH {
            let (from, to) = (format!("gateway-{gateway}"), format!("history-{history}"));
            let way = proxy(cluster, &from, &to)?;
            let before = way.toll().held;
            way.set(|faults| faults.down = Flow::Hold);
            ways.push((from, to, before));
        }
    }
    Ok(Effect::Toll(ways))
}

fn trouble(way: &ChaosProxy, network: Network, detail: Detail) {
    way.set(|faults| match network {
        Network::Latency => faults.latency = detail.latency,
        Network::Held => (faults.up, faults.down) = (Flow::Hold, Flow::Hold),
        Network::SilentUp => faults.up = Flow::Swallow,
        Network::SilentDown => faults.down = Flow::Swallow,
        Network::CutUp | Network::CutDown => faults.cut = Some((detail.direction, detail.bytes)),
        Network::Refused => faults.refuse = true,
        Network::Reset | Network::HalfClose => {}
    });
    match network {
        // Refusing hurts nobody who is connected.
        Network::Refused | Network::Reset => drop(way.strike(Strike::Reset)),
        Network::HalfClose => drop(way.strike(Strike::HalfClose(detail.direction))),
        _ => {}
    }
}

fn toll_of(kind: Kind, toll: Toll) -> u64 {
    match kind {
        Kind::Network(network) => done(network, toll),
        _ => toll.held,
    }
}

/// What a fault of the network does, if it does something.
const fn done(network: Network, toll: Toll) -> u64 {
    match network {
        Network::Latency => toll.delayed,
        Network::Held => toll.held,
        Network::SilentUp | Network::SilentDown => toll.swallowed,
        Network::CutUp | Network::CutDown => toll.cut,
        Network::Refused => toll.refused,
        Network::Reset | Network::HalfClose => toll.struck,
    }
}

/// Everything runs again, and the network is well. Locks and slots end with their injuries.
pub(crate) async fn repair(
    cluster: &mut Cluster,
    injuries: Vec<Injury>,
) -> Result<Vec<(Kind, u64)>> {
    cluster.network.heal();
    if cluster.postgres.pid().is_none() {
        cluster.postgres.start_again().await?;
    }
    if cluster.redis.pid().is_none() {
        cluster.redis.start_again().await?;
    }
    let mut hits = Vec::new();
    // The processes need the stores: what keeps these from answering ends first.
    let (processes, stores): (Vec<_>, Vec<_>) =
        injuries.into_iter().partition(|injury| matches!(injury.kind, Kind::Process(..)));
    for injury in stores {
        let kind = injury.kind;
        let hit = injury.end(cluster).await;
        match kind {
            Kind::Redis(Redis::BuffersOverflow) => {
                cluster.redis.configure(OUTPUT_LIMIT, OUTPUT_NORMAL).await?;
            }
            Kind::Postgres(Postgres::TerminatedAtCommit) => {
                cluster.postgres.release_commits().await?;
            }
            _ => {}
        }
        hits.push((kind, hit));
    }
    let roles = [&mut cluster.histories, &mut cluster.rooms, &mut cluster.gateways];
    for node in roles.into_iter().flatten().filter(|node| node.pid().is_none()) {
        node.start_again().await?;
    }
    for injury in processes {
        hits.push((injury.kind, injury.end(cluster).await));
    }
    Ok(hits)
}

fn pid(cluster: &Cluster, name: &str) -> Option<u32> {
    match name {
        "redis" => cluster.redis.pid(),
        "postgres" => cluster.postgres.pid(),
        name => cluster.nodes().find(|node| node.name() == name).and_then(Node::pid),
    }
}

fn proxy<'a>(cluster: &'a Cluster, from: &str, to: &str) -> Result<&'a ChaosProxy> {
    cluster.network.proxy(from, to).with_context(|| format!("there is no way {from} to {to}"))
}

fn node<'a>(cluster: &'a mut Cluster, name: &str) -> Result<&'a mut Node> {
    let roles = [&mut cluster.histories, &mut cluster.rooms, &mut cluster.gateways];
    let mut nodes = roles.into_iter().flatten();
    nodes.find(|node| node.name() == name).with_context(|| format!("there is no {name}"))
}
