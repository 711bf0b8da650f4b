//! The listener against those who come too fast, too slow, too large, or from the wrong page.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    http::StatusCode,
    routing::{get, post},
};
use hubbub_gateway::{
    edge::{ClientAddress, Config, Connection},
    ws::Limits,
};
use hubbub_testkit::eventually;
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Notify,
    time::timeout,
};

use crate::{
    ws_client::{Client, DEADLINE, HANDSHAKE, Server, config, frame},
    ws_echo,
};

const SHORT: Duration = Duration::from_millis(300);
const GET: &str = "GET /who HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn router() -> Router {
    Router::new()
        .route("/who", get(async |ClientAddress(address): ClientAddress| address.to_string()))
        .route("/refuse", post(async || StatusCode::FORBIDDEN))
        .route("/take", post(async |body: String| body.len().to_string()))
        .merge(ws_echo::router(Limits::default()))
}

async fn connect(server: &Server) -> Client {
    Client { stream: TcpStream::connect(server.address).await.expect("connects") }
}

/// The whole answer, when the server then closes.
async fn until_end(client: &mut Client) -> String {
    let mut answer = Vec::new();
    let end = timeout(DEADLINE, client.stream.read_to_end(&mut answer)).await.expect("in time");
    drop(end);
    String::from_utf8(answer).expect("text")
}

/// One request, one answer, with `Connection: close`.
async fn ask(server: &Server, request: &str) -> String {
    let mut client = connect(server).await;
    let request = request.replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1);
    client.write(request.as_bytes()).await;
    until_end(&mut client).await
}

#[tokio::test]
async fn slow_handshakes_are_cut_off() {
    let server = Server::start(Config { handshake_timeout: SHORT, ..config() }, router());
    let mut silent = connect(&server).await;
    let mut dripping = connect(&server).await;
    dripping.write(b"GET /who HTTP/1.1\r\nHost: local").await;
    silent.expect_end().await;
    dripping.expect_end().await;
    eventually(DEADLINE, async || server.open.count() == 0).await;
}

#[tokio::test]
async fn a_dripping_head_does_not_buy_time() {
    let server = Server::start(Config { handshake_timeout: SHORT, ..config() }, router());
    let mut client = connect(&server).await;
    let drip = async {
        loop {
            if client.stream.write_all(b"GET /who HTTP/1.1\r\nX: ").await.is_err() {
                return;
            }
            for _ in 0..1_000 {
                if client.stream.write_all(b"x").await.is_err() {
                    return;
                }
                // A slow client: the time between its bytes is what is tested.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    };
    timeout(DEADLINE, drip).await.expect("cut off");
}

#[tokio::test]
async fn idle_http_connections_end_and_websockets_stay() {
    let settings = Config { keep_alive_timeout: SHORT, handshake_timeout: SHORT, ..config() };
    let server = Server::start(settings, router());
    let mut websocket = Client::open(server.address).await;
    let mut http = connect(&server).await;
    http.write(GET.as_bytes()).await;
    assert!(until_end(&mut http).await.starts_with("HTTP/1.1 200 "));
    websocket.write(&frame(0x89, b"still here")).await;
    websocket.expect(0x8a, b"still here").await;
    assert_eq!(server.open.count(), 1);
}

#[tokio::test]
async fn large_heads_are_refused() {
    let server = Server::start(Config { header_bytes_max: 8_192, ..config() }, router());
    let long = format!("GET /who HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(10_000));
    assert!(ask(&server, &long).await.starts_with("HTTP/1.1 431 "));
    let many = "X-Many: 1\r\n".repeat(150);
    let many = format!("GET /who HTTP/1.1\r\nHost: localhost\r\n{many}\r\n");
    assert!(ask(&server, &many).await.starts_with("HTTP/1.1 431 "));
    // A head without an end: no more is read than the bound.
    let mut flood = connect(&server).await;
    flood.write(b"GET /who HTTP/1.1\r\nX: ").await;
    let sent = async {
        let mut sent = 0;
        while flood.stream.write_all(&[b'x'; 4_096]).await.is_ok() {
            sent += 4_096;
        }
        sent
    };
    let sent = timeout(DEADLINE, sent).await.expect("refused");
    assert!(sent < 20_000_000, "{sent} bytes");
}

#[tokio::test]
async fn who_sends_more_than_is_read_is_told_that_the_connection_ends() {
    let server = Server::start(config(), router());
    let post = |path: &str, bytes: usize| {
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {bytes}\r\n\r\n")
    };
    let mut refused = connect(&server).await;
    refused.write(post("/refuse", 1_000_000).as_bytes()).await;
    refused.write(&[b'x'; 10_000]).await;
    let answer = until_end(&mut refused).await.to_lowercase();
    assert!(answer.starts_with("http/1.1 403 "), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    // What was read to its end, or is small, leaves the connection open for more.
    let mut taken = connect(&server).await;
    taken.write(format!("{}hello", post("/take", 5)).as_bytes()).await;
    taken.write(post("/refuse", 5).as_bytes()).await;
    taken.write(b"hello").await;
    taken.write(GET.replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1).as_bytes()).await;
    let answers = until_end(&mut taken).await;
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 3, "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
}

#[tokio::test]
async fn an_address_that_comes_too_often_is_told_when_to_return() {
    let few = 3.try_into().unwrap();
    let settings = Config { connects_per_address_per_second: few, ..config() };
    let server = Server::start(settings, router());
    let mut answers = Vec::new();
    for _ in 0..6 {
        answers.push(ask(&server, GET).await.to_ascii_lowercase());
    }
    let refused: Vec<_> = answers.iter().filter(|a| a.starts_with("http/1.1 429 ")).collect();
    assert!((2..=3).contains(&refused.len()), "{answers:?}");
    assert!(refused[0].contains("retry-after: 1\r\n"), "{}", refused[0]);
    assert!(refused[0].contains(r#""code":"rate_limited""#), "{}", refused[0]);
}

#[tokio::test]
async fn a_storm_of_sessions_is_spread() {
    let [one, few] = [1, 2].map(|number| number.try_into().unwrap());
    let settings = Config { connects_per_second: one, connects_burst: few, ..config() };
    let server = Server::start_with(settings, |listener, _| {
        // As a door does that lets a session in.
        let admission = listener.admission();
        let admit = move |request: axum::extract::Request, next: axum::middleware::Next| {
            let admission = Arc::clone(&admission);
            async move {
                if request.headers().contains_key("upgrade") {
                    drop(admission.admit_session());
                }
                next.run(request).await
            }
        };
        router().layer(axum::middleware::from_fn(admit))
    });
    let mut refused = 0;
    for _ in 0..6 {
        let mut client = connect(&server).await;
        client.write(HANDSHAKE.as_bytes()).await;
        let head = client.head().await.to_ascii_lowercase();
        if head.starts_with("http/1.1 503 ") {
            assert!(head.contains("retry-after: "), "{head}");
            refused += 1;
        }
    }
    assert!(refused >= 3, "{refused}");
    assert!(ask(&server, GET).await.starts_with("HTTP/1.1 200 "), "requests are not sessions");
}

#[tokio::test]
async fn a_full_server_says_so_and_has_room_again_later() {
    let server = Server::start(Config { connections_max: 2, ..config() }, router());
    let first = Client::open(server.address).await;
    let _second = Client::open(server.address).await;
    let answer = ask(&server, GET).await.to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 503 "), "{answer}");
    assert!(answer.contains("retry-after: ") && answer.contains(r#""retryable":true"#), "{answer}");
    drop(first);
    eventually(DEADLINE, async || server.open.count() == 1).await;
    assert!(ask(&server, GET).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn handshakes_beyond_the_bound_wait_their_turn() {
    let settings = Config { handshakes_max: 2, handshake_timeout: SHORT, ..config() };
    let server = Server::start(settings, router());
    let _silent = [connect(&server).await, connect(&server).await];
    assert!(ask(&server, GET).await.starts_with("HTTP/1.1 200 "), "after the silent were cut off");
}

#[tokio::test]
async fn refusals_are_bounded_too() {
    let settings = Config { connections_max: 0, refusals_max: 1, ..config() };
    let server = Server::start(settings, router());
    let mut told = connect(&server).await;
    told.write(b"GET").await;
    let mut cut_off = connect(&server).await;
    cut_off.expect_end().await;
    told.write(&GET.as_bytes()[3..]).await;
    assert!(until_end(&mut told).await.starts_with("HTTP/1.1 503 "));
}

#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    let server = Server::start(config(), router());
    let evil = "Origin: https://evil.example\r\n\r\n";
    for request in [HANDSHAKE, GET] {
        let head = ask(&server, &request.replace("\r\n\r\n", &format!("\r\n{evil}"))).await;
        assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
        assert!(head.contains("https://evil.example") && head.contains(r#""code":"forbidden""#));
        assert!(!head.to_ascii_lowercase().contains("access-control-allow-origin"));
    }
    let own = GET.replace("\r\n\r\n", "\r\nOrigin: https://localhost\r\n\r\n");
    let head = ask(&server, &own).await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(head.contains("access-control-allow-origin: https://localhost\r\n"), "{head}");
}

#[tokio::test]
async fn preflights_follow_the_list_of_origins() {
    let allowed_origins = vec!["https://app.example".into()];
    let server = Server::start(Config { allowed_origins, ..config() }, router());
    let preflight = |origin: &str| {
        format!(
            "OPTIONS /take HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\
             Access-Control-Request-Method: POST\r\n\
             Access-Control-Request-Headers: authorization, traceparent, x-app\r\n\r\n"
        )
    };
    let granted = ask(&server, &preflight("https://app.example")).await.to_ascii_lowercase();
    assert!(granted.contains("access-control-allow-origin: https://app.example"), "{granted}");
    let reflected = "access-control-allow-headers: authorization, traceparent, x-app\r\n";
    assert!(granted.contains(reflected), "{granted}");
    let denied = ask(&server, &preflight("https://localhost")).await.to_ascii_lowercase();
    assert!(!denied.contains("access-control-allow-origin"), "{denied}");
}

#[tokio::test]
async fn every_answer_is_to_be_taken_at_its_word() {
    let server = Server::start(Config { connections_max: 1, ..config() }, router());
    let preflight = "OPTIONS /take HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let nowhere = GET.replace("/who", "/nowhere");
    let evil = GET.replace("\r\n\r\n", "\r\nOrigin: https://evil.example\r\n\r\n");
    let told = |head: &str| head.to_ascii_lowercase().contains("x-content-type-options: nosniff");
    for request in [GET, preflight, &nowhere, &evil] {
        let head = ask(&server, request).await;
        assert!(told(&head), "{head}");
        eventually(DEADLINE, async || server.open.count() == 0).await;
    }
    let _full = Client::open(server.address).await;
    let head = ask(&server, GET).await;
    assert!(head.starts_with("HTTP/1.1 503 ") && told(&head), "{head}");
}

#[tokio::test]
async fn the_client_is_who_a_trusted_proxy_says() {
    let forged = GET.replace("\r\n\r\n", "\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n");
    let direct = Server::start(config(), router());
    assert!(ask(&direct, &forged).await.ends_with("127.0.0.1"));
    let trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let few = 2.try_into().unwrap();
    let settings = Config { trusted_proxies, connects_per_address_per_second: few, ..config() };
    let proxied = Server::start(settings, router());
    for _ in 0..5 {
        assert!(ask(&proxied, &forged).await.ends_with("203.0.113.9"), "no quota for the proxy");
    }
    let mut heads = Vec::new();
    for _ in 0..4 {
        let mut client = connect(&proxied).await;
        let from = "\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n";
        client.write(HANDSHAKE.replace("\r\n\r\n", from).as_bytes()).await;
        heads.push(client.head().await);
    }
    assert!(heads[0].starts_with("HTTP/1.1 101 "), "{heads:?}");
    assert!(heads.iter().any(|head| head.starts_with("HTTP/1.1 429 ")), "{heads:?}");
}

#[tokio::test]
async fn a_body_that_never_comes_is_not_waited_for() {
    let server = Server::start(Config { request_timeout: SHORT, ..config() }, router());
    let mut client = connect(&server).await;
    client.write(b"POST /take HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc").await;
    assert!(client.head().await.starts_with("HTTP/1.1 503 "));
}

#[tokio::test]
async fn a_drain_finishes_requests_and_leaves_websockets_to_their_sessions() {
    let (begun, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begins, ends) = (Arc::clone(&begun), Arc::clone(&end));
    let slow = get(async move || {
        begins.notify_one();
        ends.notified().await;
        "done"
    });
    let mut server = Server::start(config(), router().route("/slow", slow));
    let mut websocket = Client::open(server.address).await;
    let mut slow = connect(&server).await;
    slow.write(GET.replace("/who", "/slow").as_bytes()).await;
    timeout(DEADLINE, begun.notified()).await.expect("the request was read");
    server.drain.cancel();
    let refused = async || TcpStream::connect(server.address).await.is_err();
    eventually(DEADLINE, refused).await;
    end.notify_one();
    let answer = until_end(&mut slow).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("done"), "{answer}");
    timeout(DEADLINE, &mut server.served).await.expect("ends").expect("no panic");
    websocket.write(&frame(0x89, b"")).await;
    websocket.expect(0x8a, b"").await;
    assert_eq!(server.open.count(), 1);
    drop(websocket);
    timeout(DEADLINE, server.open.closed()).await.expect("the last one is gone");
}

/// Half-open connections are the kernel's to find: it must have been told how.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn accepted_sockets_inherit_what_finds_dead_peers() {
    use hubbub_gateway::ws::Upgrade;

    let (report, reported) = tokio::sync::oneshot::channel();
    let report = Arc::new(parking_lot::Mutex::new(Some(report)));
    let router = Router::new().fallback(get(
        async move |upgrade: Upgrade, extension: axum::Extension<Connection>| {
            let peer = extension.peer();
            let (response, pending) = upgrade.accept(&[]);
            tokio::spawn(async move {
                let socket = pending.socket().await.expect("upgraded");
                if let Some(report) = report.lock().take() {
                    report.send((peer, socket)).expect("awaited");
                }
            });
            response
        },
    ));
    let server = Server::start(config(), router);
    let client = Client::open(server.address).await;
    let (peer, socket) = timeout(DEADLINE, reported).await.expect("in time").expect("sent");
    assert_eq!(peer, client.stream.local_addr().unwrap());
    let options = SockRef::from(&socket);
    assert!(options.tcp_nodelay().unwrap());
    assert!(options.keepalive().unwrap());
    assert_eq!(options.tcp_user_timeout().unwrap(), Some(Config::default().unacknowledged_timeout));
}

#[tokio::test]
async fn paths_that_are_not_websockets_say_so() {
    let server = Server::start(config(), router());
    let answer = ask(&server, &GET.replace("/who", "/")).await;
    assert!(answer.starts_with(&format!("HTTP/1.1 {} ", StatusCode::UPGRADE_REQUIRED.as_u16())));
}
