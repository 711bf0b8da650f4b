//! The same scenario on both ways to run hubbub: a process that stands alone, and a cluster of two
//! gateways on a real Postgres and Redis.

use hubbub_testkit::{Cluster, token};
use serde_json::Value;

use crate::{
    line::{Line, Standalone},
    workload::unlimited,
};

pub(crate) enum World {
    Alone(Box<Standalone>),
    Cluster(Box<Cluster>),
}

impl World {
    /// A process that stands alone and slows nobody down.
    pub(crate) async fn alone() -> Self {
        let settings: Vec<_> = unlimited().settings;
        let settings: Vec<_> =
            settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Self::Alone(Box::new(Standalone::start(&settings).await))
    }

    pub(crate) async fn cluster() -> Self {
        Self::Cluster(Box::new(Cluster::start(unlimited()).await.expect("a cluster")))
    }

    /// Has these users exist. Where no identity service runs they need not.
    pub(crate) async fn known(&self, users: &[&str]) {
        if let Self::Alone(standalone) = self {
            standalone.known(users).await;
        }
    }

    /// A connection of a user through the first or the second gateway; alone they are the same.
    pub(crate) async fn line(&self, user: &str, gateway: usize) -> Line {
        self.welcomed(user, gateway, Value::Null).await.0
    }

    /// The same, with what the client had seen, and with the welcome.
    pub(crate) async fn welcomed(
        &self,
        user: &str,
        gateway: usize,
        resume: Value,
    ) -> (Line, Value) {
        match self {
            Self::Alone(standalone) => {
                let url = format!("ws://{}", standalone.address());
                Line::welcomed(&url, &standalone.token(user).await, resume).await
            }
            Self::Cluster(cluster) => {
                Line::welcomed(&cluster.urls()[gateway], &token(user), resume).await
            }
        }
    }

    pub(crate) async fn end(self) {
        if let Self::Alone(standalone) = self {
            standalone.serving.stop().await;
        }
    }
}

/// Runs each scenario in both worlds.
macro_rules! in_both_worlds {
    ($($scenario:ident,)+) => {
        mod alone {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                let world = crate::world::World::alone().await;
                super::$scenario(&world).await;
                world.end().await;
            })+
        }

        mod two_gateways {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                let world = crate::world::World::cluster().await;
                super::$scenario(&world).await;
                world.end().await;
            })+
        }
    };
}
pub(crate) use in_both_worlds;
