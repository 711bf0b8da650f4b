//! Any sequence of messages: the decoder neither panics nor holds more than it may, and what it read is the
//! same when written and read again. A message that begins with the byte 0 is binary.

#![no_main]

use bytes::Bytes;
use hubbub_client_protocol::socketio::{Body, Decoder, Head, Limits, Packet, write_ack, write_event};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { attachments_max: 3, bytes_max: 4_096, namespace_bytes_max: 32 };

fuzz_target!(|messages: Vec<&[u8]>| {
    let mut decoder = Decoder::new(LIMITS);
    for message in messages {
        let read = match message {
            [0, binary @ ..] => decoder.binary(Bytes::copy_from_slice(binary)),
            text => match std::str::from_utf8(text) {
                Ok(text) => decoder.text(text),
                Err(_) => return,
            },
        };
        match read {
            Ok(Some(packet)) => there_and_back(&packet),
            Ok(None) => assert!(decoder.awaiting().is_some()),
            Err(_) => return,
        }
    }
});

fn there_and_back(packet: &Packet) {
    let (mut text, namespace) = (Vec::new(), &packet.namespace);
    let args = match &packet.body {
        Body::Event { id, event } => {
            let attachments = event.args.attachments.len();
            let head = Head { namespace, id: *id, attachments };
            write_event(&mut text, &head, &event.name, &event.args.values).expect("it was JSON");
            &event.args
        }
        Body::Ack { id, args } => {
            let head = Head { namespace, id: Some(*id), attachments: args.attachments.len() };
            write_ack(&mut text, &head, &args.values).expect("it was JSON");
            args
        }
        Body::Connect(_) | Body::Disconnect => return,
    };
    let mut decoder = Decoder::default();
    let mut again = decoder.text(std::str::from_utf8(&text).expect("JSON")).expect("a packet");
    for attachment in &args.attachments {
        again = decoder.binary(attachment.clone()).expect("announced");
    }
    assert_eq!(again.as_ref(), Some(packet));
}
