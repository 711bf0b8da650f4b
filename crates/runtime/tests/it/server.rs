//! The gRPC server over real sockets: draining, ageing connections, tokens, health, fullness.

use std::time::{Duration, Instant};

use hubbub_runtime::{
    config::Secret,
    grpc::{GrpcClientConfig, GrpcServerConfig, Transport},
};
use tokio::{net::TcpStream, time::timeout};
use tonic::Code;

use crate::support::{PATIENCE, TestServer, call, call_with, client_config, connect, eventually};

fn code<T>(result: Result<T, tonic::Status>) -> Code {
    result.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test]
async fn draining_lets_calls_in_flight_end_and_takes_no_new_connection() {
    let server = TestServer::start("a").await;
    let transport = connect(&[&server]).await;
    let in_flight = tokio::spawn(call(transport.any(), "Gated"));
    server.behaviour.begun.acquire().await.expect("open").forget();
    server.lifecycle.drain_all();
    let address = server.address;
    eventually(|| async move { TcpStream::connect(address).await.is_err() }).await;
    server.behaviour.gate.add_permits(1);
    let answer = timeout(PATIENCE, in_flight).await.expect("in time").expect("no panic");
    assert_eq!(answer.expect("answered"), "through the gate");
    timeout(PATIENCE, server.lifecycle.wait()).await.expect("in time").expect("ended well");
}

#[tokio::test]
async fn aborting_cuts_calls_in_flight() {
    let server = TestServer::start("a").await;
    let transport = connect(&[&server]).await;
    let in_flight = tokio::spawn(call(transport.any(), "Never"));
    tokio::task::yield_now().await;
    server.kill().await;
    let answer = timeout(PATIENCE, in_flight).await.expect("in time").expect("no panic");
    assert_eq!(code(answer), Code::Unavailable);
}

#[tokio::test]
async fn a_connection_at_its_age_is_replaced_and_no_call_is_lost() {
    let config = GrpcServerConfig {
        connection_age_max: Duration::from_millis(30),
        connection_age_grace: Duration::from_secs(5),
        ..GrpcServerConfig::default()
    };
    let server = TestServer::start_with("a", &config).await;
    let transport = connect(&[&server]).await;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(200) {
        call(transport.any(), "Name").await.expect("answered");
    }
}

#[tokio::test]
async fn a_call_that_outlives_the_grace_of_its_connection_is_cut() {
    let config = GrpcServerConfig {
        connection_age_max: Duration::from_millis(10),
        connection_age_grace: Duration::from_millis(10),
        ..GrpcServerConfig::default()
    };
    let server = TestServer::start_with("a", &config).await;
    let transport = connect(&[&server]).await;
    let answer = timeout(PATIENCE, call(transport.any(), "Never")).await.expect("in time");
    assert_eq!(code(answer), Code::Unavailable);
}

#[tokio::test]
async fn the_service_token_is_asked_for() {
    let token = Secret::new("a-shared-secret");
    let config = GrpcServerConfig { token: token.clone(), ..GrpcServerConfig::default() };
    let server = TestServer::start_with("a", &config).await;
    for (given, expected) in [
        (Secret::default(), Code::Unauthenticated),
        (Secret::new("a-shared-secre"), Code::Unauthenticated),
        (Secret::new("b-shared-secret"), Code::Unauthenticated),
        (token, Code::Ok),
    ] {
        let client = GrpcClientConfig { token: given, ..client_config(&[&server]) };
        let transport = Transport::connect(&client).await.expect("valid");
        assert_eq!(code(call(transport.any(), "Name").await), expected);
    }
}

#[tokio::test]
async fn health_is_answered_without_a_token_and_by_a_full_server() {
    let config = GrpcServerConfig {
        token: Secret::new("a-shared-secret"),
        concurrency_max: 0,
        ..GrpcServerConfig::default()
    };
    let server = TestServer::start_with("a", &config).await;
    let transport = connect(&[&server]).await;
    let mut client = tonic_health::pb::health_client::HealthClient::new(transport.any());
    let request = tonic_health::pb::HealthCheckRequest { service: String::new() };
    let answer = client.check(request).await.expect("answered").into_inner();
    assert_eq!(answer.status(), tonic_health::pb::health_check_response::ServingStatus::Serving);
}

#[tokio::test]
async fn a_watcher_of_the_health_does_not_hold_up_the_drain() {
    let server = TestServer::start("a").await;
    let transport = connect(&[&server]).await;
    let mut client = tonic_health::pb::health_client::HealthClient::new(transport.any());
    let request = tonic_health::pb::HealthCheckRequest { service: String::new() };
    let mut watch = client.watch(request).await.expect("answered").into_inner();
    watch.message().await.expect("a message").expect("the first status");
    server.lifecycle.drain_all();
    timeout(PATIENCE / 2, server.lifecycle.wait()).await.expect("in time").expect("ended well");
}

#[tokio::test]
async fn a_full_server_refuses_at_once() {
    let config = GrpcServerConfig { concurrency_max: 1, ..GrpcServerConfig::default() };
    let server = TestServer::start_with("a", &config).await;
    let transport = connect(&[&server]).await;
    let first = tokio::spawn(call(transport.any(), "Gated"));
    server.behaviour.begun.acquire().await.expect("open").forget();
    assert_eq!(code(call(transport.any(), "Name").await), Code::Unavailable);
    server.behaviour.gate.add_permits(1);
    assert_eq!(code(first.await.expect("no panic")), Code::Ok);
    assert_eq!(code(call(transport.any(), "Name").await), Code::Ok);
}

#[tokio::test]
async fn a_panic_ends_its_call_and_nothing_else() {
    let server = TestServer::start("a").await;
    let transport = connect(&[&server]).await;
    assert_eq!(code(call(transport.any(), "Panic").await), Code::Internal);
    assert_eq!(code(call(transport.any(), "Name").await), Code::Ok);
}

#[tokio::test]
async fn deadlines_hold_on_both_sides() {
    let capped =
        GrpcServerConfig { call_timeout: Duration::from_millis(20), ..GrpcServerConfig::default() };
    let server = TestServer::start_with("a", &capped).await;
    let transport = connect(&[&server]).await;
    assert_eq!(code(call(transport.any(), "Never").await), Code::DeadlineExceeded, "the server's");

    let server = TestServer::start("a").await;
    let client =
        GrpcClientConfig { call_timeout: Duration::from_millis(20), ..client_config(&[&server]) };
    let transport = Transport::connect(&client).await.expect("valid");
    assert_eq!(code(call(transport.any(), "Never").await), Code::DeadlineExceeded, "the default");

    let transport = connect(&[&server]).await;
    let mut request = tonic::Request::new(String::new());
    request.set_timeout(Duration::from_millis(20));
    let answer = call_with(transport.any(), "Never", request).await;
    assert_eq!(code(answer), Code::DeadlineExceeded, "the call's own");
}
