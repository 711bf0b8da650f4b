//! The document around the tables: channels, operations, messages, schemas.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Type, tables};
use crate::{ErrorView, RequestId, SUBPROTOCOL, chat, lobby};

/// Collects what the document holds, channel by channel.
#[derive(Default)]
struct Collected {
    /// The keys of each channel's messages.
    channels: BTreeMap<&'static str, Vec<String>>,
    operations: Map<String, Value>,
    messages: Map<String, Value>,
    schemas: BTreeMap<String, Value>,
}

/// The whole document.
pub(crate) fn document() -> Value {
    let mut all = Collected::default();
    all.native();
    all.socketio("chat", tables::chat_asked(), tables::chat_told());
    all.socketio("lobby", tables::lobby_asked(), tables::lobby_told());
    let channel = |name: &'static str, address: &str, description: String| {
        let references = all.channels[name]
            .iter()
            .map(|key| (key.clone(), json!({"$ref": format!("#/components/messages/{key}")})));
        let messages: Map<String, Value> = references.collect();
        json!({"address": address, "description": description, "messages": messages})
    };
    let namespace = |name: &str| {
        format!(
            "The Socket.IO namespace {name}. A payload is the list of an event's arguments; the answer to \
             an event is its acknowledgement."
        )
    };
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "hubbub",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What clients and gateways say to each other over connections: the native door \
                and the two namespaces of the Socket.IO door. docs/protocol.md and docs/socketio.md say \
                what it means. A field of a server's message that is not named here is to be ignored.",
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "servers": {"gateway": {"host": "chat.example.org", "protocol": "wss"}},
        "channels": {
            "native": channel(
                "native",
                "/v1/connect",
                format!("JSON objects in text frames; subprotocol {SUBPROTOCOL}."),
            ),
            "chat": channel(
                "chat",
                "/socket.io/",
                namespace(chat::NAMESPACE)
                    + " Clients that recover are given an offset behind the arguments of an event.",
            ),
            "lobby": channel("lobby", "/socket.io/", namespace(lobby::NAMESPACE)),
        },
        "operations": all.operations,
        "components": {"messages": all.messages, "schemas": all.schemas},
    })
}

impl Collected {
    fn native(&mut self) {
        let id = Type::of::<RequestId>();
        let error = Type::of::<ErrorView>();
        let refusal = json!({
            "type": "object",
            "required": ["re", "error"],
            "properties": {"re": {"oneOf": [id.schema, {"type": "null"}]}, "error": error.schema},
        });
        self.schemas.extend(id.components);
        let refusal = Type { schema: refusal, components: error.components };
        let refusal = self.message("native", "native_refusal".to_owned(), "refusal", refusal);
        for (name, fields, answer) in tables::native_commands() {
            let command = self.message("native", key("native_command", name), name, fields);
            let answer = self.message("native", key("native_answer", name), name, answer);
            let operation = key("native", name);
            self.operation("native", operation, &command, &[answer, refusal.clone()]);
        }
        let mut events = Vec::new();
        for (name, event) in tables::native_events() {
            events.push(self.message("native", key("native_event", &name), &name, event));
        }
        self.told("native", &events);
    }

    fn socketio(
        &mut self,
        channel: &'static str,
        asked: Vec<tables::Asked>,
        told: Vec<(&'static str, Vec<Type>)>,
    ) {
        let refusal = Type::of::<chat::Refused>();
        let refusal = self.message(channel, format!("{channel}_refusal"), "refusal", refusal);
        for tables::Asked { name, arguments, required, acknowledgement } in asked {
            let arguments = list(arguments, required);
            let event = key(&format!("{channel}_asked"), name);
            let event = self.message(channel, event, name, arguments);
            let answer = key(&format!("{channel}_acknowledged"), name);
            let answer = self.message(channel, answer, name, acknowledgement);
            self.operation(channel, key(channel, name), &event, &[answer, refusal.clone()]);
        }
        let mut events = Vec::new();
        for (name, arguments) in told {
            let required = arguments.len();
            let event = key(&format!("{channel}_told"), name);
            events.push(self.message(channel, event, name, list(arguments, required)));
        }
        self.told(channel, &events);
    }

    /// Adds a message to a channel; gives its key.
    fn message(&mut self, channel: &'static str, key: String, name: &str, payload: Type) -> String {
        self.schemas.extend(payload.components);
        self.messages.insert(key.clone(), json!({"name": name, "payload": payload.schema}));
        self.channels.entry(channel).or_default().push(key.clone());
        key
    }

    /// The server receives a message and answers it with one of `answers`.
    fn operation(&mut self, channel: &str, key: String, message: &str, answers: &[String]) {
        let within = |key: &str| json!({"$ref": format!("#/channels/{channel}/messages/{key}")});
        let answers: Vec<Value> = answers.iter().map(|key| within(key)).collect();
        let here = json!({"$ref": format!("#/channels/{channel}")});
        self.operations.insert(
            key,
            json!({
                "action": "receive",
                "channel": here,
                "messages": [within(message)],
                "reply": {"channel": here, "messages": answers},
            }),
        );
    }

    /// The server sends these of itself.
    fn told(&mut self, channel: &str, events: &[String]) {
        let within = |key: &String| json!({"$ref": format!("#/channels/{channel}/messages/{key}")});
        let messages: Vec<Value> = events.iter().map(within).collect();
        let here = json!({"$ref": format!("#/channels/{channel}")});
        let operation = json!({"action": "send", "channel": here, "messages": messages});
        self.operations.insert(format!("{channel}_events"), operation);
    }
}

/// The arguments of an event. An offset may follow.
fn list(arguments: Vec<Type>, required: usize) -> Type {
    let (mut schemas, mut components) = (Vec::new(), Vec::new());
    for argument in arguments {
        schemas.push(argument.schema);
        components.extend(argument.components);
    }
    // An empty list of items is no schema.
    let schema = match schemas.len() {
        0 => json!({"type": "array"}),
        _ => json!({"type": "array", "items": schemas, "minItems": required}),
    };
    Type { schema, components }
}

/// A key may hold letters, digits, `.`, `-` and `_`.
fn key(group: &str, name: &str) -> String {
    format!("{group}.{}", name.replace([' ', '-'], "_"))
}
