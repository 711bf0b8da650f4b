//! Pages, changes, heads and rankings as callers see them.

use std::sync::Arc;

use hubbub_domain::{Clock, RoomId, Timestamp};
use hubbub_proto::history::v1::{
    GetHeadsRequest, GetPageRequest, ListChangesRequest, Rank, RankRoomsRequest, RoomHead,
    RoomMarker, get_page_request::Anchor,
};

use crate::instance::{Instance, alone, append, config, database, message};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_say_what_lies_beyond() {
    let (instance, _bus) = alone().await;
    let mut client = instance.client();
    let room = RoomId::generate();
    let messages: Vec<_> = (0..45).map(|_| message(room, "alice", "x")).collect();
    append(&client, messages).await.expect("stored");
    let request = |anchor, limit| GetPageRequest { room_id: room.to_string(), anchor, limit };
    let times = {
        let page = client.get_page(request(None, 100)).await.expect("a page").into_inner();
        page.messages.iter().map(|it| it.created_at.expect("a time")).collect::<Vec<_>>()
    };
    // Anchor, limit; first and last seq, more, newer.
    let cases = [
        (None, 0, (16, 45), true, false),
        (None, 45, (1, 45), false, false),
        (Some(Anchor::BeforeSeq(16)), 0, (1, 15), false, true),
        (Some(Anchor::BeforeSeq(17)), 15, (2, 16), true, true),
        (Some(Anchor::AfterSeq(40)), 3, (41, 43), true, true),
        (Some(Anchor::AfterSeq(40)), 0, (41, 45), false, false),
        (Some(Anchor::AroundSeq(20)), 5, (18, 22), true, true),
        (Some(Anchor::AroundSeq(45)), 5, (41, 45), true, false),
        (Some(Anchor::BeforeTime(times[9])), 3, (7, 9), true, true),
    ];
    for (anchor, limit, ends, more, newer) in cases {
        let page = client.get_page(request(anchor, limit)).await.expect("a page").into_inner();
        let seqs: Vec<_> = page.messages.iter().map(|it| it.seq).collect();
        assert_eq!(seqs, (ends.0..=ends.1).collect::<Vec<_>>(), "{anchor:?}");
        assert_eq!((page.has_more, page.has_newer), (more, newer), "{anchor:?}");
        assert_eq!(page.head.expect("a head").seq, 45);
    }
}

/// A clock that stands still: all that is stored happens in one moment.
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_123_456)
    }
}

/// As a front end that knows milliseconds pages back through a room in which many messages came at once:
/// more than a second's worth, so that a part of them shares milliseconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paging_by_milliseconds_shows_every_message_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let sqlite = format!("sqlite:{}", folder.path().join("history.db").display());
    for database in [sqlite, database().await] {
        let clock = Arc::new(Stopped);
        let instance = Instance::start_at(clock, config(&database), hubbub_bus::local()).await;
        let (client, room) = (instance.client(), RoomId::generate());
        for _ in 0..15 {
            let messages = (0..100).map(|_| message(room, "alice", "x")).collect();
            append(&client, messages).await.expect("stored");
        }
        let mut seen = Vec::new();
        let mut anchor = None;
        loop {
            let request = GetPageRequest { room_id: room.to_string(), anchor, limit: 7 };
            let page = client.clone().get_page(request).await.expect("a page").into_inner();
            let Some(first) = page.messages.first() else { break };
            let mut time = first.created_at.expect("a time");
            time.nanos -= time.nanos % 1_000_000;
            anchor = Some(Anchor::BeforeTime(time));
            seen.splice(0..0, page.messages.iter().map(|it| it.seq));
        }
        assert_eq!(seen, (1..=1_500).collect::<Vec<_>>(), "{database}");
        instance.drain().await;
    }
}

/// An answer of many long changes is cut, so that a client with gRPC's own bound can take it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_changes_come_in_several_answers() {
    let (instance, _bus) = alone().await;
    let mut client = instance.client();
    let room = RoomId::generate();
    let long = "💬".repeat(4_000);
    for _ in 0..12 {
        let messages: Vec<_> = (0..60).map(|_| message(room, "alice", &long)).collect();
        append(&client, messages).await.expect("stored");
    }
    let (mut after, mut answers) = (0, 0);
    while after < 720 {
        let request =
            ListChangesRequest { room_id: room.to_string(), after_rev: after, limit: 1_000 };
        let answer = client.list_changes(request).await.expect("changes").into_inner();
        assert_eq!(answer.changes[0].rev, after + 1);
        assert_eq!(answer.head.expect("a head").rev, 720);
        after = answer.changes.last().expect("not empty").rev;
        answers += 1;
    }
    assert!((4..=6).contains(&answers), "{answers} answers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_and_rankings_agree() {
    let (instance, _bus) = alone().await;
    let mut client = instance.client();
    let rooms: Vec<_> = (0..4).map(|_| RoomId::generate()).collect();
    for (n, room) in rooms.iter().enumerate().take(3) {
        let messages = (0..=n).map(|_| message(*room, "alice", "x")).collect();
        append(&client, messages).await.expect("stored");
    }
    let markers: Vec<_> = rooms
        .iter()
        .map(|room| RoomMarker { room_id: room.to_string(), ..Default::default() })
        .collect();
    let request = GetHeadsRequest { rooms: markers.clone(), user_id: "bob".into() };
    let heads = client.get_heads(request).await.expect("heads").into_inner();
    let unread: Vec<_> = heads.rooms.iter().map(|it| it.unread).collect();
    assert_eq!(unread, [1, 2, 3, 0]);

    // A room named twice is ranked once.
    let twice = [markers.clone(), markers].concat();
    let mut request =
        RankRoomsRequest { user_id: "bob".into(), rooms: twice, limit: 3, after: None };
    let page = client.rank_rooms(request.clone()).await.expect("a page").into_inner();
    let order: Vec<_> = page.rooms.iter().map(|it| it.head.clone().expect("a head")).collect();
    // Rankings leave the time of the newest words out.
    let ranked = |n: usize| RoomHead { last_said_at: None, ..heads.rooms[n].clone() };
    assert_eq!(order, [2, 1, 0].map(ranked));
    assert!(page.has_more);
    let last = page.rooms.last().expect("not empty");
    let room_id =
        last.head.as_ref().and_then(|it| it.head.as_ref()).expect("a head").room_id.clone();
    request.after = Some(Rank { active_at: last.active_at, room_id });
    let page = client.rank_rooms(request).await.expect("a page").into_inner();
    assert_eq!((page.rooms.len(), page.has_more), (1, false));
    assert!(page.rooms[0].last_message.is_none());
}
