//! The groups of cases of the Autobahn suite, by their numbers there, over a real socket.
//!
//! The suite itself runs against `examples/websocket_echo.rs`; these stay with the code.

use hubbub_gateway::ws::Limits;
use tokio::io::AsyncWriteExt as _;

use crate::ws_client::{Client, Server, frame};

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
const BEGIN: u8 = 0x01;
const CONTINUE: u8 = 0x00;
const END: u8 = 0x80;

const WIDE: Limits = Limits { message_bytes_max: 16 << 20, fragments_max: 100_000 };

/// Sends the bytes in one write; the server answers with this close code.
async fn closes_with(server: &Server, bytes: &[u8], code: u16) {
    let mut client = Client::open(server.address).await;
    client.try_write(bytes).await;
    client.expect_close(code).await;
}

#[tokio::test]
async fn group_1_sizes() {
    let server = Server::echo(WIDE);
    let mut client = Client::open(server.address).await;
    for length in [0, 125, 126, 127, 128, 65_535, 65_536] {
        for first in [TEXT, BINARY] {
            let payload = vec![b'*'; length];
            client.write(&frame(first, &payload)).await;
            client.expect(first, &payload).await;
        }
    }
    // 1.1.8: in chunks that respect no border.
    let payload = vec![b'*'; 65_536];
    for chunk in frame(TEXT, &payload).chunks(997) {
        client.write(chunk).await;
        client.stream.flush().await.unwrap();
    }
    client.expect(TEXT, &payload).await;
}

#[tokio::test]
async fn group_2_pings() {
    let server = Server::echo(WIDE);
    let mut client = Client::open(server.address).await;
    for payload in [&b""[..], b"hello", &[0x00, 0xff, 0xfe], &[0xfe; 125]] {
        client.write(&frame(PING, payload)).await;
        client.expect(PONG, payload).await;
    }
    // 2.6: byte by byte. 2.7 to 2.9: pongs nobody asked for are ignored.
    for byte in frame(PING, &[0xfe; 125]) {
        client.write(&[byte]).await;
    }
    client.expect(PONG, &[0xfe; 125]).await;
    let pings: Vec<u8> = (0..10_u8).flat_map(|number| frame(PING, &[number])).collect();
    client.write(&[frame(PONG, b"unsolicited"), pings].concat()).await;
    for number in 0..10_u8 {
        client.expect(PONG, &[number]).await;
    }
    closes_with(&server, &frame(PING, &[0xfe; 126]), 1002).await;
}

#[tokio::test]
async fn group_3_reserved_bits() {
    let server = Server::echo(WIDE);
    for bits in 1..8_u8 {
        for first in [TEXT, BINARY, PING, CLOSE] {
            closes_with(&server, &frame(first | bits << 4, b"hello"), 1002).await;
        }
    }
    // 3.2: what came before is still answered.
    let mut client = Client::open(server.address).await;
    client.write(&[frame(TEXT, b"first"), frame(TEXT | 0x20, b"bad")].concat()).await;
    client.expect(TEXT, b"first").await;
    client.expect_close(1002).await;
}

#[tokio::test]
async fn group_4_reserved_opcodes() {
    let server = Server::echo(WIDE);
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        closes_with(&server, &frame(0x80 | opcode, b""), 1002).await;
    }
}

#[tokio::test]
async fn group_5_fragmentation() {
    let server = Server::echo(WIDE);
    for control in [PING, PONG] {
        closes_with(&server, &frame(control & 0x7f, b"fragment"), 1002).await;
    }
    for stray in [CONTINUE, END] {
        closes_with(&server, &frame(stray, b"nothing to continue"), 1002).await;
    }
    closes_with(&server, &[frame(BEGIN, b"1"), frame(TEXT, b"2")].concat(), 1002).await;
    // 5.19: two pings between five fragments are answered at once.
    let mut client = Client::open(server.address).await;
    client.write(&[frame(BEGIN, b"1"), frame(CONTINUE, b"2"), frame(PING, b"a")].concat()).await;
    client.expect(PONG, b"a").await;
    client.write(&[frame(CONTINUE, b"3"), frame(CONTINUE, b""), frame(PING, b"b")].concat()).await;
    client.expect(PONG, b"b").await;
    client.write(&frame(END, b"5")).await;
    client.expect(TEXT, b"1235").await;
}

#[tokio::test]
async fn group_6_text_is_utf8() {
    let server = Server::echo(WIDE);
    let mut client = Client::open(server.address).await;
    let greek = "κόσμε \u{7f} \u{10ffff} \u{fffd}";
    client.write(&frame(TEXT, greek.as_bytes())).await;
    client.expect(TEXT, greek.as_bytes()).await;
    let (mut pieces, last) = (Vec::new(), greek.len() - 1);
    for (place, byte) in greek.bytes().enumerate() {
        let first = if place == 0 { BEGIN } else { CONTINUE } | if place == last { END } else { 0 };
        pieces.extend(frame(first, &[byte]));
    }
    client.write(&pieces).await;
    client.expect(TEXT, greek.as_bytes()).await;

    // Overlong forms, surrogates, beyond the last character, stray and missing bytes.
    for bad in [
        &[0xc0, 0xaf][..],
        &[0xe0, 0x80, 0xaf],
        &[0xed, 0xa0, 0x80],
        &[0xf4, 0x90, 0x80, 0x80],
        &[0xf8, 0x88, 0x80, 0x80, 0x80],
        &[0x80],
        &[0xff],
        &[0xe2, 0x98],
    ] {
        closes_with(&server, &frame(TEXT, bad), 1007).await;
        closes_with(&server, &[frame(BEGIN, b"ok"), frame(END, bad)].concat(), 1007).await;
    }
}

/// 6.4: the server does not wait for the end of a message that cannot become valid.
#[tokio::test]
async fn group_6_fails_fast() {
    let server = Server::echo(WIDE);
    let bad = ["κόσμε".as_bytes(), &[0xf4, 0x90]].concat();
    closes_with(&server, &frame(BEGIN, &bad), 1007).await;
    let mut whole = frame(TEXT, &[&bad[..], &[b'x'; 100]].concat());
    whole.truncate(6 + bad.len());
    closes_with(&server, &whole, 1007).await;
}

#[tokio::test]
async fn group_7_closing() {
    let server = Server::echo(WIDE);
    let with = |code: u16, reason: &[u8]| frame(CLOSE, &[&code.to_be_bytes(), reason].concat());
    // 7.1.1 to 7.1.5: what follows a close is not answered, an unfinished message does not matter.
    let noise = [frame(BEGIN, b"x"), with(1000, b""), frame(PING, b""), frame(TEXT, b"x")];
    closes_with(&server, &noise.concat(), 1000).await;
    // 7.3.1: without a code, without a code.
    let mut client = Client::open(server.address).await;
    client.write(&frame(CLOSE, b"")).await;
    client.expect(CLOSE, b"").await;
    client.expect_end().await;
    closes_with(&server, &frame(CLOSE, b"x"), 1002).await;
    closes_with(&server, &with(1000, b"bye"), 1000).await;
    closes_with(&server, &with(1000, &[b'*'; 123]), 1000).await;
    // 7.3.6: one byte more is not a control frame. 7.5.1: the reason is text.
    closes_with(&server, &with(1000, &[b'*'; 124]), 1002).await;
    closes_with(&server, &with(1000, &[0xce, 0xba, 0xff]), 1007).await;
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014] {
        closes_with(&server, &with(code, b""), code).await;
    }
    for code in [3000, 3999, 4000, 4999] {
        closes_with(&server, &with(code, b""), code).await;
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        closes_with(&server, &with(code, b""), 1002).await;
    }
}

#[tokio::test]
async fn group_9_and_10_large_messages() {
    let server = Server::echo(WIDE);
    let mut client = Client::open(server.address).await;
    for (length, fragment) in [
        (64 << 10, 64 << 10),
        (1 << 20, 1 << 20),
        (16 << 20, 16 << 20),
        (4 << 20, 64 << 10),
        (1 << 20, 64),
        (65_536, 1_300),
    ] {
        let payload = vec![b'x'; length];
        let mut bytes = Vec::new();
        for (number, piece) in payload.chunks(fragment).enumerate() {
            let first = if number == 0 { 0x02 } else { CONTINUE };
            let last = if (number + 1) * fragment >= length { END } else { 0 };
            bytes.extend(frame(first | last, piece));
        }
        client.write(&bytes).await;
        client.expect(BINARY, &payload).await;
    }
}

/// Beyond the suite: what the bounds of our own do, and frames that are not masked.
#[tokio::test]
async fn bounds() {
    let server = Server::echo(Limits { message_bytes_max: 1_000, fragments_max: 8 });
    let masked = frame(TEXT, b"hello");
    let unmasked = [&masked[..1], &[5], b"hello"].concat();
    closes_with(&server, &unmasked, 1002).await;
    closes_with(&server, &frame(TEXT, &[b'x'; 1_001]), 1009).await;
    let pieces: Vec<u8> = [frame(BEGIN, &[b'x'; 400]), frame(CONTINUE, &[b'x'; 400])].concat();
    closes_with(&server, &[pieces, frame(END, &[b'x'; 201])].concat(), 1009).await;
    // A length that is only claimed: refused at the head, before any of it came.
    let claimed = [&[BINARY, 0xff], &(1_u64 << 40).to_be_bytes()[..], &[0; 4]].concat();
    closes_with(&server, &claimed, 1009).await;
    let crumbs: Vec<u8> = std::iter::once(frame(BEGIN, b"x"))
        .chain(std::iter::repeat_n(frame(CONTINUE, b""), 8))
        .flatten()
        .collect();
    closes_with(&server, &crumbs, 1008).await;
    // 126 in the long form.
    let long = [&[BINARY, 0xff], &126_u64.to_be_bytes()[..], &[0; 4], &[0; 126]].concat();
    closes_with(&server, &long, 1002).await;
}

/// What was sent together with the handshake is not lost.
#[tokio::test]
async fn frames_right_behind_the_handshake() {
    let server = Server::echo(WIDE);
    let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let mut client = Client { stream };
    let early = [frame(TEXT, b"early"), frame(PING, b"bird")].concat();
    let cut = early.len() - 1;
    client.write(&[crate::ws_client::HANDSHAKE.as_bytes(), &early[..cut]].concat()).await;
    assert!(client.head().await.starts_with("HTTP/1.1 101 "));
    client.expect(TEXT, b"early").await;
    client.write(&early[cut..]).await;
    client.expect(PONG, b"bird").await;
}

/// A client that sends and does not read: the server stops reading, and loses nothing.
#[tokio::test]
async fn a_full_socket_is_written_in_pieces() {
    let server = Server::echo(WIDE);
    let client = Client::open(server.address).await;
    let (mut receive, mut send) = client.stream.into_split();
    let sending = tokio::spawn(async move {
        for number in 0..200_u8 {
            send.write_all(&frame(BINARY, &vec![number; 100_000])).await.unwrap();
        }
        send
    });
    let reading = async {
        use tokio::io::AsyncReadExt as _;
        for number in 0..200_u8 {
            let mut echoed = vec![0; 10 + 100_000];
            receive.read_exact(&mut echoed).await.unwrap();
            assert!(echoed[10..].iter().all(|&byte| byte == number));
        }
    };
    tokio::time::timeout(crate::ws_client::DEADLINE, reading).await.expect("in time");
    drop(sending.await.unwrap());
}
