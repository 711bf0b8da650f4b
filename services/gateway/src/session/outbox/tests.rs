//! An outbox alone, and with a socket behind it.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use futures::FutureExt as _;
use hubbub_client_protocol::CloseCode;
use tokio::{
    io::{AsyncReadExt as _, Interest},
    net::{TcpListener, TcpStream},
};

use super::{Frame, Outbox, Wake};
use crate::ws::Socket;

fn frame(bytes: usize) -> Frame {
    Bytes::from(vec![0; bytes]).into()
}

#[test]
fn durable_frames_are_refused_at_the_bound_and_taken_again_after_it() {
    let outbox = Outbox::new(100);
    let offer = |bytes: usize| outbox.offer(&[frame(bytes)]) == 1;
    assert!(offer(150), "one frame always fits");
    assert!(!offer(1));
    let taken = outbox.take();
    assert!(!offer(1), "what the writer holds still counts");
    outbox.written(taken[0].bytes.len());
    assert!(offer(100));
}

#[test]
fn of_many_durable_frames_the_first_that_fit_are_taken() {
    let outbox = Outbox::new(100);
    let frames: Vec<_> = (0..5).map(|_| frame(40)).collect();
    assert_eq!(outbox.offer(&frames), 2);
    assert_eq!(outbox.take().len(), 2);
}

#[test]
fn replies_always_fit_and_fill_the_outbox() {
    let outbox = Outbox::new(100);
    outbox.reply(frame(101));
    assert!(outbox.is_full() && !outbox.has_drained());
}

#[test]
fn events_beyond_twice_the_bound_close_the_session() {
    let outbox = Outbox::new(100);
    for _ in 0..3 {
        outbox.event(frame(90));
    }
    assert_eq!(outbox.woken().now_or_never(), Some(Wake::Work));
    outbox.event(frame(90));
    let wake = outbox.woken().now_or_never();
    assert_eq!(wake, Some(Wake::Close(CloseCode::TooSlow.into())));
}

#[test]
fn an_ended_outbox_takes_nothing() {
    let outbox = Outbox::new(100);
    outbox.end();
    assert_eq!(outbox.offer(&[frame(1)]), 1);
    assert!(outbox.take().is_empty());
}

/// An outbox whose frames may go past its task, and the peer.
async fn with_line(bytes_max: usize) -> (Outbox, Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let socket = Socket::new(listener.accept().await.unwrap().0, &[], None);
    socket.ready(Interest::WRITABLE).await.unwrap();
    let outbox = Outbox::new(bytes_max);
    outbox.open_line(socket.writer());
    (outbox, socket, peer)
}

#[tokio::test]
async fn what_is_offered_leaves_without_the_task() {
    let (outbox, _socket, mut peer) = with_line(100).await;
    let frames = ["one ", "two ", "three"].map(|text| Frame::from(Bytes::from(text)));
    assert_eq!(outbox.offer(&frames[..1]), 1);
    assert_eq!(outbox.offer(&frames[1..]), 2);
    assert_eq!(outbox.woken().now_or_never(), None);
    let mut received = [0; 13];
    peer.read_exact(&mut received).await.unwrap();
    assert_eq!(&received, b"one two three");
}

#[tokio::test]
async fn nobody_writes_past_what_waits_or_is_in_hand() {
    let (outbox, _socket, mut peer) = with_line(100).await;
    outbox.reply(frame(10));
    assert_eq!(outbox.offer(&[frame(20)]), 1);
    let in_hand = outbox.take();
    assert_eq!(in_hand.len(), 2, "it waits behind the reply");
    assert_eq!(outbox.offer(&[frame(30)]), 1);
    assert_eq!(outbox.take().len(), 1, "it was left to the task");
    outbox.written(60);
    assert_eq!(outbox.offer(&[frame(1)]), 1);
    assert_eq!(outbox.woken().now_or_never(), None);
    assert_eq!(peer.read(&mut [0; 100]).await.unwrap(), 1, "and nothing before it");
}

#[tokio::test]
async fn a_frame_that_was_begun_is_ended_by_the_task() {
    const FRAME: usize = 16 << 20;
    let (outbox, socket, mut peer) = with_line(FRAME).await;
    let bytes: Vec<u8> = (0..=250).cycle().take(FRAME).collect();
    let small = Bytes::from_static(b"small");
    let frames = [small.clone().into(), Bytes::from(bytes.clone()).into(), small.into()];
    assert_eq!(outbox.offer(&frames), 3);
    assert_eq!(outbox.offer(&frames[1..2]), 0, "the bound is reached");
    assert_eq!(outbox.woken().now_or_never(), Some(Wake::Work), "the socket did not take all");
    let mut rest = VecDeque::from([outbox.close_line().expect("a part is left")]);
    assert!(rest[0].bytes.len() < FRAME);
    rest.extend(outbox.take());
    let receiving = tokio::spawn(async move {
        let mut received = Vec::new();
        peer.read_to_end(&mut received).await.unwrap();
        received
    });
    socket.close(rest, Duration::from_mins(1)).await;
    drop(outbox);
    let expected = [&b"small"[..], &bytes, b"small"].concat();
    assert!(receiving.await.unwrap() == expected, "every byte, once, in order");
}

#[test]
fn a_nudge_wakes_once() {
    let outbox = Outbox::new(100);
    outbox.nudge();
    assert_eq!(outbox.woken().now_or_never(), Some(Wake::Work));
    assert_eq!(outbox.woken().now_or_never(), None);
}
