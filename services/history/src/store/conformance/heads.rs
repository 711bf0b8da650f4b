//! Heads, unread, ranking, epoch.

use std::sync::Arc;

use hubbub_domain::{MessageKind, Rev, RoomId, Seq, SystemNotice, Timestamp};

use super::{append, append_at, at, fill, post, seq, stored, user};
use crate::{
    rules::{Anchor, window},
    store::{Content, Deletion, Marker, Post, Rank, RankedRoom, Ranking, Standing, Store},
};

fn marker(room: RoomId, last_read: u64) -> Marker {
    Marker { room, last_read: seq(last_read), since: at(0) }
}

pub(super) async fn heads_come_as_asked(store: Arc<dyn Store>) {
    let (a, b, empty) = (RoomId::generate(), RoomId::generate(), RoomId::generate());
    fill(&*store, a, 3).await;
    append_at(&*store, &[post(b, "bob", "x")], at(9_000)).await;
    let asked = [marker(b, 0), marker(empty, 0), marker(a, 1), marker(b, 5)];
    let heads = store.heads(&asked, None).await.expect("heads");
    let told: Vec<_> = heads.rooms.iter().map(|it| (it.room, it.head.seq.0, it.unread)).collect();
    assert_eq!(told, [(b, 1, 0), (empty, 0, 0), (a, 3, 0), (b, 1, 0)]);
    assert_eq!(heads.rooms[0].last_at, Some(at(9_000)));
    assert_eq!(heads.rooms[1].last_at, None);
    assert_eq!(heads.epoch, store.epoch().await.expect("an epoch"));
    let none = store.heads(&[], Some(&user("bob"))).await.expect("heads");
    assert!(none.rooms.is_empty() && none.epoch == heads.epoch);
}

pub(super) async fn unread_is_what_a_recount_says(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    let people = ["alice", "bob", "carol"];
    for n in 0..30_usize {
        let mut message = post(room, people[n * 7 % 11 % 3], "x");
        if n % 10 == 9 {
            let notice = SystemNotice::Joined { user: user("dave") };
            message = Post { content: Content::System(notice), ..post(room, "room", "") };
        }
        stored(append(&*store, &[message]).await[0]);
    }
    for gone in [2, 3, 17, 26, 29] {
        let deletion = Deletion {
            room,
            seq: seq(gone),
            actor: user("mod"),
            standing: Standing::Moderator,
            now: at(1),
        };
        store.delete(&deletion).await.expect("deleted");
    }
    let messages = store.page(room, window(Anchor::Newest, 100)).await.expect("a page").messages;
    for who in ["alice", "bob", "carol", "dave"] {
        let own = messages.iter().filter(|m| m.sender == user(who)).map(|m| m.seq).max();
        for last_read in [0, 1, 2, 3, 16, 17, 28, 29, 30, 31, u64::MAX >> 2] {
            let read = own.unwrap_or(Seq::ZERO).max(seq(last_read));
            let unread =
                messages.iter().filter(|m| m.seq > read && m.kind != MessageKind::Deleted).count()
                    as u64;
            let marker = marker(room, last_read);
            let heads = store.heads(&[marker], Some(&user(who))).await.expect("heads");
            assert_eq!((heads.rooms[0].unread, heads.rooms[0].read), (unread, read));
            let ranked = store.rank(&ranking(who, vec![marker], 1)).await.expect("a ranking");
            assert_eq!(ranked[0].head, heads.rooms[0]);
        }
    }
}

fn ranking(who: &str, markers: Vec<Marker>, limit: u32) -> Ranking {
    Ranking { user: user(who), markers, after: None, limit }
}

pub(super) async fn ranking_pages_through_all(store: Arc<dyn Store>) {
    let mut markers = Vec::new();
    let mut expected: Vec<(Timestamp, RoomId)> = Vec::new();
    for n in 0..23 {
        let room = RoomId::from_uuid(uuid::Uuid::new_v4());
        // Some were never spoken in, some at the same moment, some before they were made.
        let (since, spoken) = (at(n % 5 * 100), (n % 3 > 0).then(|| at(n % 4 * 120 + 1)));
        if let Some(moment) = spoken {
            append_at(&*store, &[post(room, "alice", &n.to_string())], moment).await;
        }
        markers.push(Marker { since, ..marker(room, 0) });
        expected.push((spoken.unwrap_or(since).max(since), room));
    }
    expected.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));

    let mut told: Vec<RankedRoom> = Vec::new();
    loop {
        let after = told.last().map(|it| Rank { active_at: it.active_at, room: it.head.room });
        let query = Ranking { after, ..ranking("bob", markers.clone(), 5) };
        let mut page = store.rank(&query).await.expect("a page");
        let more = page.len() > 5;
        page.truncate(5);
        told.extend(page);
        if !more {
            break;
        }
    }
    let order: Vec<_> = told.iter().map(|it| (it.active_at, it.head.room)).collect();
    assert_eq!(order, expected);
    for room in told {
        let page = store.page(room.head.room, window(Anchor::Newest, 1)).await.expect("a page");
        assert_eq!(room.last_message, page.messages.into_iter().next());
        assert_eq!(room.head.unread, room.head.head.seq.0);
    }
}

pub(super) async fn epochs_change_on_demand(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    let first = store.epoch().await.expect("an epoch");
    assert_eq!(store.epoch().await.expect("an epoch"), first);
    let second = store.new_epoch().await.expect("another epoch");
    assert_ne!(first, second);
    assert_eq!(store.epoch().await.expect("an epoch"), second);
    let page = store.page(room, window(Anchor::Newest, 1)).await.expect("a page");
    let changes = store.changes(room, Rev::ZERO, 1).await.expect("changes");
    assert_eq!((page.epoch, changes.epoch), (second, second));
}
