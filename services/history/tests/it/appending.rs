//! Group commit, order, repetition, and what the bus hears of it.

use std::collections::BTreeSet;

use hubbub_domain::RoomId;
use hubbub_history::AppendConfig;
use hubbub_proto::history::v1::{
    self as wire, MemberJoined, SystemNotice, change, message, new_message, system_notice,
};
use hubbub_testkit::eventually;
use sqlx::{Connection as _, PgConnection};

use crate::instance::{
    Instance, SOON, alone, append, append_one, body, config, database, heard, listen, message,
    newest, told,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_stored_together() {
    const SENDS: u64 = 400;
    let url = database().await;
    let instance = Instance::start(config(&url), hubbub_bus::local()).await;
    let room = RoomId::generate();
    let sends = (0..SENDS).map(|n| {
        let client = instance.client();
        tokio::spawn(async move {
            let sender = format!("u{n}");
            append_one(&client, message(room, &sender, "x")).await.expect("stored").seq
        })
    });
    let mut seqs = BTreeSet::new();
    for send in sends.collect::<Vec<_>>() {
        seqs.insert(send.await.expect("no send fails"));
    }
    assert_eq!(seqs, (1..=SENDS).collect());

    // Every transaction that stored something wrote one outbox row.
    let mut postgres = PgConnection::connect(&url).await.expect("Postgres answers");
    let commits: i64 = sqlx::query_scalar("SELECT last_value FROM history.outbox_id_seq")
        .fetch_one(&mut postgres)
        .await
        .expect("a sequence");
    assert!(commits < 200, "{SENDS} messages took {commits} commits");
    // And every row goes once its revisions were published.
    eventually(SOON, async || outbox_rows(&url).await == 0).await;
}

async fn outbox_rows(url: &str) -> i64 {
    let mut postgres = PgConnection::connect(url).await.expect("Postgres answers");
    sqlx::query_scalar("SELECT count(*) FROM history.outbox")
        .fetch_one(&mut postgres)
        .await
        .expect("a count")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_keeps_its_order_and_fails_entry_by_entry() {
    let (instance, _bus) = alone().await;
    let client = instance.client();
    let (a, b) = (RoomId::generate(), RoomId::generate());
    let first = message(a, "alice", "1");
    let mut without_content = message(a, "alice", "");
    without_content.content = None;
    let mut too_long = message(b, "alice", &"é".repeat(4_001));
    too_long.client_id = "long".into();
    let requests = vec![
        first.clone(),
        message(b, "alice", "2"),
        without_content,
        message(a, "alice", "3"),
        too_long,
        first,
    ];
    let results = append(&client, requests).await.expect("answered");
    let expected = ["1 false", "1 false", "bad_request", "2 false", "too_large", "1 true"];
    assert_eq!(told(&results), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repetition_is_told_its_first_place() {
    let (instance, _bus) = alone().await;
    let client = instance.client();
    let room = RoomId::generate();
    let first = message(room, "alice", "first");
    let place = append_one(&client, first.clone()).await.expect("stored");
    assert!(!place.duplicate);
    let again =
        wire::NewMessage { content: Some(new_message::Content::Body(body("second"))), ..first };
    let second = append_one(&client, again).await.expect("stored before");
    assert_eq!(second, wire::Appended { duplicate: true, ..place });
    let page = newest(&client, room).await;
    let Some(message::Content::Body(body)) = &page.messages[0].content else { panic!("a body") };
    assert_eq!((page.messages.len(), body.text.as_str()), (1, "first"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bus_hears_everything_in_order_with_its_trace() {
    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let (instance, bus) = alone().await;
    let mut client = instance.client();
    let room = RoomId::generate();
    let mut ears = listen(&bus, room).await;
    let traced = wire::NewMessage { traceparent: TRACE.into(), ..message(room, "alice", "hi") };
    let notice = system_notice::Event::Joined(MemberJoined { user_id: "bob".into() });
    let notice = new_message::Content::System(SystemNotice { event: Some(notice) });
    let notice = wire::NewMessage { content: Some(notice), ..message(room, "room", "") };
    append(&client, vec![traced, notice]).await.expect("stored");
    let told = heard(&mut ears).await;
    assert_eq!(told.iter().map(|it| it.rev).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(told[0].traceparent, TRACE);
    let Some(change::Kind::Posted(posted)) = &told[0].kind else { panic!("a post") };
    let stored = newest(&client, room).await.messages;
    assert_eq!(*posted, stored[0]);

    let (room_id, seq) = (room.to_string(), 1);
    let edit = wire::EditRequest {
        room_id: room_id.clone(),
        seq,
        actor_id: "alice".into(),
        body: Some(body("better")),
        traceparent: TRACE.into(),
    };
    assert_eq!(client.edit(edit).await.expect("edited").into_inner().rev, 3);
    let react = wire::ReactRequest {
        room_id: room_id.clone(),
        seq,
        actor_id: "bob".into(),
        emoji: "👍".into(),
        on: true,
        ..Default::default()
    };
    let reacted = client.react(react.clone()).await.expect("reacted").into_inner();
    assert_eq!((reacted.rev, reacted.changed), (4, true));
    let again = client.react(react).await.expect("idempotent").into_inner();
    assert_eq!((again.rev, again.changed), (4, false));
    let delete =
        wire::DeleteRequest { room_id, seq, actor_id: "alice".into(), ..Default::default() };
    let deleted = client.delete(delete.clone()).await.expect("deleted").into_inner();
    assert_eq!(client.delete(delete).await.expect("idempotent").into_inner(), deleted);
    for rev in 3..=5 {
        let told = heard(&mut ears).await;
        assert_eq!(told.iter().map(|it| it.rev).collect::<Vec<_>>(), [rev]);
        assert_eq!(told[0].traceparent, if rev == 3 { TRACE } else { "" });
    }
}

/// What was taken before the drain is stored, answered and published; nothing is left behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_finishes_what_was_begun() {
    let url = database().await;
    // Nobody tidies up behind the last batch but the drain.
    let append =
        AppendConfig { tidy_after: std::time::Duration::from_mins(10), ..AppendConfig::default() };
    let config = hubbub_history::Config { append, ..config(&url) };
    let instance = Instance::start(config, hubbub_bus::local()).await;
    let room = RoomId::generate();
    let sends: Vec<_> = (0..50)
        .map(|_| {
            let client = instance.client();
            tokio::spawn(async move { append_one(&client, message(room, "alice", "x")).await })
        })
        .collect();
    append_one(&instance.client(), message(room, "alice", "x")).await.expect("stored");
    instance.drain().await;
    let mut acked = 1;
    for send in sends {
        acked += u64::from(send.await.expect("no send panics").is_ok());
    }
    assert_eq!(outbox_rows(&url).await, 0);
    let other = Instance::start(crate::instance::config(&url), hubbub_bus::local()).await;
    let head = newest(&other.client(), room).await.head.expect("a head");
    assert!(head.seq >= acked, "{acked} acked, {} stored", head.seq);
}
