//! What survives: crashes, a database that restarts, a bus that is away, many instances at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures::future::join_all;
use hubbub_bus::Bus;
use hubbub_domain::{Code, RoomId};
use hubbub_history::SweepConfig;
use hubbub_proto::history::v1::{GetPageRequest, get_page_request::Anchor};
use hubbub_testkit::{ChaosProxy, Flow, Postgres, Redis, eventually};
use tokio::sync::watch;

use crate::instance::{
    Client, Instance, SOON, append_one, config, database, heard, listen, message, newest, resumed,
};

/// A sweep that needs no patience in a test.
fn brisk() -> SweepConfig {
    SweepConfig {
        interval: Duration::from_millis(100),
        age_min: Duration::from_millis(300),
        ..SweepConfig::default()
    }
}

fn bus_of(redis: &Redis) -> std::sync::Arc<dyn Bus> {
    hubbub_bus::connect(&hubbub_bus::Config::new([redis.url()])).expect("a bus")
}

/// An instance commits, cannot publish, and dies: another one publishes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_instance_publishes_what_a_dead_one_owed() {
    let url = database().await;
    let redis = Redis::start().await.expect("Redis starts");
    let bus = bus_of(&redis);
    redis.stop().await;
    let first = Instance::start(config(&url), bus).await;
    let room = RoomId::generate();
    for n in 1..=5 {
        let seq =
            append_one(&first.client(), message(room, "alice", "x")).await.expect("acked").seq;
        assert_eq!(seq, n);
    }
    drop(first);

    let bus = hubbub_bus::local();
    let mut ears = listen(&bus, room).await;
    let _second = Instance::start(config(&url), bus).await;
    let mut revs = Vec::new();
    while revs.len() < 5 {
        revs.extend(heard(&mut ears).await.iter().map(|it| it.rev));
    }
    assert_eq!(revs, [1, 2, 3, 4, 5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_bus_is_away_sends_are_acked_and_told_later() {
    let redis = Redis::start().await.expect("Redis starts");
    let bus = bus_of(&redis);
    let url = database().await;
    // This one leaves the sweep to the other, which starts when there are ears to hear.
    let patient = SweepConfig { age_min: Duration::from_hours(1), ..SweepConfig::default() };
    let patient = hubbub_history::Config { sweep: patient, ..config(&url) };
    let instance = Instance::start(patient, bus.clone()).await;
    let client = instance.client();
    let room = RoomId::generate();
    let mut ears = listen(&bus, room).await;
    append_one(&client, message(room, "alice", "x")).await.expect("acked");
    assert_eq!(heard(&mut ears).await[0].rev, 1);

    redis.stop().await;
    for _ in 0..20 {
        append_one(&client, message(room, "alice", "x")).await.expect("acked");
    }
    redis.start_again().await.expect("Redis starts again");
    resumed(&mut ears).await;
    let config = hubbub_history::Config { sweep: brisk(), ..config(&url) };
    let _other = Instance::start(config, bus).await;
    let mut told = BTreeSet::new();
    while told.len() < 20 {
        told.extend(heard(&mut ears).await.iter().map(|it| it.rev));
    }
    assert_eq!(told, (2..=21).collect());
}

/// Senders who repeat what was not acked lose nothing and double nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_postgres_loses_nothing_acked() {
    const SENDERS: usize = 6;
    const SENDS: usize = 60;
    let postgres = Postgres::start_durable().await.expect("Postgres starts");
    let url = postgres.database().await.expect("a database");
    let instance = Instance::start(config(&url), hubbub_bus::local()).await;
    let room = RoomId::generate();
    let (acks, mut acked) = watch::channel(0);
    let senders = (0..SENDERS).map(|n| {
        let (client, acks) = (instance.client(), acks.clone());
        tokio::spawn(async move {
            let sender = format!("s{n}");
            let mut places = BTreeMap::new();
            for _ in 0..SENDS {
                let (client_id, seq) = send_until_acked(&client, room, &sender).await;
                places.insert(seq, client_id);
                acks.send_modify(|count| *count += 1);
            }
            places
        })
    });
    let senders: Vec<_> = senders.collect();
    for due in [SENDERS * SENDS / 4, SENDERS * SENDS / 2] {
        acked.wait_for(|count| *count >= due).await.expect("senders send");
        postgres.crash().await;
        postgres.start_again().await.expect("Postgres starts again");
    }
    let mut places = BTreeMap::new();
    for sender in join_all(senders).await {
        places.extend(sender.expect("no sender fails"));
    }
    assert_eq!(stored(&instance.client(), room).await, places);
    let seqs: BTreeSet<_> = places.into_keys().collect();
    assert_eq!(seqs, (1..=(SENDERS * SENDS) as u64).collect());
}

async fn send_until_acked(client: &Client, room: RoomId, sender: &str) -> (String, u64) {
    let message = message(room, sender, "x");
    let place = AtomicU64::new(0);
    eventually(Duration::from_mins(1), async || {
        match append_one(client, message.clone()).await {
            Ok(appended) => place.store(appended.seq, Ordering::Relaxed),
            Err(fault) => assert_eq!(fault.code, Code::Unavailable, "{fault}"),
        }
        place.load(Ordering::Relaxed) > 0
    })
    .await;
    (message.client_id, place.into_inner())
}

/// All of a room, by seq.
async fn stored(client: &Client, room: RoomId) -> BTreeMap<u64, String> {
    let mut messages = BTreeMap::new();
    loop {
        let last = messages.last_key_value().map_or(0, |(seq, _)| *seq);
        let anchor = Some(Anchor::AfterSeq(last));
        let request = GetPageRequest { room_id: room.to_string(), anchor, limit: 100 };
        let page = client.clone().get_page(request).await.expect("a page").into_inner();
        messages.extend(page.messages.into_iter().map(|it| (it.seq, it.client_id)));
        if !page.has_more {
            return messages;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_postgres_the_answer_is_to_come_back() {
    let postgres = Postgres::start().await.expect("Postgres starts");
    let url = postgres.database().await.expect("a database");
    let instance = Instance::start(config(&url), hubbub_bus::local()).await;
    let client = instance.client();
    let room = RoomId::generate();
    append_one(&client, message(room, "alice", "x")).await.expect("acked");
    postgres.stop().await;
    let fault = append_one(&client, message(room, "alice", "x")).await.expect_err("unavailable");
    assert_eq!(fault.code, Code::Unavailable);
    assert!(fault.retry_after.is_some());
    let request = GetPageRequest { room_id: room.to_string(), ..Default::default() };
    let status = client.clone().get_page(request).await.expect_err("an outage is no empty page");
    assert_eq!(hubbub_proto::fault_from_status(&status).code, Code::Unavailable);
    postgres.start_again().await.expect("Postgres starts again");
    eventually(SOON, || {
        let client = client.clone();
        async move { append_one(&client, message(room, "alice", "x")).await.is_ok() }
    })
    .await;
}

/// One-way silence: what is sent to Postgres arrives, no answer comes, and the connections that were
/// open never speak again. None of them may hold a place in the pool for longer than the outage.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_fell_silent_are_replaced() {
    let postgres = Postgres::start().await.expect("Postgres starts");
    let url = postgres.database().await.expect("a database");
    let server = format!("127.0.0.1:{}", postgres.port());
    let proxy = ChaosProxy::start(&server).await.expect("a proxy");
    let url = url.replace(&server, &proxy.address().to_string());
    let mut config = config(&url);
    config.postgres.connections_max = 6;
    config.postgres.acquire_timeout = Duration::from_secs(1);
    config.postgres.statement_timeout = Duration::from_millis(500);
    let instance = Instance::start(config, hubbub_bus::local()).await;
    let client = instance.client();
    let rooms: Vec<_> = (0..12).map(|_| RoomId::generate()).collect();
    let on_all = || {
        join_all(rooms.iter().map(async |room| {
            append_one(&client, message(*room, "alice", "x")).await?;
            let request = GetPageRequest { room_id: room.to_string(), ..Default::default() };
            let page = client.clone().get_page(request).await;
            page.map(drop).map_err(|status| hubbub_proto::fault_from_status(&status))
        }))
    };
    assert!(on_all().await.into_iter().all(|done| done.is_ok()));
    proxy.set(|faults| faults.down = Flow::Swallow);
    for done in on_all().await {
        assert_eq!(done.expect_err("nobody answers").code, Code::Unavailable);
    }
    proxy.set(|faults| faults.down = Flow::Pass);
    // As many as there were connections, at the same time.
    eventually(SOON, async || on_all().await.into_iter().all(|done| done.is_ok())).await;
}

/// Six instances meet an empty database, and write to the same rooms.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_instances_start_at_once() {
    let url = database().await;
    let starting = (0..6).map(|_| Instance::start(config(&url), hubbub_bus::local()));
    let instances = join_all(starting).await;
    let rooms: Vec<_> = (0..2).map(|_| RoomId::generate()).collect();
    let sends = (0..120_usize).map(|n| {
        let (client, room) = (instances[n % 6].client(), rooms[n % 2]);
        tokio::spawn(async move { append_one(&client, message(room, "alice", "x")).await })
    });
    for send in sends.collect::<Vec<_>>() {
        send.await.expect("no send panics").expect("stored");
    }
    let mut epochs = BTreeSet::new();
    for (instance, room) in instances.iter().zip(rooms.iter().cycle()) {
        let page = newest(&instance.client(), *room).await;
        assert_eq!(page.head.expect("a head").seq, 60);
        epochs.insert(page.epoch);
    }
    assert_eq!(epochs.len(), 1);
}
