//! Every wrong input gets its documented code, and leaves nothing behind.

use hubbub_domain::Code;
use hubbub_proto::room::v1::{
    CheckMembersRequest, CheckVersionsRequest, CreateRoomRequest, GetMembershipRequest,
    InviteRequest, JoinRequest, LeaveRequest, ListChatsRequest, ListMembersRequest,
    ListPublicRoomsRequest, MarkReadRequest, OpenDirectRequest, ReadMarker, RemoveRequest, Role,
    RoomKind, RoomState, SetRoleRequest, StreamMembershipsRequest, UpdateChatRequest,
    UpdateRoomRequest, UserVersion,
};

use crate::cluster::{Cluster, refusal};

/// Calls that must be refused: `method(request) => Code`.
macro_rules! refused {
    ($client:expr; $($method:ident($request:expr) => $code:ident),+ $(,)?) => {$(
        let code = refusal($client.$method($request).await.map(|_| ()));
        assert_eq!(code, Code::$code, "{}", stringify!($method($request)));
    )+};
}

fn text(text: &str) -> String {
    text.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_checked() {
    let cluster = Cluster::start().await;
    let mut c = cluster.client();
    let room = cluster.make(RoomKind::Public, "alice", &[]).await.room_id;
    let join = |actor: &str, room: &str| JoinRequest { actor_id: text(actor), room_id: text(room) };
    let long = "x".repeat(129);
    refused! { c;
        open_direct(OpenDirectRequest { actor_id: text("alice"), peer_id: text(""), find_only: false }) => BadRequest,
        open_direct(OpenDirectRequest { actor_id: text(""), peer_id: text("bob"), find_only: false }) => BadRequest,
        open_direct(OpenDirectRequest { actor_id: text("a"), peer_id: long.clone(), find_only: false }) => BadRequest,
        open_direct(OpenDirectRequest { actor_id: text("a"), peer_id: text("b\0"), find_only: false }) => BadRequest,
        join(join("bob", "")) => BadRequest,
        join(join("bob", "7")) => BadRequest,
        join(join("", &room)) => BadRequest,
        leave(LeaveRequest { actor_id: text("bob"), room_id: text("no"), for_good: None }) => BadRequest,
        get_membership(GetMembershipRequest { user_id: text("a"), room_id: text("x") }) => BadRequest,
        stream_memberships(StreamMembershipsRequest { user_id: text("") }) => BadRequest,
        remove(RemoveRequest { actor_id: text("alice"), room_id: room.clone(), user_id: text("") })
            => BadRequest,
        check_versions(CheckVersionsRequest {
            users: vec![UserVersion { user_id: text(""), version: 1 }]
        }) => BadRequest,
    }
    let fault = c.join(join("bob", "7")).await.expect_err("refused");
    assert_eq!(fault.message(), "room_id: room must be a UUID", "the field is named");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_rooms_are_checked() {
    let cluster = Cluster::start().await;
    let mut c = cluster.client();
    let good = CreateRoomRequest {
        actor_id: text("alice"),
        kind: RoomKind::Group.into(),
        name: text("fine"),
        ..CreateRoomRequest::default()
    };
    let kind = |kind: i32| CreateRoomRequest { kind, ..good.clone() };
    let name = |name: &str| CreateRoomRequest { name: text(name), ..good.clone() };
    let topic = |topic: String| CreateRoomRequest { topic, ..good.clone() };
    let request = |id: String| CreateRoomRequest { request_id: id, ..good.clone() };
    let members = |count: usize, kind: RoomKind| CreateRoomRequest {
        kind: kind.into(),
        member_ids: (0..count).map(|n| format!("u{n}")).collect(),
        ..good.clone()
    };
    refused! { c;
        create_room(kind(0)) => BadRequest,
        create_room(kind(99)) => BadRequest,
        create_room(kind(RoomKind::Direct.into())) => BadRequest,
        create_room(name("")) => BadRequest,
        create_room(name(" \n ")) => BadRequest,
        create_room(name("a\u{1b}b")) => BadRequest,
        create_room(name(&"x".repeat(129))) => TooLarge,
        create_room(topic("x".repeat(513))) => TooLarge,
        create_room(topic(text("a\0b"))) => BadRequest,
        create_room(request("x".repeat(65))) => BadRequest,
        create_room(members(1_000, RoomKind::Group)) => LimitReached,
        create_room(members(1_000, RoomKind::Public)) => LimitReached,
        create_room(CreateRoomRequest { member_ids: vec![text("")], ..good.clone() }) => BadRequest,
    }
    let none = ListChatsRequest { user_id: text("alice"), ..ListChatsRequest::default() };
    assert_eq!(c.list_chats(none).await.expect("a list").into_inner().chats, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_checked() {
    let cluster = Cluster::start().await;
    let mut c = cluster.client();
    let room = cluster.make(RoomKind::Group, "alice", &["bob"]).await.room_id;
    let update = || UpdateRoomRequest {
        actor_id: text("alice"),
        room_id: room.clone(),
        ..Default::default()
    };
    let invite = |user_ids: Vec<String>| InviteRequest {
        actor_id: text("alice"),
        room_id: room.clone(),
        user_ids,
    };
    let set = |user: &str, role: i32| SetRoleRequest {
        actor_id: text("alice"),
        room_id: room.clone(),
        user_id: text(user),
        role,
    };
    let many: Vec<_> = (0..1_000).map(|n| format!("u{n}")).collect();
    refused! { c;
        update_room(update()) => BadRequest,
        update_room(UpdateRoomRequest { name: Some(text("")), ..update() }) => BadRequest,
        update_room(UpdateRoomRequest { name: Some("x".repeat(129)), ..update() }) => TooLarge,
        update_room(UpdateRoomRequest { topic: Some("x".repeat(513)), ..update() }) => TooLarge,
        update_room(UpdateRoomRequest { state: Some(0), ..update() }) => BadRequest,
        update_room(UpdateRoomRequest { state: Some(9), ..update() }) => BadRequest,
        update_room(UpdateRoomRequest { slow_mode_seconds: Some(21_601), ..update() }) => BadRequest,
        update_room(UpdateRoomRequest {
            actor_id: text("bob"), state: Some(RoomState::ReadOnly.into()), ..update()
        }) => Forbidden,
        invite(invite(vec![])) => BadRequest,
        invite(invite(vec![text("")])) => BadRequest,
        invite(invite(many[..999].to_vec())) => LimitReached,
        invite(invite(many.clone())) => LimitReached,
        set_role(set("bob", 0)) => BadRequest,
        set_role(set("eve", Role::Admin.into())) => NotFound,
        set_role(set("alice", Role::Member.into())) => Conflict,
        remove(RemoveRequest { actor_id: text("alice"), room_id: room.clone(), user_id: text("alice") })
            => Forbidden,
        update_chat(UpdateChatRequest {
            user_id: text("alice"), room_id: room.clone(), pinned: None, muted: None
        }) => BadRequest,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_batches_are_bounded() {
    let cluster = Cluster::start().await;
    let mut c = cluster.client();
    let room = cluster.make(RoomKind::Public, "alice", &[]).await.room_id;
    let members = |cursor: &str, limit| ListMembersRequest {
        actor_id: text("alice"),
        room_id: room.clone(),
        cursor: text(cursor),
        limit,
    };
    let chats = |cursor: &str, limit| ListChatsRequest {
        user_id: text("alice"),
        cursor: text(cursor),
        limit,
        pinned_only: false,
    };
    let public = |name_prefix: &str, cursor: &str, limit| ListPublicRoomsRequest {
        name_prefix: text(name_prefix),
        cursor: text(cursor),
        limit,
    };
    let marker = |seq| ReadMarker {
        user_id: text("alice"),
        room_id: room.clone(),
        seq,
        ..ReadMarker::default()
    };
    let delivered = |delivered_seq| ReadMarker { delivered_seq, ..marker(0) };
    let check = |user_ids| CheckMembersRequest { room_id: room.clone(), user_ids };
    let version = UserVersion { user_id: text("alice"), version: 1 };
    refused! { c;
        list_members(members("", 1_001)) => BadRequest,
        list_members(members("not ours", 1)) => BadRequest,
        list_members(members("AAAA", 1)) => BadRequest,
        list_chats(chats("", 101)) => BadRequest,
        list_chats(chats("zzz", 1)) => BadRequest,
        list_chats(chats(&"A".repeat(10_000), 1)) => BadRequest,
        list_public_rooms(public("", "", 101)) => BadRequest,
        list_public_rooms(public("", "!", 1)) => BadRequest,
        list_public_rooms(public("a\0", "", 1)) => BadRequest,
        list_public_rooms(public(&"x".repeat(129), "", 1)) => BadRequest,
        mark_read(MarkReadRequest { markers: vec![marker(u64::MAX)] }) => BadRequest,
        mark_read(MarkReadRequest { markers: vec![marker(1); 1_001] }) => LimitReached,
        mark_read(MarkReadRequest { markers: vec![delivered(u64::MAX)] }) => BadRequest,
        check_members(check(vec![text("x"); 1_001])) => LimitReached,
        check_members(check(vec![text("")])) => BadRequest,
        check_versions(CheckVersionsRequest { users: vec![version.clone(); 10_001] }) => LimitReached,
    }
    let cursor_fault = c.list_chats(chats("zzz", 1)).await.expect_err("refused");
    assert_eq!(cursor_fault.message(), "cursor is not one of ours");
    c.mark_read(MarkReadRequest { markers: vec![marker(1); 1_000] }).await.expect("at the bound");
    c.mark_read(MarkReadRequest { markers: vec![] }).await.expect("nothing to do");
    c.check_versions(CheckVersionsRequest { users: vec![version; 10_000] })
        .await
        .expect("at the bound");
    c.list_members(members("", 1_000)).await.expect("at the bound");
}
