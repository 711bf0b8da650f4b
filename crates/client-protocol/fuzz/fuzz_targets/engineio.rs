//! Any body: its packets are read or refused, and what was read is the same when written again.

#![no_main]

use hubbub_client_protocol::engineio::{PayloadBuilder, PayloadPacket, parse_payload};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &str| {
    let Ok(packets) = parse_payload(body).collect::<Result<Vec<_>, _>>() else { return };
    let mut builder = PayloadBuilder::default();
    for packet in &packets {
        match packet {
            PayloadPacket::Text(packet) => builder.text(&packet.encode()),
            PayloadPacket::Binary(bytes) => builder.binary(bytes),
        }
    }
    let again = builder.finish();
    let again: Vec<_> = parse_payload(&again).map(|it| it.expect("it was written")).collect();
    assert_eq!(again, packets);
});
