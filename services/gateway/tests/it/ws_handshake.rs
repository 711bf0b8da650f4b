//! Opening handshakes, good and bad (RFC 6455 section 4.2.1).

use hubbub_gateway::ws::Limits;
use tokio::net::TcpStream;

use crate::ws_client::{Client, HANDSHAKE, Server};

/// The answer to the usual handshake with one thing changed.
async fn answer(server: &Server, from: &str, to: &str) -> String {
    assert!(HANDSHAKE.contains(from));
    let mut client = Client { stream: TcpStream::connect(server.address).await.expect("connects") };
    client.write(HANDSHAKE.replace(from, to).as_bytes()).await;
    client.head().await.to_ascii_lowercase()
}

#[tokio::test]
async fn the_accept_key_is_that_of_the_rfc() {
    let server = Server::echo(Limits::default());
    let head = answer(&server, "", "").await;
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"), "{head}");
    assert!(head.contains("upgrade: websocket\r\n"), "{head}");
    assert!(head.contains("connection: upgrade\r\n"), "{head}");
}

#[tokio::test]
async fn tokens_are_found_in_any_case_and_place() {
    let server = Server::echo(Limits::default());
    for (from, to) in [
        ("Upgrade: websocket", "Upgrade: h2c, WebSocket"),
        ("keep-alive, Upgrade", "UPGRADE"),
        ("Connection: keep-alive, Upgrade", "Connection: keep-alive\r\nConnection: upgrade"),
    ] {
        let head = answer(&server, from, to).await;
        assert!(head.starts_with("http/1.1 101 "), "{to}: {head}");
    }
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_refused() {
    let server = Server::echo(Limits::default());
    for (from, to, status) in [
        ("GET /", "POST /", "405"),
        ("HTTP/1.1", "HTTP/1.0", "400"),
        ("Upgrade: websocket\r\n", "", "426"),
        ("Upgrade: websocket", "Upgrade: websocketx", "426"),
        ("keep-alive, Upgrade", "keep-alive", "400"),
        ("Version: 13", "Version: 8", "426"),
        ("Sec-WebSocket-Version: 13\r\n", "", "426"),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", "400"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ==", "400"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "not base64, at all......", "400"),
    ] {
        let head = answer(&server, from, to).await;
        assert!(head.split(' ').nth(1) == Some(status), "{from} -> {to}: {head}");
        if status == "426" {
            assert!(head.contains("sec-websocket-version: 13\r\n"), "{head}");
        }
    }
    let twice = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version";
    let head = answer(&server, "Sec-WebSocket-Version", twice).await;
    assert!(head.starts_with("http/1.1 400 "), "{head}");
}

#[tokio::test]
async fn the_first_common_subprotocol_of_the_client_is_taken() {
    let server = Server::echo(Limits::default());
    let offer =
        |protocols: &str| format!("Sec-WebSocket-Protocol: {protocols}\r\nSec-WebSocket-Version");
    let from = "Sec-WebSocket-Version";
    let head = answer(&server, from, &offer("other, echo.v1 ,echo.v2")).await;
    assert!(head.contains("sec-websocket-protocol: echo.v1\r\n"), "{head}");
    let two = format!("Sec-WebSocket-Protocol: other\r\n{}", offer("echo.v2"));
    let head = answer(&server, from, &two).await;
    assert!(head.contains("sec-websocket-protocol: echo.v2\r\n"), "{head}");
    let head = answer(&server, from, &offer("other")).await;
    assert!(!head.contains("sec-websocket-protocol"), "{head}");
}

#[tokio::test]
async fn compression_is_never_agreed_on() {
    let server = Server::echo(Limits::default());
    let to = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
        Sec-WebSocket-Version";
    let head = answer(&server, "Sec-WebSocket-Version", to).await;
    assert!(head.starts_with("http/1.1 101 ") && !head.contains("extensions"), "{head}");
}
