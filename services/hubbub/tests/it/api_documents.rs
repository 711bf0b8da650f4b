//! Programs that know only the documents: Schemathesis makes requests from the OpenAPI document and judges the
//! answers by it; what a server sends over a connection is judged by the AsyncAPI document.

use std::{path::PathBuf, process::Stdio};

use serde_json::{Value, json};
use tokio::process::Command;

use crate::line::{Line, Standalone};

/// The same requests each time.
const SEED: &str = "20260101";
/// Requests of each operation and phase, at most.
const EXAMPLES_MAX: &str = "15";
/// They would end the token that the other requests are made with.
const LAST: &str = "logout,logout_everywhere";

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,unsupported_method,ignored_auth";

/// Requests are as many as the machine can make, and passwords worth little.
const SETTINGS: [(&str, &str); 11] = [
    ("HUBBUB_GATEWAY__USERS__REQUESTS_PER_SECOND", "1000000"),
    ("HUBBUB_GATEWAY__USERS__REQUESTS_BURST", "1000000"),
    ("HUBBUB_GATEWAY__USERS__SENDS_PER_SECOND", "1000000"),
    ("HUBBUB_GATEWAY__USERS__SENDS_BURST", "1000000"),
    ("HUBBUB_GATEWAY__EDGE__CONNECTS_PER_ADDRESS_PER_SECOND", "100000"),
    ("HUBBUB_IDENTITY__PASSWORD__MEMORY_KIB", "64"),
    ("HUBBUB_IDENTITY__PASSWORD__PASSES", "1"),
    ("HUBBUB_IDENTITY__PASSWORD__HASHES_MAX", "8"),
    ("HUBBUB_IDENTITY__ATTEMPTS__NAME_BURST", "1000000"),
    ("HUBBUB_IDENTITY__ATTEMPTS__ADDRESS_BURST", "1000000"),
    ("HUBBUB_IDENTITY__ATTEMPTS__NEW_BURST", "1000000"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn tool(name: &str) -> PathBuf {
    let tool = root().join(".tools/api-documents/bin").join(name);
    assert!(tool.exists(), "{} is missing: `cargo xtask test` brings it", tool.display());
    tool
}

async fn schemathesis(hubbub: &Standalone, token: &str, only: &[&str]) {
    let document = format!("http://{}/v1/openapi.json", hubbub.address());
    let mut command = Command::new(tool("schemathesis"));
    command
        .current_dir(hubbub.dir())
        .args(["run", &document, "--no-color", "--workers", "2", "--generation-database", "none"])
        .args(["--seed", SEED, "--max-examples", EXAMPLES_MAX, "--checks", CHECKS])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(only)
        .stdin(Stdio::null());
    let done = command.output().await.expect("schemathesis runs");
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_answer_that_the_document_does_not_name() {
    let hubbub = Standalone::start(&SETTINGS).await;
    // Something to be found by those who ask.
    let mut alice = hubbub.line("alice").await;
    let room = alice.ask(json!({"type": "create_room", "kind": "public", "name": "Square"})).await;
    let room = room["ok"]["room"].clone();
    let send = json!({"type": "send", "room": room, "client_id": "1", "body": {"text": "hi"}});
    assert_eq!(alice.ask(send).await["ok"]["seq"], Value::from(2));
    let token = hubbub.token("alice").await;
    schemathesis(&hubbub, &token, &["--exclude-operation-id-regex", &exactly(LAST)]).await;
    schemathesis(&hubbub, &token, &["--include-operation-id-regex", &exactly(LAST)]).await;
    hubbub.serving.stop().await;
}

fn exactly(names: &str) -> String {
    format!("^({})$", names.replace(',', "|"))
}

/// What was heard, each with its key in the AsyncAPI document.
#[derive(Default)]
struct Heard(Vec<Value>);

impl Heard {
    fn note(&mut self, message: &str, payload: &Value) {
        self.0.push(json!({"message": message, "payload": payload}));
    }

    fn event(&mut self, event: &Value) {
        let kind = event["type"].as_str().expect("a type");
        self.note(&format!("native_event.{kind}"), event);
    }

    /// Asks, and notes the answer and the events before it.
    async fn ask(&mut self, line: &mut Line, request: Value) -> Value {
        let command = request["type"].as_str().expect("a command").to_owned();
        let (answer, events) = line.ask_hearing(request).await;
        for event in &events {
            self.event(event);
        }
        let key = match answer.get("error") {
            Some(_) => "native_refusal".to_owned(),
            None => format!("native_answer.{command}"),
        };
        self.note(&key, &answer);
        answer["ok"].clone()
    }

    /// Notes what comes until an event of this type has come.
    async fn until(&mut self, line: &mut Line, kind: &str) {
        loop {
            let event = line.hear().await;
            self.event(&event);
            if event["type"] == kind {
                return;
            }
        }
    }

    /// The document's judgement.
    async fn judge(self, hubbub: &Standalone) {
        let file = hubbub.dir().join("heard.json");
        std::fs::write(&file, Value::Array(self.0).to_string()).expect("written");
        let mut judge = Command::new(tool("python"));
        judge.arg(root().join("xtask/python/check_frames.py"));
        judge.arg(root().join("docs/asyncapi.yaml")).arg(file);
        let judged = judge.output().await.expect("python runs");
        let said = String::from_utf8_lossy(&judged.stdout);
        assert!(judged.status.success(), "{said}\n{}", String::from_utf8_lossy(&judged.stderr));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_and_events_are_what_the_asyncapi_document_says() {
    let hubbub = Standalone::start(&SETTINGS).await;
    let mut heard = Heard::default();
    let (mut alice, mut bob) = (hubbub.connect().await, hubbub.connect().await);
    for (line, user) in [(&mut alice, "alice"), (&mut bob, "bob")] {
        heard.ask(line, json!({"type": "hello", "token": hubbub.token(user).await})).await;
    }
    heard.ask(&mut alice, json!({"type": "watch", "users": ["bob"]})).await;
    let direct = heard.ask(&mut alice, json!({"type": "open_direct", "peer": "bob"})).await;
    let direct = &direct["room"];
    heard.until(&mut bob, "joined").await;
    let body = json!({"text": "hi", "attachments": [{"url": "/a.png"}]});
    let send = json!({"type": "send", "room": direct, "client_id": "1", "body": body});
    heard.ask(&mut alice, send).await;
    heard.until(&mut bob, "message").await;
    let group =
        json!({"type": "create_room", "kind": "public", "name": "Square", "members": ["bob"]});
    let group = heard.ask(&mut alice, group).await;
    let group = &group["room"];
    let message = json!({"room": direct, "seq": 1});
    let in_group = json!({"room": group});
    for (name, fields) in [
        ("react", json!({"emoji": "👍"})),
        ("edit", json!({"body": {"text": "hello", "mentions": ["bob"]}})),
        ("edits", json!({})),
        ("receipts", json!({})),
        ("read", json!({})),
        ("delivered", json!({})),
        ("history", json!({})),
        ("typing", json!({})),
        ("delete", json!({})),
    ] {
        heard.ask(&mut alice, with(&message, name, &fields)).await;
    }
    heard.until(&mut bob, "deleted").await;
    heard.ask(&mut bob, json!({"type": "read", "room": direct, "seq": 1})).await;
    heard.until(&mut alice, "read").await;
    for (name, fields) in [
        ("update_room", json!({"topic": "news", "slow_mode_seconds": 5})),
        ("set_role", json!({"user": "bob", "role": "admin"})),
        ("members", json!({})),
        ("update_chat", json!({"pinned": true})),
        ("remove", json!({"user": "bob"})),
        ("invite", json!({"users": ["bob"]})),
        ("chats", json!({})),
        ("public_rooms", json!({"watch": true})),
        ("history", json!({})),
        ("me", json!({})),
        ("update_me", json!({"colour": "#102030"})),
        ("users", json!({"prefix": "a"})),
        ("profiles", json!({"users": ["alice", "bob"]})),
        ("request_contact", json!({"user": "bob"})),
        ("contacts", json!({})),
        ("remove_contact", json!({"user": "bob"})),
        ("block", json!({"user": "bob"})),
        ("blocks", json!({})),
        ("unblock", json!({"user": "bob"})),
        ("join", json!({})),
        ("leave", json!({})),
        ("send", json!({})),
    ] {
        heard.ask(&mut alice, with(&in_group, name, &fields)).await;
    }
    heard.until(&mut bob, "left").await;
    heard.judge(&hubbub).await;
    hubbub.serving.stop().await;
}

/// A request of these fields and some more.
fn with(base: &Value, name: &str, fields: &Value) -> Value {
    let mut request = base.clone();
    request["type"] = json!(name);
    for (field, value) in fields.as_object().expect("fields") {
        request[field] = value.clone();
    }
    request
}
