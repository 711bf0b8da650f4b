//! Which messages there are, and what they hold. Names come from the vocabularies; so do the shapes, but for the
//! arguments that are no more than a text or a flag.

use hubbub_domain::RoomId;
use serde_json::{Value, json};
use utoipa::PartialSchema as _;

use super::{Type, in_json};
use crate::{
    Chats, Command, Delete, Event, PublicRooms, React, Reacted, Read, Refresh, RequestId, Revised,
    Watch, chat, lobby,
};

/// A message of a client with its acknowledgement.
pub(super) struct Asked {
    pub(super) name: &'static str,
    pub(super) arguments: Vec<Type>,
    /// How many of the arguments must be there.
    pub(super) required: usize,
    pub(super) acknowledgement: Type,
}

impl Asked {
    fn new(name: &'static str, argument: Type, acknowledgement: Type) -> Self {
        Self { name, arguments: vec![argument], required: 1, acknowledgement }
    }

    fn optional(mut self) -> Self {
        self.required = 0;
        self
    }
}

fn text(description: &str) -> Type {
    Type::inline(json!({"type": "string", "description": description}))
}

fn list(of: Type) -> Type {
    Type { schema: json!({"type": "array", "items": of.schema}), components: of.components }
}

pub(super) fn chat_asked() -> Vec<Asked> {
    let flag = Type::inline(json!({"type": "boolean"}));
    let post = Type::either([Type::of::<chat::PostAsked>(), text("just the text")]);
    let messages = || list(Type::of::<chat::Message>());
    let room = Type::of::<RoomId>;
    vec![
        Asked::new("history", Type::of::<chat::HistoryAsked>(), messages()).optional(),
        Asked::new("chatMessage", post, Type::of::<chat::Posted>()),
        Asked::new("typing", flag, Type::of::<crate::Empty>()),
        Asked::new("join-room", room(), Type::of::<chat::RoomEntered>()),
        Asked::new("leaveRoom", room(), Type::of::<chat::RoomLeft>()),
        Asked::new("openRoom", Type::of::<chat::OpenRoom>(), Type::of::<chat::OpenedRoom>()),
        Asked::new("chatRecord", Type::of::<Chats>(), list(Type::of::<chat::ChatRecord>()))
            .optional(),
        Asked::new("read", Type::of::<Read>(), Type::of::<chat::ReadSoFar>()),
        Asked::new("editMessage", Type::of::<chat::EditAsked>(), Type::of::<Revised>()),
        Asked::new("deleteMessage", Type::of::<Delete>(), Type::of::<Revised>()),
        Asked::new("react", Type::of::<React>(), Type::of::<Reacted>()),
        Asked::new("watch", Type::of::<Watch>(), Type::of::<chat::WatchedUsers>()),
        Asked::new("publicRooms", Type::of::<PublicRooms>(), Type::of::<chat::PublicRoomList>())
            .optional(),
        Asked::new("refresh", Type::of::<Refresh>(), Type::of::<chat::Refreshed>()),
        Asked {
            arguments: Vec::new(),
            ..Asked::new("limits", text(""), Type::of::<crate::Limits>())
        }
        .optional(),
    ]
}

pub(super) fn chat_told() -> Vec<(&'static str, Vec<Type>)> {
    // Two events have a second argument.
    let arguments = |name: &str, content: Type| match name {
        "typing" => {
            vec![Type::inline(json!({"type": "boolean"})), Type::of::<chat::Typist>()]
        }
        "error" => failure(),
        _ => vec![content],
    };
    let told = chat::Told::documented();
    told.into_iter().map(|(name, content)| (name, arguments(name, content))).collect()
}

/// The arguments of `error`.
fn failure() -> Vec<Type> {
    vec![text("readable"), Type::of::<chat::FailureDetails>()]
}

pub(super) fn lobby_asked() -> Vec<Asked> {
    let done = || {
        Type::inline(json!({
            "type": "object",
            "required": ["ok"],
            "properties": {"ok": {"type": "boolean", "const": true}},
        }))
    };
    let fields = |required: Value| {
        Type::inline(json!({
            "type": "object",
            "required": required,
            "properties": {"to": {"type": "string"}, "description": {"type": "string"}},
        }))
    };
    let said = || Type::either([fields(json!([])), text("just the description")]);
    let mut to_room = Asked::new("send-message", text("what is said"), done());
    to_room.arguments.push(Type::of::<lobby::RoomName>());
    vec![
        Asked::new("login", Type::of::<lobby::Nickname>(), done()),
        Asked::new("chat message", said(), done()),
        Asked::new("chat", text("what is said"), done()),
        to_room,
        Asked::new("join-room", Type::of::<lobby::RoomName>(), text("`Joined`, and the room")),
        Asked::new("private message", fields(json!(["to"])), done()),
    ]
}

pub(super) fn lobby_told() -> Vec<(&'static str, Vec<Type>)> {
    let nickname = || vec![Type::of::<lobby::Nickname>()];
    let said = || vec![Type::of::<lobby::Said>()];
    vec![
        ("initUser", vec![Type::of::<lobby::Guest>()]),
        ("sys message", vec![Type::of::<lobby::SysMessage>()]),
        ("loginSuccess", nickname()),
        ("repeat", nickname()),
        ("system", vec![Type::of::<lobby::System>()]),
        ("message from server", said()),
        ("chat", vec![text("`text-用户:id`")]),
        ("receive-message", vec![text("what was said")]),
        ("private message", said()),
        ("nouser", vec![text("why the disconnection follows")]),
        ("error", failure()),
    ]
}

/// Every command with `id` and `type` beside its fields, and its answer.
pub(super) fn native_commands() -> Vec<(&'static str, Type, Type)> {
    let id = in_json(&RequestId::schema());
    let commands = Command::documented().into_iter().map(|exchange| {
        let name = exchange.name;
        let outline = json!({
            "type": "object",
            "required": ["id", "type"],
            "properties": {"id": id.clone(), "type": {"const": name}},
        });
        let answer = json!({
            "type": "object",
            "required": ["re", "ok"],
            "properties": {"re": id.clone(), "ok": exchange.answer.schema},
        });
        let fields = json!({"allOf": [outline, exchange.fields.schema]});
        (
            name,
            Type { schema: fields, components: exchange.fields.components },
            Type { schema: answer, components: exchange.answer.components },
        )
    });
    commands.collect()
}

/// Every event: one of the alternatives that the enum's schema lists.
pub(super) fn native_events() -> Vec<(String, Type)> {
    let whole = Type::of::<Event>();
    let (_, schema) = whole.components.last().expect("an enum has a name").clone();
    let alternatives = schema["oneOf"].as_array().expect("alternatives").clone();
    let events = alternatives.into_iter().map(|schema| {
        let name = tag(&schema).expect("every event has a type");
        (name, Type { schema, components: whole.components.clone() })
    });
    events.collect()
}

/// The one value of the field `type`.
fn tag(schema: &Value) -> Option<String> {
    if let Some(all) = schema["allOf"].as_array() {
        return all.iter().find_map(tag);
    }
    schema["properties"]["type"]["enum"][0].as_str().map(str::to_owned)
}
