//! What a client of the namespace is told, word for word.

use hubbub_domain::{
    Body, Change, ChangeKind, ClientId, Fault, MessageId, MessageKind, Rev, RoomId, Seq,
    SystemNotice, Timestamp, UserId,
};
use serde_json::{Value, json};

use super::{Told, Typing, Typist};

fn written(told: &Told, offset: Option<&str>) -> Value {
    let mut out = Vec::new();
    told.write(&mut out, offset).expect("text keys");
    serde_json::from_slice(&out).expect("JSON")
}

fn posted(kind: MessageKind) -> (RoomId, Change) {
    let room = RoomId::generate();
    let message = hubbub_domain::Message {
        room,
        seq: Seq(1),
        rev: Rev(2),
        id: MessageId::generate(),
        sender: UserId::parse("alice").expect("valid"),
        client_id: ClientId::parse("c").expect("valid"),
        kind,
        created_at: Timestamp::from_micros(1),
        edited_at: None,
        reactions: vec![],
    };
    (room, Change { rev: Rev(2), kind: ChangeKind::Posted(Box::new(message)) })
}

#[test]
fn a_message_has_the_fields_of_the_reference_and_its_offset_behind_it() {
    let (room, change) = posted(MessageKind::User(Body::text("hi")));
    let json = written(&Told::of_change(room, change), Some("@x"));
    assert_eq!(json[0], "chatMessage");
    let keys: Vec<&String> = json[1].as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["_id", "clientId", "createdAt", "message", "room", "sender", "seq"]);
    assert_eq!(json[1]["message"], "hi");
    assert_eq!(json[2], "@x");
}

#[test]
fn a_notice_is_readable_and_not_taken_for_a_message() {
    let user = UserId::parse("bob").expect("valid");
    let (room, change) = posted(MessageKind::System(SystemNotice::Joined { user }));
    let json = written(&Told::of_change(room, change), None);
    assert_eq!(json[0], "roomNotice");
    assert_eq!(json[1]["message"], "bob joined");
    assert_eq!(json[1]["system"], json!({"event": "joined", "user": "bob"}));
    assert_eq!(json.as_array().map(Vec::len), Some(2));
}

#[test]
fn events_of_two_arguments_have_two() {
    let (room, user) = (RoomId::generate(), UserId::parse("bob").expect("valid"));
    let typing = Told::Typing(Typing(true, Typist { room, user }));
    assert_eq!(written(&typing, None), json!(["typing", true, {"room": room, "user": "bob"}]));
    let fault = Fault::bad_request("no [brackets]");
    let json = written(&Told::refusal(&fault, "read"), None);
    assert_eq!(json[1], "no [brackets]");
    assert_eq!(json[2]["event"], "read");
    assert_eq!(json[2]["code"], "bad_request");
}
