//! Sessions whose requests reach another node than theirs, as behind a load balancer that does not care.

use std::{sync::Arc, time::Duration};

use hubbub_domain::SystemClock;
use hubbub_ephemeral::{Ephemeral, Node};
use hubbub_gateway::{
    engineio::{Engine, Host},
    relay::{Peers, Relay},
    socketio::SocketIo,
};
use hubbub_runtime::{
    config::Secret,
    grpc::{self, GrpcClientConfig, GrpcServerConfig},
    lifecycle::Lifecycle,
};
use hubbub_testkit::eventually;
use reqwest::StatusCode;
use tokio::{net::TcpListener, time::Instant};
use tokio_util::task::TaskTracker;
use tonic::service::Routes;

use crate::{
    engine_client::{Poller, SOCKET_IO, WebSocket, patient_config, patient_protocol},
    socketio_fixture,
    ws_client::{Client, DEADLINE, Server},
};

const TOKEN: &str = "between gateways";

/// A gateway as the others see it: clients on one listener, nodes on another.
struct Gateway {
    server: Server,
    engine: Engine<SocketIo>,
    lifecycle: Lifecycle,
}

impl Gateway {
    async fn start(name: &str, state: &Arc<dyn Ephemeral>, token: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let node = Node {
            id: name.to_owned(),
            address: listener.local_addr().expect("it is bound").to_string(),
            connections: 0,
            closing: false,
            started_at: hubbub_domain::Clock::now(&SystemClock),
            heard: Duration::ZERO,
        };
        // An outage is the subject of one test.
        let _unknown = state.register(&node, Duration::from_mins(10)).await;
        let client = GrpcClientConfig {
            token: Secret::new(token.to_owned()),
            ..GrpcClientConfig::default()
        };
        let peers = Arc::new(Peers::new(Arc::clone(state) as _, client));
        let mut engine = None;
        let configs = (&patient_config(), &patient_protocol());
        let server = Server::start_with(socketio_fixture::edge(0), |edge, abort| {
            let host = socketio_fixture::host(edge, &TaskTracker::new(), abort);
            let host = Host { node: name.to_owned(), peers: Some(peers), ..host };
            let made = socketio_fixture::socketio_engine(configs, host);
            let router = made.router(SOCKET_IO);
            engine = Some(made);
            router
        });
        let engine = engine.expect("it was made");
        let lifecycle = Lifecycle::new(Duration::from_secs(1));
        let config = GrpcServerConfig {
            token: Secret::new(TOKEN.to_owned()),
            ..GrpcServerConfig::default()
        };
        let routes = Routes::new(Relay::service(engine.clone()));
        lifecycle.spawn("internal", grpc::serve(listener, routes, &config, &lifecycle));
        Self { server, engine, lifecycle }
    }

    /// As a crash: nothing is answered any more.
    fn kill(&self) {
        self.lifecycle.drain.cancel();
        self.lifecycle.abort.cancel();
    }
}

/// Two gateways, and the state they share.
async fn two() -> (Gateway, Gateway) {
    let state = hubbub_ephemeral::local(Arc::new(SystemClock));
    (Gateway::start("one", &state, TOKEN).await, Gateway::start("two", &state, TOKEN).await)
}

impl Poller {
    /// The same client, whose requests reach another gateway.
    fn by(&self, gateway: &Gateway) -> Self {
        let url = format!("http://{}{SOCKET_IO}?EIO=4&transport=polling", gateway.server.address);
        Self { url, ..self.clone() }
    }

    async fn hear(&self, wanted: &str) -> String {
        let mut heard = String::new();
        while !heard.ends_with(wanted) {
            let poll = self.poll().await;
            assert_eq!(poll.status(), StatusCode::OK, "after {heard:?}");
            heard.push('\u{1e}');
            heard += &poll.text().await.expect("a text");
        }
        heard
    }
}

async fn joined(at: &Gateway, by: &Gateway) -> Poller {
    let poller = Poller::open(&at.server, SOCKET_IO).await;
    poller.by(by).send("40").await;
    poller.by(by).hear("42[\"auth\",{}]").await;
    poller
}

#[tokio::test]
async fn polls_and_posts_may_reach_any_gateway() {
    let (one, two) = two().await;
    let poller = joined(&one, &two).await;
    let ways = [poller.by(&one), poller.by(&two)];
    for round in 0..20 {
        let (post, poll) = (&ways[round % 2], &ways[(round / 2) % 2]);
        post.send("42[\"message\",\"hé\"]\u{1e}451-[\"message\",{\"_placeholder\":true,\"num\":0}]\u{1e}bAQID").await;
        poll.hear("bAQID").await;
    }
    assert_eq!((one.engine.sessions(), two.engine.sessions()), (1, 0));
    // Held there, answered here.
    let (poll, ()) = tokio::join!(ways[1].poll(), ways[0].send("42[\"message\"]"));
    assert_eq!(poll.text().await.expect("a text"), "42[\"message-back\"]");
    assert_eq!(ways[1].post("abc").await.status(), StatusCode::BAD_REQUEST);
    ways[1].expect_gone().await;
}

/// The gateway that a body reaches asks the session's before it takes a large one in.
#[tokio::test]
async fn no_large_body_is_read_for_a_session_that_another_gateway_refuses() {
    let (one, two) = two().await;
    let poller = Poller::open(&one.server, SOCKET_IO).await;
    let refusals =
        [("one.nobody".to_owned(), "400"), (format!("{}&token=another", poller.sid), "403")];
    for (sid, status) in refusals {
        let stream = tokio::net::TcpStream::connect(two.server.address).await.expect("connects");
        let mut client = Client { stream };
        let head = format!(
            "POST {SOCKET_IO}?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: localhost\r\n\
             Content-Length: 900000\r\n\r\n"
        );
        client.write(head.as_bytes()).await;
        // Nothing of the body is ever sent.
        let answer = client.head().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    let large = format!("4{}", "2".repeat(100_000));
    assert_eq!(poller.by(&two).post(large).await.status(), StatusCode::BAD_REQUEST, "no packet");
}

#[tokio::test]
async fn a_websocket_may_reach_another_gateway() {
    let (one, two) = two().await;
    let poller = joined(&one, &two).await;
    let mut socket = poller.by(&two).probe(&two.server).await;
    poller.by(&two).expect("6").await;
    socket.say("5").await;
    let large = "x".repeat(900_000);
    for _ in 0..3 {
        socket.say("42[\"message\",1]").await;
        socket.expect("42[\"message-back\",1]").await;
        socket.say(&format!("42[\"message\",\"{large}\"]")).await;
        socket.expect(&format!("42[\"message-back\",\"{large}\"]")).await;
        socket.say("451-[\"message\",{\"_placeholder\":true,\"num\":0}]").await;
        socket.say_binary(&vec![7; 300_000]).await;
        socket.expect("451-[\"message-back\",{\"_placeholder\":true,\"num\":0}]").await;
        socket.expect_binary(&vec![7; 300_000]).await;
    }
    poller.by(&two).expect_gone().await;
    poller.by(&two).websocket(&two.server).await.expect_close().await;
    assert_eq!(one.engine.sessions(), 1);
    // Its end is told in both directions.
    drop(socket);
    eventually(DEADLINE, async || one.engine.sessions() == 0).await;

    let poller = joined(&one, &two).await;
    let mut socket = poller.by(&two).probe(&two.server).await;
    socket.say("5").await;
    socket.say("42[\"disconnect\"]").await;
    socket.expect_close().await;
}

#[tokio::test]
async fn a_poll_given_up_elsewhere_ends_the_session() {
    let (one, two) = two().await;
    let poller = joined(&one, &two).await;
    let far = poller.by(&two);
    let given_up = tokio::time::timeout(Duration::from_millis(200), far.poll());
    assert!(given_up.await.is_err(), "it is held");
    eventually(DEADLINE, async || one.engine.sessions() == 0).await;
    far.expect_gone().await;
}

#[tokio::test]
async fn a_gateway_that_died_has_no_sessions() {
    let (one, two) = two().await;
    let poller = joined(&one, &two).await;
    let upgraded = joined(&one, &two).await;
    let mut socket = upgraded.by(&two).probe(&two.server).await;
    socket.say("5").await;
    socket.say("42[\"message\"]").await;
    socket.expect("42[\"message-back\"]").await;
    one.kill();
    let begun = Instant::now();
    let refused = poller.by(&two).poll().await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert_eq!(refused.text().await.unwrap(), "{\"code\":1,\"message\":\"Session ID unknown\"}");
    assert!(begun.elapsed() < Duration::from_secs(5), "at once");
    socket.expect_close().await;
    // Nobody has ever heard of this one.
    let stranger = Poller { sid: "three.abc".to_owned(), ..poller.by(&two) };
    stranger.expect_gone().await;
}

#[tokio::test]
async fn who_takes_nothing_holds_up_nobody_else() {
    let (one, two) = two().await;
    let mut sockets = Vec::new();
    // More stalled clients than a connection between nodes would have windows for.
    for _ in 0..12 {
        let poller = joined(&one, &two).await;
        let mut socket = poller.by(&two).probe(&two.server).await;
        socket.say("5").await;
        sockets.push(socket);
    }
    let mut well = sockets.pop().unwrap();
    let message = format!("42[\"message\",\"{}\"]", "x".repeat(60_000));
    for stalled in &mut sockets {
        // Until nothing more is taken from it, for nothing of it is read.
        let flood = async {
            loop {
                stalled.say(&message).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_millis(300), flood).await.is_err());
    }
    for _ in 0..10 {
        well.say(&message).await;
        well.expect(&message.replace("message", "message-back")).await;
    }
}

#[tokio::test]
async fn a_session_id_with_anothers_token_is_refused_by_way_of_another_gateway() {
    let (one, two) = two().await;
    let poller = Poller::open(&one.server, SOCKET_IO).await;
    let mut thief = poller.by(&two);
    thief.url += "&token=bob";
    assert_eq!(thief.post("40").await.status(), StatusCode::FORBIDDEN);
    assert_eq!(thief.poll().await.status(), StatusCode::FORBIDDEN);
    poller.by(&two).send("40").await;
}

#[tokio::test]
async fn gateways_do_not_listen_to_strangers() {
    let state = hubbub_ephemeral::local(Arc::new(SystemClock));
    let one = Gateway::start("one", &state, TOKEN).await;
    let stranger = Gateway::start("two", &state, "guessed").await;
    let poller = Poller::open(&one.server, SOCKET_IO).await;
    poller.by(&stranger).expect_gone().await;
    poller.send("40").await;
}

#[tokio::test]
async fn when_nobody_can_say_where_a_session_is_it_is_to_be_asked_again() {
    let config = hubbub_ephemeral::Config::new(["redis://127.0.0.1:1"]);
    let state = hubbub_ephemeral::connect(&config).unwrap();
    let two = Gateway::start("two", &state, TOKEN).await;
    let poller = Poller::open(&two.server, SOCKET_IO).await;
    let elsewhere = Poller { sid: "one.abc".to_owned(), ..poller.clone() };
    assert_eq!(elsewhere.poll().await.status(), StatusCode::SERVICE_UNAVAILABLE);
    poller.send("40").await;
    let socket = WebSocket::open(&two.server, SOCKET_IO).await;
    drop(socket);
}
