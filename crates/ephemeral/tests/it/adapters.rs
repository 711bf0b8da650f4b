//! The suite on each adapter: within a process, on a Redis of its own, on a Redis Cluster of three nodes.

use std::sync::Arc;

use hubbub_ephemeral::{Config, Ephemeral};
use hubbub_testkit::{Redis, RedisCluster};
use tokio::sync::OnceCell;

mod in_process {
    use super::{Arc, Ephemeral};

    #[expect(clippy::unused_async, reason = "as the other adapters are made")]
    async fn state() -> Arc<dyn Ephemeral> {
        hubbub_ephemeral::local(Arc::new(hubbub_domain::SystemClock))
    }

    crate::conformance::suite!(state);
}

mod standalone {
    use super::{Arc, Config, Ephemeral, OnceCell, Redis};

    async fn state() -> Arc<dyn Ephemeral> {
        static REDIS: OnceCell<Redis> = OnceCell::const_new();
        let redis = REDIS.get_or_init(async || Redis::start().await.expect("Redis starts")).await;
        hubbub_ephemeral::connect(&super::apart(Config::new([redis.url()]))).expect("good settings")
    }

    crate::conformance::suite!(state);
}

mod cluster {
    use super::{Arc, Config, Ephemeral, OnceCell, RedisCluster};

    async fn state() -> Arc<dyn Ephemeral> {
        static CLUSTER: OnceCell<RedisCluster> = OnceCell::const_new();
        let start = async || RedisCluster::start().await.expect("the cluster starts");
        let cluster = CLUSTER.get_or_init(start).await;
        hubbub_ephemeral::connect(&super::apart(Config::new([cluster.url()])))
            .expect("good settings")
    }

    crate::conformance::suite!(state);
}

/// Each test has its own names of keys.
fn apart(config: Config) -> Config {
    Config { prefix: uuid::Uuid::new_v4().to_string(), ..config }
}
