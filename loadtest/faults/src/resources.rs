//! What the cluster holds when nobody says anything: after the warm-up, and again at the end, when
//! every client is back where it began. What is held then and was not before was never returned.

use std::{fmt, time::Duration};

use anyhow::{Context as _, Result};
use hubbub_testkit::{Cluster, Node};
use serde::Serialize;
use tokio::time::{Instant, sleep};

/// Sockets between processes come and go by themselves (a gRPC connection is renewed after minutes).
const FILES_TOLERANCE: i64 = 3;
/// Tasks that serve such a connection.
const TASKS_TOLERANCE: i64 = 16;
/// Allocators keep what they were given at the worst moment.
const MEMORY_FACTOR: u64 = 2;
const MEMORY_SLACK_KIB: u64 = 65_536;
/// What the pools of all processes may hold together (`connections_max` of room and history).
const POOLED_MAX: i64 = 4 * 16;
const AGAIN: Duration = Duration::from_millis(500);

/// What everything held at one moment.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Holdings {
    pub(crate) processes: Vec<Process>,
    pub(crate) redis_connections: i64,
    pub(crate) redis_subscriptions: i64,
    pub(crate) postgres_connections: i64,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) files: i64,
    pub(crate) tasks: i64,
    pub(crate) resident_kib: u64,
}

impl Holdings {
    pub(crate) async fn of(cluster: &Cluster) -> Result<Self> {
        let mut processes = Vec::new();
        for node in cluster.nodes() {
            processes.push(Process::of(node).await?);
        }
        let subscribers = cluster.redis.subscribers().await?;
        let subscriptions: u64 = subscribers.values().sum();
        Ok(Self {
            processes,
            redis_connections: i64::try_from(subscribers.len())?,
            redis_subscriptions: i64::try_from(subscriptions)?,
            postgres_connections: cluster.postgres.connections().await?,
        })
    }

    /// Looks until nothing has changed for a while: the baseline of a cluster that has come to rest.
    pub(crate) async fn at_rest(cluster: &Cluster, patience: Duration) -> Result<Self> {
        const STEADY: usize = 6;
        let end = Instant::now() + patience;
        let mut last = Self::of(cluster).await?;
        let mut steady = 0;
        while steady < STEADY && Instant::now() < end {
            sleep(AGAIN).await;
            let now = Self::of(cluster).await?;
            let same = now.redis_subscriptions == last.redis_subscriptions
                && now.redis_connections == last.redis_connections;
            steady = if same { steady + 1 } else { 0 };
            last = now;
        }
        Ok(last)
    }

    /// Looks until everything is as it was in `baseline`; what is not, in words.
    pub(crate) async fn returned(
        cluster: &Cluster,
        baseline: &Self,
        patience: Duration,
    ) -> Result<(Self, Vec<String>)> {
        let end = Instant::now() + patience;
        loop {
            let now = Self::of(cluster).await?;
            let missing = now.beyond(baseline);
            if missing.is_empty() || Instant::now() > end {
                return Ok((now, missing));
            }
            sleep(AGAIN).await;
        }
    }

    /// What is held beyond the baseline.
    fn beyond(&self, baseline: &Self) -> Vec<String> {
        let mut beyond = Vec::new();
        if self.redis_subscriptions != baseline.redis_subscriptions {
            let (now, then) = (self.redis_subscriptions, baseline.redis_subscriptions);
            beyond.push(format!("{now} subscriptions in Redis, {then} before"));
        }
        if self.redis_connections > baseline.redis_connections {
            let (now, then) = (self.redis_connections, baseline.redis_connections);
            beyond.push(format!("{now} subscribers in Redis, {then} before"));
        }
        if self.postgres_connections > POOLED_MAX {
            let now = self.postgres_connections;
            beyond.push(format!("{now} connections to Postgres, the pools allow {POOLED_MAX}"));
        }
        // Pools grow within their bound, and each connection is a file and a few tasks of somebody.
        let pooled = (self.postgres_connections - baseline.postgres_connections).max(0);
        for (now, then) in self.processes.iter().zip(&baseline.processes) {
            let files = then.files + FILES_TOLERANCE + pooled;
            if now.files > files {
                beyond.push(format!("{}: {} files, {} before", now.name, now.files, then.files));
            }
            let tasks = then.tasks + TASKS_TOLERANCE + 2 * pooled;
            if now.tasks > tasks {
                beyond.push(format!("{}: {} tasks, {} before", now.name, now.tasks, then.tasks));
            }
            let memory = then.resident_kib * MEMORY_FACTOR + MEMORY_SLACK_KIB;
            if now.resident_kib > memory {
                let (now_kib, then_kib) = (now.resident_kib, then.resident_kib);
                beyond.push(format!("{}: {now_kib} KiB, {then_kib} before", now.name));
            }
        }
        beyond
    }
}

impl Process {
    #[expect(clippy::cast_possible_truncation, reason = "a count")]
    async fn of(node: &Node) -> Result<Self> {
        let pid = node.pid().with_context(|| format!("{} does not run", node.name()))?;
        let files = std::fs::read_dir(format!("/proc/{pid}/fd"))?.count();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        Ok(Self {
            name: node.name().to_owned(),
            files: i64::try_from(files)?,
            tasks: node.metric("process_tasks").await? as i64,
            resident_kib: resident.context("no resident memory")?,
        })
    }
}

impl fmt::Display for Holdings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for process in &self.processes {
            let Process { name, files, tasks, resident_kib } = process;
            let resident_mib = resident_kib / 1_024;
            writeln!(f, "  {name:<10} {files:>4} files {tasks:>5} tasks {resident_mib:>5} MiB")?;
        }
        let Self { redis_connections, redis_subscriptions, postgres_connections, .. } = self;
        writeln!(
            f,
            "  Redis: {redis_subscriptions} subscriptions of {redis_connections} subscribers; \
             Postgres: {postgres_connections} connections"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Holdings, Process};

    fn holdings() -> Holdings {
        let process =
            Process { name: "gateway-1".to_owned(), files: 50, tasks: 100, resident_kib: 20_000 };
        Holdings {
            processes: vec![process],
            redis_connections: 2,
            redis_subscriptions: 40,
            postgres_connections: 20,
        }
    }

    #[test]
    fn what_is_not_returned_is_named() {
        assert_eq!(holdings().beyond(&holdings()), Vec::<String>::new());
        let mut now = holdings();
        now.redis_subscriptions += 1;
        now.processes[0].files += 100;
        now.processes[0].tasks += 100;
        now.processes[0].resident_kib += 1_000_000;
        assert_eq!(now.beyond(&holdings()).len(), 4);
        // A subscription that is missing is no better than one too many.
        let mut now = holdings();
        now.redis_subscriptions -= 1;
        assert_eq!(now.beyond(&holdings()).len(), 1);
    }

    #[test]
    fn a_pool_within_its_bound_may_grow() {
        let mut now = holdings();
        now.postgres_connections += 30;
        now.processes[0].files += 30;
        assert_eq!(now.beyond(&holdings()), Vec::<String>::new());
        now.postgres_connections += 30;
        assert_eq!(now.beyond(&holdings()).len(), 1);
    }
}
