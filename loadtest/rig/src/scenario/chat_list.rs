//! The chat list of a user with 5,000 rooms, asked of the room service as a gateway does: the first page, and
//! all of it page by page; against the usual way, which asks for the last message and the number
//! of unread ones room by room, and then sorts.
//!
//! Both read the same tables. What they answer is compared, and the queries of a list are counted in
//! Postgres's own log.

mod one_query_per_room;
mod people;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use hubbub_proto::{
    history::v1::message::Content,
    room::v1::{ListChatsRequest, room_service_client::RoomServiceClient},
};
use tonic::transport::Channel;

use self::one_query_per_room::OneQueryPerRoom;
use crate::{
    bench::Bench,
    measure::{Measure, Unit, median},
    proc::Cpu,
    stores::{Roles, Stores},
};

const HUBBUB: &str = "hubbub";
const ONE_QUERY_PER_ROOM: &str = "one-query-per-room";
const READER: &str = "reader";
/// What clients ask for, and the most they get.
const FIRST_PAGE: u32 = 30;
const PAGE_MAX: u32 = 100;
/// Lists whose queries are counted one by one: what services do now and then by themselves falls into
/// a few of them.
const COUNTED: usize = 15;

pub(crate) async fn run(bench: &Bench) -> Result<Vec<Measure>> {
    let stores = Stores::start(bench, Roles::RoomAndHistory).await?;
    people::seed(&stores.pool, bench.scaled(5_000, 200)).await?;
    let peer = OneQueryPerRoom::connect(stores.cluster.database()).await?;
    let mut reader = Reader { room: stores.room()?, stores };
    reader.same_as(&peer).await?;
    let mut lists = Measure::new("chat-list", "chat lists, user with 5,000 rooms", Unit::PerSecond);
    let mut whole = Measure::new("chat-list", "whole chat lists of 5,000 rooms", Unit::PerSecond);
    let mut cpu = Measure::new("chat-list", "Postgres's CPU per chat list", Unit::Millis);
    let mut services = Measure::new("chat-list", "the services' CPU per chat list", Unit::Millis);
    let times = bench.scaled(30, 3);
    for _ in 0..bench.rounds {
        let (before, services_before) = (reader.stores.postgres()?, reader.stores.services()?);
        let first = reader.repeated(times, Until::FirstPage).await?;
        cpu.record(HUBBUB, reader.postgres_millis(&before)? / times as f64);
        let used = reader.stores.services()?.since(&services_before);
        services.record(HUBBUB, used.as_secs_f64() * 1e3 / times as f64);
        lists.record(HUBBUB, 1.0 / first);
        whole.record(HUBBUB, 1.0 / reader.repeated(1, Until::End).await?);
        let (before, begun) = (reader.stores.postgres()?, Instant::now());
        peer.list().await?;
        let seconds = begun.elapsed().as_secs_f64();
        cpu.record(ONE_QUERY_PER_ROOM, reader.postgres_millis(&before)?);
        lists.record(ONE_QUERY_PER_ROOM, 1.0 / seconds);
        whole.record(ONE_QUERY_PER_ROOM, 1.0 / seconds);
    }
    let mut queries = Measure::new("chat-list", "queries per chat list", Unit::Count);
    queries.record(HUBBUB, reader.queries().await?);
    Ok(vec![lists, whole, cpu, services, queries])
}

/// How much of the list is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    FirstPage,
    End,
}

/// A chat of the list, as far as both ways tell the same.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    room: String,
    last_seq: u64,
    text: String,
    unread: u64,
}

struct Reader {
    stores: Stores,
    room: RoomServiceClient<Channel>,
}

impl Reader {
    /// Of CPU, since an earlier reading.
    fn postgres_millis(&self, before: &Cpu) -> Result<f64> {
        Ok(self.stores.postgres()?.since(before).as_secs_f64() * 1e3)
    }

    /// Median seconds of a list.
    async fn repeated(&mut self, times: usize, until: Until) -> Result<f64> {
        let mut seconds = Vec::new();
        for _ in 0..times {
            let begun = Instant::now();
            self.list(until).await?;
            seconds.push(begun.elapsed().as_secs_f64());
        }
        median(&seconds).context("no list was read")
    }

    async fn list(&mut self, until: Until) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut cursor = String::new();
        let limit = if until == Until::End { PAGE_MAX } else { FIRST_PAGE };
        loop {
            let user_id = READER.to_owned();
            let request = ListChatsRequest { user_id, cursor, limit, pinned_only: false };
            let page = self.room.list_chats(request).await?.into_inner();
            for chat in page.chats {
                let room = chat.room.context("a chat without a room")?.room_id;
                let message = chat.last_message.context("a chat without a message")?;
                let head = chat.head.context("a chat without a head")?;
                let Some(Content::Body(body)) = message.content else {
                    bail!("the last message says nothing");
                };
                let (last_seq, unread) = (message.seq, head.unread);
                entries.push(Entry { room, last_seq, text: body.text, unread });
            }
            cursor = page.next_cursor;
            if until == Until::FirstPage || cursor.is_empty() {
                return Ok(entries);
            }
        }
    }

    /// Both ways give the same chats in the same order.
    async fn same_as(&mut self, peer: &OneQueryPerRoom) -> Result<()> {
        let (ours, theirs) = (self.list(Until::End).await?, peer.list().await?);
        ensure!(ours == theirs, "the chat lists differ");
        let first = self.list(Until::FirstPage).await?;
        ensure!(first[..] == theirs[..first.len()], "the first page is not the list's beginning");
        Ok(())
    }

    /// Statements that the services execute for a first page, by Postgres's log.
    async fn queries(&mut self) -> Result<f64> {
        let pool = self.stores.pool.clone();
        for statement in [
            "ALTER SYSTEM SET log_line_prefix = '%a|'",
            "ALTER SYSTEM SET log_statement = 'all'",
            "SELECT pg_reload_conf()",
        ] {
            sqlx::query(statement).execute(&pool).await?;
        }
        // The log says when the change has come to the backends.
        let end = Instant::now() + Duration::from_secs(10);
        while self.counted().await? == 0 {
            ensure!(Instant::now() < end, "Postgres logs no statements");
        }
        let mut counts = Vec::new();
        for _ in 0..COUNTED {
            counts.push(f64::from(self.counted().await?));
        }
        median(&counts).context("nothing was counted")
    }

    async fn counted(&mut self) -> Result<u32> {
        let before = executed(&self.stores.cluster.postgres.log()?);
        self.list(Until::FirstPage).await?;
        Ok(executed(&self.stores.cluster.postgres.log()?) - before)
    }
}

/// Statements of the services in a log.
fn executed(log: &str) -> u32 {
    let of_services = |line: &&str| line.starts_with("hubbub-") && line.contains("LOG:  execute ");
    u32::try_from(log.lines().filter(of_services).count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::executed;

    #[test]
    fn only_what_services_execute_is_counted() {
        let log = "hubbub-room|LOG:  execute sqlx_s_1: SELECT a,\n\
                   \tb FROM c\n\
                   |LOG:  execute sqlx_s_1: SELECT 1\n\
                   hubbub-history|DETAIL:  parameters: $1 = '1'\n\
                   hubbub-history|LOG:  execute sqlx_s_9: SELECT 1\n";
        assert_eq!(executed(log), 2);
    }
}
