//! Making rooms, once.

use std::sync::Arc;

use futures::future::join_all;
use hubbub_domain::{ClientId, Role, RoomKind, RoomState};

use super::{make, new_direct, new_room, roll, user, version};
use crate::store::Store;

pub(super) async fn one_room_per_pair(store: Arc<dyn Store>) {
    let (low, high) = (user("alice"), user("bob"));
    assert_eq!(store.find_direct(&low, &high).await.expect("answers"), None);
    let first = store.open_direct(&new_direct("alice", "bob")).await.expect("made");
    let second = store.open_direct(&new_direct("alice", "bob")).await.expect("found");
    assert!(first.created && !second.created);
    assert_eq!(first.room, second.room);
    assert_eq!(second.changes, []);
    assert_eq!(store.find_direct(&low, &high).await.expect("answers"), Some(first.room.clone()));
    assert_eq!(first.room.pair, Some((low.clone(), high.clone())));
    assert_eq!(first.room.member_count, 2);
    assert_eq!(roll(&*store, first.room.id).await, "alice bob");
    for (me, other) in [(&low, &high), (&high, &low)] {
        let membership = store.membership(me, first.room.id).await.expect("answers");
        let membership = membership.expect("a member");
        assert_eq!(membership.peer.as_ref(), Some(other));
        assert_eq!((membership.role, membership.kind), (Role::Member, RoomKind::Direct));
        let told = first.changes.iter().find(|change| change.user == *me).expect("told");
        assert_eq!(told.membership.as_ref(), Some(&membership), "told what is stored");
        assert_eq!(told.version, 1);
        assert_eq!(version(&*store, me.as_str()).await, 1);
    }
}

pub(super) async fn many_ask_at_once(store: Arc<dyn Store>) {
    let calls = (0..40).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.open_direct(&new_direct("alice", "bob")).await })
    });
    let made = join_all(calls).await.into_iter().map(|call| call.expect("runs").expect("answers"));
    let made: Vec<_> = made.collect();
    assert_eq!(made.iter().filter(|made| made.created).count(), 1);
    assert!(made.iter().all(|one| one.room == made[0].room));
    assert_eq!(version(&*store, "alice").await, 1);
    assert_eq!(version(&*store, "bob").await, 1);
}

pub(super) async fn a_request_makes_one_room(store: Arc<dyn Store>) {
    let request = |id: &str| Some(ClientId::parse(id).expect("an id"));
    let mut new = new_room(RoomKind::Group, "first", "alice", &["bob"]);
    new.request = request("r-1");
    let first = store.create_room(&new).await.expect("made");
    let mut again = new_room(RoomKind::Group, "second", "alice", &["carol"]);
    again.request = request("r-1");
    let second = store.create_room(&again).await.expect("found");
    assert!(first.created && !second.created);
    assert_eq!(second.room, first.room);
    assert_eq!(version(&*store, "carol").await, 0, "nothing of the repeated request was done");
    again.owner = user("dave");
    assert!(store.create_room(&again).await.expect("made").created, "a request is its actor's own");
}

pub(super) async fn old_requests_are_forgotten(store: Arc<dyn Store>) {
    let made = async |id: &str| {
        let mut new = new_room(RoomKind::Group, id, "alice", &[]);
        new.request = Some(ClientId::parse(id).expect("an id"));
        store.create_room(&new).await.expect("made or found")
    };
    let mut rooms = Vec::new();
    for id in ["r-1", "r-2", "r-3", "r-4"] {
        rooms.push(made(id).await.room);
    }
    let before = rooms[3].created_at;
    let forget = async |limit| store.forget_requests(before, limit).await.expect("answers");
    assert_eq!(forget(2).await, 2, "bounded, the oldest first");
    assert!(!made("r-3").await.created);
    assert_eq!([forget(2).await, forget(2).await], [1, 0]);
    let found = made("r-4").await;
    assert_eq!((found.created, found.room), (false, rooms[3].clone()));
    let again = made("r-1").await;
    assert!(again.created && again.room.id != rooms[0].id);
    let (kept, _) =
        store.room_of(&user("alice"), rooms[0].id).await.expect("answers").expect("is in");
    assert_eq!(kept, rooms[0], "the room itself stays");
}

pub(super) async fn a_new_room_is_whole(store: Arc<dyn Store>) {
    let room = make(&*store, RoomKind::Group, "mallory", &["bob", "alice", "zoe"]).await;
    assert_eq!(roll(&*store, room.id).await, "mallory! alice bob zoe");
    assert_eq!((room.member_count, room.state), (4, RoomState::Open));
    let (stored, role) = store
        .room_of(&user("mallory"), room.id)
        .await
        .expect("answers")
        .expect("the owner is in it");
    assert_eq!((stored, role), (room.clone(), Role::Owner));
    assert_eq!(store.room_of(&user("eve"), room.id).await.expect("answers"), None);
    assert_eq!(store.membership(&user("eve"), room.id).await.expect("answers"), None);
}
