//! An outbox alone, and with a socket behind it.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use futures::FutureExt as _;
use hubbub_client_protocol::CloseCode;
use tokio::{
    io::{AsyncReadExt as _, Interest},
    net::{TcpListener, TcpStream},
};

use super::{Frame, Offered, Outbox, Wake};
use crate::ws::Socket;

fn frame(bytes: usize) -> Frame {
    Bytes::from(vec![0; bytes]).into()
}

#[test]
fn durable_frames_are_refused_at_the_bound_and_taken_again_after_it() {
    let outbox = Outbox::new(100);
    let offer = |bytes: usize| outbox.offer([frame(bytes)].into_iter()).taken == 1;
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
    assert_eq!(outbox.offer((0..5).map(|_| frame(40))).taken, 2);
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
    assert_eq!(outbox.offer([frame(1)].into_iter()).taken, 1);
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
async fn what_is_offered_is_announced_once_and_leaves_without_the_task() {
    let (outbox, _socket, mut peer) = with_line(100).await;
    let offer = |text: &'static str| outbox.offer([Bytes::from(text).into()].into_iter());
    assert_eq!(offer("one "), Offered { taken: 1, to_flush: true });
    assert_eq!(offer("two"), Offered { taken: 1, to_flush: false });
    outbox.flush();
    assert_eq!(outbox.woken().now_or_never(), None);
    let mut received = [0; 7];
    peer.read_exact(&mut received).await.unwrap();
    assert_eq!(&received, b"one two");
    assert_eq!(offer("three"), Offered { taken: 1, to_flush: true });
}

#[tokio::test]
async fn nobody_writes_past_what_the_task_has_in_hand() {
    let (outbox, _socket, _peer) = with_line(100).await;
    outbox.reply(frame(10));
    let in_hand = outbox.take();
    let offered = outbox.offer([frame(20)].into_iter());
    assert_eq!(offered, Offered { taken: 1, to_flush: false }, "the task is woken");
    outbox.flush();
    assert_eq!(outbox.take().len(), 1, "it was left to the task");
    outbox.written(in_hand[0].bytes.len() + 20);
    assert!(outbox.offer([frame(1)].into_iter()).to_flush);
}

#[tokio::test]
async fn a_frame_that_was_begun_is_ended_by_the_task() {
    const FRAME: usize = 16 << 20;
    let (outbox, socket, mut peer) = with_line(usize::MAX).await;
    let bytes: Vec<u8> = (0..=250).cycle().take(FRAME).collect();
    assert!(outbox.offer([Bytes::from(bytes.clone()).into()].into_iter()).to_flush);
    outbox.flush();
    assert_eq!(outbox.woken().now_or_never(), Some(Wake::Work), "the socket did not take all");
    let rest = outbox.close_line().expect("a part is left");
    assert!(rest.bytes.len() < FRAME);
    outbox.flush();
    let receiving = tokio::spawn(async move {
        let mut received = Vec::new();
        peer.read_to_end(&mut received).await.unwrap();
        received
    });
    socket.close(VecDeque::from([rest]), Duration::from_mins(1)).await;
    drop(outbox);
    assert!(receiving.await.unwrap() == bytes, "every byte, once, in order");
}

#[test]
fn a_nudge_wakes_once() {
    let outbox = Outbox::new(100);
    outbox.nudge();
    assert_eq!(outbox.woken().now_or_never(), Some(Wake::Work));
    assert_eq!(outbox.woken().now_or_never(), None);
}
