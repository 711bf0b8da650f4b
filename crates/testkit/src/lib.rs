//! What the tests of every part stand on: private servers as real processes.
//!
//! A test never shares a database or a Redis with anything else, and never uses a mock of one:
//! [`Postgres`], [`Redis`] and [`RedisCluster`] start the machine's own binaries on free loopback
//! ports with their files in a scratch directory. They are killed when the value is dropped, and
//! also when the test process ends in any other way (see [`process`]), so that a static server
//! shared by a whole test binary is fine.
//!
//! Whole products are tested with a [`Cluster`] of real processes and [`Client`]s that write down
//! what they see; the [`checker`] judges their logs.

mod balancer;
mod binary;
mod chaos_proxy;
pub mod checker;
mod client;
mod cluster;
mod eventually;
mod k6;
mod port;
pub mod postgres;
pub mod process;
mod redis;
mod redis_cluster;
mod rollout;
mod round_robin;
pub mod silence;
pub mod workload;

pub use balancer::{Balancer, Turn};
pub use chaos_proxy::{Blow, ChaosProxy, Direction, Faults, Flow, Toll};
pub use client::Client;
pub use cluster::{
    Admin, Cluster, ClusterOptions, GRPC_TOKEN, Network, NetworkKind, Node, SECRET, Way, sample,
    token, token_for, verifier,
};
pub use eventually::eventually;
pub use k6::{K6, K6Outcome, K6Runner};
pub use port::free_port;
pub use postgres::{Ending, Failover, Postgres, Replicated, Replication, promoted};
pub use redis::{ClientKind, Redis};
pub use redis_cluster::RedisCluster;
pub use rollout::RolloutTimings;
pub use round_robin::RoundRobin;
