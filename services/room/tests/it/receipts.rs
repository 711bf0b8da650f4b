//! Receipts: who is told of markers that move, and how far a message has come with whom.

use hubbub_bus::Topic;
use hubbub_domain::Code;
use hubbub_proto::{
    bus::v1::{Receipt, envelope::Event},
    room::v1::{
        CheckMembersRequest, InviteRequest, ListReceiptsRequest, ListReceiptsResponse,
        MarkReadRequest, ReadMarker, Room, RoomKind,
    },
};
use hubbub_testkit::eventually;

use crate::cluster::{Cluster, SOON, nowhere, refusal};

fn marker(user: &str, room: &Room, (delivered_seq, seq): (u64, u64)) -> ReadMarker {
    ReadMarker { user_id: user.to_owned(), room_id: room.room_id.clone(), seq, delivered_seq }
}

async fn mark(cluster: &Cluster, markers: Vec<ReadMarker>) {
    cluster.client().mark_read(MarkReadRequest { markers }).await.expect("marks");
}

fn told(cluster: &Cluster, room: &Room) -> Vec<Receipt> {
    let topic = Topic::Room(room.room_id.parse().expect("an id"));
    let moved = |event| match event {
        Event::ReceiptsMoved(moved) => Some(moved.receipts),
        _ => None,
    };
    cluster.bus.on(&topic).into_iter().filter_map(moved).flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_told_once_per_move() {
    let cluster = Cluster::start().await;
    let room = cluster.make(RoomKind::Group, "alice", &["bob", "carol"]).await;
    // One call, several markers of one room: one envelope; the furthest of each.
    let both = [("bob", (3, 0)), ("bob", (0, 2)), ("carol", (0, 4))];
    mark(&cluster, both.map(|(user, seqs)| marker(user, &room, seqs)).to_vec()).await;
    mark(&cluster, vec![marker("bob", &room, (3, 2))]).await;
    mark(&cluster, vec![marker("bob", &room, (0, 5))]).await;
    let receipt = |user: &str, delivered_seq, read_seq| Receipt {
        user_id: user.to_owned(),
        delivered_seq,
        read_seq,
    };
    eventually(SOON, async || told(&cluster, &room).len() == 3).await;
    let mut receipts = told(&cluster, &room);
    receipts[..2].sort_by(|a, b| a.user_id.cmp(&b.user_id));
    assert_eq!(receipts, [receipt("bob", 3, 2), receipt("carol", 4, 4), receipt("bob", 5, 5)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_room_hears_of_no_markers() {
    let cluster = Cluster::start().await;
    let crowd: Vec<_> = (0..50).map(|n| format!("u{n}")).collect();
    let crowd: Vec<_> = crowd.iter().map(String::as_str).collect();
    let large = cluster.make(RoomKind::Group, "alice", &crowd).await;
    let small = cluster.make(RoomKind::Group, "alice", &crowd[..49]).await;
    mark(&cluster, vec![marker("u1", &large, (0, 1)), marker("u1", &small, (0, 1))]).await;
    eventually(SOON, async || told(&cluster, &small).len() == 1).await;
    assert_eq!(told(&cluster, &large), []);
}

async fn receipts(cluster: &Cluster, room: &Room, seq: u64) -> ListReceiptsResponse {
    let request =
        ListReceiptsRequest { actor_id: "bob".into(), room_id: room.room_id.clone(), seq };
    cluster.client().list_receipts(request).await.expect("receipts").into_inner()
}

async fn a_message_has_come_so_far_with_each(cluster: Cluster) {
    let room = cluster.make(RoomKind::Group, "alice", &["bob", "carol", "dave", "erin"]).await;
    cluster.history.set_speakers(&["alice", "alice", "dave"]);
    mark(&cluster, vec![marker("bob", &room, (0, 2)), marker("carol", &room, (2, 1))]).await;
    let texts = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let wanted = ListReceiptsResponse {
        sender_id: "alice".into(),
        sent_user_ids: texts(&["erin"]),
        delivered_user_ids: texts(&["carol"]),
        read_user_ids: texts(&["bob", "dave"]),
    };
    assert_eq!(receipts(&cluster, &room, 2).await, wanted, "dave has spoken since");
    assert_eq!(receipts(&cluster, &room, 1).await.read_user_ids, texts(&["bob", "carol", "dave"]));
    // Whoever comes later was not meant; the notice of it is message 1 of the room for history here.
    let invite = InviteRequest {
        actor_id: "alice".into(),
        room_id: room.room_id.clone(),
        user_ids: vec!["frank".into()],
    };
    cluster.client().invite(invite).await.expect("invites");
    let first = receipts(&cluster, &room, 1).await;
    assert!(!first.sent_user_ids.contains(&"frank".to_owned()), "{first:?}");
    assert!(!first.read_user_ids.contains(&"frank".to_owned()), "{first:?}");

    let mut client = cluster.client();
    let ask = |actor: &str, room_id: &str, seq| ListReceiptsRequest {
        actor_id: actor.to_owned(),
        room_id: room_id.to_owned(),
        seq,
    };
    let stranger = client.list_receipts(ask("eve", &room.room_id, 1)).await;
    let absent = client.list_receipts(ask("bob", &nowhere(), 1)).await;
    assert_eq!(refusal(stranger), Code::NotFound);
    assert_eq!(refusal(absent), Code::NotFound);
    assert_eq!(refusal(client.list_receipts(ask("bob", &room.room_id, 9)).await), Code::NotFound);
    cluster.history.set_down(true);
    let outage = client.list_receipts(ask("bob", &room.room_id, 1)).await;
    assert_eq!(refusal(outage), Code::Unavailable, "an outage is no answer");
    cluster.history.set_down(false);

    let check = CheckMembersRequest {
        room_id: room.room_id.clone(),
        user_ids: texts(&["frank", "eve", "alice", "alice"]),
    };
    let members = client.check_members(check).await.expect("answers").into_inner().member_ids;
    assert_eq!(members, ["alice", "frank"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_has_come_so_far_with_each_on_postgres() {
    a_message_has_come_so_far_with_each(Cluster::start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_has_come_so_far_with_each_on_sqlite() {
    a_message_has_come_so_far_with_each(Cluster::start_small().await).await;
}
