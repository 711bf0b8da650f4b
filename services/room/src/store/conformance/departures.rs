//! People who left by themselves, and those who turn out not to exist.

use std::sync::Arc;

use hubbub_domain::{RoomKind, RoomState, Seq, UserId};

use super::{act, invite, join, make, new_direct, roll, user, users, version};
use crate::{
    change::{Command, Departed},
    store::{Page, Store},
};

fn by_stranger(names: &[&str]) -> Command {
    let users = users(names.iter().copied());
    Command::Invite { users, contacts: Vec::new(), head: Seq::ZERO }
}

pub(super) async fn people_who_left_are_added_by_contacts_alone(store: Arc<dyn Store>) {
    let room = make(&*store, RoomKind::Group, "alice", &["bob", "carol"]).await.id;
    act(&*store, room, "bob", Command::LEAVE).await.expect("leaves");
    let leave = Command::Leave { for_good: Some(true) };
    act(&*store, room, "carol", leave).await.expect("leaves");
    let before = version(&*store, "alice").await;
    let changed = act(&*store, room, "alice", by_stranger(&["bob", "carol"])).await.expect("asks");
    assert_eq!((changed.written, changed.added.len()), (false, 0));
    assert_eq!(changed.refused, users(["bob", "carol"]));
    assert_eq!(version(&*store, "alice").await, before);

    let changed = act(&*store, room, "alice", invite(["bob", "carol"])).await.expect("asks");
    assert_eq!((changed.added, changed.refused), (users(["bob"]), users(["carol"])));
    // The user can change what they decided, also after having left; others decide nothing for them.
    let set = async |name: &str, for_good| {
        let departed = Departed { user: user(name), for_good };
        store.set_departure(room, &departed).await.expect("noted");
    };
    set("carol", false).await;
    set("dave", true).await;
    let changed = act(&*store, room, "alice", by_stranger(&["carol", "dave"])).await.expect("asks");
    assert_eq!((changed.added, changed.refused), (users(["dave"]), users(["carol"])));
    let changed = act(&*store, room, "alice", invite(["carol"])).await.expect("asks");
    assert_eq!(changed.added, users(["carol"]));
    // A user who was removed, or came back, has not left.
    act(&*store, room, "alice", Command::Remove { user: user("bob") }).await.expect("removed");
    let changed = act(&*store, room, "alice", by_stranger(&["bob"])).await.expect("asks");
    assert_eq!(changed.added, users(["bob"]));
    let public = make(&*store, RoomKind::Public, "alice", &["bob"]).await.id;
    act(&*store, public, "bob", Command::Leave { for_good: Some(true) }).await.expect("leaves");
    act(&*store, public, "bob", join()).await.expect("comes back");
    act(&*store, public, "alice", Command::Remove { user: user("bob") }).await.expect("removed");
    let changed = act(&*store, public, "alice", by_stranger(&["bob"])).await.expect("asks");
    assert_eq!(changed.added, users(["bob"]));
}

pub(super) async fn a_ghost_is_taken_out_of_a_direct_room(store: Arc<dyn Store>) {
    let room = store.open_direct(&new_direct("alice", "ghost")).await.expect("made").room;
    store.part(&user("ghost"), room.id).await.expect("parted");
    store.part(&user("ghost"), room.id).await.expect("parted already");
    assert_eq!(store.membership(&user("ghost"), room.id).await.expect("answers"), None);
    let left = store.membership(&user("alice"), room.id).await.expect("answers").expect("is there");
    assert_eq!(left.state, RoomState::Dissolved);
    assert_eq!(version(&*store, "alice").await, 3);
    assert_eq!(roll(&*store, room.id).await, "alice");
    assert_eq!(store.find_direct(&user("alice"), &user("ghost")).await.expect("answers"), None);
    // Whoever gets the name later begins with another room.
    let other = store.open_direct(&new_direct("alice", "ghost")).await.expect("made");
    assert!(other.created && other.room.id != room.id);
    // What is left of it can be left.
    act(&*store, room.id, "alice", Command::LEAVE).await.expect("leaves");
    assert_eq!(store.membership(&user("alice"), room.id).await.expect("answers"), None);
}

pub(super) async fn direct_rooms_of_pairs_and_users_in_order(store: Arc<dyn Store>) {
    let one = store.open_direct(&new_direct("alice", "bob")).await.expect("made").room.id;
    let two = store.open_direct(&new_direct("bob", "carol")).await.expect("made").room.id;
    let pairs = [("bob", "alice"), ("alice", "carol"), ("bob", "carol"), ("alice", "bob")];
    let pairs = pairs.map(|(one, other)| (user(one), user(other)));
    let mut rooms = store.direct_rooms(&pairs).await.expect("an answer");
    rooms.sort_by_key(|(place, _)| *place);
    assert_eq!(rooms, [(0, one), (2, two), (3, one)]);

    make(&*store, RoomKind::Group, "dave", &["alice"]).await;
    let page = async |after: Option<&str>, limit| {
        let page = Page { after: after.map(user), limit };
        let users: Vec<UserId> = store.users_after(&page).await.expect("an answer");
        users.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 3).await, ["alice", "bob", "carol"]);
    assert_eq!(page(Some("carol"), 3).await, ["dave"]);
}
