//! What a client of `/chat` emits. Arguments nobody knows are ignored; what is missing or of the
//! wrong type is refused with a text that names it.

use hubbub_domain::{Attachment, Body, ClientId, Fault, RoomId, Seq, Timestamp, UserId};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    Chats, Delete, Edit, PublicRooms, React, Read, Refresh, Watch,
    moment::{self, Moment},
    parse_value,
    reading::shortened,
    unicode,
};

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
    /// What this server holds a client to.
    Limits,
}

/// `history`: the newest messages, or those before one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
#[schema(as = chat::HistoryAsked)]
pub struct HistoryAsked {
    /// By default the room entered last.
    pub room: Option<RoomId>,
    /// A `createdAt` as it came, or the milliseconds of a `Date`.
    #[serde(deserialize_with = "moment::option")]
    #[schema(value_type = Option<Moment>)]
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
    pub const NAMES: [&'static str; 15] = [
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
        "limits",
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
            "limits" => Ok(Self::Limits),
            _ => {
                let name = shortened(name);
                Err(Fault::bad_request(format!("there is no event {name:?}")))
            }
        }
    }
}

/// `openRoom`.
#[derive(Deserialize, ToSchema)]
#[schema(as = chat::OpenRoom)]
pub(crate) struct OpenRoom {
    receiver: UserId,
}

fn parse_history(argument: Option<Value>) -> Result<HistoryAsked, Fault> {
    // The time alone is what it stands for.
    let argument = match argument {
        Some(time @ (Value::String(_) | Value::Number(_))) => Some(json!({ "lastTime": time })),
        argument => argument,
    };
    optional(argument)
}

/// `chatMessage` as an object; its text alone will do, too.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
#[schema(as = chat::PostAsked)]
pub(crate) struct PostAsked {
    /// By default the room entered last.
    room: Option<RoomId>,
    /// Makes a repetition the same message.
    client_id: Option<ClientId>,
    message: String,
    attachments: Vec<Attachment>,
    reply_to: Option<Seq>,
    mentions: Vec<UserId>,
}

fn parse_posting(argument: Option<Value>) -> Result<Posting, Fault> {
    if let Some(Value::String(text)) = argument {
        return Ok(Posting { room: None, client_id: None, body: Body::text(text) });
    }
    if !matches!(argument, None | Some(Value::Object(_))) {
        return Err(Fault::bad_request("the argument must be an object or a string"));
    }
    let PostAsked { room, client_id, message, attachments, reply_to, mentions } = fields(argument)?;
    let body = Body { text: message, attachments, reply_to, mentions };
    Ok(Posting { room, client_id, body })
}

/// `editMessage`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = chat::EditAsked)]
pub(crate) struct EditAsked {
    room: RoomId,
    seq: Seq,
    #[serde(default)]
    message: String,
    #[serde(default)]
    attachments: Vec<Attachment>,
    #[serde(default)]
    reply_to: Option<Seq>,
    #[serde(default)]
    mentions: Vec<UserId>,
}

fn parse_edit(argument: Option<Value>) -> Result<Edit, Fault> {
    let EditAsked { room, seq, message, attachments, reply_to, mentions } = fields(argument)?;
    Ok(Edit { room, seq, body: Body { text: message, attachments, reply_to, mentions } })
}

/// An argument that has to be there.
fn fields<T: DeserializeOwned>(argument: Option<Value>) -> Result<T, Fault> {
    let argument = argument.ok_or_else(|| Fault::bad_request("the argument is missing"))?;
    if unicode::is_mended(&argument) {
        // A text may hold U+FFFD; an identifier with it is refused.
        parse_value::<T>(unicode::substituted(&argument), "the argument")?;
    }
    parse_value(argument, "the argument")
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
        assert_eq!(refused("join-room", vec![json!("7")]), "the argument must be a UUID");
        assert_eq!(refused("openRoom", vec![json!({})]), "`receiver` is missing");
        assert_eq!(refused("typing", vec![]), "the argument is missing");
        assert_eq!(refused("shout", vec![]), "there is no event \"shout\"");
        let history = |last_time: Value| refused("history", vec![json!({"lastTime": last_time})]);
        let times = "`lastTime` must be a time: RFC 3339, or milliseconds since 1970";
        for wrong in [json!("yesterday"), json!(true), json!([])] {
            assert_eq!(history(wrong), times);
        }
        let post = |argument| refused("chatMessage", vec![argument]);
        assert_eq!(post(json!(7)), "the argument must be an object or a string");
        assert_eq!(post(json!({"message": 7})), "`message` must be a string");
        assert_eq!(
            post(json!({"clientId": "a\u{0}"})),
            "`clientId` must not have control characters"
        );
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
