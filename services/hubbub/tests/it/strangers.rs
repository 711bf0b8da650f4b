//! Two users, and own, foreign and guessed ids over everything that can be called: every gRPC method,
//! every REST route, every command. The lists come from the descriptors, the OpenAPI document and the
//! enum: what is new and not judged here fails.

use std::collections::{BTreeMap, BTreeSet};

use hubbub_client_protocol::Command;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    line::Line,
    people_house::{House, Person},
};

/// Two people with a room of their own, and one who has no part in it.
struct Scene {
    house: House,
    alice: Person,
    mallory: Person,
    /// Of alice and bob.
    direct: String,
    group: String,
}

const GUESSED: &str = "00000000-0000-7000-8000-000000000000";

impl Scene {
    async fn new() -> Self {
        let house = House::alone(&[]).await;
        let alice = house.register("alice").await;
        house.register("bob").await;
        let mallory = house.register("mallory").await;
        let post = |path| (Method::POST, path);
        let direct = house.done(&alice, post("/v1/rooms/direct"), json!({"peer": "bob"})).await;
        let group = json!({"name": "ours", "members": ["bob"]});
        let group = house.done(&alice, post("/v1/rooms"), group).await;
        let id = |room: &Value| room["room"].as_str().expect("a room").to_owned();
        let (direct, group) = (id(&direct), id(&group));
        for room in [&direct, &group] {
            let path = format!("/v1/rooms/{room}/messages");
            let body = json!({"client_id": "1", "body": {"text": "between us"}});
            house.done(&alice, (Method::POST, &path), body).await;
        }
        Self { house, alice, mallory, direct, group }
    }
}

/// What a call is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum About {
    /// A room: for strangers it is not there.
    Room,
    /// The caller alone: nobody else's name is in it.
    Oneself,
    /// Somebody: what everybody may see or do.
    Somebody,
    /// Nobody is asked for a token.
    Anybody,
}

/// A command of a stranger about a room (fields to be added: `room`), or what it is about instead.
fn commands() -> BTreeMap<&'static str, (About, Value)> {
    use About::{Anybody, Oneself, Room, Somebody};

    let body = json!({"text": "let me in"});
    BTreeMap::from([
        ("hello", (Anybody, json!({}))),
        ("send", (Room, json!({"client_id": "x", "body": body}))),
        ("edit", (Room, json!({"seq": 1, "body": body}))),
        ("delete", (Room, json!({"seq": 1}))),
        ("react", (Room, json!({"seq": 1, "emoji": "👍"}))),
        ("history", (Room, json!({}))),
        ("read", (Room, json!({"seq": 1}))),
        ("delivered", (Room, json!({"seq": 1}))),
        ("receipts", (Room, json!({"seq": 1}))),
        ("edits", (Room, json!({"seq": 1}))),
        ("typing", (Room, json!({"on": true}))),
        ("watch", (Somebody, json!({"users": ["alice", "bob"]}))),
        ("open_direct", (Somebody, json!({"peer": "bob"}))),
        ("create_room", (Oneself, json!({"name": "mine"}))),
        ("update_room", (Room, json!({"name": "taken over"}))),
        ("join", (Room, json!({}))),
        ("leave", (Room, json!({}))),
        ("invite", (Room, json!({"users": ["mallory"]}))),
        ("remove", (Room, json!({"user": "alice"}))),
        ("set_role", (Room, json!({"user": "mallory", "role": "owner"}))),
        ("members", (Room, json!({}))),
        ("chats", (Oneself, json!({}))),
        ("update_chat", (Room, json!({"pinned": true}))),
        ("public_rooms", (Somebody, json!({}))),
        ("me", (Oneself, json!({}))),
        ("ping", (Oneself, json!({}))),
        ("update_me", (Oneself, json!({"display_name": "Mallory"}))),
        ("users", (Somebody, json!({"prefix": "alice"}))),
        ("profiles", (Somebody, json!({"users": ["alice", "nobody-here"]}))),
        ("contacts", (Oneself, json!({}))),
        ("request_contact", (Somebody, json!({"user": "alice"}))),
        ("accept_contact", (Somebody, json!({"user": "alice"}))),
        ("decline_contact", (Somebody, json!({"user": "alice"}))),
        ("remove_contact", (Somebody, json!({"user": "alice"}))),
        ("block", (Somebody, json!({"user": "bob"}))),
        ("unblock", (Somebody, json!({"user": "bob"}))),
        ("blocks", (Oneself, json!({}))),
        ("logout", (Oneself, json!({}))),
        ("logout_everywhere", (Oneself, json!({}))),
        ("refresh", (Anybody, json!({}))),
    ])
}

/// What no answer to a stranger holds.
fn leaks(scene: &Scene, answer: &Value) -> bool {
    let text = answer.to_string();
    [&scene.alice.access, &scene.alice.refresh, "between us", "ours"]
        .into_iter()
        .any(|secret| text.contains(secret))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_tells_a_stranger_anything() {
    let table = commands();
    let known: BTreeSet<&str> = Command::NAMES.iter().copied().collect();
    let judged: BTreeSet<&str> = table.keys().copied().collect();
    assert_eq!(judged, known, "a command is not judged here, or is gone");
    let scene = Scene::new().await;
    let mut line: Line = scene.house.line(0, &scene.mallory).await;
    let last = ["logout", "logout_everywhere"];
    for (name, (about, fields)) in &table {
        if *about == About::Anybody || last.contains(name) {
            continue;
        }
        let mut answers = Vec::new();
        for room in [&scene.direct, &scene.group, GUESSED] {
            let mut request = fields.clone();
            request["type"] = json!(name);
            if *about == About::Room {
                request["room"] = json!(room);
            }
            let mut answer = line.ask(request).await;
            assert!(!leaks(&scene, &answer), "{name}: {answer}");
            answer["re"] = Value::Null;
            answers.push(answer);
        }
        if *about == About::Room {
            assert_eq!(answers[0], answers[2], "{name}: absent and foreign look alike");
            assert_eq!(answers[1], answers[2], "{name}: absent and foreign look alike");
        }
    }
    // Nothing of it had an effect on those who are not mallory.
    let path = format!("/v1/rooms/{}/members", scene.group);
    let members = scene.house.done(&scene.alice, (Method::GET, &path), Value::Null).await;
    let members = members["members"].as_array().expect("members");
    let roll: Vec<_> = members.iter().map(|member| (&member["user"], &member["role"])).collect();
    assert_eq!(roll, [(&json!("alice"), &json!("owner")), (&json!("bob"), &json!("member"))]);
    let me = scene.house.done(&scene.alice, (Method::GET, "/v1/me"), Value::Null).await;
    assert_eq!(me["display_name"], "alice");
    line.say(&json!({"id": "last", "type": "logout_everywhere"}).to_string()).await;
    assert_eq!(line.closed().await.0, 4503);
    assert_eq!(scene.house.refresh(0, &scene.alice.refresh).await.0, 200, "alice is still in");
    scene.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_tells_a_stranger_anything() {
    let scene = Scene::new().await;
    let (_, document) =
        scene.house.ask(0, (Method::GET, "/v1/openapi.json"), None, Value::Null).await;
    let table = commands();
    let open = ["create_guest", "keys", "login", "refresh_login", "register"];
    let own = ["change_password", "get_message", "get_room", "get_user", "unreact"];
    let paths = document["paths"].as_object().expect("paths");
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().expect("methods") {
            let Some(id) = operation["operationId"].as_str() else { continue };
            let judged = table.contains_key(id) || open.contains(&id) || own.contains(&id);
            assert!(judged, "{id} is not judged here");
            let method: Method = method.to_uppercase().parse().expect("a method");
            let mut answers = Vec::new();
            for room in [&scene.direct, &scene.group, GUESSED] {
                let path = path
                    .replace("{room}", room)
                    .replace("{user}", "alice")
                    .replace("{seq}", "1")
                    .replace("{emoji}", "x");
                let body = table.get(id).map_or(json!({}), |(_, fields)| fields.clone());
                let path = if id == "users" { format!("{path}?prefix=alice") } else { path };
                let body = if method == Method::GET { Value::Null } else { body };
                if !open.contains(&id) {
                    let request = (method.clone(), path.as_str());
                    let (status, answer) = scene.house.ask(0, request, None, body.clone()).await;
                    assert_eq!(status, 401, "{id} without a token: {answer}");
                    let request = (method.clone(), path.as_str());
                    let forged = Some("e30.e30.e30");
                    let (status, answer) = scene.house.ask(0, request, forged, body.clone()).await;
                    assert_eq!(status, 401, "{id} with a forged token: {answer}");
                }
                if id.starts_with("logout") {
                    continue;
                }
                let token = Some(scene.mallory.access.as_str());
                let answer = scene.house.ask(0, (method.clone(), &path), token, body).await;
                assert!(!leaks(&scene, &answer.1), "{id}: {}", answer.1);
                answers.push(answer);
            }
            if path.contains("{room}") {
                assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{id}: {answers:?}");
            }
        }
    }
    scene.house.stop().await;
}

/// Every gRPC method there is. The services believe their callers (gateways, who take the user from
/// the token, and operators' tools), so nobody gets as far as a method without the service token. One
/// that is new is to be judged in its service's own tests of strangers, and then named here.
const METHODS: [(&str, &[&str]); 5] = [
    ("hubbub.gateway.v1.RelayService", &["Check", "Poll", "Post", "Upgrade"]),
    (
        "hubbub.history.v1.HistoryService",
        &[
            "Append",
            "AppendStream",
            "Edit",
            "Delete",
            "React",
            "GetPage",
            "ListChanges",
            "GetHeads",
            "RankRooms",
            "ListEdits",
            "ListSenders",
            "GetSurvived",
            "CheckSenders",
        ],
    ),
    (
        "hubbub.identity.v1.IdentityService",
        &[
            "Register",
            "Login",
            "CreateGuest",
            "Refresh",
            "Logout",
            "LogoutEverywhere",
            "ChangePassword",
            "GetKeys",
            "RotateKeys",
            "CheckGrants",
            "SetBan",
            "GetUsers",
            "UpdateProfile",
            "SearchUsers",
            "RequestContact",
            "AcceptContact",
            "DeclineContact",
            "RemoveContact",
            "ListContacts",
            "SetBlock",
            "ListBlocks",
            "CheckBlocks",
            "GetMe",
            "CheckAdding",
            "CheckVisibility",
        ],
    ),
    (
        "hubbub.presence.v1.PresenceService",
        &["GetPresence", "BatchGetPresence", "DisconnectUser", "PushToUser", "PushToRoom"],
    ),
    (
        "hubbub.room.v1.RoomService",
        &[
            "OpenDirect",
            "CreateRoom",
            "UpdateRoom",
            "Join",
            "Leave",
            "Invite",
            "Remove",
            "SetRole",
            "ListMembers",
            "GetMembership",
            "StreamMemberships",
            "CheckVersions",
            "CheckAcquaintance",
            "ListChats",
            "UpdateChat",
            "MarkRead",
            "ListPublicRooms",
            "ListReceipts",
            "CheckMembers",
            "SetBlock",
        ],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn no_method_is_there_for_who_has_no_service_token() {
    let descriptors = FileDescriptorSet::decode(hubbub_proto::FILE_DESCRIPTOR_SET).expect("a set");
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in &descriptors.file {
        for service in &file.service {
            let name = format!("{}.{}", file.package(), service.name());
            let methods = service.method.iter().map(|method| method.name().to_owned());
            found.insert(name, methods.collect());
        }
    }
    let judged = METHODS.iter().map(|(service, methods)| {
        ((*service).to_owned(), methods.iter().map(|method| (*method).to_owned()).collect())
    });
    assert_eq!(found, judged.collect(), "a method is not judged here, or is gone");

    let house = House::cluster(&[]).await;
    let cluster = house.cluster.as_ref().expect("a cluster");
    for (service, methods) in METHODS {
        let address = match service.split('.').nth(1).expect("a package") {
            "gateway" | "presence" => cluster.gateways[0].internal_address(),
            "history" => cluster.histories[0].address(),
            "identity" => cluster.identities[0].address(),
            _ => cluster.rooms[0].address(),
        };
        let address = format!("http://{address}");
        let endpoint = tonic::transport::Endpoint::from_shared(address).expect("an address");
        let channel = endpoint.connect().await.expect("it listens");
        for method in methods {
            for token in ["", "Bearer ", "Bearer guessed"] {
                let mut client = tonic::client::Grpc::new(channel.clone());
                client.ready().await.expect("ready");
                let mut request = tonic::Request::new(());
                if !token.is_empty() {
                    let value = token.parse().expect("a header");
                    request.metadata_mut().insert("authorization", value);
                }
                let path = format!("/{service}/{method}").parse().expect("a path");
                let codec = tonic_prost::ProstCodec::<(), ()>::default();
                let refused = client.unary(request, path, codec).await.expect_err("a stranger");
                assert_eq!(refused.code(), tonic::Code::Unauthenticated, "{service}/{method}");
            }
        }
    }
}
