//! Tests of the decoder: the rules one by one, then any fragmentation, any split, and any bytes.

use proptest::prelude::*;

use super::{Decoder, Limits, Message};
use crate::ws::{Violation, encode};

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What the decoder said, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

impl From<Message<'_>> for Said {
    fn from(message: Message<'_>) -> Self {
        match message {
            Message::Text(text) => Self::Text(text.into()),
            Message::Binary(bytes) => Self::Binary(bytes.into()),
            Message::Ping(bytes) => Self::Ping(bytes.into()),
            Message::Pong(bytes) => Self::Pong(bytes.into()),
            Message::Close { code, reason } => Self::Close(code, reason.into()),
        }
    }
}

/// A client's frame: the first byte as given, the rest well-formed.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..65_536 => {
            frame.push(0xfe);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            frame.push(0xff);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Feeds in pieces of the given sizes (the last one repeats).
fn decode(decoder: &mut Decoder, bytes: &[u8], sizes: &[usize]) -> (Vec<Said>, Option<Violation>) {
    let mut said = Vec::new();
    let mut rest = bytes;
    let mut sizes = sizes.iter().copied().chain(std::iter::repeat(*sizes.last().unwrap()));
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(sizes.next().unwrap().clamp(1, rest.len()));
        rest = behind;
        let mut piece = piece.to_vec();
        let mut messages = decoder.feed(&mut piece);
        loop {
            match messages.next_message() {
                Ok(Some(message)) => said.push(message.into()),
                Ok(None) => break,
                Err(violation) => return (said, Some(violation)),
            }
        }
    }
    (said, None)
}

fn all(bytes: &[u8]) -> (Vec<Said>, Option<Violation>) {
    let whole = decode(&mut Decoder::new(Limits::default()), bytes, &[usize::MAX]);
    let single = decode(&mut Decoder::new(Limits::default()), bytes, &[1]);
    assert_eq!(whole, single, "the same whole and byte by byte");
    whole
}

fn fails_with(bytes: &[u8], violation: Violation) {
    assert_eq!(all(bytes).1, Some(violation));
}

#[test]
fn whole_messages() {
    let bytes = [
        frame(0x81, "héllo".as_bytes()),
        frame(0x82, &[0, 1, 2]),
        frame(0x89, b"are you there"),
        frame(0x8a, b""),
        frame(0x88, b"\x03\xe8bye"),
        frame(0x81, b"ignored"),
    ]
    .concat();
    let said = [
        Said::Text("héllo".into()),
        Said::Binary(vec![0, 1, 2]),
        Said::Ping(b"are you there".into()),
        Said::Pong(vec![]),
        Said::Close(Some(1000), "bye".into()),
    ];
    assert_eq!(all(&bytes), (said.into(), None));
}

#[test]
fn control_frames_between_fragments() {
    let bytes = [
        frame(0x01, b"on"),
        frame(0x89, b"ping"),
        frame(0x00, b""),
        frame(0x80, b"e"),
        frame(0x82, b""),
    ]
    .concat();
    let said = [Said::Ping(b"ping".into()), Said::Text("one".into()), Said::Binary(vec![])];
    assert_eq!(all(&bytes), (said.into(), None));
}

#[test]
fn rules_of_the_head() {
    fails_with(b"\x81\x05Hello", Violation::NotMasked);
    for first in [0xc1, 0xa1, 0x91] {
        fails_with(&[first], Violation::ReservedBits);
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        fails_with(&[0x80 | opcode], Violation::ReservedOpcode(opcode));
    }
    for opcode in [8, 9, 10] {
        fails_with(&[opcode], Violation::FragmentedControl);
    }
    fails_with(&[0x89, 0xfe], Violation::LongControl);
    fails_with(&[0x81, 0xfe, 0, 125], Violation::LengthNotMinimal);
    fails_with(&[0x81, 0xff, 0, 0, 0, 0, 0, 0, 255, 255], Violation::LengthNotMinimal);
    fails_with(&[0x81, 0xff, 128, 0, 0, 0, 0, 1, 0, 0], Violation::LengthOutOfRange);
}

#[test]
fn rules_of_fragmentation() {
    fails_with(&frame(0x80, b"x"), Violation::NothingToContinue);
    let unfinished = frame(0x01, b"x");
    fails_with(&[&unfinished[..], &frame(0x81, b"y")].concat(), Violation::MessageNotFinished);
    fails_with(&[&unfinished[..], &frame(0x02, b"y")].concat(), Violation::MessageNotFinished);
}

#[test]
fn sizes_are_summed_over_fragments() {
    let limits = Limits { message_bytes_max: 10, fragments_max: 4 };
    let outcome = |frames: &[Vec<u8>]| decode(&mut Decoder::new(limits), &frames.concat(), &[7]);
    assert_eq!(outcome(&[frame(0x81, &[b'x'; 10])]).1, None);
    assert_eq!(outcome(&[frame(0x81, &[b'x'; 11])]).1, Some(Violation::TooLarge(10)));
    let halves = [frame(0x01, b"12345"), frame(0x00, b"12345")];
    assert_eq!(outcome(&[&halves[..], &[frame(0x80, b"")]].concat()).1, None);
    let over = outcome(&[&halves[..], &[frame(0x80, b"x")]].concat());
    assert_eq!(over.1, Some(Violation::TooLarge(10)));
    let many = [frame(0x01, b""), frame(0, b""), frame(0, b""), frame(0, b""), frame(0x80, b"")];
    assert_eq!(outcome(&many).1, Some(Violation::TooManyFragments(4)));
}

#[test]
fn text_fails_at_the_first_impossible_byte() {
    // A surrogate's second byte is wrong already; the third need not come.
    for start in [&[0xed, 0xa0][..], &[0xf4, 0x90], &[0xc0], &[0xff], &[b'a', 0x80]] {
        let mut bytes = frame(0x81, &[start, &[b'x'; 20]].concat());
        bytes.truncate(6 + start.len());
        fails_with(&bytes, Violation::TextNotUtf8);
    }
    // A character that is cut by fragments is fine, one that is cut by the end is not.
    let snowman = "☃".as_bytes();
    let cut = [frame(0x01, &snowman[..1]), frame(0x80, &snowman[1..])].concat();
    assert_eq!(all(&cut), (vec![Said::Text("☃".into())], None));
    fails_with(&frame(0x81, &snowman[..2]), Violation::TextNotUtf8);
}

#[test]
fn rules_of_closing() {
    fails_with(&frame(0x88, b"x"), Violation::CloseTooShort);
    fails_with(&frame(0x88, b"\x03\xe8\xff"), Violation::CloseReasonNotUtf8);
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535_u16] {
        fails_with(&frame(0x88, &code.to_be_bytes()), Violation::CloseCode(code));
    }
    for code in [1000, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999_u16] {
        let said = Said::Close(Some(code), String::new());
        assert_eq!(all(&frame(0x88, &code.to_be_bytes())), (vec![said], None));
    }
    assert_eq!(all(&frame(0x88, b"")), (vec![Said::Close(None, String::new())], None));
}

#[test]
fn memory_follows_what_arrived() {
    let limits = Limits { message_bytes_max: 1 << 30, fragments_max: 8 };
    let mut decoder = Decoder::new(limits);
    let mut claims = frame(0x82, &vec![7; 100_000])[..1_014].to_vec();
    claims[2..10].copy_from_slice(&(1_u64 << 29).to_be_bytes());
    decode(&mut decoder, &claims, &[100]);
    let reserved = decoder.partial.as_ref().unwrap().reserved_bytes();
    assert!((1_000..=2_256).contains(&reserved), "{reserved} bytes for 1,000");
}

#[test]
fn at_rest_nothing_is_held() {
    let mut decoder = Decoder::new(Limits::default());
    let bytes = [frame(0x01, b"one"), frame(0x80, b"two")].concat();
    decode(&mut decoder, &bytes, &[2]);
    assert!(decoder.partial.is_none());
    assert!(size_of::<Decoder>() <= 32);
}

#[test]
fn a_pause_keeps_the_rest() {
    let mut decoder = Decoder::new(Limits::default());
    let mut bytes = [frame(0x81, b"one"), frame(0x81, b"two"), frame(0x81, b"three")].concat();
    let cut = bytes.len() - 2;
    let mut end = bytes.split_off(cut);
    let first = |decoder: &mut Decoder, input: &mut [u8]| {
        decoder.feed(input).next_message().unwrap().map(Said::from)
    };
    assert_eq!(first(&mut decoder, &mut bytes), Some(Said::Text("one".into())));
    assert!(decoder.has_unread());
    assert_eq!(first(&mut decoder, &mut []), Some(Said::Text("two".into())));
    assert_eq!(first(&mut decoder, &mut end), Some(Said::Text("three".into())));
    assert!(decoder.partial.is_none());
}

/// Frames of one message cut at the given places, with pings between them.
fn fragments(opcode: u8, payload: &[u8], cuts: &[usize]) -> (Vec<u8>, usize) {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (payload.len() + 1)).collect();
    cuts.sort_unstable();
    let ends = cuts.iter().copied().chain([payload.len()]);
    let starts = [0].into_iter().chain(cuts.iter().copied());
    let mut bytes = Vec::new();
    for (number, (start, end)) in starts.zip(ends).enumerate() {
        let first = if number == 0 { opcode } else { 0 };
        let fin = if number == cuts.len() { 0x80 } else { 0 };
        bytes.extend(frame(first | fin, &payload[start..end]));
        if fin == 0 {
            bytes.extend(frame(0x89, b"p"));
        }
    }
    (bytes, cuts.len())
}

proptest! {
    #[test]
    fn any_fragmentation_and_any_split(
        messages in prop::collection::vec((any::<String>(), prop::collection::vec(any::<usize>(), 0..6)), 1..5),
        sizes in prop::collection::vec(1..40_usize, 1..20),
    ) {
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for (text, cuts) in &messages {
            for opcode in [1, 2] {
                let (frames, pings) = fragments(opcode, text.as_bytes(), cuts);
                bytes.extend(frames);
                expected.extend(std::iter::repeat_n(Said::Ping(b"p".into()), pings));
                expected.push(match opcode {
                    1 => Said::Text(text.clone()),
                    _ => Said::Binary(text.clone().into()),
                });
            }
        }
        let mut decoder = Decoder::new(Limits::default());
        prop_assert_eq!(decode(&mut decoder, &bytes, &sizes), (expected, None));
        prop_assert!(decoder.partial.is_none());
    }

    /// What the server sends, masked as a client would, is what the client reads.
    #[test]
    fn decodes_what_encode_made(text in any::<String>(), size in 1..64_usize) {
        let made = encode::text(&text);
        let payload = &made[made.len() - text.len()..];
        let masked = frame(made[0], payload);
        prop_assert_eq!(&masked[2..masked.len() - text.len() - 4], &made[2..made.len() - text.len()]);
        let mut decoder = Decoder::new(Limits::default());
        prop_assert_eq!(decode(&mut decoder, &masked, &[size]), (vec![Said::Text(text)], None));
    }

    #[test]
    fn any_bytes_mean_the_same_however_they_arrive(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        sizes in prop::collection::vec(1..20_usize, 1..10),
    ) {
        let limits = Limits { message_bytes_max: 100, fragments_max: 3 };
        let whole = decode(&mut Decoder::new(limits), &bytes, &[usize::MAX]);
        prop_assert_eq!(decode(&mut Decoder::new(limits), &bytes, &sizes), whole);
    }

    /// As above, but with heads that are nearly right, so that the states behind them are reached.
    #[test]
    fn nearly_valid_frames_mean_the_same_however_they_arrive(
        frames in prop::collection::vec(
            (0..16_u8, prop::bool::weighted(0.7), prop::collection::vec(any::<u8>(), 0..12), any::<bool>()),
            0..12,
        ),
        sizes in prop::collection::vec(1..20_usize, 1..10),
    ) {
        let mut bytes = Vec::new();
        for (opcode, fin, payload, ascii) in frames {
            let opcode = if opcode < 3 || (8..11).contains(&opcode) { opcode } else { opcode % 3 };
            let payload: Vec<u8> = payload.iter().map(|byte| if ascii { byte & 0x7f } else { *byte }).collect();
            bytes.extend(frame(u8::from(fin) << 7 | opcode, &payload));
        }
        let limits = Limits { message_bytes_max: 20, fragments_max: 3 };
        let whole = decode(&mut Decoder::new(limits), &bytes, &[usize::MAX]);
        prop_assert_eq!(decode(&mut Decoder::new(limits), &bytes, &sizes), whole);
    }
}
