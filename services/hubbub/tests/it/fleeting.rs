//! Words that hold for the moment only, said often and from several devices, and clients that say too much:
//! what is coalesced is no error, and what is refused is said before a connection ends.

use std::time::Duration;

use futures::SinkExt as _;
use hubbub_testkit::token;
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpSocket,
    time::{sleep, timeout},
};
use tokio_tungstenite::{MaybeTlsStream, client_async, tungstenite::Message};

use crate::{
    line::{Line, Standalone},
    presence::Place,
};

async fn room_of(line: &mut Line, peer: &str) -> Value {
    line.ask(json!({"type": "open_direct", "peer": peer})).await["ok"]["room"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_with_every_key_is_no_error_and_costs_nothing() {
    let place = Place::alone().await;
    let (mut ann, mut ben) = (place.line("ann", 0).await, place.line("ben", 0).await);
    let room = room_of(&mut ann, "ben").await;
    let body = json!({"text": "hi"});
    ann.ask(json!({"type": "send", "room": room, "client_id": "1", "body": body})).await;
    for key in 0..300 {
        for on in [true, key % 3 > 0] {
            let typing = json!({"type": "typing", "room": room, "on": on});
            assert_eq!(ann.ask(typing).await["ok"], json!({}), "key {key}");
        }
        let delivered = json!({"type": "delivered", "room": room, "seq": 1});
        assert_eq!(ben.ask(delivered).await["ok"], json!({}), "marker {key}");
    }
    assert_eq!(ben.event("typing").await["user"], "ann");
    for line in [&mut ann, &mut ben] {
        for _ in 0..50 {
            let page = line.ask(json!({"type": "history", "room": room, "limit": 1})).await;
            assert!(page["ok"].is_object(), "nothing of the budget was spent: {page}");
        }
    }
    // What is no longer said ends at once, also after quick turns.
    let off = json!({"type": "typing", "room": room, "on": false});
    ann.ask(off).await;
    let page = ben.ask(json!({"type": "history", "room": room})).await;
    assert!(page["ok"]["typing"].is_array(), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_leaves_ends_its_own_typing_only() {
    for place in [Place::alone().await, Place::cluster(&[]).await] {
        let mut tom = place.line("tom", 0).await;
        let (mut phone, mut desk) = (place.line("tim", 0).await, place.line("tim", 1).await);
        let room = room_of(&mut tom, "tim").await;
        let typing = |on: bool| json!({"type": "typing", "room": room, "on": on});
        for device in [&mut phone, &mut desk] {
            assert_eq!(device.ask(typing(true)).await["ok"], json!({}));
        }
        assert_eq!(tom.event("typing").await["on"], true);
        // One says that it has ended, and goes: the other still types.
        desk.ask(typing(false)).await;
        desk.ask(typing(true)).await;
        desk.socket.close(None).await.expect("closed");
        let mut third = place.line("tim", 1).await;
        for _ in 0..4 {
            phone.ask(typing(true)).await;
            // As somebody types: their words come over a while, in which nothing may end.
            sleep(Duration::from_millis(500)).await;
        }
        let page = json!({"type": "history", "room": room});
        let (page, heard) = tom.ask_hearing(page).await;
        let ended = heard.iter().any(|event| event["type"] == "typing" && event["on"] == false);
        assert!(!ended, "{heard:?}");
        assert_eq!(page["ok"]["typing"], json!(["tim"]), "{page}");
        phone.socket.close(None).await.expect("closed");
        assert_eq!(tom.event("typing").await["on"], false, "the last one ends it");
        third.ask(json!({"type": "chats"})).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_refused_before_the_connection_ends() {
    let settings = [("HUBBUB_GATEWAY__SESSION__MESSAGE_TIMEOUT", "1s")];
    let hubbub = Standalone::start(&settings).await;
    let mut line = hubbub.line("ann").await;
    let mut codes = Vec::new();
    for _ in 0..150 {
        let answer = line.ask(json!({"type": "send"})).await;
        codes.push(answer["error"]["code"].as_str().expect("an error").to_owned());
    }
    assert!(codes.iter().any(|code| code == "bad_request"), "{codes:?}");
    assert!(codes.iter().any(|code| code == "rate_limited"), "{codes:?}");

    // Half of a character: a text takes U+FFFD, an identifier is refused, and all goes on.
    let mut ben = hubbub.line("ben").await;
    let room = room_of(&mut ben, "ann").await;
    let send = |id: u8, client: &str, text: &str| {
        format!(
            r#"{{"id":{id},"type":"send","room":{room},"client_id":"{client}","x":"\udc00","body":{{"text":"{text}"}}}}"#
        )
    };
    ben.say(&send(71, "half", r"cut \ud83d")).await;
    assert_eq!(ben.event("message").await["body"]["text"], "cut \u{fffd}");
    ben.say(&send(72, r"half\ud83d", "x")).await;
    let refused = loop {
        let heard = ben.hear().await;
        if heard["re"] == 72 {
            break heard;
        }
    };
    assert_eq!(refused["error"]["code"], "bad_request", "{refused}");
    assert!(refused["error"]["message"].to_string().contains("client_id"), "{refused}");
    ben.say(r#"{"id":"\ud83d","type":"me"}"#).await;
    assert_eq!(ben.hear().await["error"]["code"], "bad_request");
    ben.say(r#"{"id":73,"type":"\ud83d"}"#).await;
    assert_eq!(ben.hear().await["error"]["code"], "bad_request");

    // A message that is begun and not ended.
    let MaybeTlsStream::Plain(stream) = ben.socket.get_mut() else { panic!("plain") };
    stream.write_all(&[0x81, 0xfe]).await.expect("sent");
    let (code, reason) = ben.closed().await;
    assert_eq!((code, reason.as_str()), (4_505, "a message did not arrive in time"));
}

/// A client that asks and reads nothing before it has said hello: once its buffers are full, it is not read
/// from, and so no answers pile up for it.
#[tokio::test(flavor = "multi_thread")]
async fn answers_before_hello_wait_for_the_client() {
    const QUESTIONS: usize = 400_000;
    const STUCK: Duration = Duration::from_secs(5);

    let hubbub = Standalone::start(&[("HUBBUB_GATEWAY__SESSION__HELLO_TIMEOUT", "5m")]).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a small buffer");
    let stream = socket.connect(hubbub.address().parse().expect("an address")).await;
    let url = format!("ws://{}/v1/connect", hubbub.address());
    let (mut socket, _) = client_async(url, stream.expect("connected")).await.expect("a WebSocket");
    let question = json!({"id": "x".repeat(60), "type": "me"}).to_string();
    for number in 0..QUESTIONS {
        let asking = socket.send(Message::text(question.as_str()));
        if timeout(STUCK, asking).await.is_err() {
            assert!(number > 0);
            return;
        }
    }
    panic!("all {QUESTIONS} questions were taken, and their answers kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_by_single_requests_is_no_error() {
    let place = Place::cluster(&[]).await;
    let Place::Cluster(cluster) = &place else { panic!("a cluster") };
    let mut ann = place.line("ann", 0).await;
    let room = room_of(&mut ann, "ben").await;
    let url = cluster.urls()[1].replace("ws://", "http://");
    let url = format!("{url}/v1/rooms/{}/typing", room.as_str().expect("an id"));
    let client = reqwest::Client::new();
    for _ in 0..200 {
        let asked = client.put(&url).bearer_auth(token("ann")).json(&json!({"on": true}));
        assert_eq!(asked.send().await.expect("answered").status(), 200);
    }
    let text = client.post(url.replace("/typing", "/messages")).bearer_auth(token("ann"));
    let half = text.body(r#"{"client_id":"c","body":{"text":"\ud83d"},"x":"\udc00"}"#);
    assert_eq!(half.send().await.expect("answered").status(), 200);
    let page = ann.ask(json!({"type": "history", "room": room})).await;
    let last = page["ok"]["messages"].as_array().and_then(|it| it.last()).expect("a message");
    assert_eq!(last["body"]["text"], "\u{fffd}", "{page}");
    let text = client.post(url.replace("/typing", "/messages")).bearer_auth(token("ann"));
    let refused = text.body(r#"{"client_id":"c\ud83d","body":{"text":"x"}}"#);
    assert_eq!(refused.send().await.expect("answered").status(), 400);
}
