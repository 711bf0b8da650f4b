//! Nobody is named who does not exist: at every door, in one process on SQLite and in a cluster on
//! Postgres.

use hubbub_domain::Code;
use hubbub_proto::{
    fault_from_status,
    room::v1::{
        CreateRoomRequest, InviteRequest, JoinRequest, OpenDirectRequest, RoomKind,
        room_service_client::RoomServiceClient,
    },
};
use hubbub_testkit::token;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    people_house::{House, in_both_houses},
    sio::Sio,
};

const GET: Method = Method::GET;
const PUT: Method = Method::PUT;
const POST: Method = Method::POST;

in_both_houses! {
    [],
    a_user_who_does_not_exist_is_not_found_at_any_door,
    a_user_exists_once_a_trusted_token_was_seen,
}

async fn a_user_who_does_not_exist_is_not_found_at_any_door(house: &House) {
    let ada = house.register("ada").await;
    let ben = house.register("ben").await;
    let room = house.done(&ada, (POST, "/v1/rooms"), json!({"name": "tea"})).await["room"].clone();
    let members = format!("/v1/rooms/{}/members", room.as_str().expect("an id"));
    for (method, path, body) in [
        (POST, "/v1/rooms/direct", json!({"peer": "newcomer"})),
        (POST, "/v1/rooms", json!({"name": "trap", "members": ["ben", "newcomer"]})),
        (POST, members.as_str(), json!({"users": ["newcomer", "ben"]})),
        (POST, "/v1/presence", json!({"users": ["ben", "newcomer"]})),
        (PUT, "/v1/contacts/newcomer", Value::Null),
        (PUT, "/v1/blocks/newcomer", Value::Null),
        (GET, "/v1/users/newcomer", Value::Null),
    ] {
        assert_eq!(house.refused(&ada, (method, path), body).await, "not_found", "{path}");
    }
    let mut line = house.line(1, &ada).await;
    for command in [
        json!({"type": "open_direct", "peer": "newcomer"}),
        json!({"type": "create_room", "name": "trap", "members": ["newcomer"]}),
        json!({"type": "invite", "room": room, "users": ["newcomer"]}),
        json!({"type": "watch", "users": ["newcomer"]}),
        json!({"type": "request_contact", "user": "newcomer"}),
        json!({"type": "block", "user": "newcomer"}),
    ] {
        let answer = line.ask(command.clone()).await;
        assert_eq!(answer["error"]["code"], "not_found", "{command}: {answer}");
    }
    let answer = line.ask(json!({"type": "open_direct", "peer": "newcomer"})).await;
    assert_eq!(answer["error"]["message"], "there is no user newcomer");
    let mut chat = Sio::chat(house.gateway(1), &ada.access).await.expect("let in");
    for (event, argument) in
        [("openRoom", json!({"receiver": "newcomer"})), ("watch", json!({"users": ["newcomer"]}))]
    {
        let answer = chat.ask(event, argument).await;
        assert_eq!(answer["error"]["code"], "not_found", "{event}: {answer}");
    }
    let found = json!({"users": ["newcomer", "ben"]});
    let found = house.done(&ada, (POST, "/v1/users/profiles"), found).await;
    assert_eq!(found["users"].as_array().map(Vec::len), Some(1), "{found}");

    // Nothing was made for the name: its owner begins with nothing.
    let newcomer = house.register("newcomer").await;
    let chats = house.done(&newcomer, (GET, "/v1/chats"), Value::Null).await;
    assert_eq!(chats["chats"], json!([]));
    let chats = house.done(&ben, (GET, "/v1/chats"), Value::Null).await;
    assert_eq!(chats["chats"], json!([]), "a request is carried out as a whole or not at all");
    house.done(&ada, (POST, "/v1/rooms/direct"), json!({"peer": "newcomer"})).await;
    let invited = house.done(&ada, (POST, &members), json!({"users": ["newcomer"]})).await;
    assert_eq!(invited, json!({"added": ["newcomer"]}));
    let opened = chat.ask("openRoom", json!({"receiver": "newcomer"})).await;
    assert!(opened["roomId"].is_string(), "{opened}");
}

async fn a_user_exists_once_a_trusted_token_was_seen(house: &House) {
    let cleo = house.register("cleo").await;
    let token = match &house.alone {
        Some(alone) => alone.token("developer").await,
        None => token("developer"),
    };
    let peer = json!({"peer": "developer"});
    let direct = (POST, "/v1/rooms/direct");
    assert_eq!(house.refused(&cleo, direct.clone(), peer.clone()).await, "not_found");
    let (status, _) = house.ask(1, (GET, "/v1/chats"), Some(&token), Value::Null).await;
    assert_eq!(status, 200);
    house.done(&cleo, direct, peer).await;
    let account = json!({"name": "developer", "password": "correct horse"});
    let (status, answer) = house.ask(0, (POST, "/v1/auth/register"), None, account).await;
    assert_eq!(status, 409, "the name is somebody's: {answer}");
}

/// The room service's own interface is held to the same rules.
#[tokio::test(flavor = "multi_thread")]
async fn callers_of_the_room_service_are_checked_too() {
    let house = House::cluster(&[]).await;
    house.register("ada").await;
    let node = &house.cluster.as_ref().expect("a cluster").rooms[0];
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", node.address()));
    let channel = channel.expect("an address").connect().await.expect("it listens");
    let mut rooms =
        RoomServiceClient::with_interceptor(channel, |mut request: tonic::Request<()>| {
            let token = "Bearer a token that the roles share".parse().expect("a header");
            request.metadata_mut().insert("authorization", token);
            Ok(request)
        });
    let code = |status: tonic::Status| fault_from_status(&status).code;
    let create = |actor: &str, members: &[&str]| CreateRoomRequest {
        actor_id: actor.to_owned(),
        kind: RoomKind::Public.into(),
        name: "tea".to_owned(),
        member_ids: members.iter().map(ToString::to_string).collect(),
        ..CreateRoomRequest::default()
    };
    for (actor, peer) in [("ada", "ghost"), ("ghost", "ada")] {
        let open = OpenDirectRequest {
            actor_id: actor.to_owned(),
            peer_id: peer.to_owned(),
            ..OpenDirectRequest::default()
        };
        let refused = rooms.open_direct(open).await.expect_err("refused");
        assert_eq!(code(refused), Code::NotFound);
        let refused = rooms.create_room(create(actor, &[peer])).await.expect_err("refused");
        assert_eq!(code(refused), Code::NotFound);
    }
    let room = rooms.create_room(create("ada", &[])).await.expect("made").into_inner();
    let room_id = room.room.expect("a room").room_id;
    let user_ids = vec!["ghost".to_owned()];
    let invite = InviteRequest { actor_id: "ada".to_owned(), room_id: room_id.clone(), user_ids };
    assert_eq!(code(rooms.invite(invite).await.expect_err("refused")), Code::NotFound);
    let join = JoinRequest { actor_id: "ghost".to_owned(), room_id };
    assert_eq!(code(rooms.join(join).await.expect_err("refused")), Code::NotFound);
}

/// Nobody can say who exists: nobody is added, and everybody goes on talking.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_identity_is_an_error_never_an_answer() {
    let mut house = House::cluster(&[]).await;
    let (ada, ben) = (house.register("ada").await, house.register("ben").await);
    house.register("cleo").await;
    let mut line = house.line(0, &ada).await;
    let mut bens = house.line(1, &ben).await;
    let open = |peer: &str| json!({"type": "open_direct", "peer": peer});
    let room = line.ask(open("ben")).await["ok"]["room"].clone();
    bens.event("joined").await;
    let cluster = house.cluster.as_mut().expect("a cluster");
    for node in &mut cluster.identities {
        node.kill().await;
    }
    for command in [
        open("cleo"),
        json!({"type": "create_room", "name": "tea", "members": ["ben"]}),
        json!({"type": "watch", "users": ["cleo"]}),
    ] {
        let answer = line.ask(command.clone()).await;
        assert_eq!(answer["error"]["code"], "unavailable", "{command}: {answer}");
    }
    assert_eq!(line.ask(open("ben")).await["ok"]["room"], room, "it is there already");
    let body = json!({"text": "still here"});
    let send = json!({"type": "send", "room": room, "client_id": "1", "body": body});
    assert_eq!(line.ask(send).await["ok"]["seq"], 1);
    assert_eq!(bens.event("message").await["body"]["text"], "still here");
}
