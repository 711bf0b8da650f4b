//! Any bytes, in pieces of any size: the decoder neither panics nor depends on how they were cut,
//! and holds no more than arrived. The first byte of the input chooses the cut.

#![no_main]

#[expect(unreachable_pub, dead_code, reason = "modules of another crate, taken by path")]
#[path = "../../src/ws"]
mod ws {
    pub mod decode;
    mod header;
    mod partial;
    mod violation;

    pub use decode::{Decoder, Limits};
    pub use violation::Violation;
}

use libfuzzer_sys::fuzz_target;
use ws::{Decoder, Limits};

const LIMITS: Limits = Limits { message_bytes_max: 4_096, fragments_max: 16 };

fuzz_target!(|input: &[u8]| {
    let Some((&piece, bytes)) = input.split_first() else { return };
    let whole = decode(bytes, bytes.len().max(1));
    assert_eq!(decode(bytes, usize::from(piece).max(1)), whole);
});

/// What was said, in words that can be compared.
fn decode(bytes: &[u8], piece: usize) -> Vec<String> {
    let mut decoder = Decoder::new(LIMITS);
    let mut said = Vec::new();
    for piece in bytes.chunks(piece) {
        let mut piece = piece.to_vec();
        let mut messages = decoder.feed(&mut piece);
        loop {
            match messages.next_message() {
                Ok(Some(message)) => said.push(format!("{message:?}")),
                Ok(None) => break,
                Err(violation) => {
                    said.push(violation.to_string());
                    return said;
                }
            }
        }
    }
    said
}
