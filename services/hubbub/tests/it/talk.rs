//! Two people talk, with nothing but the binary and an empty directory.

use hubbub_client_protocol::{Command, History};
use hubbub_domain::{Rev, RoomId};
use hubbub_testkit::Client;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::process::{PATIENCE, Serving, hubbub, output, text};

/// A standalone process that lets its sessions go without ceremony.
async fn start(dir: &TempDir) -> Serving {
    let mut command = hubbub(dir.path(), &[]);
    command.env("HUBBUB_GATEWAY__DRAIN__WINDOW", "100ms");
    let serving = Serving::start(&mut command, "client").await;
    serving.ready().await;
    serving
}

async fn client(dir: &TempDir, serving: &Serving, user: &str) -> Client {
    let token = output(&mut hubbub(dir.path(), &["token", "--sub", user])).await;
    let url = format!("ws://{}", serving.listeners["client"]);
    Client::start(user, text(&token.stdout).trim(), vec![url])
}

/// The texts of a room, oldest first.
async fn texts(client: &Client, room: RoomId) -> Vec<String> {
    let newest = History {
        room,
        before_seq: None,
        after_seq: None,
        around_seq: None,
        before_time: None,
        limit: None,
    };
    let page: Value = client.call(Command::History(newest)).await.expect("a page");
    let messages = page["messages"].as_array().expect("a list");
    messages.iter().filter_map(|m| m["body"]["text"].as_str()).map(str::to_owned).collect()
}

#[tokio::test]
async fn two_people_talk_and_a_restart_forgets_nothing() {
    let dir = tempdir().expect("a directory");
    let serving = start(&dir).await;
    let [alice, bob] = [client(&dir, &serving, "alice").await, client(&dir, &serving, "bob").await];
    let room = alice.open_direct("bob").await;
    assert_eq!(bob.open_direct("alice").await, room, "two people have one room");
    for number in 1..=20 {
        let sender = if number % 2 == 0 { &alice } else { &bob };
        sender.send(room, &format!("message {number}")).await;
        sender.settled(PATIENCE).await;
    }
    for reader in [&alice, &bob] {
        reader.seen(room, Rev(20), PATIENCE).await;
    }
    let expected = (1..=20).map(|number| format!("message {number}")).collect::<Vec<_>>();
    assert_eq!(texts(&bob, room).await, expected);
    serving.stop().await;

    let serving = start(&dir).await;
    let bob = client(&dir, &serving, "bob").await;
    assert_eq!(texts(&bob, room).await, expected);
    serving.stop().await;
}
