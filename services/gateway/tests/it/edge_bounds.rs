//! What one client address can make a node hold, and what the others notice of it: nothing.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use hubbub_gateway::edge::{ClientAddress, Config};
use hubbub_testkit::eventually;
use tokio::{net::TcpSocket, sync::Notify};

use crate::{
    engine_client::{self, ECHO, SOCKET_IO, patient_config, patient_protocol},
    socketio_fixture,
    ws_client::{Client, DEADLINE, HANDSHAKE, Server, config, frame},
};

const SHORT: Duration = Duration::from_millis(300);
/// Loopback addresses stand for clients of different networks.
const ONE: [u8; 4] = [127, 0, 0, 2];
const OTHER: [u8; 4] = [127, 0, 0, 3];
const THIRD: [u8; 4] = [127, 0, 0, 4];
const GET: &str = "GET /who HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn router() -> Router {
    Router::new()
        .route("/who", get(async |ClientAddress(address): ClientAddress| address.to_string()))
        .route("/take", axum::routing::post(async |body: String| body.len().to_string()))
}

async fn from(address: [u8; 4], server: &Server) -> Client {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from((address, 0))).expect("a loopback address");
    Client { stream: socket.connect(server.address).await.expect("connects") }
}

/// One request over a connection that stays open: the head of its answer.
async fn ask(client: &mut Client, request: &str) -> String {
    client.try_write(request.as_bytes()).await;
    let head = client.head().await.to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    let read = tokio::io::AsyncReadExt::read_exact(&mut client.stream, &mut body);
    tokio::time::timeout(DEADLINE, read).await.expect("in time").expect("the whole body");
    head
}

async fn expect(client: &mut Client, request: &str, status: u16) {
    let head = ask(client, request).await;
    assert!(head.starts_with(&format!("http/1.1 {status} ")), "{request:?} was answered {head}");
}

/// Asks over one connection until the answer begins so.
async fn until(client: &mut Client, request: &str, beginning: &str) {
    let asked = async { while !ask(client, request).await.starts_with(beginning) {} };
    tokio::time::timeout(DEADLINE, asked).await.expect("in time");
}

fn post(path: &str, bytes: usize) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {bytes}\r\n\r\n")
}

#[tokio::test]
async fn a_body_that_stops_or_drips_is_cut_off() {
    let server = Server::start(Config { body_timeout: SHORT, ..config() }, router());
    for sent in [0, 10, 50_000] {
        let mut client = from(ONE, &server).await;
        client.write(post("/take", 100_000).as_bytes()).await;
        client.write(&vec![b'x'; sent]).await;
        let head = client.head().await.to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 408 "), "{sent}: {head}");
        assert!(head.contains("connection: close\r\n"), "{head}");
    }
}

#[tokio::test]
async fn a_body_that_keeps_its_rate_may_take_longer() {
    let rate = 10_000.try_into().unwrap();
    let pace = Config { body_timeout: SHORT, body_bytes_per_second_min: rate, ..config() };
    let server = Server::start(pace, router());
    let mut client = from(ONE, &server).await;
    client.write(post("/take", 40_000).as_bytes()).await;
    for _ in 0..4 {
        client.write(&[b'x'; 10_000]).await;
        // The time between its parts is what is tested.
        tokio::time::sleep(SHORT / 2).await;
    }
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn unfinished_bodies_are_bounded_for_each_address_and_in_all() {
    let settings = Config {
        unfinished_bytes_per_address_max: 20_000,
        unfinished_bytes_max: 30_000,
        ..config()
    };
    let server = Server::start(settings, router());
    let half = [post("/take", 100_000).into_bytes(), vec![b'x'; 14_000]].concat();
    let hold = async |address| {
        let mut client = from(address, &server).await;
        client.write(&half).await;
        client
    };
    let mut held = vec![hold(ONE).await, hold(ONE).await];
    // Which of the three is the one too many is the kernel's to say.
    held.push(hold(ONE).await);
    let refused = async |held: &mut Vec<Client>, status: &str| {
        let heads = held.iter_mut().map(|client| Box::pin(client.head()));
        let (head, which, rest) = futures::future::select_all(heads).await;
        drop(rest);
        assert!(head.starts_with(status), "{head}");
        held.remove(which);
    };
    refused(&mut held, "HTTP/1.1 429 ").await;
    held.push(hold(OTHER).await);
    held.push(hold(THIRD).await);
    refused(&mut held, "HTTP/1.1 503 ").await;
    // A small body is taken all the same, from wherever.
    let small = format!("{}hello", post("/take", 5));
    for address in [ONE, THIRD] {
        expect(&mut from(address, &server).await, &small, 200).await;
    }
    drop(held);
    eventually(DEADLINE, async || {
        let mut client = from(ONE, &server).await;
        let whole = [post("/take", 14_000).into_bytes(), vec![b'x'; 14_000]].concat();
        client.write(&whole).await;
        client.head().await.starts_with("HTTP/1.1 200 ")
    })
    .await;
}

#[tokio::test]
async fn unfinished_messages_of_websockets_count_too() {
    let edge = Config { unfinished_bytes_per_address_max: 20_000, ..socketio_fixture::edge(0) };
    let server = engine_client::start(edge, &patient_config(), &patient_protocol());
    let path = format!("{ECHO}?EIO=4&transport=websocket");
    let message = frame(0x81, &vec![b'4'; 100_000]);
    let mut client = Client::open_at(server.address, &path).await;
    let _open = client.frame().await;
    client.try_write(&message[..60_000]).await;
    client.expect_close(4003).await;
    // A whole message of that size in a server that holds nothing is no matter.
    let mut client = Client::open_at(server.address, &path).await;
    let _open = client.frame().await;
    client.write(&frame(0x81, &[b'4'; 15_000])).await;
    assert_eq!(client.frame().await.payload.len(), 15_000);
}

#[tokio::test]
async fn no_body_is_read_for_a_session_that_is_not_there() {
    let server =
        engine_client::start(socketio_fixture::edge(0), &patient_config(), &patient_protocol());
    let path = format!("{SOCKET_IO}?EIO=4&transport=polling&sid=");
    // Nothing of the bodies is ever sent: the answer must not wait for them.
    for bytes in [100, 900_000] {
        let mut client = from(ONE, &server).await;
        client.write(post(&format!("{path}nobody"), bytes).as_bytes()).await;
        assert!(client.head().await.starts_with("HTTP/1.1 400 "));
        let poller = engine_client::Poller::open(&server, SOCKET_IO).await;
        let mut client = from(ONE, &server).await;
        let foreign = format!("{path}{}&token=another", poller.sid);
        client.write(post(&foreign, bytes).as_bytes()).await;
        assert!(client.head().await.starts_with("HTTP/1.1 403 "));
    }
}

#[tokio::test]
async fn one_connection_spends_only_its_own_budget() {
    let [one, few] = [1, 3].map(|number| number.try_into().unwrap());
    let edge = Config {
        connects_per_second: one,
        connects_burst: few,
        connects_per_address_per_second: few,
        ..socketio_fixture::edge(0)
    };
    let server = engine_client::start(edge, &patient_config(), &patient_protocol());
    let mut client = from(ONE, &server).await;
    let bogus = format!("GET {ECHO} HTTP/1.1\r\nHost: localhost\r\nUpgrade: nonsense\r\n\r\n");
    let mut statuses = Vec::new();
    for _ in 0..10 {
        statuses.push(ask(&mut client, &bogus).await[9..12].to_owned());
    }
    assert!(statuses.contains(&"400".to_owned()) && statuses.contains(&"429".to_owned()));
    // None of them was a session: there is room for three.
    let open = format!("GET {ECHO}?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for address in [OTHER, THIRD] {
        expect(&mut from(address, &server).await, &open, 200).await;
    }
    // Handshakes over one connection are those of one address.
    let mut client = from([127, 0, 0, 5], &server).await;
    expect(&mut client, &open, 200).await;
    let mut heads = Vec::new();
    for _ in 0..5 {
        heads.push(ask(&mut client, &open).await[9..12].to_owned());
    }
    assert!(heads.contains(&"429".to_owned()), "{heads:?}");
}

#[tokio::test]
async fn open_connections_are_bounded_for_each_address() {
    let settings = Config {
        connections_per_address_max: 3,
        http_per_address_max: 1,
        ..socketio_fixture::edge(0)
    };
    let server = engine_client::start(settings, &patient_config(), &patient_protocol());
    let websocket = HANDSHAKE.replace("GET / ", &format!("GET {ECHO}?EIO=4&transport=websocket "));
    let mut sockets = Vec::new();
    for _ in 0..2 {
        let mut client = from(ONE, &server).await;
        client.write(websocket.as_bytes()).await;
        assert!(client.head().await.starts_with("HTTP/1.1 101 "));
        let _open = client.frame().await;
        sockets.push(client);
    }
    let mut http = from(ONE, &server).await;
    expect(&mut http, GET, 404).await;
    expect(&mut from(ONE, &server).await, GET, 429).await;
    expect(&mut from(OTHER, &server).await, GET, 404).await;
    http.write(websocket.as_bytes()).await;
    assert!(http.head().await.starts_with("HTTP/1.1 101 "));
    expect(&mut from(ONE, &server).await, GET, 429).await;
    drop(sockets);
    eventually(DEADLINE, async || {
        ask(&mut from(ONE, &server).await, GET).await.starts_with("http/1.1 404 ")
    })
    .await;
}

#[tokio::test]
async fn behind_a_proxy_each_client_has_its_own_bounds() {
    let end = Arc::new(Notify::new());
    let ends = Arc::clone(&end);
    let slow = get(async move || ends.notified().await);
    let settings = Config {
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        http_per_address_max: 1,
        unfinished_bytes_per_address_max: 20_000,
        ..config()
    };
    let server = Server::start(settings, router().route("/slow", slow));
    let of = |client: &str, request: &str| {
        request.replacen("\r\n\r\n", &format!("\r\nX-Forwarded-For: {client}\r\n\r\n"), 1)
    };
    let mut first = from(ONE, &server).await;
    first.write(of("203.0.113.1", &GET.replace("/who", "/slow")).as_bytes()).await;
    let mut proxy = from(ONE, &server).await;
    until(&mut proxy, &of("203.0.113.1", GET), "http/1.1 429 ").await;
    expect(&mut proxy, &of("203.0.113.2", GET), 200).await;
    expect(&mut proxy, &of("2001:db8::1", GET), 200).await;
    end.notify_one();
    assert!(first.head().await.starts_with("HTTP/1.1 200 "));
    until(&mut proxy, &of("203.0.113.1", GET), "http/1.1 200 ").await;
    let mut body = from(ONE, &server).await;
    let whole = [of("203.0.113.3", &post("/take", 90_000)).into_bytes(), vec![b'x'; 90_000]];
    body.try_write(&whole.concat()).await;
    assert!(body.head().await.starts_with("HTTP/1.1 429 "));
}

#[tokio::test]
async fn silent_connections_of_one_address_keep_nobody_else_out() {
    let settings = Config {
        handshakes_per_address_max: 2,
        handshakes_max: 3,
        handshake_timeout: DEADLINE,
        ..config()
    };
    let server = Server::start(settings, router());
    let _silent = [from(ONE, &server).await, from(ONE, &server).await];
    from(ONE, &server).await.expect_end().await;
    expect(&mut from(OTHER, &server).await, GET, 200).await;
}
