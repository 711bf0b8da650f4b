//! Rooms that hold more and more messages: what an append to them costs, and a page from anywhere in
//! them.

use std::time::Duration;

use anyhow::{Result, ensure};
use hubbub_domain::RoomId;
use hubbub_proto::history::v1::{
    GetPageRequest, get_page_request::Anchor, history_service_client::HistoryServiceClient,
};
use tonic::transport::Channel;

use super::Curve;
use crate::{
    bench::Bench,
    measure::{Measure, Unit},
    stores::{
        self, Roles, Stores,
        append::{self, Load, Pace},
        seed, verify,
    },
};

const SIZES: [usize; 4] = [15_625, 62_500, 250_000, 1_000_000];
const SMOKE_SIZES: [usize; 4] = [100, 200, 400, 800];
const OF: &str = "messages in the room";
const PER_SECOND: f64 = 4_000.0;
const PAGES: u32 = 100;

pub(super) async fn run(bench: &Bench) -> Result<Vec<Measure>> {
    let sizes = bench.scaled(SIZES, SMOKE_SIZES);
    let stores = Stores::start(bench, Roles::History).await?;
    let rooms = stores::rooms(sizes.len());
    for (room, size) in rooms.iter().zip(sizes) {
        seed::messages(&stores.pool, *room, size as u64).await?;
    }
    seed::settle(&stores.pool).await?;
    let mut history = stores.history()?;
    let mut appends = Curve::new("CPU per append", Unit::Micros, OF, &sizes);
    let mut pages = Curve::new("CPU per page of 30", Unit::Micros, OF, &sizes);
    // The first use of a connection and of a plan is nobody's cost.
    append(&stores, &history, rooms[0], Duration::from_millis(300)).await?;
    page(&stores, &mut history, rooms[0], sizes[0]).await?;
    for _ in 0..bench.rounds {
        for (index, (room, size)) in rooms.iter().zip(sizes).enumerate() {
            let duration = Duration::from_millis(bench.scaled(700, 100));
            appends.record(index, append(&stores, &history, *room, duration).await?);
            pages.record(index, page(&stores, &mut history, *room, size).await?);
        }
    }
    verify::gapless(&stores.pool).await?;
    Ok([appends.0, pages.0].concat())
}

/// Microseconds of the service and Postgres for each append.
async fn append(
    stores: &Stores,
    history: &HistoryServiceClient<Channel>,
    room: RoomId,
    duration: Duration,
) -> Result<f64> {
    let before = (stores.services()?, stores.postgres()?);
    let load = Load { rooms: &[room], pace: Pace::PerSecond(PER_SECOND), duration };
    let run = append::run(history, load).await?;
    let used = stores.services()?.since(&before.0) + stores.postgres()?.since(&before.1);
    Ok(used.as_secs_f64() * 1e6 / run.count())
}

/// The same for each page, from random places.
async fn page(
    stores: &Stores,
    history: &mut HistoryServiceClient<Channel>,
    room: RoomId,
    size: usize,
) -> Result<f64> {
    let before = (stores.services()?, stores.postgres()?);
    for _ in 0..PAGES {
        let before_seq = rand::random_range(31..=size as u64);
        let anchor = Some(Anchor::BeforeSeq(before_seq));
        let request = GetPageRequest { room_id: room.to_string(), anchor, limit: 30 };
        let page = history.get_page(request).await?.into_inner().messages;
        let seqs = page.iter().map(|message| message.seq);
        ensure!(seqs.eq(before_seq - 30..before_seq), "not the page that was asked for");
    }
    let used = stores.services()?.since(&before.0) + stores.postgres()?.since(&before.1);
    Ok(used.as_secs_f64() * 1e6 / f64::from(PAGES))
}
