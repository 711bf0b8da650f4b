//! Requests as clients write them, right and wrong.

use hubbub_domain::{Body, ClientId, RoomId};
use proptest::prelude::*;

use super::{Request, RequestId};
use crate::{Command, Send};

fn refusal(text: &str) -> (Option<RequestId>, String) {
    let error = Request::parse(text).expect_err("should be refused");
    (error.id, error.fault.message.into_owned())
}

#[test]
fn a_request_reads_back() {
    let request = Request {
        id: RequestId::Number(7),
        command: Command::Send(Send {
            room: RoomId::generate(),
            client_id: ClientId::parse("c-1").expect("valid"),
            body: Body::text("hi"),
        }),
    };
    assert_eq!(Request::parse(&request.encode()), Ok(request));
}

#[test]
fn refusals_name_what_was_wrong() {
    let one = Some(RequestId::Number(1));
    for (text, id, words) in [
        ("{", None, "the frame is not valid JSON (line 1, column 1)"),
        ("[1]", None, "the frame must be an object"),
        (r#"{"type":"chats"}"#, None, "`id` is missing"),
        (r#"{"id":1}"#, one.clone(), "`type` is missing"),
        (
            r#"{"id":-1,"type":"chats"}"#,
            None,
            "`id` must be a whole number, 0 or more, or a string",
        ),
        (r#"{"id":1,"type":"dance"}"#, one.clone(), "`type` names no command: \"dance\""),
        (r#"{"id":1,"type":"join"}"#, one.clone(), "`room` is missing"),
        (r#"{"id":1,"type":"join","room":"x"}"#, one.clone(), "`room` must be a UUID"),
        (r#"{"id":1,"type":"join","room":7}"#, one.clone(), "`room` must be a string"),
        (
            r#"{"id":1,"type":"chats","limit":-1}"#,
            one.clone(),
            "`limit` must be a whole number, 0 or more, in range",
        ),
        (r#"{"id":1,"type":"open_direct","peer":""}"#, one, "`peer` must not be empty"),
    ] {
        let (got_id, got) = refusal(text);
        assert_eq!(got_id, id, "{text}");
        assert!(got.contains(words), "{text}: {got}");
    }
}

#[test]
fn unknown_fields_are_ignored_and_text_ids_are_kept() {
    let request = Request::parse(r#"{"id":"a","type":"chats","colour":"red"}"#).expect("valid");
    assert_eq!(request.id, RequestId::Text("a".into()));
}

#[test]
fn depth_does_not_grow_the_stack() {
    let nested = "[".repeat(100_000);
    refusal(&format!(r#"{{"id":1,"type":"chats","x":{nested}}}"#));
    refusal(&format!(r#"{{"id":1,"type":"send","body":{nested}}}"#));
}

proptest! {
    #[test]
    fn nothing_panics(text in ".{0,200}") {
        let _ = Request::parse(&text);
    }
}
