//! The first frame of a native client: room for every room that a session follows, and no place to hold
//! memory in.

use futures::SinkExt as _;
use serde_json::{Map, Value, json};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use crate::line::Standalone;

/// Rooms that a session follows, by default.
const ROOMS: usize = 2_000;

/// Where a client says it is in `rooms` rooms, with the longest ids and revisions there are.
fn resume(rooms: usize) -> Value {
    let room = |number: usize| format!("ffffffff-ffff-7fff-bfff-{number:012}");
    let rooms: Map<String, Value> = (0..rooms).map(|n| (room(n), json!(u64::MAX))).collect();
    json!({"epoch": "e".repeat(64), "rooms": rooms})
}

#[tokio::test]
async fn hello_has_room_for_every_room_that_a_session_follows() {
    let hubbub = Standalone::start(&[]).await;
    let token = hubbub.token("alice").await;
    for pretty in [false, true] {
        let mut line = hubbub.connect().await;
        let hello =
            json!({"id": "i".repeat(64), "type": "hello", "token": token, "resume": resume(ROOMS)});
        let text = if pretty {
            serde_json::to_string_pretty(&hello).expect("JSON")
        } else {
            hello.to_string()
        };
        assert!(text.len() > 64 * 1_024);
        line.say(&text).await;
        let welcome = line.hear().await;
        assert_eq!(welcome["ok"]["user"], "alice", "{welcome}");
        line.say(&format!("\"{}\"", "x".repeat(65 * 1_024))).await;
        assert_eq!(line.closed().await.0, 1009, "later frames have the ordinary bound");
    }
    let mut line = hubbub.connect().await;
    let beyond = json!({"id": 1, "type": "hello", "token": token, "resume": resume(2 * ROOMS)});
    line.say(&beyond.to_string()).await;
    assert_eq!(line.closed().await.0, 1009);
    hubbub.serving.stop().await;
}

#[tokio::test]
async fn the_bound_follows_the_number_of_rooms() {
    let hubbub = Standalone::start(&[("HUBBUB_GATEWAY__HUB__ROOMS_PER_SESSION_MAX", "5000")]).await;
    let mut line = hubbub.connect().await;
    let token = hubbub.token("alice").await;
    let hello = json!({"type": "hello", "token": token, "resume": resume(5_000)});
    assert_eq!(line.ask(hello).await["ok"]["user"], "alice");
    hubbub.serving.stop().await;
}

/// Half a first frame is its address' unfinished data, before and after the token was verified.
#[tokio::test]
async fn halves_of_first_frames_are_bounded() {
    let bound = ("HUBBUB_GATEWAY__EDGE__UNFINISHED_BYTES_PER_ADDRESS_MAX", "100000");
    let hubbub = Standalone::start(&[bound]).await;
    let half = || {
        let fragment = vec![b' '; 60_000];
        Message::Frame(Frame::message(fragment, OpCode::Data(Data::Text), false))
    };
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut line = hubbub.connect().await;
        line.socket.send(half()).await.expect("sent");
        held.push(line);
    }
    // Which of them is the one too many is the kernel's to say.
    let mut ends = held.into_iter().map(|mut line| Box::pin(async move { line.closed().await.0 }));
    let ends = [ends.next().expect("one"), ends.next().expect("two")];
    let (first, _, _) = futures::future::select_all(ends).await;
    assert_eq!(first, 4003);
    hubbub.serving.stop().await;
}
