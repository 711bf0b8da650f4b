//! What a guest emits.

use hubbub_domain::{Code, Fault};
use serde_json::{Map, Value};

use super::{Nickname, RoomName};

/// What a guest's object holds; passed on as it is, with who sent it.
pub type Fields = Map<String, Value>;

/// An event of a guest, understood.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    Login(Nickname),
    ChatMessage(Fields),
    Chat(String),
    /// To a room, or to all others.
    SendMessage(String, Option<RoomName>),
    JoinRoom(RoomName),
    PrivateMessage(Nickname, Fields),
}

impl Asked {
    /// Every event a guest may emit, for tables in docs and tests.
    pub const NAMES: [&'static str; 6] =
        ["login", "chat message", "chat", "send-message", "join-room", "private message"];

    /// Reads an event by its name and its arguments, the acknowledgement not among them. Every text
    /// has at most `text_chars_max` characters.
    pub fn parse(name: &str, args: Vec<Value>, text_chars_max: usize) -> Result<Self, Fault> {
        let mut args = args.into_iter();
        let first = args.next();
        match name {
            "login" => nickname(first.as_ref(), "the nickname").map(Self::Login),
            "chat message" => fields(first, text_chars_max).map(Self::ChatMessage),
            "chat" => text(first, text_chars_max).map(Self::Chat),
            "send-message" => {
                let text = text(first, text_chars_max)?;
                Ok(Self::SendMessage(text, room(args.next().as_ref())?))
            }
            "join-room" => {
                let room = room(first.as_ref())?;
                room.map(Self::JoinRoom).ok_or_else(|| Fault::bad_request("the room has no name"))
            }
            "private message" => {
                let fields = fields(first, text_chars_max)?;
                Ok(Self::PrivateMessage(nickname(fields.get("to"), "to")?, fields))
            }
            _ => Err(Fault::bad_request("unknown event")),
        }
    }
}

fn nickname(argument: Option<&Value>, what: &str) -> Result<Nickname, Fault> {
    let text = argument.and_then(Value::as_str);
    let text = text.ok_or_else(|| Fault::bad_request(format!("{what} is not a text")))?;
    Nickname::parse(text)
}

fn room(argument: Option<&Value>) -> Result<Option<RoomName>, Fault> {
    match argument {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => RoomName::parse(text).map(Some),
        Some(_) => Err(Fault::bad_request("the room is not a text")),
    }
}

fn text(argument: Option<Value>, chars_max: usize) -> Result<String, Fault> {
    match argument {
        Some(Value::String(text)) => bounded(&text, chars_max).map(|()| text),
        _ => Err(Fault::bad_request("the text is missing")),
    }
}

/// An object; a text alone is its description.
fn fields(argument: Option<Value>, chars_max: usize) -> Result<Fields, Fault> {
    let fields = match argument {
        Some(Value::Object(fields)) => fields,
        Some(description @ Value::String(_)) => {
            Fields::from_iter([("description".to_owned(), description)])
        }
        _ => return Err(Fault::bad_request("the message is neither an object nor a text")),
    };
    for text in fields.values().filter_map(Value::as_str) {
        bounded(text, chars_max)?;
    }
    Ok(fields)
}

fn bounded(text: &str, chars_max: usize) -> Result<(), Fault> {
    if text.len() > chars_max && text.chars().count() > chars_max {
        return Err(Fault::new(
            Code::TooLarge,
            format!("a text has more than {chars_max} characters"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::Asked;

    fn parse(name: &str, args: Value) -> Result<Asked, String> {
        let Value::Array(args) = args else { panic!("arguments") };
        Asked::parse(name, args, 10).map_err(|fault| fault.message.into_owned())
    }

    #[test]
    fn the_words_of_the_tutorials_are_understood() {
        let Ok(Asked::ChatMessage(fields)) =
            parse("chat message", json!([{"description": "hi", "n": 1}]))
        else {
            panic!("a message")
        };
        assert_eq!(fields["n"], 1);
        let Ok(Asked::ChatMessage(fields)) = parse("chat message", json!(["hi"])) else {
            panic!("a message")
        };
        assert_eq!(fields["description"], "hi");
        for args in [json!(["hi"]), json!(["hi", ""]), json!(["hi", null])] {
            assert_eq!(parse("send-message", args), Ok(Asked::SendMessage("hi".to_owned(), None)));
        }
        assert!(matches!(
            parse("send-message", json!(["hi", "a"])),
            Ok(Asked::SendMessage(_, Some(_)))
        ));
        assert!(matches!(
            parse("private message", json!([{"to": "bob", "message": "hi"}])),
            Ok(Asked::PrivateMessage(..))
        ));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(parse("login", json!([7])), Err("the nickname is not a text".to_owned()));
        assert_eq!(parse("login", json!(["  "])), Err("nickname is empty".to_owned()));
        assert_eq!(parse("join-room", json!([""])), Err("the room has no name".to_owned()));
        assert_eq!(parse("private message", json!([{}])), Err("to is not a text".to_owned()));
        assert_eq!(
            parse("chat", json!(["12345678901"])),
            Err("a text has more than 10 characters".to_owned())
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(name in prop::sample::select(&Asked::NAMES[..]), text in ".{0,60}", number: i64) {
            let args = vec![json!(text), json!({"to": text, "message": number}), json!(number)];
            for turn in 0..3 {
                let mut args = args.clone();
                args.rotate_left(turn);
                let _any_answer = Asked::parse(name, args, 20);
            }
        }
    }
}
