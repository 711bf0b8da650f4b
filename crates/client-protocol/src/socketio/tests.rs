//! The rules one by one, then anything there and back.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    Args, Body, Decoder, Event, Head, Kind, Limits, MAIN_NAMESPACE, Malformed, Packet,
    RESERVED_EVENTS, args, placeholder_for, write_ack, write_connect, write_connect_error,
    write_event,
};

fn read(text: &str) -> Result<Option<Packet>, Malformed> {
    Decoder::default().text(text)
}

fn event(namespace: &str, id: Option<u64>, name: &str, values: Vec<Value>) -> Packet {
    let args = Args { values, attachments: Vec::new() };
    let body = Body::Event { id, event: Event { name: name.into(), args } };
    Packet { namespace: namespace.into(), body }
}

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn packets_of_clients() {
    let connect = |namespace: &str, auth: Option<Value>| Packet {
        namespace: namespace.into(),
        body: Body::Connect(auth.map(|auth| auth.as_object().unwrap().clone())),
    };
    for (text, packet) in [
        ("0", connect("/", None)),
        ("0{\"token\":\"1\"}", connect("/", Some(json!({"token": "1"})))),
        ("0/custom", connect("/custom", None)),
        ("0/custom,", connect("/custom", None)),
        ("0/custom,{}", connect("/custom", Some(json!({})))),
        ("1/a,", Packet { namespace: "/a".into(), body: Body::Disconnect }),
        ("2[\"m\",1,{\"3\":[true]}]", event("/", None, "m", vec![json!(1), json!({"3": [true]})])),
        ("2/a,17[\"m\"]", event("/a", Some(17), "m", vec![])),
        ("2[7]", event("/", None, "7", vec![])),
        ("50-[\"m\"]", event("/", None, "m", vec![])),
    ] {
        assert_eq!(read(text), Ok(Some(packet)), "{text}");
    }
    let ack = Body::Ack { id: 5, args: Args { values: vec![json!("x")], ..Args::default() } };
    assert_eq!(read("35[\"x\"]"), Ok(Some(Packet { namespace: "/".into(), body: ack })));
}

#[test]
fn what_is_refused() {
    let deep = format!("2[\"m\",{}{}]", "[".repeat(200), "]".repeat(200));
    let wide = format!("2[\"m\",\"{}\"]", "x".repeat(4_000_000));
    let namespace = format!("0/{}", "x".repeat(128));
    for (text, why) in [
        ("", Malformed::Type),
        ("abc", Malformed::Type),
        ("7", Malformed::Type),
        ("é", Malformed::Type),
        ("4{\"message\":\"x\"}", Malformed::Type),
        ("0\"x\"", Malformed::Shape),
        ("0[]", Malformed::Shape),
        ("1[]", Malformed::Shape),
        ("2", Malformed::Shape),
        ("2{}", Malformed::Shape),
        ("2[]", Malformed::Shape),
        ("2[{}]", Malformed::Shape),
        ("2abc[\"m\"]", Malformed::Json),
        ("2[\"m\"", Malformed::Json),
        ("3[]", Malformed::Id),
        ("31", Malformed::Shape),
        ("299999999999999999999[\"m\"]", Malformed::Id),
        ("5[\"m\"]", Malformed::Attachments),
        ("5-[\"m\"]", Malformed::Attachments),
        ("5+1-[\"m\"]", Malformed::Attachments),
        ("511-[\"m\"]", Malformed::TooManyAttachments),
        ("599999999999999999999999-[\"m\"]", Malformed::TooManyAttachments),
        (&*deep, Malformed::Json),
        (&*wide, Malformed::TooLarge),
        (&*namespace, Malformed::Namespace),
    ] {
        assert_eq!(read(text), Err(why), "{}", &text[..text.len().min(60)]);
    }
    for name in RESERVED_EVENTS {
        assert_eq!(read(&format!("2[\"{name}\"]")), Err(Malformed::Reserved));
    }
}

#[test]
fn attachments_follow_their_packet() {
    let place = |number: &str| format!("{{\"_placeholder\":true,\"num\":{number}}}");
    let mut decoder = Decoder::default();
    assert_eq!(decoder.binary(Bytes::new()), Err(Malformed::StrayAttachment));
    let head = format!("52-/a,1[\"m\",{},[{}]]", place("0"), place("1"));
    assert_eq!(decoder.text(&head), Ok(None));
    assert_eq!(decoder.awaiting(), Some(("/a", head.len())));
    assert_eq!(decoder.binary(Bytes::from_static(&[1])), Ok(None));
    assert_eq!(decoder.text("1"), Err(Malformed::TextForAttachment));
    let packet = decoder.binary(Bytes::from_static(&[2])).unwrap().unwrap();
    let Body::Event { id: Some(1), event } = packet.body else { panic!("an event") };
    assert_eq!(event.args.attachment(event.args.first()), Some(&Bytes::from_static(&[1])));
    assert_eq!(event.args.attachment(&event.args.values[1][0]), Some(&Bytes::from_static(&[2])));
    assert_eq!(decoder.awaiting(), None);

    for place in [place("1"), place("-1"), place("\"0\""), "{\"_placeholder\":true}".to_owned()] {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.text(&format!("51-[\"m\",{{\"a\":{place}}}]")), Ok(None));
        assert_eq!(decoder.binary(Bytes::new()), Err(Malformed::NoSuchAttachment), "{place}");
    }
    let limits = Limits { bytes_max: 100, ..Limits::default() };
    let mut decoder = Decoder::new(limits);
    assert_eq!(decoder.text("52-[\"m\"]"), Ok(None));
    assert_eq!(decoder.binary(Bytes::from_static(&[0; 50])), Ok(None));
    assert_eq!(decoder.binary(Bytes::from_static(&[0; 50])), Err(Malformed::TooLarge));
}

#[test]
fn packets_of_the_server() {
    assert_eq!(text(|out| write_connect(out, "/", "s", None)), "0{\"sid\":\"s\"}");
    assert_eq!(
        text(|out| write_connect(out, "/a", "s", Some("p"))),
        "0/a,{\"sid\":\"s\",\"pid\":\"p\"}"
    );
    assert_eq!(
        text(|out| write_connect_error(out, "/random", "Invalid namespace", None)),
        "4/random,{\"message\":\"Invalid namespace\"}"
    );
    assert_eq!(text(|out| Head::of("/a").write(out, Kind::Disconnect)), "1/a,");
    let event =
        |head, name: &str, args: &Value| text(|out| write_event(out, &head, name, args).unwrap());
    assert_eq!(event(Head::of("/"), "auth", &json!([{}])), "2[\"auth\",{}]");
    assert_eq!(event(Head::of("/"), "a\"b", &json!([])), "2[\"a\\\"b\"]");
    let head = Head { namespace: "/a", id: Some(7), attachments: 2 };
    assert_eq!(event(head, "m", &json!([1])), "52-/a,7[\"m\",1]");
    assert_eq!(text(|out| write_ack(out, &head, &[1]).unwrap()), "62-/a,7[1]");
    let joined = text(|out| {
        write_event(out, &Head::of("/"), "m", &args(&json!({"a": 1}), &["o"])).unwrap();
    });
    assert_eq!(joined, "2[\"m\",{\"a\":1},\"o\"]");
    assert!(write_event(&mut Vec::new(), &Head::of("/"), "m", &json!({"a": 1})).is_err());
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z]{1,4}", inner, 0..4)
                .prop_map(|map| Value::from(map.into_iter().collect::<serde_json::Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn an_event_comes_back_as_it_was_sent(
        namespace in "/[a-z0-9/_-]{0,12}",
        name in "[^\u{0}]{1,12}",
        id in proptest::option::of(any::<u64>()),
        mut values in proptest::collection::vec(json_value(), 0..4),
        attachments in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 0..=10),
    ) {
        prop_assume!(!RESERVED_EVENTS.contains(&&*name));
        let attachments: Vec<Bytes> = attachments.into_iter().map(Bytes::from).collect();
        values.extend((0..attachments.len()).map(placeholder_for));
        let head = Head { namespace: &namespace, id, attachments: attachments.len() };
        let written = text(|out| write_event(out, &head, &name, &values).unwrap());

        let mut decoder = Decoder::default();
        let mut packet = decoder.text(&written).unwrap();
        for (number, bytes) in attachments.iter().enumerate() {
            prop_assert!(packet.is_none(), "attachment {number} is to come");
            packet = decoder.binary(bytes.clone()).unwrap();
        }
        let namespace = if namespace == "/" { MAIN_NAMESPACE } else { &namespace };
        let event = Event { name, args: Args { values, attachments } };
        let expected = Packet { namespace: namespace.into(), body: Body::Event { id, event } };
        prop_assert_eq!(packet, Some(expected));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[0-9]{0,3}(-)?(/[a-z]{0,3},)?[0-9]{0,2}.{0,30}") {
        let mut decoder = Decoder::default();
        let read = decoder.text(&text);
        prop_assert_eq!(read == Ok(None), decoder.awaiting().is_some());
    }
}
