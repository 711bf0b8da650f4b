//! What the bus is told.

use std::sync::atomic::Ordering;

use hubbub_bus::Topic;
use hubbub_domain::UserId;
use hubbub_proto::{
    bus::v1::{ChatChanged, MembershipChanged, envelope::Event},
    room::v1::{
        MarkReadRequest, Membership, ReadMarker, Role, Room, RoomKind, RoomState,
        UpdateChatRequest, UpdateRoomRequest,
    },
};
use hubbub_testkit::eventually;

use crate::cluster::{Cluster, SOON};

fn user(name: &str) -> Topic {
    Topic::User(UserId::parse(name).expect("an id"))
}

fn topic(room: &Room) -> Topic {
    Topic::Room(room.room_id.parse().expect("an id"))
}

/// The room as its followers were told it is, each time.
fn rooms(events: Vec<Event>) -> Vec<Room> {
    let room = |event| match event {
        Event::RoomUpdated(updated) => updated.room.expect("a room"),
        other => panic!("not of a room: {other:?}"),
    };
    events.into_iter().map(room).collect()
}

fn memberships(events: Vec<Event>) -> Vec<MembershipChanged> {
    let changed = |event| match event {
        Event::MembershipChanged(changed) => Some(changed),
        _ => None,
    };
    events.into_iter().filter_map(changed).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn members_and_followers_are_told() {
    let cluster = Cluster::start().await;
    let room = cluster.make(RoomKind::Public, "alice", &["bob"]).await;
    cluster.join("carol", &room).await.expect("joins");
    cluster.leave("alice", &room).await.expect("leaves");
    let rename = UpdateRoomRequest {
        actor_id: "bob".into(),
        room_id: room.room_id.clone(),
        name: Some("bob's".into()),
        state: Some(RoomState::ReadOnly.into()),
        ..UpdateRoomRequest::default()
    };
    cluster.client().update_room(rename).await.expect("the heir may");
    eventually(SOON, async || cluster.bus.on(&topic(&room)).len() == 3).await;

    let told = rooms(cluster.bus.on(&topic(&room)));
    let counts: Vec<_> = told.iter().map(|room| room.member_count).collect();
    assert_eq!(counts, [3, 2, 2]);
    assert_eq!((told[2].name.as_str(), told[2].state()), ("bob's", RoomState::ReadOnly));
    let steps = |name: &str| {
        let changes = memberships(cluster.bus.on(&user(name)));
        assert!(changes.iter().all(|change| change.room_id == room.room_id));
        let role = |change: &MembershipChanged| change.membership.as_ref().map(Membership::role);
        changes.iter().map(|change| (change.version, role(change))).collect::<Vec<_>>()
    };
    assert_eq!(steps("alice"), [(1, Some(Role::Owner)), (2, None)]);
    assert_eq!(steps("bob"), [(1, Some(Role::Member)), (2, Some(Role::Owner))]);
    assert_eq!(steps("carol"), [(1, Some(Role::Member))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_devices_learn_of_flags_and_markers() {
    let cluster = Cluster::start().await;
    let room = cluster.make(RoomKind::Group, "alice", &[]).await;
    let mute = UpdateChatRequest {
        user_id: "alice".into(),
        room_id: room.room_id.clone(),
        pinned: None,
        muted: Some(true),
    };
    cluster.client().update_chat(mute).await.expect("mutes");
    for seq in [5, 5, 3] {
        let (user_id, room_id) = ("alice".into(), room.room_id.clone());
        let marker = ReadMarker { user_id, room_id, seq, ..ReadMarker::default() };
        let request = MarkReadRequest { markers: vec![marker] };
        cluster.client().mark_read(request).await.expect("marks");
    }
    // The last word on this topic: whatever was told before has arrived then.
    cluster.join("alice", &cluster.make(RoomKind::Public, "bob", &[]).await).await.expect("joins");
    eventually(SOON, async || memberships(cluster.bus.on(&user("alice"))).len() == 2).await;
    let chats = cluster.bus.on(&user("alice")).into_iter().filter_map(|event| match event {
        Event::ChatChanged(changed) => Some(changed),
        _ => None,
    });
    let wanted = |last_read_seq| ChatChanged {
        user_id: "alice".into(),
        room_id: room.room_id.clone(),
        pinned: false,
        muted: true,
        last_read_seq,
    };
    assert_eq!(chats.collect::<Vec<_>>(), [wanted(0), wanted(5)], "only what changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_bus_stops_nobody() {
    let cluster = Cluster::start().await;
    cluster.bus.down.store(true, Ordering::Relaxed);
    let room = cluster.make(RoomKind::Public, "alice", &[]).await;
    cluster.join("bob", &room).await.expect("joins without a bus");
    cluster.bus.down.store(false, Ordering::Relaxed);
    cluster.leave("bob", &room).await.expect("leaves");
    eventually(SOON, async || {
        let told = memberships(cluster.bus.on(&user("bob")));
        told.last().is_some_and(|last| last.version == 2 && last.membership.is_none())
    })
    .await;
}
