//! Pages and streams.

use futures::TryStreamExt as _;
use hubbub_proto::room::v1::{
    CheckVersionsRequest, CreateRoomRequest, InviteRequest, ListMembersRequest,
    ListPublicRoomsRequest, MarkReadRequest, ReadMarker, RoomKind, StreamMembershipsRequest,
    UserVersion,
};

use crate::cluster::{Cluster, nowhere};

#[tokio::test(flavor = "multi_thread")]
async fn memberships_stream_in_chunks_under_one_version() {
    let cluster = Cluster::start().await;
    let stream = async |user: &str| {
        let request = StreamMembershipsRequest { user_id: user.to_owned() };
        let chunks = cluster.client().stream_memberships(request).await.expect("a stream");
        chunks.into_inner().try_collect::<Vec<_>>().await.expect("to its end")
    };
    let empty = stream("nobody").await;
    assert_eq!((empty.len(), empty[0].version, empty[0].memberships.len()), (1, 0, 0));

    let mut made = Vec::new();
    for _ in 0..501 {
        made.push(cluster.make(RoomKind::Group, "alice", &[]).await.room_id);
    }
    let chunks = stream("alice").await;
    let sizes: Vec<_> = chunks.iter().map(|chunk| chunk.memberships.len()).collect();
    assert_eq!(sizes, [500, 1]);
    assert!(chunks.iter().all(|chunk| chunk.version == 501));
    let seen: Vec<_> =
        chunks.into_iter().flat_map(|chunk| chunk.memberships).map(|m| m.room_id).collect();
    made.reverse();
    assert_eq!(seen, made, "most recently joined first");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_full_group_page_by_page() {
    let cluster = Cluster::start().await;
    let others: Vec<_> = (0..999).map(|n| format!("user-{n:03}")).collect();
    let names: Vec<_> = others.iter().map(String::as_str).collect();
    let room = cluster.make(RoomKind::Group, "zoe", &names).await;
    assert_eq!(room.member_count, 1_000);
    let one_more = InviteRequest {
        actor_id: "zoe".into(),
        room_id: room.room_id.clone(),
        user_ids: vec!["late".into()],
    };
    let refused = crate::cluster::refusal(cluster.client().invite(one_more).await);
    assert_eq!(refused, hubbub_domain::Code::LimitReached);

    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let request = ListMembersRequest {
            actor_id: "user-007".into(),
            room_id: room.room_id.clone(),
            cursor,
            limit: 300,
        };
        let page = cluster.client().list_members(request).await.expect("a page").into_inner();
        seen.extend(page.members.into_iter().map(|member| member.user_id));
        cursor = page.next_cursor;
        if cursor.is_empty() {
            break;
        }
    }
    let wanted: Vec<_> = std::iter::once("zoe".to_owned()).chain(others).collect();
    assert_eq!(seen, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn public_rooms_are_found_by_prefix() {
    let cluster = Cluster::start().await;
    for name in ["Rust", "RUSTlers", "ruby", "Go"] {
        let request = CreateRoomRequest {
            actor_id: "alice".into(),
            kind: RoomKind::Public.into(),
            name: name.to_owned(),
            ..CreateRoomRequest::default()
        };
        cluster.client().create_room(request).await.expect("made");
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let request = ListPublicRoomsRequest { name_prefix: "rU".into(), cursor, limit: 2 };
        let page = cluster.client().list_public_rooms(request).await.expect("a page").into_inner();
        seen.push(page.rooms.into_iter().map(|room| room.name).collect::<Vec<_>>());
        cursor = page.next_cursor;
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(seen, [vec!["ruby", "Rust"], vec!["RUSTlers"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_and_markers_of_many_at_once() {
    let cluster = Cluster::start().await;
    let mut client = cluster.client();
    let room = cluster.make(RoomKind::Public, "alice", &["bob"]).await.room_id;
    let known = |user: &str, version| UserVersion { user_id: user.to_owned(), version };
    let users = vec![known("alice", 1), known("bob", 0), known("carol", 3), known("dave", 0)];
    let changed = client.check_versions(CheckVersionsRequest { users }).await.expect("answers");
    assert_eq!(changed.into_inner().changed, [known("bob", 1), known("carol", 0)]);

    let marker = |user: &str, room_id: &str, seq| ReadMarker {
        user_id: user.to_owned(),
        room_id: room_id.to_owned(),
        seq,
        ..ReadMarker::default()
    };
    let markers = vec![
        marker("bob", &room, 4),
        marker("eve", &room, 9),
        marker("alice", &nowhere(), 9),
        marker("alice", &room, 2),
        marker("bob", &room, 3),
    ];
    let answer = client.mark_read(MarkReadRequest { markers }).await.expect("answers");
    let stands: Vec<_> = answer.into_inner().markers.iter().map(|marker| marker.seq).collect();
    assert_eq!(stands, [4, 0, 0, 2, 4], "in the order of the request");
}
