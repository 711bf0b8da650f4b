//! Without Postgres every call is `unavailable`, within its time; with it again, all goes on.

use std::time::{Duration, Instant};

use hubbub_domain::Code;
use hubbub_proto::room::v1::{
    CheckVersionsRequest, CreateRoomRequest, GetMembershipRequest, ListChatsRequest,
    ListPublicRoomsRequest, MarkReadRequest, OpenDirectRequest, ReadMarker, Room, RoomKind,
    StreamMembershipsRequest, UserVersion,
};
use hubbub_testkit::{Postgres, eventually};

use crate::cluster::{Cluster, SOON, refusal};

/// For a connection, and for a call.
const TIMES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(3));
/// The most a call may take: its own time-out, and something for a slow machine.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_an_error_never_an_answer() {
    let postgres = Postgres::start().await.expect("Postgres");
    let cluster = Cluster::on(postgres.database().await.expect("a database"), TIMES).await;
    let room = cluster.make(RoomKind::Public, "alice", &["bob"]).await;
    postgres.stop().await;
    let begun = Instant::now();
    everything_is_unavailable(&cluster, &room).await;
    assert!(begun.elapsed() < 10 * PATIENCE);

    postgres.start_again().await.expect("Postgres is back");
    eventually(SOON, async || cluster.join("carol", &room).await.is_ok()).await;
    eventually(SOON, async || cluster.history.notices(&room.room_id).len() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_store_is_waited_for_no_longer_than_a_call_may_take() {
    let postgres = Postgres::start().await.expect("Postgres");
    let cluster = Cluster::on(postgres.database().await.expect("a database"), TIMES).await;
    let room = cluster.make(RoomKind::Public, "alice", &[]).await;
    let silent = postgres.pause(Duration::from_secs(8));
    let calls = async {
        // The master is stopped and takes no new connections; those that are open still answer.
        // Nobody waits for ever, whichever of the two a call meets.
        let calls = (0..40).map(|_| async {
            let begun = Instant::now();
            let result = cluster.join("bob", &room).await;
            assert!(begun.elapsed() < PATIENCE);
            assert!(result.is_ok() || refusal(result) == Code::Unavailable);
        });
        futures::future::join_all(calls).await;
    };
    tokio::join!(silent, calls);
    eventually(SOON, async || cluster.join("carol", &room).await.is_ok()).await;
}

async fn everything_is_unavailable(cluster: &Cluster, room: &Room) {
    let mut c = cluster.client();
    let alice = || "alice".to_owned();
    let create = CreateRoomRequest {
        actor_id: alice(),
        kind: RoomKind::Group.into(),
        name: "room".into(),
        ..CreateRoomRequest::default()
    };
    let (user_id, room_id) = (alice(), room.room_id.clone());
    let marker = ReadMarker { user_id, room_id, seq: 1, ..ReadMarker::default() };
    let version = UserVersion { user_id: alice(), version: 1 };
    let open = OpenDirectRequest { actor_id: alice(), peer_id: "bob".into(), find_only: false };
    let get = GetMembershipRequest { user_id: alice(), room_id: room.room_id.clone() };
    let codes = [
        refusal(cluster.join("carol", room).await),
        refusal(cluster.leave("alice", room).await),
        refusal(c.create_room(create).await),
        refusal(c.open_direct(open).await),
        refusal(c.get_membership(get).await),
        refusal(c.mark_read(MarkReadRequest { markers: vec![marker] }).await),
        refusal(c.check_versions(CheckVersionsRequest { users: vec![version] }).await),
        refusal(
            c.list_chats(ListChatsRequest { user_id: alice(), ..ListChatsRequest::default() })
                .await,
        ),
        refusal(c.list_public_rooms(ListPublicRoomsRequest::default()).await),
        refusal(
            c.stream_memberships(StreamMembershipsRequest { user_id: alice() }).await.map(|_| ()),
        ),
    ];
    assert!(codes.iter().all(|code| *code == Code::Unavailable), "{codes:?}");
}
