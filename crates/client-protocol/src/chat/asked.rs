//! What a client of `/chat` emits. Arguments nobody knows are ignored; what is missing or of the
//! wrong type is refused with a text that names it.

use hubbub_domain::{Attachment, Body, ClientId, Fault, RoomId, Seq, Timestamp, UserId};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{Chats, Delete, Edit, PublicRooms, React, Read, Refresh, Watch, moment, unicode};

/// An event of a client, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    History(HistoryAsked),
    Post(Posting),
    /// In the room entered last.
    Typing(bool),
    Enter(RoomId),
    Leave(RoomId),
    OpenRoom(UserId),
    ChatRecord(Chats),
    Read(Read),
    Edit(Edit),
    Delete(Delete),
    React(React),
    Watch(Watch),
    PublicRooms(PublicRooms),
    Refresh(Refresh),
}

/// `history`: the newest messages, or those before one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryAsked {
    /// The room entered last, unless told.
    pub room: Option<RoomId>,
    pub last_time: Option<Timestamp>,
    pub before_seq: Option<Seq>,
    pub limit: Option<u32>,
}

/// `chatMessage`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// The room entered last, unless told.
    pub room: Option<RoomId>,
    /// Makes a repetition the same message.
    pub client_id: Option<ClientId>,
    pub body: Body,
}

impl Asked {
    /// Every event a client may emit, for tables in docs and tests.
    pub const NAMES: [&'static str; 14] = [
        "history",
        "chatMessage",
        "typing",
        "join-room",
        "leaveRoom",
        "openRoom",
        "chatRecord",
        "read",
        "editMessage",
        "deleteMessage",
        "react",
        "watch",
        "publicRooms",
        "refresh",
    ];

    /// Reads an event by its name and its arguments, the acknowledgement not among them.
    pub fn parse(name: &str, args: Vec<Value>) -> Result<Self, Fault> {
        let mut args = args.into_iter();
        let first = args.next();
        match name {
            "history" => parse_history(first).map(Self::History),
            "chatMessage" => parse_posting(first).map(Self::Post),
            "typing" => fields(first).map(Self::Typing),
            "join-room" => fields(first).map(Self::Enter),
            "leaveRoom" => fields(first).map(Self::Leave),
            "openRoom" => fields(first).map(|OpenRoom { receiver }| Self::OpenRoom(receiver)),
            "chatRecord" => optional(first).map(Self::ChatRecord),
            "read" => fields(first).map(Self::Read),
            "editMessage" => parse_edit(first).map(Self::Edit),
            "deleteMessage" => fields(first).map(Self::Delete),
            "react" => fields(first).map(Self::React),
            "watch" => fields(first).map(Self::Watch),
            "publicRooms" => optional(first).map(Self::PublicRooms),
            "refresh" => fields(first).map(Self::Refresh),
            _ => Err(Fault::bad_request("unknown event")),
        }
    }
}

#[derive(Deserialize)]
struct OpenRoom {
    receiver: UserId,
}

fn parse_history(argument: Option<Value>) -> Result<HistoryAsked, Fault> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Fields {
        room: Option<RoomId>,
        #[serde(deserialize_with = "moment::option")]
        last_time: Option<Timestamp>,
        before_seq: Option<Seq>,
        limit: Option<u32>,
    }

    // The time alone is what it stands for.
    let argument = match argument {
        Some(time @ (Value::String(_) | Value::Number(_))) => Some(json!({ "lastTime": time })),
        argument => argument,
    };
    let Fields { room, last_time, before_seq, limit } = optional(argument)?;
    Ok(HistoryAsked { room, last_time, before_seq, limit })
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Content {
    message: String,
    attachments: Vec<Attachment>,
    reply_to: Option<Seq>,
    mentions: Vec<UserId>,
}

impl From<Content> for Body {
    fn from(content: Content) -> Self {
        let Content { message, attachments, reply_to, mentions } = content;
        Self { text: message, attachments, reply_to, mentions }
    }
}

/// An object with `message`, or just the text.
fn parse_posting(argument: Option<Value>) -> Result<Posting, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Fields {
        room: Option<RoomId>,
        client_id: Option<ClientId>,
        #[serde(flatten)]
        content: Content,
    }

    if let Some(Value::String(text)) = argument {
        return Ok(Posting { room: None, client_id: None, body: Body::text(text) });
    }
    let Fields { room, client_id, content } = fields(argument)?;
    Ok(Posting { room, client_id, body: content.into() })
}

fn parse_edit(argument: Option<Value>) -> Result<Edit, Fault> {
    #[derive(Deserialize)]
    struct Fields {
        room: RoomId,
        seq: Seq,
        #[serde(flatten)]
        content: Content,
    }

    let Fields { room, seq, content } = fields(argument)?;
    Ok(Edit { room, seq, body: content.into() })
}

/// An argument that has to be there.
fn fields<T: DeserializeOwned>(argument: Option<Value>) -> Result<T, Fault> {
    let argument = argument.ok_or_else(|| Fault::bad_request("the argument is missing"))?;
    if unicode::is_mended(&argument) {
        // A text may hold U+FFFD; an identifier with it is refused.
        let substituted = unicode::substituted(&argument);
        serde_json::from_value::<T>(substituted)
            .map_err(|error| Fault::bad_request(error.to_string()))?;
    }
    serde_json::from_value(argument).map_err(|error| Fault::bad_request(error.to_string()))
}

/// An argument that may be left out: nothing and `null` mean the defaults.
fn optional<T: DeserializeOwned + Default>(argument: Option<Value>) -> Result<T, Fault> {
    match argument {
        None | Some(Value::Null) => Ok(T::default()),
        some => fields(some),
    }
}

#[cfg(test)]
mod tests {
    use hubbub_domain::{ClientId, Code, RoomId, Seq, Timestamp};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{Asked, HistoryAsked};

    fn parse(name: &str, argument: Value) -> Asked {
        Asked::parse(name, vec![argument]).expect("well formed")
    }

    #[test]
    fn a_message_is_an_object_or_a_text() {
        let room = RoomId::generate();
        let whole = json!({"message": "hi", "clientId": "c", "room": room, "replyTo": 4, "x": 1});
        let Asked::Post(posting) = parse("chatMessage", whole) else { panic!("a posting") };
        assert_eq!(posting.body.text, "hi");
        assert_eq!(posting.body.reply_to, Some(Seq(4)));
        assert_eq!(posting.client_id, Some(ClientId::parse("c").expect("valid")));
        assert_eq!(posting.room, Some(room));
        let Asked::Post(posting) = parse("chatMessage", json!("hi")) else { panic!("a posting") };
        assert_eq!((posting.body.text.as_str(), posting.room), ("hi", None));
    }

    #[test]
    fn history_takes_times_as_they_come() {
        let at = Timestamp::parse("2026-11-20T10:00:00.25Z").expect("valid");
        for moment in [json!("2026-11-20T10:00:00.25Z"), json!(at.as_micros() / 1_000)] {
            let asked = parse("history", json!({"lastTime": moment, "limit": 5}));
            let expected =
                HistoryAsked { last_time: Some(at), limit: Some(5), ..Default::default() };
            assert_eq!(asked, Asked::History(expected));
        }
        for bare in [json!("2026-11-20T10:00:00.25Z"), json!(at.as_micros() / 1_000)] {
            let expected = HistoryAsked { last_time: Some(at), ..Default::default() };
            assert_eq!(parse("history", bare), Asked::History(expected));
        }
        let newest = Asked::History(HistoryAsked::default());
        assert_eq!(Asked::parse("history", vec![]), Ok(newest.clone()));
        assert_eq!(parse("history", Value::Null), newest);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let refused = |name, args| {
            let fault = Asked::parse(name, args).expect_err("refused");
            assert_eq!(fault.code, Code::BadRequest);
            fault.message.into_owned()
        };
        assert_eq!(refused("join-room", vec![json!("7")]), "bad_request: room is not a UUID");
        assert_eq!(refused("openRoom", vec![json!({})]), "missing field `receiver`");
        assert_eq!(refused("typing", vec![]), "the argument is missing");
        assert_eq!(refused("shout", vec![]), "unknown event");
        assert!(refused("chatMessage", vec![json!(7)]).contains("invalid type"));
    }

    proptest! {
        #[test]
        fn nothing_panics(name in prop::sample::select(&Asked::NAMES[..]), text in ".{0,40}", number: i64) {
            for argument in [json!(text), json!(number), json!([text]), json!({"message": number})] {
                let _any_answer = Asked::parse(name, vec![argument]);
            }
            let _any_answer = Asked::parse(name, vec![json!({"lastTime": number, "seq": number})]);
        }
    }
}
