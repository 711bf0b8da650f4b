//! How a standalone process starts and ends on a terminal: what it says first, and how soon Ctrl-C works.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;
use tempfile::tempdir;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};

use crate::{
    line::Line,
    process::{Serving, hubbub, output, text},
};

/// Far less than the 14 seconds over which a gateway in a cluster moves its sessions.
const SOON: Duration = Duration::from_secs(8);

#[tokio::test]
async fn ctrl_c_ends_a_standalone_process_soon_although_clients_are_connected() {
    let dir = tempdir().expect("a directory");
    let mut command = hubbub(dir.path(), &[]);
    // As by default.
    command.env_remove("HUBBUB_GATEWAY__DRAIN__NOTICE");
    let mut serving = Serving::start(&mut command, "client").await;
    serving.ready().await;
    let address = serving.listeners["client"].clone();

    // One that does not read, one that polls, one that keeps an HTTP connection, one that says nothing.
    let mut native = Line::open(&format!("ws://{address}")).await;
    let made = output(&mut hubbub(dir.path(), &["token", "--sub", "alice"])).await;
    let token = text(&made.stdout).trim().to_owned();
    assert!(native.ask(json!({"type": "hello", "token": token})).await["ok"].is_object());
    let polling = format!("http://{address}/socket.io/?EIO=4&transport=polling");
    let client = reqwest::Client::new();
    let opened = client.get(&polling).send().await.expect("answered").text().await.expect("text");
    let opened: serde_json::Value = serde_json::from_str(&opened[1..]).expect("a handshake");
    let poll = format!("{polling}&sid={}", opened["sid"].as_str().expect("a session"));
    let poll = tokio::spawn(client.get(poll).send());
    let mut kept = TcpStream::connect(&address).await.expect("connected");
    kept.write_all(b"GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("written");
    let silent = TcpStream::connect(&address).await.expect("connected");

    serving.signal(Signal::SIGINT);
    let ended = timeout(SOON, serving.ended()).await.expect("it ends soon");
    assert_eq!(ended.code(), Some(0));
    let log = serving.log().expect("a log");
    // Before they are gone it is said what is waited for; both sessions count.
    for words in ["draining; a second signal stops", "sessions are asked to go sessions=1"] {
        assert!(log.contains(words), "{words:?} is not in the log");
    }
    drop((native, poll, kept, silent));
}

#[tokio::test]
async fn the_first_line_of_the_log_says_which_version_starts_as_what() {
    let dir = tempdir().expect("a directory");
    let mut serving = Serving::start(&mut hubbub(dir.path(), &[]), "client").await;
    let log = serving.log().expect("a log");
    let first = log.lines().next().unwrap_or_default();
    for words in ["hubbub starts", env!("CARGO_PKG_VERSION"), "standalone"] {
        assert!(first.contains(words), "{words:?} is not in {first:?}");
    }
    serving.stop().await;
}
