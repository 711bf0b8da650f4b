//! What happened to a room reaches its history: in order, exactly once, however late.

use hubbub_proto::{
    history::v1::{MemberJoined, MemberLeft, RoomCreated, system_notice::Event},
    room::v1::RoomKind,
};
use hubbub_testkit::eventually;

use crate::cluster::{Cluster, SOON};

fn created(by: &str) -> Event {
    Event::Created(RoomCreated { by: by.to_owned() })
}

fn joined(user: &str) -> Event {
    Event::Joined(MemberJoined { user_id: user.to_owned() })
}

fn left(user: &str) -> Event {
    Event::Left(MemberLeft { user_id: user.to_owned() })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_history_delays_and_loses_nothing() {
    let cluster = Cluster::start().await;
    cluster.history.set_down(true);
    let users: Vec<_> = (0..20).map(|n| format!("user-{n}")).collect();
    let names: Vec<_> = users.iter().map(String::as_str).collect();
    let room = cluster.make(RoomKind::Public, "alice", &names).await;
    let mut wanted = vec![created("alice")];
    for user in names {
        cluster.leave(user, &room).await.expect("leaves while history is down");
        wanted.push(left(user));
    }
    let calls = cluster.history.calls();
    eventually(SOON, async || cluster.history.calls() > calls + 2).await;
    assert_eq!(cluster.history.notices(&room.room_id), []);

    // Back, but its answers get lost: everything is stored, and must be repeated.
    cluster.history.set_forgets_answers(true);
    cluster.history.set_down(false);
    let calls = cluster.history.calls();
    eventually(SOON, async || cluster.history.calls() > calls + 4).await;
    cluster.history.set_forgets_answers(false);
    cluster.join("late", &room).await.expect("joins");
    wanted.push(joined("late"));
    eventually(SOON, async || cluster.history.notices(&room.room_id).len() >= wanted.len()).await;
    assert_eq!(cluster.history.notices(&room.room_id), wanted, "in order, each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_deliver_each_notice_once_and_in_order() {
    let cluster = Cluster::start().await;
    let room = cluster.make(RoomKind::Public, "alice", &[]).await;
    for n in 0..40 {
        let request = hubbub_proto::room::v1::JoinRequest {
            actor_id: format!("user-{n}"),
            room_id: room.room_id.clone(),
        };
        cluster.clients[n % 2].clone().join(request).await.expect("joins");
    }
    let wanted: Vec<_> = std::iter::once(created("alice"))
        .chain((0..40).map(|n| joined(&format!("user-{n}"))))
        .collect();
    eventually(SOON, async || cluster.history.notices(&room.room_id).len() >= 41).await;
    assert_eq!(cluster.history.notices(&room.room_id), wanted);
}
