//! hubbub's Socket.IO door: the namespace `/chat` over a WebSocket from the first byte (`docs/socketio.md`),
//! as a stock client speaks it, offsets for coming back included.

use hubbub_testkit::token;

use super::{
    Heard, Member, Outgoing, Step, Upgrade, Wire, number_after,
    socketio::{PING, PONG, upgrade},
};

pub(crate) struct Chat;

impl Wire for Chat {
    fn upgrade(&self, _member: &Member) -> Option<Upgrade> {
        Some(upgrade())
    }

    fn greeting(&self, member: &Member) -> Vec<Step> {
        let token = token(&member.user);
        let mut steps = vec![
            Step { say: None, until: "0{" },
            Step { say: Some(format!(r#"40/chat,{{"token":"{token}"}}"#)), until: "40/chat,{" },
        ];
        // One after the other: all of them have the same number, which no message uses.
        steps.extend(member.rooms.iter().map(|room| Step {
            say: Some(format!(r#"42/chat,0["join-room","{room}"]"#)),
            until: r#"43/chat,0[{"ok":true"#,
        }));
        steps
    }

    fn send(&self, message: &Outgoing<'_>, out: &mut Vec<u8>) {
        let Outgoing { room, id, text } = message;
        let packet = format!(
            r#"42/chat,{id}["chatMessage",{{"room":"{room}","clientId":"{id}","message":"{text}"}}]"#
        );
        out.extend_from_slice(packet.as_bytes());
    }

    fn hear<'a>(&self, text: &'a [u8]) -> Heard<'a> {
        if text == PING {
            return Heard::Say(PONG);
        }
        if text.starts_with(br#"42/chat,["chatMessage",{"#) {
            let seq = number_after(text, br#""seq":"#);
            let number = number_after(text, br##""message":"#"##);
            // Nobody else writes to the rig's rooms.
            return seq
                .zip(number)
                .map_or(Heard::Refused, |(seq, number)| Heard::Delivered { seq, number });
        }
        match (text.strip_prefix(b"43/chat,"), text) {
            (Some(ack), _) => acked(ack),
            // Disconnected from the namespace, or not let in.
            (None, [b'4', b'1' | b'4', ..]) => Heard::Refused,
            // An `error` event among them: the acknowledgement says the same.
            _ => Heard::Other,
        }
    }
}

fn acked(ack: &[u8]) -> Heard<'static> {
    let refused = memchr::memmem::find(ack, br#"[{"error":{"#).is_some();
    match (number_after(ack, b""), number_after(ack, br#""seq":"#)) {
        (Some(id), Some(seq)) if !refused => Heard::Acked { id, seq },
        (Some(id), _) if memchr::memmem::find(ack, br#""retryable":true"#).is_some() => {
            Heard::Again { id }
        }
        _ => Heard::Refused,
    }
}

#[cfg(test)]
mod tests {
    use hubbub_client_protocol::{
        Appended,
        chat::{Asked, Posted, Refused, Told},
    };
    use hubbub_domain::{
        Body, Change, ChangeKind, ClientId, Code, Fault, Message, MessageId, MessageKind, Rev,
        RoomId, Seq, Timestamp, UserId,
    };
    use serde_json::Value;

    use super::Chat;
    use crate::wire::{Heard, Member, Outgoing, Wire as _, text};

    /// The name and the arguments of an event that a client emits.
    fn emitted(packet: &str) -> (String, Vec<Value>) {
        let json = &packet[packet.find('[').expect("a list")..];
        let mut values: Vec<Value> = serde_json::from_str(json).expect("JSON");
        let name = values.remove(0).as_str().expect("a name").to_owned();
        (name, values)
    }

    #[test]
    fn what_is_said_is_what_the_door_understands() {
        let room = RoomId::generate();
        let mut sent = Vec::new();
        Chat.send(&Outgoing { room: &room.to_string(), id: 7, text: &text(7) }, &mut sent);
        let sent = String::from_utf8(sent).expect("UTF-8");
        assert!(sent.starts_with("42/chat,7["), "{sent}");
        let (name, args) = emitted(&sent);
        let asked = Asked::parse(&name, args).expect("understood");
        let Asked::Post(posting) = asked else { panic!("a posting, not {asked:?}") };
        assert_eq!((posting.room, posting.body.text), (Some(room), text(7)));
        assert_eq!(posting.client_id, Some(ClientId::parse("7").expect("valid")));

        let member = Member { user: "ann".into(), rooms: vec![room.to_string()] };
        let said: Vec<_> = Chat.greeting(&member).into_iter().filter_map(|step| step.say).collect();
        let (name, args) = emitted(&said[1]);
        assert_eq!(Asked::parse(&name, args).expect("understood"), Asked::Enter(room));
    }

    fn event(text: String) -> Vec<u8> {
        let message = Message {
            room: RoomId::generate(),
            seq: Seq(12),
            rev: Rev(15),
            id: MessageId::generate(),
            sender: UserId::parse("alice").expect("valid"),
            client_id: ClientId::parse("7").expect("valid"),
            kind: MessageKind::User(Body::text(text)),
            created_at: Timestamp::from_micros(1),
            edited_at: None,
            reactions: Vec::new(),
        };
        let (room, rev) = (message.room, message.rev);
        let change = Change { rev, kind: ChangeKind::Posted(Box::new(message)) };
        let mut out = b"42/chat,".to_vec();
        Told::of_change(room, change).write(&mut out, Some("@offset")).expect("text keys");
        out
    }

    #[test]
    fn what_is_heard_is_what_the_door_says() {
        assert_eq!(Chat.hear(&event(text(7))), Heard::Delivered { seq: 12, number: 7 });
        assert_eq!(Chat.hear(&event("not of this rig".into())), Heard::Refused);
        let appended = Appended {
            seq: Seq(12),
            rev: Rev(15),
            message_id: MessageId::generate(),
            created_at: Timestamp::from_micros(1),
            duplicate: false,
        };
        let posted = Posted::new(&appended, ClientId::parse("7").expect("valid"));
        let answer = |value: Value| format!("43/chat,7{}", Value::Array(vec![value]));
        let answered = answer(serde_json::to_value(posted).expect("JSON"));
        assert_eq!(Chat.hear(answered.as_bytes()), Heard::Acked { id: 7, seq: 12 });
        for (code, heard) in
            [(Code::Unavailable, Heard::Again { id: 7 }), (Code::NotFound, Heard::Refused)]
        {
            let refused = Refused::from(&Fault::new(code, "the \"seq\":1 of a text"));
            let answered = answer(serde_json::to_value(refused).expect("JSON"));
            assert_eq!(Chat.hear(answered.as_bytes()), heard, "{answered}");
        }
        for (text, heard) in [
            (&b"2"[..], Heard::Say("3")),
            (br#"42/chat,["entered",{"rooms":[]},"@"]"#, Heard::Other),
            (br#"44/chat,{"message":"no token was given"}"#, Heard::Refused),
            (b"41/chat,", Heard::Refused),
            (b"", Heard::Other),
        ] {
            assert_eq!(Chat.hear(text), heard, "{}", String::from_utf8_lossy(text));
        }
    }
}
