//! The chat list.

use hubbub_domain::Code;
use hubbub_proto::room::v1::{
    Chat, ListChatsRequest, ListChatsResponse, OpenDirectRequest, Role, RoomKind, UpdateChatRequest,
};

use crate::cluster::{Cluster, refusal};

async fn list(cluster: &Cluster, request: ListChatsRequest) -> ListChatsResponse {
    cluster.client().list_chats(request).await.expect("a page").into_inner()
}

fn of(user: &str) -> ListChatsRequest {
    ListChatsRequest { user_id: user.to_owned(), ..ListChatsRequest::default() }
}

fn room_ids(chats: &[Chat]) -> Vec<String> {
    chats.iter().map(|chat| chat.room.as_ref().expect("a room").room_id.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_every_chat_once() {
    let cluster = Cluster::start().await;
    let mut made = Vec::new();
    for _ in 0..6 {
        made.push(cluster.make(RoomKind::Group, "alice", &["bob"]).await.room_id);
    }
    let open =
        OpenDirectRequest { actor_id: "carol".into(), peer_id: "alice".into(), find_only: false };
    let direct = cluster.client().open_direct(open).await.expect("made").into_inner();
    made.push(direct.room.expect("a room").room_id);
    made.reverse();

    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let calls = cluster.history.calls();
        let page = list(&cluster, ListChatsRequest { cursor, limit: 3, ..of("alice") }).await;
        assert!(cluster.history.calls() >= calls, "history is asked");
        seen.extend(page.chats);
        cursor = page.next_cursor;
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(room_ids(&seen), made);
    assert_eq!((seen[0].peer_id.as_str(), seen[0].role()), ("carol", Role::Member));
    assert_eq!((seen[1].peer_id.as_str(), seen[1].role()), ("", Role::Owner));
    assert!(seen.iter().all(|chat| chat.active_at.is_some() && chat.head.is_some()));
    assert_eq!(list(&cluster, of("nobody")).await, ListChatsResponse::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn pinned_chats_are_each_users_own() {
    let cluster = Cluster::start().await;
    let room = cluster.make(RoomKind::Group, "alice", &["bob"]).await;
    cluster.make(RoomKind::Group, "alice", &["bob"]).await;
    let pin = UpdateChatRequest {
        user_id: "alice".into(),
        room_id: room.room_id.clone(),
        pinned: Some(true),
        muted: None,
    };
    let flags = cluster.client().update_chat(pin).await.expect("pins").into_inner();
    assert!(flags.pinned && !flags.muted);
    let pinned = |user| ListChatsRequest { pinned_only: true, ..of(user) };
    let page = list(&cluster, pinned("alice")).await;
    assert_eq!(room_ids(&page.chats), std::slice::from_ref(&room.room_id));
    assert!(page.chats[0].pinned);
    assert_eq!(list(&cluster, pinned("bob")).await.chats, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_history_there_is_no_list() {
    let cluster = Cluster::start().await;
    cluster.make(RoomKind::Group, "alice", &[]).await;
    cluster.history.set_down(true);
    assert_eq!(refusal(cluster.client().list_chats(of("alice")).await), Code::Unavailable);
    cluster.history.set_down(false);
    assert_eq!(list(&cluster, of("alice")).await.chats.len(), 1);
}
