//! What people usually do: one transaction for each message, which takes the next number from the
//! room's row, inserts the message and commits; from a pool of connections, each busy with one message.
//!
//! It is spared what ours does besides: it speaks no gRPC, tells no bus, keeps no outbox, and its table
//! has no partitions. It runs on threads of its own, whose CPU is counted with that of Postgres.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use hubbub_domain::RoomId;
use sqlx::PgPool;
use tokio::{runtime::Runtime, time::sleep_until};
use uuid::Uuid;

use super::append::{Due, Load, Pace, Run, TEXT, client_id, sender};
use crate::proc::Cpu;

/// Messages in flight, each on a connection of its own.
const CONNECTIONS: u32 = 32;
/// How the threads are called; the kernel keeps 15 bytes.
const THREADS: &str = "one-per-tx";

const SCHEMA: &str = "
    CREATE SCHEMA history;
    CREATE TABLE history.heads (
        room_id uuid PRIMARY KEY,
        seq bigint NOT NULL DEFAULT 0
    ) WITH (fillfactor = 70);
    CREATE TABLE history.messages (
        room_id uuid NOT NULL,
        seq bigint NOT NULL,
        message_id uuid NOT NULL,
        sender_id text NOT NULL,
        client_id text NOT NULL,
        text text,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (room_id, seq),
        UNIQUE (room_id, sender_id, client_id)
    );";

/// The service, as threads of this process.
pub(crate) struct OnePerTransaction {
    pub(crate) pool: PgPool,
    /// None only while it is dropped.
    runtime: Option<Runtime>,
}

impl OnePerTransaction {
    /// In an empty database; with these rooms.
    pub(crate) async fn start(url: String, rooms: &[RoomId]) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name(THREADS)
            .enable_all()
            .build()?;
        // The pool's tasks live where it was made.
        let pool = runtime.spawn(async move { super::connect(&url, CONNECTIONS).await }).await??;
        sqlx::raw_sql(SCHEMA).execute(&pool).await?;
        sqlx::query("INSERT INTO history.heads (room_id) SELECT unnest($1::uuid[])")
            .bind(super::uuids(rooms))
            .execute(&pool)
            .await?;
        Ok(Self { pool, runtime: Some(runtime) })
    }

    /// Sends the load, message by message; what is not begun when the time is over is left out.
    pub(crate) async fn run(&self, load: Load<'_>) -> Result<Run> {
        let runtime = self.runtime.as_ref().ok_or_else(|| anyhow!("it has ended"))?;
        let next = Arc::new(AtomicU64::new(0));
        let begun = Instant::now();
        let workers: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let (pool, next) = (self.pool.clone(), Arc::clone(&next));
                let (rooms, pace, duration) = (load.rooms.to_vec(), load.pace, load.duration);
                runtime.spawn(async move {
                    work(&pool, Load { rooms: &rooms, pace, duration }, begun, &next).await
                })
            })
            .collect();
        let mut run = Run::new()?;
        for worker in workers {
            run.merge(worker.await??)?;
        }
        run.took = begun.elapsed();
        Ok(run)
    }

    /// What its threads have used so far.
    pub(crate) fn cpu() -> Result<Cpu> {
        Cpu::read_threads(std::process::id(), THREADS)
    }
}

impl Drop for OnePerTransaction {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn work(pool: &PgPool, load: Load<'_>, begun: Instant, next: &AtomicU64) -> Result<Run> {
    let mut run = Run::new()?;
    let end = begun + load.duration;
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some(at) = load.due(begun, number) else { return Ok(run) };
        if matches!(load.pace, Pace::PerSecond(_)) && at > Instant::now() {
            sleep_until(at.into()).await;
        }
        // A server that cannot keep up has more due than it will ever do.
        if Instant::now() > end + Duration::from_millis(100) {
            return Ok(run);
        }
        let due = load.message(number, at);
        let seq = store(pool, load.rooms[due.room], due).await?;
        run.ack(due, seq);
    }
}

async fn store(pool: &PgPool, room: RoomId, due: Due) -> Result<u64> {
    let mut transaction = pool.begin().await?;
    let seq: i64 = sqlx::query_scalar(
        "UPDATE history.heads SET seq = seq + 1 WHERE room_id = $1 RETURNING seq",
    )
    .bind(room.as_uuid())
    .fetch_one(&mut *transaction)
    .await?;
    sqlx::query(
        "INSERT INTO history.messages (room_id, seq, message_id, sender_id, client_id, text)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(room.as_uuid())
    .bind(seq)
    .bind(Uuid::now_v7())
    .bind(sender(due.client))
    .bind(client_id(due.client))
    .bind(TEXT)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(u64::try_from(seq)?)
}
