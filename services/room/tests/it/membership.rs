//! Joining, inviting, roles and leaving, as callers see them.

use hubbub_domain::Code;
use hubbub_proto::room::v1::{
    CreateRoomRequest, GetMembershipRequest, InviteRequest, ListMembersRequest, RemoveRequest,
    Role, Room, RoomKind, RoomState, SetRoleRequest, UpdateRoomRequest,
};

use crate::cluster::{Cluster, nowhere, refusal};

async fn roll(cluster: &Cluster, actor: &str, room: &Room) -> Vec<(String, Role)> {
    let request = ListMembersRequest {
        actor_id: actor.to_owned(),
        room_id: room.room_id.clone(),
        ..ListMembersRequest::default()
    };
    let response = cluster.client().list_members(request).await.expect("a list").into_inner();
    assert_eq!(response.next_cursor, "");
    let members = response.members.into_iter();
    members.map(|member| (member.user_id.clone(), member.role())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_from_its_making_to_its_end() {
    let cluster = Cluster::start().await;
    let mut client = cluster.client();
    let room = cluster.make(RoomKind::Group, "alice", &["bob", "bob", "alice"]).await;
    assert_eq!(room.member_count, 2, "everybody once");
    let invite = InviteRequest {
        actor_id: "alice".into(),
        room_id: room.room_id.clone(),
        user_ids: vec!["carol".into(), "bob".into()],
    };
    let invited = client.invite(invite).await.expect("invites").into_inner();
    assert_eq!(invited.added_user_ids, ["carol"]);
    let set = SetRoleRequest {
        actor_id: "alice".into(),
        room_id: room.room_id.clone(),
        user_id: "carol".into(),
        role: Role::Owner.into(),
    };
    client.set_role(set.clone()).await.expect("hands over");
    assert_eq!(refusal(client.set_role(set).await), Code::Forbidden);
    let standing = |role: Role, user: &str| (user.to_owned(), role);
    assert_eq!(
        roll(&cluster, "bob", &room).await,
        [
            standing(Role::Owner, "carol"),
            standing(Role::Admin, "alice"),
            standing(Role::Member, "bob")
        ]
    );
    let remove = |actor: &str, user: &str| RemoveRequest {
        actor_id: actor.to_owned(),
        room_id: room.room_id.clone(),
        user_id: user.to_owned(),
    };
    assert_eq!(refusal(client.remove(remove("bob", "alice")).await), Code::Forbidden);
    assert_eq!(refusal(client.remove(remove("alice", "carol")).await), Code::Forbidden);
    client.remove(remove("alice", "bob")).await.expect("removes");
    client.remove(remove("alice", "bob")).await.expect("is out");
    let update = |actor: &str, state: RoomState| UpdateRoomRequest {
        actor_id: actor.to_owned(),
        room_id: room.room_id.clone(),
        state: Some(state.into()),
        ..UpdateRoomRequest::default()
    };
    client.update_room(update("alice", RoomState::ReadOnly)).await.expect("closes");
    let dissolve = |actor: &str| update(actor, RoomState::Dissolved);
    assert_eq!(refusal(client.update_room(dissolve("alice")).await), Code::Forbidden);
    let dissolved = client.update_room(dissolve("carol")).await.expect("dissolves").into_inner();
    assert_eq!(dissolved.room.expect("a room").state(), RoomState::Dissolved);
    assert_eq!(refusal(cluster.join("carol", &room).await), Code::Conflict);
    assert_eq!(roll(&cluster, "carol", &room).await.len(), 2, "reading stays");
    cluster.leave("carol", &room).await.expect("leaves");
    assert_eq!(roll(&cluster, "alice", &room).await, [standing(Role::Owner, "alice")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_makes_no_second_room() {
    let cluster = Cluster::start().await;
    let request = CreateRoomRequest {
        actor_id: "alice".into(),
        kind: RoomKind::Public.into(),
        name: " Lobby ".into(),
        request_id: "r-1".into(),
        ..CreateRoomRequest::default()
    };
    let calls = (0..40).map(|n| {
        let (mut client, request) = (cluster.clients[n % 2].clone(), request.clone());
        tokio::spawn(async move { client.create_room(request).await.expect("made").into_inner() })
    });
    let mut rooms: Vec<_> =
        futures::future::join_all(calls).await.into_iter().map(|r| r.expect("runs").room).collect();
    assert_eq!(rooms[0].as_ref().expect("a room").name, "Lobby");
    rooms.dedup();
    assert_eq!(rooms.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_cannot_tell_absent_from_forbidden() {
    let cluster = Cluster::start().await;
    let room = cluster.make(RoomKind::Group, "alice", &["bob"]).await;
    let mut answers = Vec::new();
    for room_id in [room.room_id.clone(), nowhere()] {
        answers.push(everything(&cluster, &room_id).await);
    }
    assert_eq!(answers[0], answers[1], "the same in every word");
    assert_eq!(answers[0].len(), 9);
}

/// What a stranger is told by every call that names a room.
async fn everything(cluster: &Cluster, room_id: &str) -> Vec<String> {
    let mut client = cluster.client();
    let (actor_id, room_id) = ("eve".to_owned(), room_id.to_owned());
    let join = hubbub_proto::room::v1::JoinRequest {
        actor_id: actor_id.clone(),
        room_id: room_id.clone(),
    };
    let leave = hubbub_proto::room::v1::LeaveRequest {
        actor_id: actor_id.clone(),
        room_id: room_id.clone(),
        for_good: Some(true),
    };
    let update = UpdateRoomRequest {
        actor_id: actor_id.clone(),
        room_id: room_id.clone(),
        name: Some("mine".into()),
        ..UpdateRoomRequest::default()
    };
    let invite = InviteRequest {
        actor_id: actor_id.clone(),
        room_id: room_id.clone(),
        user_ids: vec!["eve".into()],
    };
    let remove = RemoveRequest {
        actor_id: actor_id.clone(),
        room_id: room_id.clone(),
        user_id: "alice".into(),
    };
    let set = SetRoleRequest {
        actor_id: actor_id.clone(),
        room_id: room_id.clone(),
        user_id: "alice".into(),
        role: Role::Member.into(),
    };
    let list = ListMembersRequest {
        actor_id: actor_id.clone(),
        room_id: room_id.clone(),
        ..ListMembersRequest::default()
    };
    let get = GetMembershipRequest { user_id: actor_id.clone(), room_id: room_id.clone() };
    let flags = hubbub_proto::room::v1::UpdateChatRequest {
        user_id: actor_id,
        room_id,
        pinned: Some(true),
        muted: None,
    };
    vec![
        said(client.join(join).await),
        said(client.leave(leave).await),
        said(client.update_room(update).await),
        said(client.invite(invite).await),
        said(client.remove(remove).await),
        said(client.set_role(set).await),
        said(client.list_members(list).await),
        said(client.get_membership(get).await),
        said(client.update_chat(flags).await),
    ]
}

fn said<T>(result: Result<tonic::Response<T>, tonic::Status>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(status) => format!("{:?} {}", status.code(), status.message()),
    }
}
