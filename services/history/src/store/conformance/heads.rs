//! Heads, unread, ranking, epoch.

use std::sync::Arc;

use hubbub_domain::{Body, MessageKind, Rev, RoomId, Seq, SystemNotice, Timestamp};

use super::{append, append_at, at, fill, post, seq, stored, user};
use crate::{
    rules::{Anchor, window},
    store::{
        Cause, Content, Deletion, Edit, Marker, Post, Rank, RankedRoom, Ranking, RoomHead,
        Standing, Store,
    },
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
            let unread = messages.iter().filter(|m| m.seq > read && said(&m.kind)).count() as u64;
            let marker = marker(room, last_read);
            let heads = store.heads(&[marker], Some(&user(who))).await.expect("heads");
            assert_eq!((heads.rooms[0].unread, heads.rooms[0].read), (unread, read));
            let ranked = store.rank(&ranking(who, vec![marker], 1)).await.expect("a ranking");
            // Rankings do not say when people spoke last.
            let head = RoomHead { last_said_at: None, ..heads.rooms[0] };
            assert_eq!(ranked[0].head, head);
        }
    }
}

/// Neither deleted nor a notice.
fn said(kind: &MessageKind) -> bool {
    matches!(kind, MessageKind::User(_))
}

pub(super) async fn mentions_are_what_a_recount_says(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    let people = ["alice", "bob", "carol"];
    let mention = |names: &[&str]| Body {
        mentions: names.iter().map(|name| user(name)).collect(),
        ..Body::text("you")
    };
    for n in 0..20_usize {
        // Nobody, one, or two of whom one twice.
        let names: &[&str] = match n % 4 {
            0 => &[],
            1 => &[people[n % 3]],
            _ => &[people[n % 3], people[(n + 1) % 3], people[n % 3]],
        };
        let content = Content::User(mention(names));
        stored(
            append(&*store, &[Post { content, ..post(room, people[n * 5 % 7 % 3], "") }]).await[0],
        );
    }
    for (n, names) in [(4, vec!["bob"]), (7, vec![]), (19, vec!["carol", "bob"])] {
        let sender = store.page(room, window(Anchor::Around(seq(n)), 1)).await.expect("a page");
        let actor = sender.messages[0].sender.clone();
        let edit = Edit { room, seq: seq(n), actor, body: mention(&names), now: at(5) };
        store.edit(&edit).await.expect("edited");
    }
    for gone in [3, 10, 18] {
        let (actor, standing) = (user("mod"), Standing::Moderator);
        let deletion = Deletion { room, seq: seq(gone), actor, standing, now: at(6) };
        store.delete(&deletion).await.expect("deleted");
    }
    let messages = store.page(room, window(Anchor::Newest, 100)).await.expect("a page").messages;
    for who in ["alice", "bob", "carol", "dave"] {
        let own = messages.iter().filter(|m| m.sender == user(who)).map(|m| m.seq).max();
        for last_read in [0, 3, 9, 17, 19, 20] {
            let read = own.unwrap_or(Seq::ZERO).max(seq(last_read));
            let mentioned = messages.iter().filter(|m| {
                matches!(&m.kind, MessageKind::User(body) if body.mentions.contains(&user(who)))
            });
            let mentions = mentioned.filter(|m| m.seq > read).count() as u64;
            let marker = marker(room, last_read);
            let heads = store.heads(&[marker], Some(&user(who))).await.expect("heads");
            assert_eq!(heads.rooms[0].mentions, mentions, "{who} after {last_read}");
            let ranked = store.rank(&ranking(who, vec![marker], 1)).await.expect("a ranking");
            // Rankings do not say when people spoke last.
            let head = RoomHead { last_said_at: None, ..heads.rooms[0] };
            assert_eq!(ranked[0].head, head);
        }
    }
}

pub(super) async fn senders_since_a_message(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    for who in ["carol", "alice", "bob", "alice"] {
        stored(append(&*store, &[post(room, who, "x")]).await[0]);
    }
    let notice = Content::System(SystemNotice::Joined { user: user("dave") });
    append(&*store, &[Post { content: notice, ..post(room, "system", "") }]).await;
    let since = async |number| {
        let senders = store.senders(room, seq(number)).await.expect("senders");
        senders
            .map(|it| (it.sender.to_string(), it.since.iter().map(ToString::to_string).collect()))
    };
    let told = |sender: &str, since: &[&str]| {
        Some((sender.to_owned(), since.iter().map(ToString::to_string).collect::<Vec<_>>()))
    };
    assert_eq!(since(1).await, told("carol", &["alice", "bob"]));
    assert_eq!(since(3).await, told("bob", &["alice"]));
    assert_eq!(since(4).await, told("alice", &[]));
    assert_eq!(since(5).await, told("system", &[]));
    assert_eq!(since(6).await, None);
}

pub(super) async fn notices_are_not_what_was_said(store: Arc<dyn Store>) {
    let [said, noticed] = [RoomId::generate(), RoomId::generate()];
    let notice = |room| {
        let content = Content::System(SystemNotice::Joined { user: user("dave") });
        Post { content, ..post(room, "system", "") }
    };
    append(&*store, &[notice(said), notice(noticed)]).await;
    append(&*store, &[post(said, "alice", "x")]).await;
    let last_said = async |room| {
        let heads = store.heads(&[marker(room, 0)], Some(&user("bob"))).await.expect("heads");
        (heads.rooms[0].last_said_at, heads.rooms[0].last_at)
    };
    let (said_at, last_at) = last_said(said).await;
    assert!(said_at.is_some() && said_at == last_at);
    append(&*store, &[notice(said)]).await;
    let (still, last_at) = last_said(said).await;
    assert!(still == said_at && last_at > said_at);
    let (none, some) = last_said(noticed).await;
    assert!(none.is_none() && some.is_some());
    for _ in 0..20 {
        append(&*store, &[notice(said)]).await;
    }
    assert_eq!(last_said(said).await.0, None, "that is too long ago");
}

pub(super) async fn who_has_written_where(store: Arc<dyn Store>) {
    let [room, other] = [RoomId::generate(), RoomId::generate()];
    stored(append(&*store, &[post(room, "alice", "x")]).await[0]);
    stored(append(&*store, &[post(other, "bob", "x")]).await[0]);
    let asked = [(room, "bob"), (room, "alice"), (other, "alice"), (other, "bob"), (room, "alice")];
    let asked = asked.map(|(room, who)| (room, user(who)));
    let mut places = store.wrote(&asked).await.expect("an answer");
    places.sort_unstable();
    assert_eq!(places, [1, 3, 4]);
    assert!(store.wrote(&[]).await.expect("an answer").is_empty());
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
        let (since, spoken) =
            (at(n % 5 * 100_000), (n % 3 > 0).then(|| at(n % 4 * 120_000 + 1_000)));
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
    let second = store.new_epoch(Cause::Restored).await.expect("another epoch");
    assert_ne!(first, second);
    assert_eq!(store.epoch().await.expect("an epoch"), second);
    let page = store.page(room, window(Anchor::Newest, 1)).await.expect("a page");
    let changes = store.changes(room, Rev::ZERO, 1).await.expect("changes");
    assert_eq!((page.epoch, changes.epoch), (second, second));
}
