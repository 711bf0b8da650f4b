//! Newcomers, and requests that are repeated later: what depends on history and on the clock.

use std::time::Duration;

use hubbub_domain::Code;
use hubbub_proto::room::v1::{
    CreateRoomRequest, GetMembershipRequest, InviteRequest, JoinRequest, Room, RoomKind,
};
use hubbub_testkit::eventually;

use crate::cluster::{Cluster, SOON, refusal};

const DAY: Duration = Duration::from_hours(24);

/// Runs each case on both stores.
macro_rules! on_both_stores {
    ($($name:ident,)+) => {
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(crate::cluster::Cluster::start().await).await;
            })+
        }

        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(crate::cluster::Cluster::start_small().await).await;
            })+
        }
    };
}

on_both_stores! {
    the_past_is_not_unread,
    without_history_nobody_comes_in,
    a_request_is_kept_for_seven_days,
}

/// Waits until the room's history holds so many messages: the newcomers' notices among them.
async fn head(cluster: &Cluster, room: &Room, seq: usize) {
    eventually(SOON, async || cluster.history.notices(&room.room_id).len() == seq).await;
}

async fn last_read(cluster: &Cluster, user: &str, room: &Room) -> u64 {
    let request = GetMembershipRequest { user_id: user.to_owned(), room_id: room.room_id.clone() };
    let response = cluster.client().get_membership(request).await.expect("a member");
    response.into_inner().membership.expect("a membership").last_read_seq
}

fn invite(room: &Room, names: &[&str]) -> InviteRequest {
    InviteRequest {
        actor_id: "alice".into(),
        room_id: room.room_id.clone(),
        user_ids: names.iter().map(ToString::to_string).collect(),
    }
}

async fn the_past_is_not_unread(cluster: Cluster) {
    let room = cluster.make(RoomKind::Public, "alice", &["bob"]).await;
    head(&cluster, &room, 1).await;
    let request = JoinRequest { actor_id: "carol".into(), room_id: room.room_id.clone() };
    let joined = cluster.client().join(request).await.expect("joins").into_inner();
    assert_eq!(joined.membership.expect("a membership").last_read_seq, 1);
    head(&cluster, &room, 2).await;
    let calls = cluster.history.calls();
    cluster.client().invite(invite(&room, &["bob", "dave"])).await.expect("invites");
    assert!(cluster.history.calls() > calls, "history is asked");
    head(&cluster, &room, 3).await;
    cluster.join("carol", &room).await.expect("is in");
    let mut stands = Vec::new();
    for name in ["alice", "bob", "carol", "dave"] {
        stands.push(last_read(&cluster, name, &room).await);
    }
    assert_eq!(stands, [0, 0, 1, 2], "from the start, from the start, joined, invited");
    cluster.leave("carol", &room).await.expect("leaves");
    head(&cluster, &room, 4).await;
    cluster.join("carol", &room).await.expect("comes back");
    assert_eq!(last_read(&cluster, "carol", &room).await, 4);
}

async fn without_history_nobody_comes_in(cluster: Cluster) {
    let room = cluster.make(RoomKind::Public, "alice", &["bob"]).await;
    head(&cluster, &room, 1).await;
    cluster.history.set_down(true);
    assert_eq!(refusal(cluster.join("carol", &room).await), Code::Unavailable);
    let invited = cluster.client().invite(invite(&room, &["carol"])).await;
    assert_eq!(refusal(invited), Code::Unavailable);
    let request = GetMembershipRequest { user_id: "carol".into(), room_id: room.room_id.clone() };
    assert_eq!(refusal(cluster.client().get_membership(request).await), Code::NotFound);
    cluster.leave("bob", &room).await.expect("leaving needs no history");
    cluster.history.set_down(false);
    cluster.join("carol", &room).await.expect("joins");
    head(&cluster, &room, 3).await;
}

async fn a_request_is_kept_for_seven_days(cluster: Cluster) {
    let ask = async |request_id: &str| {
        let request = CreateRoomRequest {
            actor_id: "alice".into(),
            kind: RoomKind::Group.into(),
            name: "room".into(),
            request_id: request_id.to_owned(),
            ..CreateRoomRequest::default()
        };
        let response = cluster.client().create_room(request).await.expect("made or found");
        response.into_inner().room.expect("a room").room_id
    };
    let older = ask("r-1").await;
    cluster.clock.advance(2 * DAY);
    let newer = ask("r-2").await;
    cluster.clock.advance(4 * DAY);
    assert_eq!(ask("r-1").await, older);
    cluster.clock.advance(2 * DAY);
    eventually(SOON, async || ask("r-1").await != older).await;
    assert_eq!(ask("r-2").await, newer, "the same sweep left it alone");
}
