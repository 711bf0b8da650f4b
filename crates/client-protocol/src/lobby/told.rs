//! What a guest is told.

use hubbub_domain::Fault;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Asked, Fields, Guest, Nickname};
use crate::chat::Failure;

/// An event for guests.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// To the guest alone: who they are until they log in.
    InitUser(Guest),
    /// Somebody came or went, and how many there are now.
    SysMessage {
        data: String,
        counts: u64,
    },
    LoginSuccess(Nickname),
    /// The nickname is taken, or reserved.
    Repeat(Nickname),
    /// A guest has chosen a nickname (`flag`), or gone away with it.
    System {
        nickname: Nickname,
        /// Guests who have chosen a nickname.
        size: u64,
        flag: bool,
    },
    MessageFromServer {
        guest: Guest,
        fields: Fields,
    },
    Chat {
        text: String,
        id: String,
    },
    ReceiveMessage(String),
    PrivateMessage {
        guest: Guest,
        fields: Fields,
    },
    /// Silent for too long; the disconnection follows.
    NoUser(String),
    Error(Failure),
}

impl Told {
    /// Every event's name, for tables in docs and tests.
    pub const NAMES: [&'static str; 11] = [
        "initUser",
        "sys message",
        "loginSuccess",
        "repeat",
        "system",
        "message from server",
        "chat",
        "receive-message",
        "private message",
        "nouser",
        "error",
    ];

    /// The name of the event.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::InitUser(_) => "initUser",
            Self::SysMessage { .. } => "sys message",
            Self::LoginSuccess(_) => "loginSuccess",
            Self::Repeat(_) => "repeat",
            Self::System { .. } => "system",
            Self::MessageFromServer { .. } => "message from server",
            Self::Chat { .. } => "chat",
            Self::ReceiveMessage(_) => "receive-message",
            Self::PrivateMessage { .. } => "private message",
            Self::NoUser(_) => "nouser",
            Self::Error(_) => "error",
        }
    }

    /// A refused event of the guest.
    pub fn refusal(fault: &Fault, event: &str) -> Self {
        Self::Error(Failure::new(fault, event))
    }

    /// The event's arguments.
    pub fn into_args(self) -> Vec<Value> {
        match self {
            Self::InitUser(guest) => vec![json!(guest)],
            Self::SysMessage { data, counts } => vec![json!(SysMessage { data, counts })],
            Self::LoginSuccess(name) | Self::Repeat(name) => vec![json!(name.as_str())],
            Self::System { nickname, size, flag } => {
                let nickname = nickname.as_str().to_owned();
                vec![json!(System { nickname, size, flag })]
            }
            Self::MessageFromServer { guest, fields } | Self::PrivateMessage { guest, fields } => {
                vec![signed(fields, &guest)]
            }
            Self::Chat { text, id } => vec![json!(format!("{text}-用户:{id}"))],
            Self::ReceiveMessage(text) | Self::NoUser(text) => vec![json!(text)],
            Self::Error(Failure(text, details)) => vec![json!(text), json!(details)],
        }
    }
}

/// The argument of `sys message`.
#[derive(Serialize, ToSchema)]
#[schema(as = lobby::SysMessage)]
pub(crate) struct SysMessage {
    data: String,
    /// Guests in the lobby.
    counts: u64,
}

/// The argument of `system`.
#[derive(Serialize, ToSchema)]
#[schema(as = lobby::System)]
pub(crate) struct System {
    nickname: String,
    size: u64,
    flag: bool,
}

/// The argument of `message from server` and `private message`: the fields that the guest gave, and these.
#[derive(ToSchema)]
#[schema(as = lobby::Said)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `signed` makes")]
pub(crate) struct Said {
    nick_name: Nickname,
    color: String,
}

/// Whatever the guest claims, the name and the colour are theirs.
fn signed(mut fields: Fields, guest: &Guest) -> Value {
    fields.insert("nickName".to_owned(), json!(guest.name.as_str()));
    fields.insert("color".to_owned(), json!(guest.color));
    Value::Object(fields)
}

/// The acknowledgement of an event that was carried out.
pub fn acknowledgement(asked: &Asked) -> Value {
    match asked {
        Asked::JoinRoom(room) => json!(format!("Joined {}", room.as_str())),
        _ => json!({"ok": true}),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Asked, Guest, Nickname, Told, acknowledgement};

    fn guest() -> Guest {
        Guest { name: Nickname::parse("Ann").expect("valid"), color: "#102030".to_owned() }
    }

    #[test]
    fn the_words_of_the_tutorials_are_spoken() {
        assert_eq!(
            Told::InitUser(guest()).into_args(),
            [json!({"name": "Ann", "color": "#102030"})]
        );
        let nickname = Nickname::parse("Ann").expect("valid");
        let left = Told::System { nickname, size: 2, flag: false };
        assert_eq!(left.into_args(), [json!({"nickname": "Ann", "size": 2, "flag": false})]);
        let chat = Told::Chat { text: "hi".to_owned(), id: "x1".to_owned() };
        assert_eq!(chat.into_args(), [json!("hi-用户:x1")]);
        let join = Asked::parse("join-room", vec![json!("red")], 10).expect("valid");
        assert_eq!(acknowledgement(&join), json!("Joined red"));
    }

    #[test]
    fn nobody_speaks_in_anothers_name() {
        let claimed = json!({"description": "hi", "nickName": "system", "color": "red", "n": [1]});
        let fields = claimed.as_object().expect("an object").clone();
        let told = Told::MessageFromServer { guest: guest(), fields };
        assert_eq!(
            told.into_args(),
            [json!({"description": "hi", "nickName": "Ann", "color": "#102030", "n": [1]})]
        );
    }
}
