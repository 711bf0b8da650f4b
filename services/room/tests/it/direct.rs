//! Two people have one direct room, however many ask at once, wherever.

use futures::future::join_all;
use hubbub_domain::Code;
use hubbub_proto::room::v1::{
    ListChatsRequest, OpenDirectRequest, OpenDirectResponse, RoomKind, UserVersion,
};
use hubbub_testkit::eventually;

use crate::cluster::{Client, Cluster, SOON, refusal};

fn open(mut client: Client, actor: &str, peer: &str) -> impl Future<Output = OpenDirectResponse> {
    let request = OpenDirectRequest {
        actor_id: actor.to_owned(),
        peer_id: peer.to_owned(),
        find_only: false,
    };
    async move { client.open_direct(request).await.expect("found or made").into_inner() }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_ask_at_once() {
    let cluster = Cluster::start().await;
    let calls = (0..500).map(|n| {
        let (actor, peer) = if n % 3 == 0 { ("bob", "alice") } else { ("alice", "bob") };
        tokio::spawn(open(cluster.clients[n % 2].clone(), actor, peer))
    });
    let answers: Vec<_> =
        join_all(calls).await.into_iter().map(|call| call.expect("runs")).collect();
    let created = answers.iter().filter(|answer| answer.created).count();
    let room = answers[0].room.clone().expect("a room");
    let same = answers.iter().filter(|answer| answer.room.as_ref() == Some(&room)).count();
    println!("500 calls over 2 instances: {same} answers name one room, {created} made it");
    assert_eq!((same, created), (500, 1));
    assert_eq!(room.kind(), RoomKind::Direct);
    assert_eq!(room.direct_user_ids, ["alice", "bob"]);

    for (me, other) in [("alice", "bob"), ("bob", "alice")] {
        let request = ListChatsRequest { user_id: me.to_owned(), ..ListChatsRequest::default() };
        let chats = cluster.client().list_chats(request).await.expect("a list").into_inner().chats;
        assert_eq!(chats.len(), 1, "one chatRecord each");
        assert_eq!(chats[0].peer_id, other);
    }
    let known = ["alice", "bob"].map(|user| UserVersion { user_id: user.to_owned(), version: 1 });
    let request = hubbub_proto::room::v1::CheckVersionsRequest { users: known.to_vec() };
    let changed = cluster.client().check_versions(request).await.expect("answers").into_inner();
    assert_eq!(changed.changed, [], "each list changed once");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_talks_with_themselves_and_an_empty_chat_is_empty() {
    let cluster = Cluster::start().await;
    let request =
        OpenDirectRequest { actor_id: "alice".into(), peer_id: "alice".into(), find_only: false };
    assert_eq!(refusal(cluster.client().open_direct(request).await), Code::BadRequest);
    let room = open(cluster.client(), "alice", "bob").await.room.expect("a room");
    // A notice of a later room has arrived: one of this room would have come before it.
    let later = cluster.make(RoomKind::Group, "alice", &[]).await;
    eventually(SOON, async || cluster.history.notices(&later.room_id).len() == 1).await;
    assert_eq!(cluster.history.notices(&room.room_id), []);
    for (name, result) in [
        ("leave", cluster.leave("alice", &room).await),
        ("join", cluster.join("alice", &room).await),
    ] {
        assert_eq!(refusal(result), Code::Conflict, "{name}");
    }
    assert_eq!(refusal(cluster.join("eve", &room).await), Code::NotFound);
    cluster.leave("eve", &room).await.expect("a stranger learns nothing");
}
