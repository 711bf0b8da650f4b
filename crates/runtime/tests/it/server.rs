//! The gRPC server over real sockets: draining, ageing connections, tokens, health, fullness.

use std::time::{Duration, Instant};

use hubbub_runtime::{
    config::Secret,
    grpc::{GrpcClientConfig, GrpcServerConfig, Transport},
    health::MetricsPage,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
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

/// A server whose times are short.
async fn impatient() -> TestServer {
    let config = GrpcServerConfig {
        preface_timeout: Duration::from_millis(100),
        first_call_timeout: Duration::from_millis(400),
        token: Secret::new("a-shared-secret"),
        ..GrpcServerConfig::default()
    };
    TestServer::start_with("a", &config).await
}

/// Reads until the server ends the connection.
async fn expect_end(stream: &mut TcpStream) {
    let end = async { while stream.read(&mut [0; 1_024]).await.is_ok_and(|bytes| bytes > 0) {} };
    timeout(PATIENCE, end).await.expect("the server ends it");
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const EMPTY_SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

#[tokio::test]
async fn a_connection_without_a_whole_preface_ends() {
    let server = impatient().await;
    let beginnings = [&b""[..], &PREFACE[..10], PREFACE, &[PREFACE, &EMPTY_SETTINGS[..8]].concat()];
    for beginning in beginnings {
        let mut stream = TcpStream::connect(server.address).await.expect("connects");
        stream.write_all(beginning).await.expect("written");
        expect_end(&mut stream).await;
    }
}

#[tokio::test]
async fn a_connection_without_a_call_that_shows_the_token_ends() {
    let server = impatient().await;
    let mut idle = TcpStream::connect(server.address).await.expect("connects");
    idle.write_all(&[PREFACE, &EMPTY_SETTINGS].concat()).await.expect("written");
    expect_end(&mut idle).await;
    // One that has shown it stays: its long call outlives the time of strangers.
    let client =
        GrpcClientConfig { token: Secret::new("a-shared-secret"), ..client_config(&[&server]) };
    let transport = Transport::connect(&client).await.expect("valid");
    let long = tokio::spawn(call(transport.any(), "Gated"));
    server.behaviour.begun.acquire().await.expect("open").forget();
    let mut stranger = TcpStream::connect(server.address).await.expect("connects");
    stranger.write_all(&[PREFACE, &EMPTY_SETTINGS].concat()).await.expect("written");
    expect_end(&mut stranger).await;
    server.behaviour.gate.add_permits(1);
    assert_eq!(long.await.expect("no panic").expect("answered"), "through the gate");
}

#[tokio::test]
async fn one_address_cannot_hold_every_connection() {
    let config = GrpcServerConfig { connections_per_address_max: 2, ..GrpcServerConfig::default() };
    let server = TestServer::start_with("a", &config).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(TcpStream::connect(server.address).await.expect("connects"));
    }
    let mut third = TcpStream::connect(server.address).await.expect("connects");
    expect_end(&mut third).await;
    held.clear();
    let transport = connect(&[&server]).await;
    eventually(|| async { call(transport.any(), "Name").await.is_ok() }).await;
}

/// Invented names of methods cost a stranger a call, and the process nothing that stays.
#[tokio::test]
async fn refused_calls_leave_no_time_series() {
    let page = MetricsPage::install().expect("one recorder");
    let server = impatient().await;
    let transport = connect(&[&server]).await;
    for number in 0..20 {
        let refused = call(transport.any(), &format!("Invented{number}")).await;
        assert_eq!(code(refused), Code::Unauthenticated);
    }
    assert!(!page.render().contains("Invented"), "a refused call was counted by its own name");
}
