//! Roles in processes of their own, on a real Postgres and a real Redis.

use hubbub_testkit::{Postgres, Redis};
use tempfile::{TempDir, tempdir};
use tokio::process::Command;

use crate::process::{Serving, hubbub};

/// What a cluster stands on.
struct Stores {
    database: String,
    redis: Redis,
    _postgres: Postgres,
    dir: TempDir,
}

impl Stores {
    async fn start() -> Self {
        let postgres = Postgres::start().await.expect("Postgres");
        let database = postgres.database().await.expect("a database");
        let redis = Redis::start().await.expect("Redis");
        Self { database, redis, _postgres: postgres, dir: tempdir().expect("a directory") }
    }

    fn role(&self, arguments: &[&str]) -> Command {
        let mut command = hubbub(self.dir.path(), arguments);
        command
            .env("DATABASE_URL", &self.database)
            .env("REDIS_URL", self.redis.url())
            .env("HUBBUB_GRPC__TOKEN", "a-shared-secret")
            .env("HUBBUB_AUTH__SECRET", "0123456789abcdef0123456789abcdef");
        command
    }
}

#[tokio::test]
async fn every_role_runs_in_a_process_of_its_own() {
    let stores = Stores::start().await;
    let history = Serving::start(&mut stores.role(&["history"]), "grpc").await;
    history.ready().await;
    let mut room = stores.role(&["room"]);
    room.env("HUBBUB_GRPC__HISTORY", &history.listeners["grpc"]);
    let room = Serving::start(&mut room, "grpc").await;
    room.ready().await;
    let mut gateway = stores.role(&["gateway"]);
    gateway
        .env("HUBBUB_GRPC__HISTORY", &history.listeners["grpc"])
        .env("HUBBUB_GRPC__ROOM", &room.listeners["grpc"]);
    let gateway = Serving::start(&mut gateway, "client").await;
    gateway.ready().await;
    for process in [gateway, room, history] {
        process.stop().await;
    }
}

/// Postgres says with every start that what it is asked to make is there already.
#[tokio::test]
async fn notices_of_postgres_are_logged_for_debugging_only() {
    const NOTICE: &str = "already exists, skipping";
    let stores = Stores::start().await;
    for (filter, said) in [("info", false), ("info", false), ("debug", true)] {
        let mut history = stores.role(&["history"]);
        history.env("RUST_LOG", filter);
        let mut history = Serving::start(&mut history, "grpc").await;
        history.ready().await;
        let log = history.log().expect("a log");
        assert_eq!(log.contains(NOTICE), said, "{filter}: {log}");
        history.stop().await;
    }
}

#[tokio::test]
async fn a_gateway_without_peers_is_not_ready_and_says_why() {
    let stores = Stores::start().await;
    let mut gateway = stores.role(&["gateway"]);
    gateway.env("HUBBUB_GRPC__HISTORY", "127.0.0.1:1").env("HUBBUB_GRPC__ROOM", "127.0.0.1:1");
    let gateway = Serving::start(&mut gateway, "client").await;
    let (status, missing) = gateway.get("/readyz").await;
    assert_eq!(status, 503);
    assert!(missing.contains("history service, room service"), "{missing}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_standalone_process_uses_the_stores_it_is_given() {
    let stores = Stores::start().await;
    let standalone = Serving::start(&mut stores.role(&["standalone"]), "client").await;
    standalone.ready().await;
    standalone.stop().await;
    assert!(!stores.dir.path().join("data").exists(), "a SQLite file was made");
}
