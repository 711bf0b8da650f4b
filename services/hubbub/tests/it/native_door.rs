//! The native door of a process that stands alone: what goes right, and what a client is told when it
//! does something wrong. Nobody else is ever disturbed.

use futures::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    line::Standalone,
    process::{hubbub, output, text},
};

#[tokio::test]
async fn two_people_talk() {
    let hubbub = Standalone::start(&[]).await;
    let (mut alice, mut bob) = (hubbub.line("alice").await, hubbub.line("bob").await);
    let opened = alice.ask(json!({"type": "open_direct", "peer": "bob"})).await;
    let room = opened["ok"]["room"].clone();
    assert_eq!(opened["ok"]["created"], true, "{opened}");
    assert_eq!(bob.event("joined").await["peer"], "alice");

    let body = json!({"text": "hello, bob"});
    let send = json!({"type": "send", "room": room, "client_id": "1", "body": body});
    let sent = alice.ask(send.clone()).await;
    assert_eq!((&sent["ok"]["seq"], &sent["ok"]["duplicate"]), (&json!(1), &json!(false)));
    let again = alice.ask(send).await;
    assert_eq!((&again["ok"]["seq"], &again["ok"]["duplicate"]), (&json!(1), &json!(true)));
    let message = bob.event("message").await;
    assert_eq!((&message["body"], &message["sender"]), (&body, &json!("alice")));

    let chats = bob.ask(json!({"type": "chats"})).await;
    let chat = &chats["ok"]["chats"][0];
    assert_eq!((&chat["unread"], &chat["last_message"]["seq"]), (&json!(1), &json!(1)), "{chats}");
    let read = bob.ask(json!({"type": "read", "room": room, "seq": 1})).await;
    assert_eq!(
        read["ok"],
        json!({"last_read_seq": 1, "unread": 0, "mentions": 0, "seq": 1, "rev": 1})
    );

    let react = json!({"type": "react", "room": room, "seq": 1, "emoji": "👍"});
    assert_eq!(bob.ask(react.clone()).await["ok"], json!({"rev": 2, "changed": true}));
    assert_eq!(bob.ask(react).await["ok"], json!({"rev": 2, "changed": false}));
    assert_eq!(alice.event("reacted").await["emoji"], "👍");
    let edit = json!({"type": "edit", "room": room, "seq": 1, "body": {"text": "hello, Bob"}});
    assert_eq!(alice.ask(edit).await["ok"]["rev"], 3);
    assert_eq!(bob.event("edited").await["body"]["text"], "hello, Bob");
    assert_eq!(alice.ask(json!({"type": "delete", "room": room, "seq": 1})).await["ok"]["rev"], 4);
    assert_eq!(bob.event("deleted").await["by"], "alice");
    let page = bob.ask(json!({"type": "history", "room": room})).await;
    let message = &page["ok"]["messages"][0];
    assert_eq!((&message["seq"], &message["deleted"]), (&json!(1), &json!(true)), "{page}");
    assert!(message.get("body").is_none());
    hubbub.serving.stop().await;
}

#[tokio::test]
async fn a_group_and_its_rules() {
    let hubbub = Standalone::start(&[]).await;
    let mut owner = hubbub.line("owner").await;
    let (mut guest, mut stranger) = (hubbub.line("guest").await, hubbub.line("stranger").await);
    let create = json!({"type": "create_room", "name": "tea", "members": ["guest"]});
    let room = owner.ask(create).await["ok"]["room"].clone();
    assert_eq!(guest.event("joined").await["name"], "tea");

    let send = |text: &str| json!({"type": "send", "room": room, "client_id": text, "body": {"text": text}});
    assert_eq!(stranger.ask(send("x")).await["error"]["code"], "not_found");
    let peek = stranger.ask(json!({"type": "history", "room": room})).await;
    assert_eq!(peek["error"]["code"], "not_found");
    let nowhere = json!({"type": "history", "room": "00000000-0000-7000-8000-000000000000"});
    assert_eq!(stranger.ask(nowhere).await["error"], peek["error"], "absent looks like forbidden");
    let rename = json!({"type": "update_room", "room": room, "name": "coffee"});
    assert_eq!(guest.ask(rename.clone()).await["error"]["code"], "forbidden");
    assert_eq!(owner.ask(rename).await["ok"]["name"], "coffee");
    assert_eq!(guest.event("room").await["name"], "coffee");

    let closed = json!({"type": "update_room", "room": room, "state": "read_only"});
    assert_eq!(owner.ask(closed).await["ok"]["state"], "read_only");
    assert_eq!(guest.event("room").await["state"], "read_only");
    assert_eq!(guest.ask(send("y")).await["error"]["code"], "conflict");
    let open = json!({"type": "update_room", "room": room, "state": "open"});
    assert_eq!(owner.ask(open).await["ok"]["state"], "open");
    assert_eq!(guest.event("room").await["state"], "open");
    assert!(guest.ask(send("z")).await["ok"]["seq"].is_u64());

    let remove = json!({"type": "remove", "room": room, "user": "guest"});
    assert_eq!(owner.ask(remove).await["ok"], json!({}));
    assert_eq!(guest.event("left").await["room"], room);
    assert_eq!(guest.ask(send("w")).await["error"]["code"], "not_found");
    assert!(owner.ask(send("secret")).await["ok"]["seq"].is_u64());
    // Whatever comes to the guest now, it is not that.
    let chats = guest.ask(json!({"type": "chats"})).await;
    assert_eq!(chats["ok"]["chats"], json!([]));
    hubbub.serving.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_named_and_the_connection_lives_on() {
    let hubbub = Standalone::start(&[]).await;
    let mut alice = hubbub.line("alice").await;
    hubbub.known(&["bob"]).await;
    let room = alice.ask(json!({"type": "open_direct", "peer": "bob"})).await["ok"]["room"].clone();
    let long = "x".repeat(4_001);
    let send = |client_id: &str, body: Value| json!({"type": "send", "room": room, "client_id": client_id, "body": body});
    for (request, code, words) in [
        (json!({"type": "dance"}), "bad_request", "`type` names no command: \"dance\""),
        (json!({}), "bad_request", "`type` is missing"),
        (json!({"type": "send", "room": room}), "bad_request", "`client_id` is missing"),
        (json!({"type": "join", "room": "x"}), "bad_request", "`room` must be a UUID"),
        (json!({"type": "join", "room": 7}), "bad_request", "`room` must be a string"),
        (send("", json!({"text": "a"})), "bad_request", "`client_id` must not be empty"),
        (
            send(&"c".repeat(65), json!({"text": "a"})),
            "bad_request",
            "`client_id` must have at most 64 bytes",
        ),
        (send("1", json!({})), "bad_request", "neither text nor attachments"),
        (send("1", json!({"text": long})), "too_large", "more than 4000 characters"),
        (send("1", json!({"text": "a\u{0}"})), "bad_request", "NUL"),
        (send("1", json!({"text": "a", "reply_to": 99})), "bad_request", "reply"),
        (
            send("1", json!({"attachments": [{"url": "javascript:alert(1)"}]})),
            "bad_request",
            "attachment url",
        ),
        (
            json!({"type": "history", "room": room, "limit": 0}),
            "bad_request",
            "limit is not in 1 to 100",
        ),
        (
            json!({"type": "history", "room": room, "limit": 1_000_000_000}),
            "bad_request",
            "limit is not in 1 to 100",
        ),
        (
            json!({"type": "history", "room": room, "before_seq": 1, "after_seq": 1}),
            "bad_request",
            "more than one of",
        ),
        (json!({"type": "chats", "cursor": "from elsewhere"}), "bad_request", "cursor"),
        (json!({"type": "open_direct", "peer": "alice"}), "bad_request", "yourself"),
        (json!({"type": "open_direct", "peer": ""}), "bad_request", "`peer`"),
        (json!({"type": "read", "room": room, "seq": 5}), "bad_request", "beyond the newest"),
        (json!({"type": "edit", "room": room, "seq": 5, "body": {"text": "a"}}), "not_found", ""),
        (json!({"type": "react", "room": room, "seq": 1, "emoji": ""}), "bad_request", "emoji"),
        (json!({"type": "leave", "room": room}), "conflict", "direct"),
        (json!({"type": "create_room", "name": ""}), "bad_request", "name"),
        (json!({"type": "create_room", "name": "a", "kind": "direct"}), "bad_request", "kind"),
        (json!({"type": "hello"}), "bad_request", "hello was said"),
    ] {
        let answer = alice.ask(request.clone()).await;
        let error = &answer["error"];
        assert_eq!(error["code"], code, "{request} {answer}");
        assert!(error["message"].as_str().expect("a text").contains(words), "{request} {answer}");
    }
    // A sender cannot be forged: what a request says of it is not even read.
    let mut forged = send("real", json!({"text": "it is me"}));
    forged["sender"] = json!("bob");
    assert!(alice.ask(forged).await["ok"]["seq"].is_u64());
    let page = alice.ask(json!({"type": "history", "room": room})).await;
    assert_eq!(page["ok"]["messages"][0]["sender"], "alice");
    hubbub.serving.stop().await;
}

#[tokio::test]
async fn a_page_that_sees_no_pings_hears_events_instead() {
    let hubbub = Standalone::start(&[
        ("HUBBUB_GATEWAY__SESSION__PING_INTERVAL", "200ms"),
        ("HUBBUB_GATEWAY__SESSION__PING_TIMEOUT", "400ms"),
    ])
    .await;
    let mut page = hubbub.connect().await;
    let token = hubbub.token("page").await;
    let hello = page.ask(json!({"type": "hello", "token": token, "heartbeat": true})).await;
    assert_eq!(hello["ok"]["heartbeat_ms"], 200, "{hello}");
    // Any request is an answer; this one does nothing else.
    for _ in 0..4 {
        assert_eq!(page.event("ping").await, json!({"type": "ping"}));
        assert_eq!(page.ask(json!({"type": "ping"})).await["ok"], json!({}));
    }
    page.event("ping").await;
    assert_eq!(page.closed().await.0, 4002, "a page that answers nothing is gone");
    hubbub.serving.stop().await;
}

#[tokio::test]
async fn what_breaks_the_protocol_is_closed_with_its_code() {
    let hubbub = Standalone::start(&[("HUBBUB_GATEWAY__SESSION__HELLO_TIMEOUT", "300ms")]).await;
    let mut witness = hubbub.line("witness").await;
    hubbub.known(&["bob"]).await;
    let room =
        witness.ask(json!({"type": "open_direct", "peer": "bob"})).await["ok"]["room"].clone();

    let mut silent = hubbub.connect().await;
    assert_eq!(silent.closed().await.0, 4501, "no hello");
    let mut nobody = hubbub.connect().await;
    nobody.say(r#"{"id":1,"type":"hello"}"#).await;
    assert_eq!(nobody.closed().await, (4501, "no token was given".into()));
    let mut liar = hubbub.connect().await;
    liar.say(r#"{"id":1,"type":"hello","token":"a.b.c"}"#).await;
    assert_eq!(liar.closed().await.0, 4501);
    let mut early = hubbub.connect().await;
    let answer = early.ask(json!({"type": "chats"})).await;
    assert_eq!(answer["error"]["message"], "say hello first");

    for (text, words) in
        [("{", "valid JSON"), ("[]", "an object"), (r#"{"type":"chats"}"#, "`id` is missing")]
    {
        let mut line = hubbub.line("mallory").await;
        line.say(text).await;
        let complaint = line.hear().await;
        assert_eq!(complaint["re"], Value::Null);
        assert!(
            complaint["error"]["message"].as_str().expect("a text").contains(words),
            "{complaint}"
        );
        assert_eq!(line.closed().await.0, 4505);
    }
    let mut binary = hubbub.line("mallory").await;
    binary.socket.send(Message::binary(vec![1, 2, 3])).await.expect("sent");
    assert_eq!(binary.closed().await, (4505, "binary messages are not understood".into()));
    let mut large = hubbub.line("mallory").await;
    large.say(&"x".repeat(65 * 1_024)).await;
    assert_eq!(large.closed().await.0, 1009);
    let mut other = hubbub.line("mallory").await;
    let token = hubbub.token("somebody else").await;
    other.say(&json!({"id": 9, "type": "refresh", "token": token}).to_string()).await;
    assert_eq!(other.closed().await, (4501, "the token is another user's".into()));

    let send =
        json!({"type": "send", "room": room, "client_id": "1", "body": {"text": "still here"}});
    assert_eq!(witness.ask(send).await["ok"]["seq"], 1, "nobody else was disturbed");
    hubbub.serving.stop().await;
}

#[tokio::test]
async fn limits_hold_and_say_when_to_come_back() {
    let hubbub = Standalone::start(&[
        ("HUBBUB_GATEWAY__EDGE__CONNECTIONS_PER_USER_MAX", "2"),
        ("HUBBUB_GATEWAY__USERS__SENDS_PER_SECOND", "1"),
        ("HUBBUB_GATEWAY__USERS__SENDS_BURST", "3"),
    ])
    .await;
    let mut alice = hubbub.line("alice").await;
    let _second = hubbub.line("alice").await;
    let mut third = hubbub.connect().await;
    let hello = json!({"id": 1, "type": "hello", "token": hubbub.token("alice").await});
    third.say(&hello.to_string()).await;
    assert_eq!(third.closed().await.0, 4509);

    hubbub.known(&["bob"]).await;
    let room = alice.ask(json!({"type": "open_direct", "peer": "bob"})).await["ok"]["room"].clone();
    let mut refused = None;
    for number in 0..10 {
        let body = json!({"text": "fast"});
        let client_id = number.to_string();
        let answer = alice
            .ask(json!({"type": "send", "room": room, "client_id": client_id, "body": body}))
            .await;
        if answer.get("error").is_some() {
            refused = Some(answer["error"].clone());
            break;
        }
    }
    let error = refused.expect("a bound");
    assert_eq!((&error["code"], &error["retryable"]), (&json!("rate_limited"), &json!(true)));
    assert!(error["retry_after_ms"].as_u64().expect("a delay") <= 1_000);
    hubbub.serving.stop().await;
}

#[tokio::test]
async fn a_token_that_ends_is_announced_and_closes_unless_it_is_refreshed() {
    let hubbub = Standalone::start(&[("HUBBUB_AUTH__LEEWAY_SECONDS", "0")]).await;
    let short = async || {
        let made = output(&mut hubbub_token(&hubbub, "2s")).await;
        text(&made.stdout).trim().to_owned()
    };
    let mut doomed = hubbub.connect().await;
    doomed.ask(json!({"type": "hello", "token": short().await})).await;
    let mut kept = hubbub.connect().await;
    kept.ask(json!({"type": "hello", "token": short().await})).await;
    assert_eq!(doomed.event("expiring").await["type"], "expiring");
    kept.event("expiring").await;
    let refreshed =
        kept.ask(json!({"type": "refresh", "token": hubbub.token("alice").await})).await;
    assert!(refreshed["ok"]["expires_at"].is_string(), "{refreshed}");
    assert_eq!(doomed.closed().await, (4501, "the token has expired".into()));
    assert!(kept.ask(json!({"type": "chats"})).await["ok"].is_object(), "it lives on");
    hubbub.serving.stop().await;
}

fn hubbub_token(standalone: &Standalone, ttl: &str) -> tokio::process::Command {
    hubbub(standalone.dir(), &["token", "--sub", "alice", "--ttl", ttl])
}

#[tokio::test]
async fn somebody_who_comes_back_gets_what_they_missed() {
    let hubbub = Standalone::start(&[]).await;
    let (mut alice, mut bob) = (hubbub.line("alice").await, hubbub.line("bob").await);
    let room = alice.ask(json!({"type": "open_direct", "peer": "bob"})).await["ok"]["room"].clone();
    bob.event("joined").await;
    let send = |number: u32| {
        let body = json!({"text": format!("message {number}")});
        json!({"type": "send", "room": room, "client_id": number.to_string(), "body": body})
    };
    alice.ask(send(1)).await;
    assert_eq!(bob.event("message").await["rev"], 1);
    drop(bob);
    for number in 2..=5 {
        alice.ask(send(number)).await;
    }
    let welcome = alice.ask(json!({"type": "chats"})).await;
    assert!(welcome["ok"].is_object());

    let mut bob = hubbub.connect().await;
    let token = hubbub.token("bob").await;
    let first = bob.ask(json!({"type": "hello", "token": token})).await;
    let epoch = first["ok"]["epoch"].clone();
    assert_eq!(first["ok"]["rooms"][0]["unread"], 5, "{first}");
    let mut bob = hubbub.connect().await;
    let rooms = json!({room.as_str().expect("an id"): 1});
    let resume = json!({"epoch": epoch, "rooms": rooms});
    bob.ask(json!({"type": "hello", "token": token, "resume": resume})).await;
    for rev in 2..=5 {
        assert_eq!(bob.event("message").await["rev"], rev);
    }
    let mut stale = hubbub.connect().await;
    let resume = json!({"epoch": "of another time", "rooms": rooms});
    stale.ask(json!({"type": "hello", "token": token, "resume": resume})).await;
    let reset = stale.event("reset").await;
    assert_eq!((&reset["rev"], reset["messages"].as_array().map(Vec::len)), (&json!(5), Some(5)));
    hubbub.serving.stop().await;
}
