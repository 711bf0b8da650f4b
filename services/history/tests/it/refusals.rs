//! Every bad input gets the documented code, and a message that names the field.

use hubbub_domain::{Code, RoomId};
use hubbub_proto::{
    fault_from_status,
    history::v1::{
        self as wire, Announcement, Attachment, Body, NewMessage, RoomRenamed, SystemNotice,
        append_result, new_message::Content, system_notice::Event,
    },
};
use tonic::Status;

use crate::instance::{Client, alone, append, append_one, body, message};

fn told(status: &Status) -> (Code, String) {
    let fault = fault_from_status(status);
    (fault.code, fault.message.into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages() {
    let (instance, _bus) = alone().await;
    let client = instance.client();
    let room = RoomId::generate();
    let good = message(room, "alice", "x");
    let with = |content: Content| NewMessage { content: Some(content), ..good.clone() };
    let body_with = |change: &dyn Fn(&mut Body)| {
        let mut body = body("x");
        change(&mut body);
        with(Content::Body(body))
    };
    let attachment = |url: &str| Attachment { url: url.into(), ..Default::default() };
    let cases: Vec<(NewMessage, &str, &str)> = vec![
        (NewMessage { room_id: "7".into(), ..good.clone() }, "bad_request", "room"),
        (NewMessage { room_id: String::new(), ..good.clone() }, "bad_request", "room"),
        (NewMessage { sender_id: String::new(), ..good.clone() }, "bad_request", "user"),
        (NewMessage { sender_id: "a\0b".into(), ..good.clone() }, "bad_request", "user"),
        (NewMessage { sender_id: "x".repeat(129), ..good.clone() }, "bad_request", "user"),
        (NewMessage { client_id: String::new(), ..good.clone() }, "bad_request", "client_id"),
        (NewMessage { client_id: "x".repeat(65), ..good.clone() }, "bad_request", "client_id"),
        (NewMessage { content: None, ..good.clone() }, "bad_request", "content"),
        (with(Content::Body(Body::default())), "bad_request", "body"),
        (body_with(&|it| it.text = "a\0b".into()), "bad_request", "text"),
        (body_with(&|it| it.text = "é".repeat(4_001)), "too_large", "text"),
        (body_with(&|it| it.reply_to_seq = 99), "bad_request", "reply_to"),
        (body_with(&|it| it.reply_to_seq = u64::MAX), "bad_request", "reply_to"),
        (body_with(&|it| it.mentions = vec!["bob".into(); 51]), "limit_reached", "mentions"),
        (body_with(&|it| it.mentions = vec![String::new()]), "bad_request", "user"),
        (
            body_with(&|it| it.attachments = vec![attachment("/a"); 11]),
            "limit_reached",
            "attachments",
        ),
        (
            body_with(&|it| it.attachments = vec![attachment("javascript:x")]),
            "bad_request",
            "attachment",
        ),
        (with(Content::System(SystemNotice::default())), "bad_request", "system"),
        (with(notice(Event::Announced(Announcement { text: "\0".into() }))), "bad_request", "text"),
        (
            with(notice(Event::Announced(Announcement { text: "x".repeat(4_001) }))),
            "too_large",
            "text",
        ),
        (with(notice(renamed("n".repeat(129), "alice"))), "too_large", "name"),
        (with(notice(renamed("n".into(), ""))), "bad_request", "user"),
    ];
    // All at once: each fails alone.
    let requests = cases.iter().map(|(message, _, _)| message.clone()).collect();
    let results = append(&client, requests).await.expect("answered");
    for ((message, code, field), result) in cases.into_iter().zip(results) {
        let append_result::Result::Refusal(refusal) = result else { panic!("taken: {message:?}") };
        assert_eq!(refusal.code, code, "{refusal:?}");
        assert!(refusal.message.contains(field), "{refusal:?}");
    }
    assert_eq!(append_one(&client, good.clone()).await.expect("stored").seq, 1);

    let too_many = append(&client, vec![good; 1_025]).await.expect_err("refused");
    assert_eq!(too_many.code, Code::BadRequest);
    assert!(too_many.message.contains("1024"), "{too_many}");
    assert!(append(&client, vec![]).await.expect("nothing to do").is_empty());
}

fn notice(event: Event) -> Content {
    Content::System(SystemNotice { event: Some(event) })
}

fn renamed(name: String, by: &str) -> Event {
    Event::Renamed(RoomRenamed { name, by: by.into() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes() {
    let (instance, _bus) = alone().await;
    let client = instance.client();
    let room = RoomId::generate();
    append_one(&client, message(room, "alice", "x")).await.expect("stored");
    let edit = wire::EditRequest {
        room_id: room.to_string(),
        seq: 1,
        actor_id: "alice".into(),
        body: Some(body("y")),
        ..Default::default()
    };
    let cases = [
        (wire::EditRequest { seq: 0, ..edit.clone() }, Code::BadRequest, "seq"),
        (wire::EditRequest { seq: 2, ..edit.clone() }, Code::NotFound, "message"),
        (wire::EditRequest { body: None, ..edit.clone() }, Code::BadRequest, "body"),
        (wire::EditRequest { actor_id: String::new(), ..edit.clone() }, Code::BadRequest, "user"),
        (wire::EditRequest { actor_id: "bob".into(), ..edit.clone() }, Code::Forbidden, "message"),
        (wire::EditRequest { room_id: "x".into(), ..edit.clone() }, Code::BadRequest, "room"),
        (
            wire::EditRequest { room_id: RoomId::generate().to_string(), ..edit },
            Code::NotFound,
            "message",
        ),
    ];
    for (request, code, field) in cases {
        let status = client.clone().edit(request).await.expect_err("refused");
        assert!(told(&status).0 == code && told(&status).1.contains(field), "{status}");
    }
    reactions(&client, room).await;
    let delete = wire::DeleteRequest {
        room_id: room.to_string(),
        seq: 1,
        actor_id: "bob".into(),
        ..Default::default()
    };
    let status = client.clone().delete(delete.clone()).await.expect_err("refused");
    assert_eq!(told(&status).0, Code::Forbidden);
    let moderated = wire::DeleteRequest { moderator: true, ..delete };
    client.clone().delete(moderated).await.expect("deleted");
}

async fn reactions(client: &Client, room: RoomId) {
    let react = wire::ReactRequest {
        room_id: room.to_string(),
        seq: 1,
        actor_id: "bob".into(),
        emoji: "👍".into(),
        on: true,
        ..Default::default()
    };
    let cases = [
        (wire::ReactRequest { emoji: String::new(), ..react.clone() }, Code::BadRequest, "emoji"),
        (wire::ReactRequest { emoji: "x".repeat(65), ..react.clone() }, Code::BadRequest, "emoji"),
        (wire::ReactRequest { emoji: "\n".into(), ..react.clone() }, Code::BadRequest, "emoji"),
        (wire::ReactRequest { seq: 9, ..react }, Code::NotFound, "message"),
    ];
    for (request, code, field) in cases {
        let status = client.clone().react(request).await.expect_err("refused");
        assert!(told(&status).0 == code && told(&status).1.contains(field), "{status}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions() {
    let (instance, _bus) = alone().await;
    let mut client = instance.client();
    let room_id = RoomId::generate().to_string();
    let page = wire::GetPageRequest { room_id: room_id.clone(), limit: 101, anchor: None };
    let changes = wire::ListChangesRequest { room_id: room_id.clone(), limit: 1_001, after_rev: 0 };
    let marker = wire::RoomMarker { room_id: room_id.clone(), ..Default::default() };
    let heads =
        wire::GetHeadsRequest { rooms: vec![marker.clone(); 5_001], user_id: String::new() };
    let rank = wire::RankRoomsRequest {
        user_id: "alice".into(),
        rooms: vec![marker.clone()],
        ..Default::default()
    };
    let after = wire::Rank { room_id, active_at: None };
    let statuses = [
        (client.get_page(page.clone()).await.err(), "limit is above 100"),
        (client.list_changes(changes.clone()).await.err(), "limit is above 1000"),
        (client.get_heads(heads).await.err(), "rooms has more than 5000"),
        (
            client
                .rank_rooms(wire::RankRoomsRequest { rooms: vec![marker; 10_001], ..rank.clone() })
                .await
                .err(),
            "rooms has more than 10000",
        ),
        (
            client.rank_rooms(wire::RankRoomsRequest { limit: 101, ..rank.clone() }).await.err(),
            "limit is above 100",
        ),
        (
            client
                .rank_rooms(wire::RankRoomsRequest { after: Some(after), ..rank.clone() })
                .await
                .err(),
            "after.active_at",
        ),
        (
            client
                .rank_rooms(wire::RankRoomsRequest { user_id: String::new(), ..rank })
                .await
                .err(),
            "user must not be empty",
        ),
    ];
    for (status, message) in statuses {
        let (code, told) = told(&status.expect("refused"));
        assert!(code == Code::BadRequest && told.contains(message), "{told}");
    }
    // A room nobody has spoken in is empty, not absent.
    let page = client.get_page(wire::GetPageRequest { limit: 0, ..page }).await.expect("a page");
    assert!(page.into_inner().messages.is_empty());
    let changes = wire::ListChangesRequest { limit: 0, ..changes };
    assert!(client.list_changes(changes).await.expect("changes").into_inner().changes.is_empty());
}
