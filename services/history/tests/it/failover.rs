//! Postgres fails over to a standby: nothing of before is stored under the old epoch, on any instance.

use std::{sync::Arc, time::Duration};

use hubbub_domain::RoomId;
use hubbub_proto::{
    epoch_tag,
    history::v1::{GetPageRequest, GetSurvivedRequest, GetSurvivedResponse},
};
use hubbub_testkit::{Ending, Failover, Postgres, Replicated, Replication, eventually};

use crate::instance::{Client, Instance, SOON, append_one, config, heard_in, listen, message};

struct Pair {
    servers: Replicated,
    url: String,
}

async fn pair() -> Pair {
    let primary = Arc::new(Postgres::start().await.expect("Postgres"));
    let url = primary.database().await.expect("a database");
    let servers = Replicated::behind(primary).await.expect("a standby");
    let url = servers.following(&url);
    Pair { servers, url }
}

async fn epoch(client: &Client) -> String {
    newest(client, RoomId::generate()).await.1
}

/// The head's seq, and the epoch.
async fn newest(client: &Client, room: RoomId) -> (u64, String) {
    let request = GetPageRequest { room_id: room.to_string(), ..GetPageRequest::default() };
    let page = client.clone().get_page(request).await.expect("a page").into_inner();
    (page.head.expect("a head").seq, page.epoch)
}

async fn survived(client: &Client, epoch: &str, room: RoomId) -> GetSurvivedResponse {
    let request = GetSurvivedRequest { epoch: epoch.to_owned(), room_ids: vec![room.to_string()] };
    client.clone().get_survived(request).await.expect("an answer").into_inner()
}

/// Waits until the instance reaches a primary again.
async fn back(client: &Client) {
    let page = GetPageRequest { room_id: RoomId::generate().to_string(), ..Default::default() };
    let page = &page;
    eventually(SOON, || async move { client.clone().get_page(page.clone()).await.is_ok() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tail_that_was_lost_forks_the_room_on_every_instance() {
    let Pair { servers, url } = pair().await;
    let bus = hubbub_bus::local();
    let [first, second] = [
        Instance::start(config(&url), bus.clone()).await,
        Instance::start(config(&url), bus.clone()).await,
    ];
    let (one, other) = (first.client(), second.client());
    let room = RoomId::generate();
    let mut ears = listen(&bus, room).await;
    for _ in 0..3 {
        append_one(&one, message(room, "alice", "kept")).await.expect("acked");
    }
    let before = epoch(&one).await;
    assert_eq!(heard_in(&mut ears, 3).await, epoch_tag(&before));

    // What is acked while the standby hears nothing is lost.
    let failover = Failover { ending: Ending::Killed, tail: Duration::from_millis(500) };
    let lost = message(room, "bob", "lost");
    let (failed, acked) = tokio::join!(servers.fail_over(failover), async {
        // The moment of the append within the lost tail is the subject.
        tokio::time::sleep(Duration::from_millis(100)).await;
        append_one(&one, lost.clone()).await
    });
    failed.expect("promoted");
    assert_eq!(acked.expect("acked").seq, 4);
    heard_in(&mut ears, 1).await;

    back(&other).await;
    let (seq, after) = newest(&other, room).await;
    assert_eq!(seq, 3);
    assert_ne!(after, before);
    assert_eq!(survived(&other, &before, room).await.heads[0].rev, 3);
    back(&one).await;
    assert_eq!(newest(&one, room).await, (3, after.clone()), "both say the same");
    let appended = append_one(&one, message(room, "carol", "new")).await.expect("acked");
    assert_eq!((appended.seq, appended.rev), (4, 4));
    assert_eq!(heard_in(&mut ears, 1).await, epoch_tag(&after), "the bus is told which 4 it is");
    // What was lost is stored when it is sent again, once.
    assert_eq!(append_one(&other, lost.clone()).await.expect("acked").seq, 5);
    assert!(append_one(&one, lost).await.expect("acked").duplicate);
    let survived = survived(&one, &before, room).await;
    assert!(survived.known && survived.epoch == after);
    assert_eq!((survived.heads[0].seq, survived.heads[0].rev), (3, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_synchronous_standby_has_all_that_was_acked() {
    let Pair { servers, url } = pair().await;
    servers.replicate(Replication::Synchronous).await.expect("set");
    let instance = Instance::start(config(&url), hubbub_bus::local()).await;
    let (client, room) = (instance.client(), RoomId::generate());
    let before = epoch(&client).await;
    let mut acked = 0;
    let writing = async {
        loop {
            // Once the primary hangs, this one is left without an answer.
            let answer = append_one(&client, message(room, "alice", "x"));
            match tokio::time::timeout(Duration::from_secs(2), answer).await {
                Ok(Ok(appended)) => acked = appended.seq,
                _ => return,
            }
        }
    };
    let failing = async {
        // Not waited for: the writer should be under way.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let failover = Failover { ending: Ending::Hung, tail: Duration::ZERO };
        servers.fail_over(failover).await.expect("promoted");
    };
    tokio::join!(writing, failing);
    assert!(acked > 0);

    // The old primary still holds its connections open, in silence.
    back(&client).await;
    let (seq, after) = newest(&client, room).await;
    assert!(seq >= acked, "{acked} acked, {seq} stored");
    assert_ne!(after, before);
    assert!(survived(&client, &before, room).await.heads[0].rev >= acked);
    servers.rebuild().await.expect("a standby again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_is_refused_and_a_restart_is_no_failover() {
    let Pair { servers, url } = pair().await;
    let port = servers.standby_port().await;
    let astray = url.replace(&format!(":{}/", servers.port()), &format!(":{port}/"));
    let instance = Instance::start(config(&url), hubbub_bus::local()).await;
    let before = epoch(&instance.client()).await;
    let mut misled = config(&astray);
    misled.postgres.migrate_on_start = false;
    misled.postgres.acquire_timeout = Duration::from_millis(500);
    assert!(hubbub_history::store::open(&misled).await.is_err(), "a standby takes no writes");

    let failover = Failover { ending: Ending::Killed, tail: Duration::ZERO };
    servers.fail_over(failover).await.expect("promoted");
    let client = instance.client();
    back(&client).await;
    assert_ne!(epoch(&client).await, before);
    // A restart of the same server is none.
    let after = epoch(&client).await;
    servers.rebuild().await.expect("a standby again");
    servers.primary().restart().await.expect("restarted");
    back(&client).await;
    assert_eq!(epoch(&client).await, after);
}
