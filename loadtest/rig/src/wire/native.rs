//! hubbub's native door: JSON in WebSocket texts (`docs/protocol.md`).

use hubbub_client_protocol::SUBPROTOCOL;
use hubbub_testkit::token;

use super::{Heard, Member, Outgoing, Step, Upgrade, Wire, number_after};

pub(crate) struct Native;

impl Wire for Native {
    fn upgrade(&self, member: &Member) -> Option<Upgrade> {
        let headers = vec![
            ("authorization", format!("Bearer {}", token(&member.user))),
            ("sec-websocket-protocol", SUBPROTOCOL.to_owned()),
        ];
        Some(Upgrade { path: "/v1/connect".to_owned(), headers })
    }

    /// The rooms are those that the user is a member of: nobody asks for them.
    fn greeting(&self, _member: &Member) -> Vec<Step> {
        let hello = r#"{"id":0,"type":"hello"}"#.to_owned();
        vec![Step { say: Some(hello), until: r#"{"re":0,"ok":"# }]
    }

    fn send(&self, message: &Outgoing<'_>, out: &mut Vec<u8>) {
        let Outgoing { room, id, text } = message;
        let send = format!(
            r#"{{"id":{id},"type":"send","room":"{room}","client_id":"{id}","body":{{"text":"{text}"}}}}"#
        );
        out.extend(send.as_bytes());
    }

    fn hear<'a>(&self, text: &'a [u8]) -> Heard<'a> {
        if text.starts_with(br#"{"type":"message""#) {
            let seq = number_after(text, br#""seq":"#);
            let number = number_after(text, br##""text":"#"##);
            // What the room itself says has no number.
            return seq
                .zip(number)
                .map_or(Heard::Other, |(seq, number)| Heard::Delivered { seq, number });
        }
        if !text.starts_with(br#"{"re":"#) {
            return Heard::Other;
        }
        match (number_after(text, br#""re":"#), number_after(text, br#""ok":{"seq":"#)) {
            (Some(id), Some(seq)) => Heard::Acked { id, seq },
            (Some(id), None) if memchr::memmem::find(text, br#""retryable":true"#).is_some() => {
                Heard::Again { id }
            }
            _ => Heard::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use hubbub_client_protocol::{
        Appended, Command, Event, MessageContent, MessageView, Reply, Request, RequestId,
    };
    use hubbub_domain::{
        Body, ClientId, Code, Fault, MessageId, Rev, RoomId, Seq, Timestamp, UserId,
    };

    use super::Native;
    use crate::wire::{Heard, Outgoing, Wire as _, text};

    #[test]
    fn what_is_sent_is_a_request() {
        let room = RoomId::generate();
        let mut sent = Vec::new();
        Native.send(&Outgoing { room: &room.to_string(), id: 7, text: &text(7) }, &mut sent);
        let request = Request::parse(std::str::from_utf8(&sent).expect("UTF-8")).expect("valid");
        assert_eq!(request.id, RequestId::Number(7));
        assert!(matches!(request.command, Command::Send(send) if send.room == room));
    }

    #[test]
    fn events_and_answers_are_told_apart() {
        let message = MessageView {
            room: RoomId::generate(),
            seq: Seq(12),
            rev: Rev(15),
            message_id: MessageId::generate(),
            sender: UserId::parse("alice").expect("valid"),
            client_id: ClientId::parse("7").expect("valid"),
            created_at: Timestamp::from_micros(1),
            edited_at: None,
            content: MessageContent::Body(Body::text(text(7))),
            reactions: Vec::new(),
        };
        let appended = Appended {
            seq: message.seq,
            rev: message.rev,
            message_id: message.message_id,
            created_at: message.created_at,
            duplicate: false,
        };
        let event = Event::Message(Box::new(message)).encode();
        assert_eq!(Native.hear(&event), Heard::Delivered { seq: 12, number: 7 });
        let answer = Reply::Appended(appended).encode(&RequestId::Number(7));
        assert_eq!(Native.hear(&answer), Heard::Acked { id: 7, seq: 12 });
        for (retryable, heard) in [(true, Heard::Again { id: 7 }), (false, Heard::Refused)] {
            let fault = Fault::new(if retryable { Code::Unavailable } else { Code::NotFound }, "");
            let refusal = Reply::encode_fault(Some(&RequestId::Number(7)), &fault);
            assert_eq!(Native.hear(&refusal), heard);
        }
        assert_eq!(Native.hear(br#"{"type":"chat","room":"x"}"#), Heard::Other);
    }
}
