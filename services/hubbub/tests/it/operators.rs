//! What operators reach over gRPC: in a standalone process all that a cluster offers, and reflection that
//! lists what is served, in every role.

use std::collections::BTreeSet;

use hubbub_proto::identity::v1::{SetBanRequest, identity_service_client::IdentityServiceClient};
use hubbub_testkit::{Cluster, ClusterOptions};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use serde_json::json;
use tonic::{
    Code, Request,
    transport::{Channel, Endpoint},
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::{
    line::{Line, Standalone},
    process::{hubbub, output, text},
};

const TOKEN: &str = "a token that the roles share";

const INTERNAL: [(&str, &str); 2] =
    [("HUBBUB_GATEWAY__INTERNAL__LISTEN", "127.0.0.1:0"), ("HUBBUB_GRPC__TOKEN", TOKEN)];

async fn channel(address: &str) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    endpoint.connect().await.expect("it listens")
}

fn with_token<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let bearer = format!("Bearer {TOKEN}").parse().expect("a header");
    request.metadata_mut().insert("authorization", bearer);
    request
}

/// The services that reflection lists.
async fn listed(channel: &Channel) -> BTreeSet<String> {
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let asked = with_token(tokio_stream::once(list));
    let mut client = ServerReflectionClient::new(channel.clone());
    let mut answers = client.server_reflection_info(asked).await.expect("a list").into_inner();
    let answer = answers.message().await.expect("an answer").expect("one");
    match answer.message_response {
        Some(MessageResponse::ListServicesResponse(list)) => {
            list.service.into_iter().map(|service| service.name).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// Every service that there is, with its first method.
fn known() -> Vec<(String, String)> {
    let sets = [
        hubbub_proto::FILE_DESCRIPTOR_SET,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    ];
    let mut known = Vec::new();
    for set in sets {
        for file in FileDescriptorSet::decode(set).expect("a set").file {
            for service in &file.service {
                let name = format!("{}.{}", file.package(), service.name());
                known.push((name, service.method[0].name().to_owned()));
            }
        }
    }
    assert!(known.len() >= 7, "{known:?}");
    known
}

/// The services that answer with anything else than `UNIMPLEMENTED`.
async fn served(channel: &Channel) -> BTreeSet<String> {
    let mut served = BTreeSet::new();
    for (service, method) in known() {
        let mut client = tonic::client::Grpc::new(channel.clone());
        client.ready().await.expect("ready");
        let path = format!("/{service}/{method}").parse().expect("a path");
        let codec = tonic_prost::ProstCodec::<(), ()>::default();
        let answered = client.unary(with_token(()), path, codec).await;
        if answered.map_or_else(|status| status.code(), |_| Code::Ok) != Code::Unimplemented {
            served.insert(service);
        }
    }
    served
}

fn names(of: &[&str]) -> BTreeSet<String> {
    let everywhere = ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"];
    of.iter().chain(&everywhere).map(|name| (*name).to_owned()).collect()
}

const GATEWAY: [&str; 2] = ["hubbub.gateway.v1.RelayService", "hubbub.presence.v1.PresenceService"];
const HISTORY: &str = "hubbub.history.v1.HistoryService";
const IDENTITY: &str = "hubbub.identity.v1.IdentityService";
const ROOM: &str = "hubbub.room.v1.RoomService";

#[tokio::test(flavor = "multi_thread")]
async fn reflection_lists_what_each_role_serves() {
    let two = ClusterOptions::two_of_each(env!("CARGO_BIN_EXE_hubbub"));
    let one = ClusterOptions { gateways: 1, rooms: 1, histories: 1, identities: 1, ..two };
    let cluster = Cluster::start(one).await.expect("a cluster");
    for (address, expected) in [
        (cluster.gateways[0].internal_address(), names(&GATEWAY)),
        (cluster.rooms[0].address(), names(&[ROOM])),
        (cluster.histories[0].address(), names(&[HISTORY])),
        (cluster.identities[0].address(), names(&[IDENTITY])),
    ] {
        let channel = channel(&address).await;
        assert_eq!(listed(&channel).await, expected);
        assert_eq!(served(&channel).await, expected);
    }
    let standalone = Standalone::start(&INTERNAL).await;
    let channel = channel(&standalone.serving.listeners["internal"]).await;
    let expected = names(&[GATEWAY[0], GATEWAY[1], HISTORY, IDENTITY, ROOM]);
    assert_eq!(listed(&channel).await, expected);
    assert_eq!(served(&channel).await, expected);
    standalone.serving.stop().await;
}

#[tokio::test]
async fn a_standalone_process_bans_as_a_cluster_does() {
    let standalone = Standalone::start(&INTERNAL).await;
    let base = format!("http://{}", standalone.address());
    let client = reqwest::Client::new();
    let account = json!({"name": "alice", "password": "correct horse battery"});
    let register = client.post(format!("{base}/v1/auth/register")).json(&account).send().await;
    let grant: serde_json::Value = register.expect("answered").json().await.expect("an account");
    let access = grant["access_token"].as_str().expect("a token");
    let url = format!("ws://{}", standalone.address());
    let (mut line, _) = Line::welcomed(&url, access, serde_json::Value::Null).await;

    let channel = channel(&standalone.serving.listeners["internal"]).await;
    let mut people = IdentityServiceClient::new(channel);
    let ban = SetBanRequest { user_id: "alice".to_owned(), banned: true };
    let stranger = people.set_ban(ban.clone()).await.expect_err("there is a token to show");
    assert_eq!(stranger.code(), Code::Unauthenticated);
    people.set_ban(with_token(ban)).await.expect("banned");
    assert_eq!(line.closed().await.0, 4504);
    let login = client.post(format!("{base}/v1/auth/login")).json(&account).send().await;
    let refused: serde_json::Value = login.expect("answered").json().await.expect("an error");
    assert_eq!(refused["error"]["code"], "banned");
    standalone.serving.stop().await;
}

#[tokio::test]
async fn the_internal_listener_is_open_to_the_network_only_with_a_token() {
    let dir = tempfile::tempdir().expect("a directory");
    for (listen, token, accepted) in [
        ("0.0.0.0:7101", "", false),
        ("[::]:7101", "", false),
        ("0.0.0.0:7101", TOKEN, true),
        ("127.0.0.1:7101", "", true),
    ] {
        let mut check = hubbub(dir.path(), &["config", "check"]);
        check.env("HUBBUB_GATEWAY__INTERNAL__LISTEN", listen);
        check.env("HUBBUB_GATEWAY__INTERNAL__ADVERTISE", "here:7101");
        check.env("HUBBUB_GRPC__TOKEN", token);
        let checked = output(&mut check).await;
        let said = text(&checked.stderr) + &text(&checked.stdout);
        assert_eq!(checked.status.success(), accepted, "{listen} {token}: {said}");
        assert_eq!(said.contains("grpc.token"), !accepted, "{said}");
    }
}
