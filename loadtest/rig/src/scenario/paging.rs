//! A page of 30 at the far end of a room of a million messages, against its newest page: calls to the
//! history service, in blocks that alternate.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hubbub_domain::RoomId;
use hubbub_proto::history::v1::{
    GetPageRequest, GetPageResponse, get_page_request::Anchor,
    history_service_client::HistoryServiceClient,
};
use tonic::transport::Channel;

use crate::{
    bench::Bench,
    measure::{Measure, Unit, median},
    stores::{
        Roles, Stores,
        append::{self, Load, Pace},
        rooms, seed, verify,
    },
};

const LIMIT: u32 = 30;
/// Calls of one arm before it is the other's turn.
const BLOCK: usize = 50;
const NEWEST: &str = "newest";
const DEEP: &str = "depth-1,000,000";

pub(crate) async fn run(bench: &Bench) -> Result<Vec<Measure>> {
    let stores = Stores::start(bench, Roles::History).await?;
    let room = rooms(1)[0];
    let depth = bench.scaled(1_000_000, 10_000);
    seed::messages(&stores.pool, room, depth).await?;
    seed::settle(&stores.pool).await?;
    let mut reader = Reader { history: stores.history()?, stores, room, depth };
    reader.seeded_as_appended().await?;
    let mut latency = Measure::new("paging", "page of 30", Unit::Millis);
    let mut cpu = Measure::new("paging", "CPU per page of 30", Unit::Micros);
    let blocks = bench.scaled(16, 2);
    reader.block(DEEP).await?;
    reader.block(NEWEST).await?;
    for _ in 0..bench.rounds {
        let mut sums = [Sum::default(), Sum::default()];
        for block in 0..2 * blocks {
            // Neither arm always follows the other.
            let arm = (block + block / 2) % 2;
            sums[arm].add(reader.block([DEEP, NEWEST][arm]).await?);
        }
        for (arm, sum) in [DEEP, NEWEST].into_iter().zip(sums) {
            latency.record(arm, median(&sum.millis).unwrap_or_default());
            cpu.record(arm, sum.micros_per_page());
        }
    }
    Ok(vec![latency, cpu])
}

struct Reader {
    stores: Stores,
    history: HistoryServiceClient<Channel>,
    room: RoomId,
    depth: u64,
}

/// Pages of one arm.
#[derive(Default)]
struct Sum {
    millis: Vec<f64>,
    cpu: Duration,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.millis.extend(other.millis);
        self.cpu += other.cpu;
    }

    fn micros_per_page(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.millis.len() as f64
    }
}

impl Reader {
    async fn block(&mut self, arm: &str) -> Result<Sum> {
        let mut sum = Sum::default();
        let anchor = (arm == DEEP).then_some(Anchor::BeforeSeq(u64::from(LIMIT) + 1));
        let used = (self.stores.services()?, self.stores.postgres()?);
        for _ in 0..BLOCK {
            let begun = Instant::now();
            let page = self.page(anchor).await?;
            sum.millis.push(begun.elapsed().as_secs_f64() * 1e3);
            let first = if arm == DEEP { 1 } else { self.newest_first() };
            ensure!(
                page.messages.iter().map(|it| it.seq).eq(first..first + u64::from(LIMIT)),
                "the page is not the one that was asked for"
            );
        }
        sum.cpu = self.stores.services()?.since(&used.0) + self.stores.postgres()?.since(&used.1);
        Ok(sum)
    }

    async fn page(&mut self, anchor: Option<Anchor>) -> Result<GetPageResponse> {
        let request = GetPageRequest { room_id: self.room.to_string(), anchor, limit: LIMIT };
        Ok(self.history.get_page(request).await?.into_inner())
    }

    /// The first seq of the newest page.
    fn newest_first(&self) -> u64 {
        self.depth - u64::from(LIMIT) + 1
    }

    /// Appends continue what was seeded, and their rows have the same shape.
    async fn seeded_as_appended(&mut self) -> Result<()> {
        let load = Load {
            rooms: &[self.room],
            pace: Pace::PerSecond(100.0),
            duration: Duration::from_millis(100),
        };
        let run = append::run(&self.history, load).await?;
        verify::gapless(&self.stores.pool).await?;
        let page = self.page(Some(Anchor::AroundSeq(self.depth))).await?.messages;
        let rising = page.windows(2).all(|pair| {
            pair[0].seq + 1 == pair[1].seq
                && pair[0].rev + 1 == pair[1].rev
                && pair[0].created_at.map(|at| (at.seconds, at.nanos))
                    < pair[1].created_at.map(|at| (at.seconds, at.nanos))
        });
        ensure!(rising, "appended messages do not continue the seeded ones");
        self.depth += u64::try_from(run.acked.len())?;
        let shapes: i64 = sqlx::query_scalar(
            "SELECT count(DISTINCT (
                 m.seq = m.rev, m.extra IS NULL, m.system IS NULL, m.edited_at_us IS NULL,
                 m.deleted_at_us IS NULL, length(m.client_id), length(m.sender_id), m.text
             ))
             FROM history.messages m
             WHERE m.room_id = $1",
        )
        .bind(self.room.as_uuid())
        .fetch_one(&self.stores.pool)
        .await?;
        ensure!(shapes == 1, "seeded messages are not what appends make");
        Ok(())
    }
}
