//! The private servers start, break and come back as promised.

use std::time::{Duration, Instant};

use hubbub_testkit::{ClientKind, Postgres, Redis, RedisCluster, eventually};
use sqlx::{Connection, Executor, PgConnection};

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn postgres_keeps_what_is_committed_over_restart_and_crash() -> anyhow::Result<()> {
    let postgres = Postgres::start().await?;
    let url = postgres.database().await?;
    assert_ne!(url, postgres.database().await?, "every database is another one");
    let mut connection = PgConnection::connect(&url).await?;
    connection.execute("CREATE TABLE kept (x int)").await?;
    postgres.restart().await?;
    let mut connection = PgConnection::connect(&url).await?;
    connection.execute("INSERT INTO kept VALUES (1)").await?;
    postgres.crash().await;
    assert!(PgConnection::connect(&url).await.is_err(), "it is down");
    postgres.start_again().await?;
    let mut connection = PgConnection::connect(&url).await?;
    let kept: i32 = sqlx::query_scalar("SELECT x FROM kept").fetch_one(&mut connection).await?;
    assert_eq!(kept, 1);
    Ok(())
}

#[tokio::test]
async fn dropping_a_server_ends_its_process() -> anyhow::Result<()> {
    let redis = Redis::start().await?;
    let id = redis.pid().expect("it runs");
    assert!(std::path::Path::new(&format!("/proc/{id}")).exists());
    drop(redis);
    assert!(!std::path::Path::new(&format!("/proc/{id}")).exists());
    Ok(())
}

#[tokio::test]
async fn redis_restarts_empty_and_pauses() -> anyhow::Result<()> {
    let redis = Redis::start_with_password("s3cret").await?;
    let mut connection = redis.connection().await?;
    redis::cmd("SET").arg("key").arg(1).exec_async(&mut connection).await?;
    redis.restart_empty().await?;
    let mut connection = redis.connection().await?;
    let found: bool = redis::cmd("EXISTS").arg("key").query_async(&mut connection).await?;
    assert!(!found);

    let pause = Duration::from_millis(300);
    let started = Instant::now();
    let (ping, ()) = tokio::join!(
        async {
            // Let the pause begin first: it stops the server before its first await.
            tokio::task::yield_now().await;
            redis::cmd("PING").query_async::<String>(&mut connection.clone()).await
        },
        redis.pause(pause)
    );
    assert!(ping.is_ok() && started.elapsed() >= pause, "{ping:?} in {:?}", started.elapsed());
    Ok(())
}

#[tokio::test]
async fn redis_cuts_normal_clients_but_not_the_one_that_asks() -> anyhow::Result<()> {
    let redis = Redis::start().await?;
    let mut victim = redis.connection().await?;
    redis::cmd("PING").exec_async(&mut victim).await?;
    assert_eq!(redis.kill_clients(ClientKind::Normal).await?, 1);
    assert!(redis::cmd("PING").exec_async(&mut victim).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_redis_cluster_serves_all_slots_and_survives_losing_all_nodes() -> anyhow::Result<()> {
    let cluster = RedisCluster::start().await?;
    let client = redis::cluster::ClusterClient::new(cluster.urls())?;
    let mut connection = client.get_async_connection().await?;
    for key in 0..100 {
        redis::cmd("SET").arg(key).arg(key).exec_async(&mut connection).await?;
    }
    cluster.restart_empty().await?;
    eventually(SOON, || async {
        let mut connection = connection.clone();
        redis::cmd("SET").arg(1).arg(1).exec_async(&mut connection).await.is_ok()
    })
    .await;
    Ok(())
}
