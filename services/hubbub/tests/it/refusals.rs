//! Every command, event and route with everything about it wrong: each refusal names the field and the problem in the
//! API's terms, and none of them shows a type of the code, a phrase of a library or a code of a database. What there is
//! to call comes from the documents, so that what is new is asked, too.

use std::collections::BTreeMap;

use reqwest::{Client, Method};
use serde_json::{Map, Value, json};

use crate::{
    line::{Line, Standalone},
    polling::Polling,
};

/// As fast as the machine can.
const SETTINGS: [(&str, &str); 8] = [
    ("HUBBUB_GATEWAY__LOBBY__EVENTS_PER_SECOND", "1000000"),
    ("HUBBUB_GATEWAY__LOBBY__EVENTS_BURST", "1000000"),
    ("HUBBUB_GATEWAY__USERS__REQUESTS_PER_SECOND", "1000000"),
    ("HUBBUB_GATEWAY__USERS__REQUESTS_BURST", "1000000"),
    ("HUBBUB_GATEWAY__USERS__SENDS_PER_SECOND", "1000000"),
    ("HUBBUB_GATEWAY__USERS__SENDS_BURST", "1000000"),
    ("HUBBUB_IDENTITY__ATTEMPTS__ADDRESS_BURST", "1000000"),
    ("HUBBUB_IDENTITY__ATTEMPTS__NEW_BURST", "1000000"),
];

/// What a client never reads.
const LEAKS: [&str; 24] = [
    "struct ",
    "enum ",
    "tuple",
    "expected",
    "invalid type",
    "invalid value",
    "invalid length",
    "unknown variant",
    "unknown field",
    "missing field",
    "untagged",
    "SQLSTATE",
    "sqlx",
    "serde",
    "eserializ",
    "EOF",
    "hubbub_",
    "::",
    "Option",
    "u32",
    "u64",
    "i64",
    "flaw:",
    "bad_request:",
];

/// They end the connection, or the token.
const LAST: [&str; 4] = ["hello", "refresh", "logout", "logout_everywhere"];

fn documents() -> (Value, Value) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/");
    let read = |name| std::fs::read_to_string(format!("{folder}{name}")).expect("a document");
    let asyncapi = serde_saphyr::from_str(&read("asyncapi.yaml")).expect("YAML");
    (serde_json::from_str(&read("openapi.json")).expect("JSON"), asyncapi)
}

/// The values that are tried for a field.
fn wrong() -> Vec<Value> {
    vec![
        json!(null),
        json!(7),
        json!(-1),
        json!(1.5),
        json!(1e30),
        json!(true),
        json!(""),
        json!("x\u{0}"),
        json!("x".repeat(5_000)),
        json!([]),
        json!([7]),
        json!(["x\u{0}"]),
        json!({}),
        json!({"text": 7}),
        json!("\u{202e}x"),
        json!("king"),
        json!(u64::MAX),
    ]
}

/// A value that would do, by the field's name.
fn good(field: &str, room: &str) -> Value {
    match field {
        "room" => json!(room),
        "seq" | "beforeSeq" => json!(1),
        "body" => json!({"text": "hi"}),
        "users" | "members" => json!(["bob"]),
        "role" => json!("member"),
        "on" | "pinned" => json!(true),
        "name" => json!("name"),
        "emoji" => json!("👍"),
        _ => json!("bob"),
    }
}

/// The fields of an object, whatever it is put together from, and which of them must be there.
fn fields(document: &Value, schema: &Value) -> (Vec<String>, Vec<String>) {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).expect("it is there"),
        None => schema,
    };
    let names = |value: &Value| -> Vec<String> {
        value.as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default()
    };
    let mut all = names(&schema["properties"]);
    let texts = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut required: Vec<String> = texts.map(str::to_owned).collect();
    for part in ["allOf", "oneOf"].into_iter().filter_map(|key| schema[key].as_array()).flatten() {
        let (more, more_required) = fields(document, part);
        all.extend(more);
        required.extend(more_required);
    }
    (all, required)
}

fn assert_plain(asked: &str, answer: &Value) {
    let text = answer.to_string();
    if let Some(leak) = LEAKS.iter().find(|leak| text.contains(**leak)) {
        panic!("{asked}: {leak:?} in {text}");
    }
}

/// A refusal that is the request's own fault names one of its fields: another may be wrong, too.
fn assert_named(asked: &str, fields: &[String], error: &Value) {
    assert_plain(asked, error);
    if error["code"] == "bad_request" {
        let message = error["message"].as_str().expect("a text");
        // What a body holds is named by itself.
        let within =
            ["text", "attachment"].into_iter().filter(|_| fields.iter().any(|f| f == "body"));
        let mut names = fields.iter().map(String::as_str).chain(within);
        let words: Vec<&str> = message.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        assert!(names.any(|name| words.contains(&name)), "{asked}: no field is named: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_names_what_is_wrong() {
    let (_, document) = documents();
    let hubbub = Standalone::start(&SETTINGS).await;
    let mut line: Line = hubbub.line("alice").await;
    let room = line.ask(json!({"type": "create_room", "name": "ours"})).await["ok"]["room"].clone();
    let room = room.as_str().expect("a room").to_owned();
    let messages = document["components"]["messages"].as_object().expect("messages");
    let mut asked = 0;
    for (key, message) in messages {
        let Some(name) = key.strip_prefix("native_command.").filter(|name| !LAST.contains(name))
        else {
            continue;
        };
        let (all, required) = fields(&document, &message["payload"]);
        let required: Vec<String> = required
            .into_iter()
            .filter(|field| !["id", "type"].contains(&field.as_str()))
            .collect();
        let valid = || -> Map<String, Value> {
            required.iter().map(|field| (field.clone(), good(field, &room))).collect()
        };
        for field in all.iter().filter(|field| !["id", "type"].contains(&field.as_str())) {
            let mut tries: Vec<Option<Value>> = wrong().into_iter().map(Some).collect();
            tries.push(None);
            for value in tries {
                let mut request = valid();
                request.insert("type".to_owned(), json!(name));
                match value {
                    Some(value) => request.insert(field.clone(), value),
                    None => request.remove(field),
                };
                let request = Value::Object(request);
                let answer = line.ask(request.clone()).await;
                assert_named(&request.to_string(), &all, &answer["error"]);
                asked += 1;
            }
        }
    }
    assert!(asked > 500, "only {asked} requests were made");
    let answer = line.ask(json!({"type": "dance\u{0}"})).await;
    assert_named("dance", &["type".to_owned()], &answer["error"]);
    hubbub.serving.stop().await;
}

/// One request to a route, and its answer.
struct Route<'a> {
    hubbub: &'a Standalone,
    client: Client,
    token: String,
}

impl Route<'_> {
    async fn ask(&self, method: &Method, path: &str, body: Option<Vec<u8>>) -> Value {
        let url = format!("http://{}{path}", self.hubbub.address());
        let mut request = self.client.request(method.clone(), url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.expect("answered");
        let status = response.status().as_u16();
        let text = response.text().await.expect("text");
        let what = format!("{method} {path}: {status} {text}");
        assert!(status < 500, "{what}");
        let answer: Value =
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{what} is not JSON"));
        assert_plain(&what, &answer["error"]);
        assert_eq!(answer["error"].is_object(), status != 200, "{what}");
        answer["error"].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_names_what_is_wrong() {
    let (document, _) = documents();
    let hubbub = Standalone::start(&SETTINGS).await;
    let mut line: Line = hubbub.line("alice").await;
    let room = line.ask(json!({"type": "create_room", "name": "ours"})).await["ok"]["room"].clone();
    let room = room.as_str().expect("a room").to_owned();
    let route =
        Route { hubbub: &hubbub, client: Client::new(), token: hubbub.token("alice").await };
    let filled = |path: &str, but: Option<(&str, &str)>| {
        let values = [("room", room.as_str()), ("seq", "1"), ("user", "bob"), ("emoji", "x")];
        values.into_iter().fold(path.to_owned(), |path, (name, value)| {
            let value = but.filter(|(wrong, _)| *wrong == name).map_or(value, |(_, value)| value);
            path.replace(&format!("{{{name}}}"), value)
        })
    };
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("methods") {
            let id = operation["operationId"].as_str().expect("an id");
            if LAST.contains(&id) {
                continue;
            }
            let method: Method = method.to_uppercase().parse().expect("a method");
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let names = parameters.iter().filter_map(|parameter| parameter["name"].as_str());
            let names: Vec<String> = names.map(str::to_owned).collect();
            for parameter in parameters {
                let name = parameter["name"].as_str().expect("a name");
                if parameter["in"] == "path" {
                    for value in ["7%00", "%ff", "x".repeat(5_000).as_str(), "-1"] {
                        let error =
                            route.ask(&method, &filled(path, Some((name, value))), None).await;
                        assert!(!error.is_null() || name == "user" || name == "emoji");
                    }
                    continue;
                }
                for query in
                    ["{}=-1", "{}=x%00", "{}=%ff", "{}=", "{}=1&{}=2", "{}=99999999999999999999"]
                {
                    let query = query.replace("{}", name);
                    let error =
                        route.ask(&method, &format!("{}?{query}", filled(path, None)), None).await;
                    assert_named(&format!("{path}?{query}"), &names, &error);
                }
            }
            let Some(body) = operation["requestBody"]["content"]["application/json"].as_object()
            else {
                continue;
            };
            let path = filled(path, None);
            let texts: [&[u8]; 8] =
                [b"", b"{", b"[]", b"[1]", b"7", b"null", b"\"x\"", b"{\"a\": \"\xff\"}"];
            for text in texts {
                route.ask(&method, &path, Some(text.to_vec())).await;
            }
            let (all, required) = fields(&document, &body["schema"]);
            for field in &all {
                for value in wrong() {
                    let valid = required.iter().map(|field| (field.clone(), good(field, &room)));
                    let mut request: Map<String, Value> = valid.collect();
                    request.insert(field.clone(), value);
                    let text = Value::Object(request).to_string();
                    let error = route.ask(&method, &path, Some(text.clone().into_bytes())).await;
                    assert_named(&format!("{id} {text:.200}"), &all, &error);
                }
            }
        }
    }
    hubbub.serving.stop().await;
}

/// What is tried as the arguments of an event.
fn arguments(document: &Value, payload: &Value) -> Vec<Vec<Value>> {
    let mut tries: Vec<Vec<Value>> = wrong().into_iter().map(|value| vec![value]).collect();
    tries.push(Vec::new());
    for item in payload["items"].as_array().into_iter().flatten() {
        for field in fields(document, item).0 {
            let objects = wrong().into_iter().map(|value| vec![json!({field.as_str(): value})]);
            tries.extend(objects);
        }
    }
    tries
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_of_the_namespaces_names_what_is_wrong() {
    let (_, document) = documents();
    let hubbub = Standalone::start(&SETTINGS).await;
    let token = hubbub.token("alice").await;
    let messages = document["components"]["messages"].as_object().expect("messages");
    for (group, namespace) in [("chat_asked.", "/chat,"), ("lobby_asked.", "")] {
        let events: BTreeMap<&str, &Value> = messages
            .iter()
            .filter(|(key, _)| key.starts_with(group))
            .map(|(_, message)| (message["name"].as_str().expect("a name"), &message["payload"]))
            .collect();
        for (name, payload) in events {
            let client = Polling::open(hubbub.address()).await;
            client.say(&format!("40{namespace}{}", json!({"token": token}))).await;
            client.hears(&format!("40{namespace}")).await;
            for (id, arguments) in arguments(&document, payload).into_iter().enumerate() {
                let event: Vec<Value> = std::iter::once(json!(name)).chain(arguments).collect();
                let event = Value::from(event).to_string();
                assert_eq!(client.say(&format!("42{namespace}{id}{event}")).await, 200, "{event}");
                let heard = client.hears(&format!("43{namespace}{id}[")).await;
                let answer = heard.split('\u{1e}').find(|packet| packet.starts_with("43"));
                assert_plain(&event, &json!(answer.expect("an acknowledgement")));
            }
        }
    }
    hubbub.serving.stop().await;
}
