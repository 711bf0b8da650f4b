//! The client side over real sockets: affinity, ejection, name resolution, the local server.

use std::{collections::BTreeMap, time::Duration};

use hubbub_runtime::grpc::{GrpcClientConfig, RetryPolicy, Transport, retry_idempotent};
use tokio::net::TcpListener;
use tonic::Code;

use crate::support::{Behaviour, TestServer, call, client_config, connect, eventually};

/// The name of the server each key goes to.
async fn homes(transport: &Transport) -> BTreeMap<u128, String> {
    let mut homes = BTreeMap::new();
    for key in 0..60_u128 {
        let name = call(transport.pick(key << 64), "Name").await.expect("answered");
        homes.insert(key, name);
    }
    homes
}

#[tokio::test]
async fn a_key_keeps_its_server_while_another_dies_and_returns() {
    let servers =
        [TestServer::start("a").await, TestServer::start("b").await, TestServer::start("c").await];
    let transport = connect(&servers.each_ref()).await;
    let before = homes(&transport).await;
    assert_eq!(before.values().collect::<std::collections::BTreeSet<_>>().len(), 3);
    assert_eq!(homes(&connect(&servers.each_ref()).await).await, before, "every process agrees");

    servers[1].kill().await;
    let policy = RetryPolicy::default();
    for (key, home) in &before {
        let answer = retry_idempotent(policy, || call(transport.pick(key << 64), "Name")).await;
        let now = answer.expect("another server answers");
        assert!(now == *home || home == "b", "key {key} moved from {home} to {now} without need");
        assert_ne!(now, "b");
    }

    let _returned = TestServer::return_of(&servers[1]).await;
    let transport = &transport;
    let before = &before;
    eventually(|| async move {
        let mut home = true;
        for (key, name) in before {
            home &= call(transport.pick(key << 64), "Name").await.is_ok_and(|now| now == *name);
        }
        home
    })
    .await;
}

#[tokio::test]
async fn calls_without_a_key_take_turns() {
    let servers = [TestServer::start("a").await, TestServer::start("b").await];
    let transport = connect(&servers.each_ref()).await;
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(call(transport.any(), "Name").await.expect("answered"));
    }
    answers.sort();
    assert_eq!(answers, ["a", "a", "b", "b"]);
}

#[tokio::test]
async fn an_address_that_fails_is_left_alone_and_probed_by_one_call() {
    let servers = [TestServer::start("a").await, TestServer::start("b").await];
    let config = GrpcClientConfig {
        ejection_min: Duration::from_mins(1),
        ..client_config(&servers.each_ref())
    };
    let transport = Transport::connect(&config).await.expect("valid");
    servers[0].kill().await;
    // Two turns: one of them meets the dead address and ejects it.
    let met = [call(transport.any(), "Name").await, call(transport.any(), "Name").await];
    assert_eq!(met.iter().filter(|answer| answer.is_err()).count(), 1);
    for _ in 0..6 {
        assert_eq!(call(transport.any(), "Name").await.expect("the healthy one"), "b");
    }
}

#[tokio::test]
async fn when_all_are_ejected_they_are_tried_all_the_same() {
    let server = TestServer::start("a").await;
    let config =
        GrpcClientConfig { ejection_min: Duration::from_mins(1), ..client_config(&[&server]) };
    let transport = Transport::connect(&config).await.expect("valid");
    let refused = call(transport.any(), "Unavailable").await.expect_err("refused");
    assert_eq!((refused.code(), refused.message()), (Code::Unavailable, "no store"));
    assert_eq!(call(transport.any(), "Name").await.expect("tried"), "a");
    assert_eq!(call(transport.pick(1), "Name").await.expect("tried"), "a");
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_is_ejected() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let server = TestServer::start("b").await;
    let config = GrpcClientConfig {
        address: format!("{},{}", silent.local_addr().expect("bound"), server.address),
        call_timeout: Duration::from_millis(100),
        ejection_min: Duration::from_mins(1),
        ..GrpcClientConfig::default()
    };
    let transport = Transport::connect(&config).await.expect("valid");
    let met = [call(transport.any(), "Name").await, call(transport.any(), "Name").await];
    let failed = met.iter().filter_map(|answer| answer.as_ref().err()).collect::<Vec<_>>();
    assert_eq!(
        failed.iter().map(|status| status.code()).collect::<Vec<_>>(),
        [Code::DeadlineExceeded]
    );
    for _ in 0..4 {
        assert_eq!(call(transport.any(), "Name").await.expect("the healthy one"), "b");
    }
}

#[tokio::test]
async fn a_name_is_resolved() {
    let server = TestServer::start("a").await;
    let config = GrpcClientConfig {
        address: format!("localhost:{}", server.address.port()),
        ..client_config(&[&server])
    };
    let transport = Transport::connect(&config).await.expect("valid");
    // localhost may have an address of IPv6 too, where nobody listens.
    let policy = RetryPolicy::default();
    let answer = retry_idempotent(policy, || call(transport.pick(7), "Name")).await;
    assert_eq!(answer.expect("answered"), "a");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_unavailable_not_fatal() {
    let config = GrpcClientConfig {
        address: "nobody.invalid:7000".to_owned(),
        ..GrpcClientConfig::default()
    };
    let transport = Transport::connect(&config).await.expect("a valid name");
    let refused = call(transport.pick(1), "Name").await.expect_err("nobody is there");
    assert_eq!(refused.code(), Code::Unavailable);
}

#[tokio::test]
async fn what_is_no_address_is_refused() {
    for address in ["", "history", "http://history:7000"] {
        let config =
            GrpcClientConfig { address: address.to_owned(), ..GrpcClientConfig::default() };
        assert!(Transport::connect(&config).await.is_err(), "{address:?}");
    }
}

#[tokio::test]
async fn a_local_server_is_called_by_the_same_rules() {
    let transport = Transport::local(Behaviour::new("here").routes());
    assert_eq!(call(transport.any(), "Name").await.expect("answered"), "here");
    assert_eq!(call(transport.pick(1), "Panic").await.expect_err("caught").code(), Code::Internal);
    let mut request = tonic::Request::new(String::new());
    request.set_timeout(Duration::from_millis(20));
    let answer = crate::support::call_with(transport.any(), "Never", request).await;
    assert_eq!(answer.expect_err("too late").code(), Code::DeadlineExceeded);
}
