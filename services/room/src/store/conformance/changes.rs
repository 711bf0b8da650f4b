//! Changes of rooms: what is written, what is told, and what concurrency may not break.

use std::sync::Arc;

use futures::future::join_all;
use hubbub_domain::{Code, Role, RoomKind, RoomState, Seq};

use super::{act, dissolved, invite, join, make, refusal, roll, user, users, version};
use crate::{
    change::Command,
    model::{RoomName, Topic},
    store::Store,
};

pub(super) async fn joining_twice_is_joining_once(store: Arc<dyn Store>) {
    let room = make(&*store, RoomKind::Public, "alice", &[]).await;
    let first = act(&*store, room.id, "bob", join()).await.expect("joins");
    assert!(first.written);
    assert_eq!(first.room.member_count, 2);
    assert_eq!(first.changes.len(), 1);
    assert_eq!((first.changes[0].version, &first.changes[0].user), (1, &user("bob")));
    assert_eq!(first.changes[0].membership, first.actor);
    let again = act(&*store, room.id, "bob", join()).await.expect("is in");
    assert!(!again.written);
    assert_eq!((again.changes.len(), again.actor), (0, first.actor));
    assert_eq!(again.room.member_count, 2);
    assert_eq!(version(&*store, "bob").await, 1);
    let stranger = act(&*store, hubbub_domain::RoomId::generate(), "bob", join()).await;
    assert_eq!(refusal(stranger), Code::NotFound);
}

pub(super) async fn the_owner_role_passes_on(store: Arc<dyn Store>) {
    let room = make(&*store, RoomKind::Public, "olga", &["carol", "bob"]).await;
    act(&*store, room.id, "adam", join()).await.expect("joins later");
    // No admin: the longest-standing member, by id among those of one moment.
    let left = act(&*store, room.id, "olga", Command::LEAVE).await.expect("leaves");
    assert_eq!(roll(&*store, room.id).await, "bob! adam carol");
    assert_eq!(left.actor, None);
    let told = |name: &str| left.changes.iter().find(|change| change.user == user(name));
    assert_eq!(told("olga").expect("told").membership, None);
    assert_eq!(
        told("bob").and_then(|change| change.membership.as_ref()).map(|membership| membership.role),
        Some(Role::Owner)
    );
    assert!(told("carol").is_none());
    // An admin, however new, comes before members.
    let set = Command::SetRole { user: user("adam"), role: Role::Admin };
    act(&*store, room.id, "bob", set).await.expect("is set");
    act(&*store, room.id, "bob", Command::LEAVE).await.expect("leaves");
    assert_eq!(roll(&*store, room.id).await, "adam! carol");
    // Somebody who is not the owner just goes.
    act(&*store, room.id, "carol", Command::LEAVE).await.expect("leaves");
    assert_eq!(roll(&*store, room.id).await, "adam!");
}

pub(super) async fn the_last_one_out_dissolves(store: Arc<dyn Store>) {
    let room = make(&*store, RoomKind::Public, "alice", &[]).await;
    let left = act(&*store, room.id, "alice", Command::LEAVE).await.expect("leaves");
    assert_eq!((left.room.member_count, left.room.state), (0, RoomState::Dissolved));
    assert_eq!(roll(&*store, room.id).await, "");
    let late = act(&*store, room.id, "bob", join()).await;
    assert_eq!(refusal(late), Code::NotFound, "nobody finds it any more");
}

pub(super) async fn handing_over_leaves_one_owner(store: Arc<dyn Store>) {
    let room = make(&*store, RoomKind::Group, "alice", &["bob"]).await;
    let hand_over = || Command::SetRole { user: user("bob"), role: Role::Owner };
    let changed = act(&*store, room.id, "alice", hand_over()).await.expect("hands over");
    assert_eq!(roll(&*store, room.id).await, "bob! alice+");
    assert_eq!(changed.changes.len(), 2);
    assert_eq!(changed.actor.map(|actor| actor.role), Some(Role::Admin));
    assert_eq!(refusal(act(&*store, room.id, "alice", hand_over()).await), Code::Forbidden);
}

pub(super) async fn people_are_invited_and_removed(store: Arc<dyn Store>) {
    let room = make(&*store, RoomKind::Group, "alice", &["bob"]).await;
    let three = || invite(["bob", "carol", "dave"]);
    let changed = act(&*store, room.id, "alice", three()).await.expect("invites");
    assert_eq!(changed.added, users(["carol", "dave"]));
    assert_eq!(changed.room.member_count, 4);
    let again = act(&*store, room.id, "alice", three()).await.expect("invites nobody");
    assert!(!again.written && again.added.is_empty());
    let remove = Command::Remove { user: user("carol") };
    let changed = act(&*store, room.id, "alice", remove.clone()).await.expect("removes");
    assert_eq!(changed.changes.len(), 1);
    assert_eq!((changed.changes[0].version, &changed.changes[0].membership), (2, &None));
    assert_eq!(changed.actor.map(|actor| actor.role), Some(Role::Owner));
    assert!(!act(&*store, room.id, "alice", remove).await.expect("is out").written);
    assert_eq!(roll(&*store, room.id).await, "alice! bob dave");
    assert_eq!(store.membership(&user("carol"), room.id).await.expect("answers"), None);
    let records = crate::store::ChatWish {
        user: user("carol"),
        only: crate::store::ChatFilter::All,
        limit: 10,
    };
    assert_eq!(store.chat_records(&records).await.expect("answers"), []);
}

pub(super) async fn a_group_has_a_bound(store: Arc<dyn Store>) {
    let group = make(&*store, RoomKind::Group, "alice", &["b", "c", "d"]).await;
    let two = act(&*store, group.id, "alice", invite(["e", "f"])).await;
    assert_eq!(refusal(two), Code::LimitReached);
    act(&*store, group.id, "alice", invite(["d", "e"])).await.expect("five fit");
    act(&*store, group.id, "alice", invite(["d", "e"])).await.expect("nobody new fits");
    let public = make(&*store, RoomKind::Public, "alice", &["b", "c", "d", "e"]).await;
    act(&*store, public.id, "alice", invite(["f", "g"])).await.expect("no bound");
}

pub(super) async fn a_room_is_updated(store: Arc<dyn Store>) {
    let room = make(&*store, RoomKind::Group, "alice", &["bob"]).await;
    let update = |name: Option<&str>, topic: Option<&str>, state| Command::Update {
        name: name.map(|name| RoomName::parse(name).expect("a name")),
        topic: topic.map(|topic| Topic::parse(topic).expect("a topic")),
        state,
        slow_mode: None,
    };
    let wish = update(Some("New"), Some("news"), Some(RoomState::ReadOnly));
    let changed = act(&*store, room.id, "alice", wish.clone()).await.expect("updates");
    assert_eq!((changed.room.name.as_str(), changed.room.topic.as_str()), ("New", "news"));
    assert_eq!(changed.changes, [], "nobody's membership changed");
    assert!(!act(&*store, room.id, "alice", wish).await.expect("is so").written);
    let membership = store.membership(&user("bob"), room.id).await.expect("answers");
    let membership = membership.expect("a member");
    assert_eq!((membership.name.as_str(), membership.state), ("New", RoomState::ReadOnly));
    let dissolve = || update(None, None, Some(RoomState::Dissolved));
    act(&*store, room.id, "alice", dissolve()).await.expect("dissolves");
    assert_eq!(refusal(act(&*store, room.id, "alice", dissolve()).await), Code::Conflict);
}

pub(super) async fn a_dissolved_room_can_be_left(store: Arc<dyn Store>) {
    let room = make(&*store, RoomKind::Group, "alice", &["bob", "carol"]).await;
    let dissolve = dissolved();
    act(&*store, room.id, "alice", dissolve).await.expect("dissolves");
    let told = store.backlog().await.expect("answers").pending;
    let left = act(&*store, room.id, "alice", Command::LEAVE).await.expect("leaves");
    assert!(left.written);
    assert_eq!((left.room.member_count, left.room.state), (2, RoomState::Dissolved));
    assert_eq!((left.changes.len(), left.actor), (2, None), "the heir is told as well");
    assert_eq!(roll(&*store, room.id).await, "bob! carol", "members have an owner, here too");
    assert_eq!(refusal(act(&*store, room.id, "alice", Command::LEAVE).await), Code::NotFound);
    let records = crate::store::ChatWish {
        user: user("alice"),
        only: crate::store::ChatFilter::All,
        limit: 10,
    };
    assert_eq!(store.chat_records(&records).await.expect("answers"), []);
    for (name, count) in [("carol", 1), ("bob", 0)] {
        let left = act(&*store, room.id, name, Command::LEAVE).await.expect("leaves");
        assert_eq!((left.room.member_count, left.room.state), (count, RoomState::Dissolved));
    }
    assert_eq!(store.backlog().await.expect("answers").pending, told, "nothing is added to it");
}

pub(super) async fn newcomers_have_read_up_to_the_head(store: Arc<dyn Store>) {
    let room = make(&*store, RoomKind::Public, "alice", &["bob"]).await.id;
    let read = async |name: &str| {
        let membership = store.membership(&user(name), room).await.expect("answers");
        membership.expect("a member").last_read
    };
    assert_eq!(read("bob").await, Seq::ZERO, "a new room has no past");
    let join = |head| Command::Join { head: Seq(head) };
    let joined = act(&*store, room, "carol", join(7)).await.expect("joins");
    assert_eq!(joined.actor.map(|actor| actor.last_read), Some(Seq(7)));
    let told = joined.changes[0].membership.as_ref().expect("a member");
    assert_eq!((told.last_read, read("carol").await), (Seq(7), Seq(7)));
    let invited = users(["bob", "carol", "dave"]);
    let invite = Command::Invite { users: invited.clone(), contacts: invited, head: Seq(9) };
    act(&*store, room, "alice", invite).await.expect("invites");
    assert_eq!(
        [read("bob").await, read("carol").await, read("dave").await].map(|s| s.0),
        [0, 7, 9]
    );
    act(&*store, room, "carol", join(10)).await.expect("is in");
    assert_eq!(read("carol").await, Seq(7), "nothing changes for a member");
    act(&*store, room, "carol", Command::LEAVE).await.expect("leaves");
    act(&*store, room, "carol", join(12)).await.expect("comes back");
    assert_eq!(read("carol").await, Seq(12));
}

pub(super) async fn slow_mode_is_the_rooms(store: Arc<dyn Store>) {
    let room = make(&*store, RoomKind::Group, "alice", &["bob"]).await;
    assert_eq!(room.slow_mode_seconds, 0);
    let pace = |slow_mode| Command::Update { name: None, topic: None, state: None, slow_mode };
    let paced = act(&*store, room.id, "alice", pace(Some(30))).await.expect("is set");
    assert!(paced.written && paced.changes.is_empty());
    assert_eq!(paced.room.slow_mode_seconds, 30);
    let bob = store.membership(&user("bob"), room.id).await.expect("answers").expect("is in");
    assert_eq!(bob.slow_mode_seconds, 30);
    let told = store.backlog().await.expect("answers").pending;
    assert!(!act(&*store, room.id, "alice", pace(Some(30))).await.expect("is so").written);
    assert_eq!(store.backlog().await.expect("answers").pending, told, "nothing changed");
    assert_eq!(refusal(act(&*store, room.id, "bob", pace(Some(0))).await), Code::Forbidden);
    let free = act(&*store, room.id, "alice", pace(Some(0))).await.expect("is set");
    assert_eq!(free.room.slow_mode_seconds, 0);
}

pub(super) async fn a_refused_change_leaves_no_trace(store: Arc<dyn Store>) {
    let room = make(&*store, RoomKind::Group, "alice", &["bob"]).await;
    let wish = Command::Update {
        name: Some(RoomName::parse("theirs").expect("a name")),
        topic: None,
        state: Some(RoomState::Dissolved),
        slow_mode: None,
    };
    let set = Command::SetRole { user: user("bob"), role: Role::Admin };
    act(&*store, room.id, "alice", set).await.expect("is set");
    // An admin may rename but not dissolve: neither happens.
    assert_eq!(refusal(act(&*store, room.id, "bob", wish).await), Code::Forbidden);
    let (stored, _) = store.room_of(&user("bob"), room.id).await.expect("answers").expect("is in");
    assert_eq!(stored, room);
}

pub(super) async fn counts_hold_under_concurrency(store: Arc<dyn Store>) {
    let room = make(&*store, RoomKind::Public, "u00", &[]).await.id;
    let calls = (0..40).map(|n: u32| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let me = format!("u{:02}", n % 10);
            for command in [join(), Command::LEAVE, join()] {
                let result = act(&*store, room, &me, command).await;
                assert!(result.is_ok() || refusal(result) == Code::NotFound);
            }
        })
    });
    for call in join_all(calls).await {
        call.expect("no call fails otherwise");
    }
    let page = crate::store::Page { after: None, limit: 100 };
    let members = store.members(room, &page).await.expect("answers");
    let owners = members.iter().filter(|member| member.role == Role::Owner).count();
    assert_eq!(owners, usize::from(!members.is_empty()));
    if let Some(member) = members.first() {
        let (stored, _) = store.room_of(&member.user, room).await.expect("answers").expect("is in");
        assert_eq!(stored.member_count as usize, members.len());
    }
}
