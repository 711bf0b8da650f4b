//! Places, order, repetition.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use hubbub_domain::{
    Attachment, Body, MessageId, MessageKind, Role, RoomId, Seq, SystemNotice, Timestamp,
};

use super::{all_changes, append, append_at, at, head, newest, post, seq, stored, user};
use crate::{
    rules,
    store::{Content, Deletion, Fate, Post, Standing, Store},
};

pub(super) async fn writers_leave_no_gap(store: Arc<dyn Store>) {
    const WRITERS: usize = 8;
    const BATCHES: usize = 12;
    let rooms: Vec<_> = (0..3).map(|_| RoomId::generate()).collect();
    let writers = (0..WRITERS).map(|writer| {
        let (store, rooms) = (store.clone(), rooms.clone());
        tokio::spawn(async move {
            let sender = format!("w{writer}");
            for batch in 0..BATCHES {
                // Rooms in another order each time, to provoke waiting in a circle.
                let posts: Vec<_> = (0..9)
                    .map(|n| post(rooms[(n + writer + batch) % rooms.len()], &sender, "x"))
                    .collect();
                let fates = append(&*store, &posts).await;
                assert_rising(&posts, &fates);
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("no writer fails");
    }
    for room in rooms {
        let head = head(&*store, room).await;
        assert_eq!(head.seq.0 as usize, WRITERS * BATCHES * 3);
        let changes = all_changes(&*store, room).await;
        assert!(rules::contiguous(hubbub_domain::Rev::ZERO, changes.iter().map(|c| c.rev)));
        assert_eq!(changes.len() as u64, head.rev.0);
    }
}

/// A writer's own messages of a room stand in the order of its batch.
fn assert_rising(posts: &[Post], fates: &[Fate]) {
    let mut last = std::collections::HashMap::new();
    for (post, fate) in posts.iter().zip(fates) {
        let place = stored(*fate);
        let before = last.insert(post.room, place.seq).unwrap_or(Seq::ZERO);
        assert!(place.seq > before);
    }
}

pub(super) async fn a_batch_keeps_its_order(store: Arc<dyn Store>) {
    let (a, b) = (RoomId::generate(), RoomId::generate());
    let posts: Vec<_> = (0..10).map(|n| post([a, b][n % 2], "alice", &n.to_string())).collect();
    let fates = append(&*store, &posts).await;
    for (n, fate) in fates.into_iter().enumerate() {
        let place = stored(fate);
        assert_eq!(place.seq.0 as usize, n / 2 + 1);
        assert_eq!(place.rev.0, place.seq.0);
        assert_eq!(place.id, posts[n].id);
    }
    let texts: Vec<_> = newest(&*store, b).await.into_iter().map(|m| text(&m.kind)).collect();
    assert_eq!(texts, ["1", "3", "5", "7", "9"]);
}

fn text(kind: &MessageKind) -> String {
    match kind {
        MessageKind::User(body) => body.text.clone(),
        kind => panic!("no text: {kind:?}"),
    }
}

pub(super) async fn a_repetition_gets_the_first_place(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    let first = post(room, "alice", "first");
    let place = stored(append(&*store, std::slice::from_ref(&first)).await[0]);
    let again = Post {
        id: MessageId::generate(),
        content: Content::User(Body::text("second")),
        ..first.clone()
    };
    let others = Post { sender: user("bob"), ..first.clone() };
    let elsewhere = Post { room: RoomId::generate(), ..first };
    let batch = [post(room, "alice", "new"), again, others, elsewhere];
    let fates = append(&*store, &batch).await;
    assert_eq!(stored(fates[0]).seq, seq(2));
    assert_eq!(fates[1], Fate::Duplicate(place));
    assert_eq!(stored(fates[2]).seq, seq(3));
    assert_eq!(stored(fates[3]).seq, seq(1));
    let messages = newest(&*store, room).await;
    assert_eq!(text(&messages[0].kind), "first");
    assert_eq!(messages.len(), 3);
}

/// The same message sent through eight instances at once.
pub(super) async fn a_repetition_may_meet_its_first(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    for round in 0..5 {
        let first = post(room, "alice", &round.to_string());
        let sends = (0..8).map(|_| {
            let store = store.clone();
            let copy = Post { id: MessageId::generate(), ..first.clone() };
            tokio::spawn(async move { append(&*store, &[copy]).await[0] })
        });
        let mut places = BTreeSet::new();
        let mut stored = 0;
        for send in sends.collect::<Vec<_>>() {
            match send.await.expect("no send fails") {
                Fate::Stored(place) => {
                    stored += 1;
                    places.insert((place.seq, place.id));
                }
                Fate::Duplicate(place) => {
                    places.insert((place.seq, place.id));
                }
                fate => panic!("it answers nothing and waits for nobody: {fate:?}"),
            }
        }
        assert_eq!((stored, places.len()), (1, 1));
    }
    assert_eq!(head(&*store, room).await.seq, seq(5));
}

pub(super) async fn replies_need_what_they_answer(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    let reply = |to: u64| {
        let body = Body { reply_to: Some(seq(to)), ..Body::text("re") };
        Post { content: Content::User(body), ..post(room, "alice", "") }
    };
    // In an empty room there is nothing to answer, and nothing comes of it.
    let nothing = append_at(&*store, &[reply(1)], at(1)).await;
    assert_eq!(nothing.fates, [Fate::NoSuchReply]);
    assert_eq!(nothing.outbox, None);
    assert_eq!(head(&*store, room).await.rev.0, 0);

    append(&*store, &[post(room, "alice", "1"), post(room, "alice", "2")]).await;
    let good = reply(2);
    let batch = [post(room, "bob", "3"), reply(3), good.clone(), post(room, "bob", "5")];
    let fates = append(&*store, &batch).await;
    // What the same batch makes is not there yet; a refusal takes no place.
    assert_eq!(fates[1], Fate::NoSuchReply);
    let places: Vec<_> = [0, 2, 3].map(|n| stored(fates[n]).seq.0).to_vec();
    assert_eq!(places, [3, 4, 5]);
    // A repetition is one, even with a reply that would be refused.
    let body = Body { reply_to: Some(seq(99)), ..Body::text("re") };
    let again = Post { content: Content::User(body), ..good };
    assert_eq!(append(&*store, &[again]).await[0], Fate::Duplicate(stored(fates[2])));
}

pub(super) async fn content_reads_back(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    append(&*store, &[post(room, "alice", "0")]).await;
    let attachment = Attachment {
        url: "https://example.org/\"ä\".png".into(),
        name: "ä\\ \".png".into(),
        content_type: "image/png".into(),
        size_bytes: u64::from(u32::MAX) * 9,
        width: Some(4_032),
        height: Some(3_024),
        preview: "1QcSHQRnh493V4dIh4eXh1h4kJUI".into(),
    };
    let contents = [
        Content::User(Body::text("plain 🎈 'quote' \"double\" \\ back {1,NULL}")),
        Content::User(Body {
            text: "all".into(),
            attachments: vec![attachment.clone(), attachment.clone()],
            reply_to: Some(seq(1)),
            mentions: vec![user("bob"), user("NULL")],
        }),
        Content::User(Body { attachments: vec![attachment], ..Body::default() }),
        Content::System(SystemNotice::RoleSet {
            user: user("bob"),
            role: Role::Admin,
            by: user("alice"),
        }),
        Content::System(SystemNotice::Announced { text: "hear, hear".into() }),
    ];
    let posts: Vec<_> =
        contents.into_iter().map(|content| Post { content, ..post(room, "alice", "") }).collect();
    let fates = append_at(&*store, &posts, at(77_000)).await.fates;
    let page = newest(&*store, room).await;
    for ((post, fate), message) in posts.into_iter().zip(fates).zip(&page[1..]) {
        assert_eq!(post.message(stored(fate)), *message);
    }
}

pub(super) async fn time_rises_strictly(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    // The clock stands, runs back, and leaps.
    let mut last = Timestamp::default();
    for now in [5_000, 5_000, 1, 0, 9_000, 8_999] {
        let posts: Vec<_> = (0..3).map(|_| post(room, "alice", "x")).collect();
        for fate in append_at(&*store, &posts, at(now)).await.fates {
            let place = stored(fate);
            assert!(place.created_at > last && place.created_at >= at(now));
            last = place.created_at;
        }
    }
    let times: Vec<_> = newest(&*store, room).await.iter().map(|m| m.created_at).collect();
    assert!(times.is_sorted_by(|a, b| a < b));
    assert_eq!(times[0], at(5_000));
    assert!(times.iter().all(|at| at.as_micros() % 1_000 == 0), "in whole milliseconds");
}

/// A flood cannot carry a room's times away from the clock.
pub(super) async fn time_stays_near_the_clock(store: Arc<dyn Store>) {
    let (room, now) = (RoomId::generate(), at(1_000_000_000));
    for _ in 0..8 {
        let posts: Vec<_> = (0..400).map(|_| post(room, "alice", "x")).collect();
        append_at(&*store, &posts, now).await;
    }
    let last = append_at(&*store, &[post(room, "bob", "x")], now).await.fates;
    let ahead = stored(last[0]).created_at.as_micros() - now.as_micros();
    assert!((1_000_000..2_000_000).contains(&ahead), "{ahead} µs");
    // And once the clock has caught up, a millisecond is one message's again.
    let later = at(now.as_micros() + 3_000_000);
    let fates = append_at(&*store, &[post(room, "bob", "x"), post(room, "bob", "y")], later).await;
    let times = fates.fates.into_iter().map(|fate| stored(fate).created_at).collect::<Vec<_>>();
    assert_eq!(times, [later, at(later.as_micros() + 1_000)]);
}

pub(super) async fn a_reply_needs_what_is_still_there(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    let reply = |to| {
        let body = Body { reply_to: Some(seq(to)), ..Body::text("re") };
        Post { content: Content::User(body), ..post(room, "bob", "") }
    };
    append(&*store, &[post(room, "alice", "1"), post(room, "alice", "2")]).await;
    let early = reply(1);
    stored(append(&*store, std::slice::from_ref(&early)).await[0]);
    let deletion = Deletion {
        room,
        seq: seq(1),
        actor: user("alice"),
        standing: Standing::Member,
        now: at(2_000),
    };
    store.delete(&deletion).await.expect("deleted");
    let fates = append(&*store, &[reply(1), reply(2), reply(9), early]).await;
    assert!(
        matches!(
            fates[..],
            [Fate::ReplyDeleted, Fate::Stored(_), Fate::NoSuchReply, Fate::Duplicate(_)]
        ),
        "{fates:?}"
    );
    assert_eq!(head(&*store, room).await.seq, seq(4), "a refusal takes no place");
}

pub(super) async fn slow_mode_lets_one_pass(store: Arc<dyn Store>) {
    const PAUSE: Duration = Duration::from_secs(10);
    let room = RoomId::generate();
    let paced = |who: &str| Post { pause: PAUSE, ..post(room, who, "x") };
    let second = |n: i64| at(n * 1_000_000);
    let told = async |posts: &[Post], now| append_at(&*store, posts, now).await.fates;

    // In one batch the first of each sender passes; others are nobody's business.
    let first = paced("alice");
    let batch = [first.clone(), paced("alice"), paced("bob"), post(room, "mod", "x")];
    let fates = told(&batch, second(100)).await;
    assert!(
        matches!(fates[..], [Fate::Stored(_), Fate::TooSoon(_), Fate::Stored(_), Fate::Stored(_)]),
        "{fates:?}"
    );
    assert_eq!(fates[1], Fate::TooSoon(second(110)));
    let again = told(&[paced("alice"), first, post(room, "mod", "x")], second(109)).await;
    assert!(
        matches!(again[..], [Fate::TooSoon(until), Fate::Duplicate(_), Fate::Stored(_)]
            if until == second(110)),
        "{again:?}"
    );
    // A moment each, as bob's own place in the batch was a millisecond later.
    let after = told(&[paced("alice"), paced("bob")], second(111)).await;
    assert!(after.iter().all(|fate| matches!(fate, Fate::Stored(_))), "{after:?}");

    // However many ask at once, one is taken.
    let asking = (0..12).map(|_| {
        let (store, post) = (store.clone(), paced("alice"));
        tokio::spawn(async move { append_at(&*store, &[post], second(200)).await.fates[0] })
    });
    let fates = futures::future::join_all(asking).await;
    let taken = fates.iter().filter(|fate| matches!(fate, Ok(Fate::Stored(_)))).count();
    assert_eq!(taken, 1, "{fates:?}");
}
