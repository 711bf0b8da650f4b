//! Socket.IO 4 over a WebSocket from the first byte: Engine.IO's packet type and Socket.IO's are the first
//! two digits of a text, the number of the request follows, then JSON. What the peers of
//! `loadtest/peers` speak.

use super::{Heard, Member, Outgoing, Step, Upgrade, Wire, number_after};

/// Makes the token of a user.
pub(crate) type Token = fn(&str) -> String;

pub(crate) struct SocketIo {
    pub(crate) token: Token,
}

/// What Engine.IO's server asks now and then, and what it is answered.
pub(super) const PING: &[u8] = b"2";
pub(super) const PONG: &str = "3";

/// Asks for a WebSocket without a poll before it.
pub(super) fn upgrade() -> Upgrade {
    let path = "/socket.io/?EIO=4&transport=websocket".to_owned();
    Upgrade { path, headers: Vec::new() }
}

impl Wire for SocketIo {
    fn upgrade(&self, _member: &Member) -> Option<Upgrade> {
        Some(upgrade())
    }

    fn greeting(&self, member: &Member) -> Vec<Step> {
        let token = (self.token)(&member.user);
        let mut steps = vec![
            Step { say: None, until: "0{" },
            Step { say: Some(format!(r#"40{{"token":"{token}"}}"#)), until: "40{" },
        ];
        // One after the other: all of them have the same number, which no message uses.
        steps.extend(member.rooms.iter().map(|room| Step {
            say: Some(format!(r#"420["join-room",{{"room":"{room}"}}]"#)),
            until: r#"430[{"room""#,
        }));
        steps
    }

    fn send(&self, message: &Outgoing<'_>, out: &mut Vec<u8>) {
        let Outgoing { room, id, text } = message;
        let packet = format!(
            r#"42{id}["chatMessage",{{"room":"{room}","client_id":"{id}","body":{{"text":"{text}"}}}}]"#
        );
        out.extend_from_slice(packet.as_bytes());
    }

    fn hear<'a>(&self, text: &'a [u8]) -> Heard<'a> {
        match text {
            PING => Heard::Say(PONG),
            [b'4', b'2', ..] => delivered(text).unwrap_or(Heard::Refused),
            [b'4', b'3', rest @ ..] => acked(rest).unwrap_or(Heard::Refused),
            // Disconnected from the namespace, or not let in.
            [b'4', b'1' | b'4', ..] => Heard::Refused,
            _ => Heard::Other,
        }
    }
}

fn delivered(text: &[u8]) -> Option<Heard<'static>> {
    let (seq, number) = (number_after(text, br#""seq":"#)?, number_after(text, br##""#"##)?);
    Some(Heard::Delivered { seq, number })
}

/// None for an answer without a place: the peers' word for an error.
fn acked(text: &[u8]) -> Option<Heard<'static>> {
    let (id, seq) = (number_after(text, b"")?, number_after(text, br#""seq":"#)?);
    Some(Heard::Acked { id, seq })
}

#[cfg(test)]
mod tests {
    use super::{Heard, Member, Outgoing, SocketIo, Wire as _};

    const WIRE: SocketIo = SocketIo { token: |user| format!("token-of-{user}") };

    #[test]
    fn a_member_comes_in_and_joins() {
        let member = Member { user: "ann".into(), rooms: vec!["r1".into(), "r2".into()] };
        let said: Vec<_> = WIRE.greeting(&member).into_iter().filter_map(|step| step.say).collect();
        assert_eq!(
            said,
            [
                r#"40{"token":"token-of-ann"}"#,
                r#"420["join-room",{"room":"r1"}]"#,
                r#"420["join-room",{"room":"r2"}]"#
            ]
        );
    }

    #[test]
    fn a_message_is_an_event_with_a_number() {
        let mut out = Vec::new();
        WIRE.send(&Outgoing { room: "r1", id: 12, text: "#5 hi" }, &mut out);
        let text = String::from_utf8(out).expect("it is text");
        assert_eq!(
            text,
            r##"4212["chatMessage",{"room":"r1","client_id":"12","body":{"text":"#5 hi"}}]"##
        );
    }

    #[test]
    fn what_is_heard() {
        let event = br##"42["chatMessage",{"room":"r","seq":7,"rev":7,"body":{"text":"#5 hi"}}]"##;
        for (text, heard) in [
            (&event[..], Heard::Delivered { seq: 7, number: 5 }),
            (br#"4312[{"seq":7,"rev":7,"duplicate":false}]"#, Heard::Acked { id: 12, seq: 7 }),
            (br#"4312[{"error":"unavailable"}]"#, Heard::Refused),
            (br#"44{"message":"unauthenticated"}"#, Heard::Refused),
            (b"2", Heard::Say("3")),
            (b"6", Heard::Other),
            (b"", Heard::Other),
        ] {
            assert_eq!(WIRE.hear(text), heard, "{}", String::from_utf8_lossy(text));
        }
    }
}
