//! Lists, pages, flags and markers.

use std::sync::Arc;

use futures::future::join_all;
use hubbub_domain::{Role, RoomKind, Seq};

use super::{act, dissolved, make, new_direct, new_room, tick, user, users};
use crate::{
    change::Command,
    store::{
        ChatFilter, ChatWish, FlagWish, JoinPlace, Marker, MemberPlace, Moved, Page, Progress,
        PublicWish, Store,
    },
};

pub(super) async fn members_come_in_order_page_by_page(store: Arc<dyn Store>) {
    let room = make(&*store, RoomKind::Public, "m", &["Z", "a", "é", "z", "b"]).await;
    for admin in ["z", "a"] {
        let set = Command::SetRole { user: user(admin), role: Role::Admin };
        act(&*store, room.id, "m", set).await.expect("is set");
    }
    let mut names = Vec::new();
    let mut after = None;
    loop {
        let members = store.members(room.id, &Page { after, limit: 2 }).await.expect("a page");
        let Some(last) = members.last() else { break };
        after = Some(MemberPlace { role: last.role, user: last.user.clone() });
        names.extend(members.into_iter().map(|member| member.user.to_string()));
    }
    assert_eq!(names, ["m", "a", "z", "Z", "b", "é"], "ids sort by their bytes");
}

pub(super) async fn memberships_come_last_joined_first(store: Arc<dyn Store>) {
    let mut rooms = Vec::new();
    for _ in 0..5 {
        rooms.push(make(&*store, RoomKind::Group, "alice", &["bob"]).await.id);
    }
    // Two at one moment: the place in the order is still unique.
    let at = tick();
    for _ in 0..2 {
        let new = crate::store::NewRoom { at, ..new_room(RoomKind::Group, "x", "alice", &[]) };
        rooms.push(store.create_room(&new).await.expect("made").room.id);
    }
    let (seventh, sixth) = (rooms[5].max(rooms[6]), rooms[5].min(rooms[6]));
    let wanted: Vec<_> =
        [seventh, sixth].into_iter().chain(rooms[..5].iter().rev().copied()).collect();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = Page { after, limit: 3 };
        let chunk = store.memberships(&user("alice"), &page).await.expect("a page");
        let Some(last) = chunk.last() else { break };
        after = Some(JoinPlace { joined_at: last.joined_at, room: last.room });
        seen.extend(chunk.iter().map(|membership| membership.room));
    }
    assert_eq!(seen, wanted);
}

pub(super) async fn who_shares_a_room(store: Arc<dyn Store>) {
    let room = make(&*store, RoomKind::Group, "alice", &["bob"]).await;
    store.open_direct(&new_direct("bob", "carol")).await.expect("made");
    let pairs: Vec<_> = ["alice bob", "alice carol", "carol bob", "bob nobody", "alice alice"]
        .iter()
        .filter_map(|pair| pair.split_once(' '))
        .map(|(one, other)| (user(one), user(other)))
        .collect();
    let shared = async || {
        let mut places = store.acquainted(&pairs).await.expect("an answer");
        places.sort_unstable();
        places
    };
    assert_eq!(shared().await, [0, 2, 4]);
    act(&*store, room.id, "bob", Command::LEAVE).await.expect("left");
    assert_eq!(shared().await, [2, 4], "whoever left shares it no longer");
    assert_eq!(store.acquainted(&[]).await.expect("an answer"), Vec::<usize>::new());
}

pub(super) async fn versions_of_many(store: Arc<dyn Store>) {
    make(&*store, RoomKind::Group, "alice", &["bob"]).await;
    make(&*store, RoomKind::Group, "alice", &[]).await;
    let mut versions = store.versions(&users(["alice", "bob", "nobody"])).await.expect("versions");
    versions.sort();
    assert_eq!(versions, [(user("alice"), 2), (user("bob"), 1)]);
    let many: Vec<_> = (0..10_000).map(|n| user(&format!("user-{n}"))).collect();
    assert_eq!(store.versions(&many).await.expect("versions"), []);
}

pub(super) async fn chat_records_and_flags(store: Arc<dyn Store>) {
    let direct = store.open_direct(&new_direct("alice", "bob")).await.expect("made").room;
    let group = make(&*store, RoomKind::Group, "alice", &["bob"]).await;
    let wish = |only, limit| ChatWish { user: user("alice"), only, limit };
    let all = store.chat_records(&wish(ChatFilter::All, 10)).await.expect("records");
    let seen: Vec<_> = all.iter().map(|record| (&record.room, record.role)).collect();
    assert_eq!(seen, [(&group, Role::Owner), (&direct, Role::Member)]);
    assert_eq!(all[1].peer, Some(user("bob")));
    let newest = store.chat_records(&wish(ChatFilter::All, 1)).await.expect("records");
    assert_eq!(newest, all[..1]);
    assert_eq!(store.chat_records(&wish(ChatFilter::Pinned, 10)).await.expect("records"), []);

    let flags = |user_name: &str, pinned, muted| FlagWish {
        user: user(user_name),
        room: direct.id,
        pinned,
        muted,
    };
    let set = store.set_flags(&flags("alice", Some(true), None)).await.expect("answers");
    let set = set.expect("a member");
    assert_eq!((set.pinned, set.muted), (true, false));
    let set = store.set_flags(&flags("alice", None, Some(true))).await.expect("answers");
    let set = set.expect("a member");
    assert_eq!((set.pinned, set.muted), (true, true));
    assert_eq!(store.set_flags(&flags("eve", Some(true), None)).await.expect("answers"), None);
    let pinned = store.chat_records(&wish(ChatFilter::Pinned, 10)).await.expect("records");
    assert_eq!(pinned.len(), 1);
    assert!(pinned[0].pinned && pinned[0].muted && pinned[0].room == direct);
    let bob = store.membership(&user("bob"), direct.id).await.expect("answers").expect("is in");
    assert!(!bob.pinned && !bob.muted, "flags are each user's own");
}

fn marker(name: &str, room: hubbub_domain::RoomId, seq: u64) -> Marker {
    Marker { user: user(name), room, seq: Seq(seq), delivered: Seq::ZERO }
}

pub(super) async fn what_was_read_was_delivered(store: Arc<dyn Store>) {
    let room = make(&*store, RoomKind::Group, "alice", &["bob"]).await.id;
    let mark = async |read, delivered| {
        let marker = Marker { delivered: Seq(delivered), ..marker("bob", room, read) };
        let mut marked = store.mark_read(&[marker]).await.expect("answers");
        let marked = marked.pop().expect("a member");
        assert_eq!(marked.member_count, 2);
        let Moved { read, delivered } = marked.moved;
        ((marked.flags.last_read.0, marked.delivered.0), (read, delivered))
    };
    assert_eq!(mark(0, 4).await, ((0, 4), (false, true)));
    assert_eq!(mark(0, 3).await, ((0, 4), (false, false)), "it never goes back");
    assert_eq!(mark(2, 0).await, ((2, 4), (true, false)));
    assert_eq!(mark(6, 0).await, ((6, 6), (true, true)), "what was read was delivered");
    assert_eq!(mark(0, 6).await, ((6, 6), (false, false)));
    assert_eq!(mark(5, 9).await, ((6, 9), (false, true)));
    // Several of one user and room in one call: the furthest of each.
    let batch = [(7, 0), (0, 12), (9, 3)];
    let batch = batch
        .map(|(read, delivered)| Marker { delivered: Seq(delivered), ..marker("bob", room, read) });
    let marked = store.mark_read(&batch).await.expect("answers");
    assert_eq!(
        (marked.len(), marked[0].flags.last_read, marked[0].delivered),
        (1, Seq(9), Seq(12))
    );
}

pub(super) async fn progress_of_all_and_members_among_some(store: Arc<dyn Store>) {
    let room = make(&*store, RoomKind::Public, "m", &["a", "z"]).await.id;
    act(&*store, room, "late", Command::Join { head: Seq(5) }).await.expect("joins");
    let marks = [
        Marker { delivered: Seq(7), ..marker("a", room, 3) },
        marker("late", room, 6),
        marker("z", room, 2),
    ];
    store.mark_read(&marks).await.expect("marked");
    let progress = store.progress(room, 10).await.expect("progress");
    let row = |it: &Progress| (it.user.to_string(), it.joined.0, it.delivered.0, it.read.0);
    let wanted = [("a", 0, 7, 3), ("late", 5, 6, 6), ("m", 0, 0, 0), ("z", 0, 2, 2)];
    let wanted =
        wanted.map(|(name, joined, delivered, read)| (name.to_owned(), joined, delivered, read));
    assert_eq!(progress.iter().map(row).collect::<Vec<_>>(), wanted);
    assert_eq!(store.progress(room, 2).await.expect("progress"), progress[..2]);

    let some = [user("z"), user("eve"), user("a")];
    assert_eq!(store.members_among(room, &some).await.expect("members"), users(["a", "z"]));
    let nowhere = hubbub_domain::RoomId::generate();
    assert_eq!(store.members_among(nowhere, &some).await.expect("members"), []);
}

pub(super) async fn markers_never_go_back(store: Arc<dyn Store>) {
    let room = make(&*store, RoomKind::Group, "alice", &["bob"]).await.id;
    let batch = [
        marker("alice", room, 7),
        marker("alice", room, 5),
        marker("bob", room, 3),
        marker("eve", room, 9),
    ];
    let standing = async |batch: &[Marker]| {
        let mut marked = store.mark_read(batch).await.expect("answers");
        marked.sort_by(|a, b| a.flags.user.cmp(&b.flags.user));
        let row = |marked: crate::store::Marked| {
            (marked.flags.user.to_string(), marked.flags.last_read.0, marked.moved.read)
        };
        marked.into_iter().map(row).collect::<Vec<_>>()
    };
    let all = |a, b, moved| vec![("alice".to_owned(), a, moved), ("bob".to_owned(), b, moved)];
    assert_eq!(standing(&batch).await, all(7, 3, true), "the strangers' is not there");
    assert_eq!(standing(&batch).await, all(7, 3, false), "repeating is harmless");
    assert_eq!(standing(&[marker("alice", room, 6)]).await, all(7, 3, false)[..1]);
    assert_eq!(standing(&[marker("alice", room, 8)]).await, all(8, 3, true)[..1]);
    let membership = store.membership(&user("alice"), room).await.expect("answers");
    assert_eq!(membership.expect("a member").last_read, Seq(8));
}

pub(super) async fn markers_cross_without_deadlock(store: Arc<dyn Store>) {
    let names: Vec<_> = (0..20).map(|n| format!("u{n:02}")).collect();
    let others: Vec<_> = names[1..].iter().map(String::as_str).collect();
    let room = make(&*store, RoomKind::Public, "u00", &others).await.id;
    let calls = (1..=16_u64).map(|round| {
        let store = Arc::clone(&store);
        let mut batch: Vec<_> = names.iter().map(|name| marker(name, room, round)).collect();
        if round % 2 == 0 {
            batch.reverse();
        }
        tokio::spawn(async move { store.mark_read(&batch).await.map(|marked| marked.len()) })
    });
    for call in join_all(calls).await {
        assert_eq!(call.expect("runs").expect("no deadlock"), 20);
    }
    let membership = store.membership(&user("u19"), room).await.expect("answers");
    assert_eq!(membership.expect("a member").last_read, Seq(16));
}

pub(super) async fn public_rooms_by_prefix(store: Arc<dyn Store>) {
    let names = ["Straße", "STRAND", "stR_x", "str%y", "Other", "Straw", "\u{10ffff}end"];
    for name in names {
        let new = new_room(RoomKind::Public, name, "alice", &[]);
        store.create_room(&new).await.expect("made");
    }
    store
        .create_room(&new_room(RoomKind::Group, "strictly private", "alice", &[]))
        .await
        .expect("made");
    let gone = store.create_room(&new_room(RoomKind::Public, "straight", "alice", &[])).await;
    let dissolve = dissolved();
    act(&*store, gone.expect("made").room.id, "alice", dissolve).await.expect("dissolves");

    let list = async |prefix: &str, limit: u32| {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = Page { after, limit };
            let wish = PublicWish { prefix: prefix.to_owned(), page };
            let rooms = store.public_rooms(&wish).await.expect("a page");
            let Some(last) = rooms.last() else { return seen };
            after = Some((crate::model::fold(&last.name), last.id));
            seen.extend(rooms.into_iter().map(|room| room.name));
        }
    };
    assert_eq!(list("sTrA", 2).await, ["STRAND", "Straw", "Straße"]);
    assert_eq!(list("str%", 10).await, ["str%y"], "nothing in a prefix is a wildcard");
    assert_eq!(list("str_", 10).await, ["stR_x"]);
    assert_eq!(list("\u{10ffff}", 10).await, ["\u{10ffff}end"]);
    assert_eq!(list("", 3).await.len(), names.len());
    assert_eq!(list("q", 3).await, [""; 0]);
}
