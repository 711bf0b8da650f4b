//! The transport made of requests: at most one poll is held, at most one body is being taken in, and
//! at most one WebSocket may be on its way to take over.

use bytes::Bytes;
use hubbub_client_protocol::engineio::{PayloadBuilder, SEPARATOR};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{
    answer::Refused,
    wire::{Carrier, Wire},
};
use crate::{
    session::{Ending, Outbox, Reading, Wake},
    ws::encode::{Said, split_frame},
};

/// What a request asks of its session.
pub(super) enum Ask {
    Poll(oneshot::Sender<Polled>),
    Post {
        body: String,
        answer: oneshot::Sender<Result<(), Refused>>,
    },
    /// Whether a WebSocket may come, which then comes by itself.
    Upgrade {
        socket: oneshot::Receiver<Carrier>,
        answer: oneshot::Sender<bool>,
    },
}

pub(super) type Polled = Result<String, Refused>;

pub(super) struct Polling {
    pub(super) asks: mpsc::Receiver<Ask>,
    pub(super) held: Option<oneshot::Sender<Polled>>,
    pub(super) post: Option<Post>,
    pub(super) probe: Option<Probe>,
}

/// A body that is taken in, as far as there is room for what it asks for.
pub(super) struct Post {
    body: String,
    at: usize,
    pub(super) answer: oneshot::Sender<Result<(), Refused>>,
}

/// A WebSocket that has not taken over yet.
pub(super) struct Probe {
    pub(super) state: ProbeState,
    /// Given up then.
    pub(super) until: Instant,
    /// A poll that came before we could hear what the WebSocket said first.
    pub(super) waiting: Option<oneshot::Sender<Polled>>,
    /// When a held poll is let go, so that the client can stop polling; known once it probed.
    pub(super) release_at: Option<Instant>,
}

pub(super) enum ProbeState {
    Opening(oneshot::Receiver<Carrier>),
    Open(Wire),
}

/// What happened first.
pub(super) enum Event {
    /// `None`: nobody can ask any more, which cannot happen while the session is registered.
    Ask(Option<Ask>),
    Outbox(Wake),
    /// The held poll's client is gone.
    Cancelled,
    ProbeOpened(Option<Carrier>),
    ProbeReady(Result<(), Ending>),
}

impl Polling {
    pub(super) const fn new(asks: mpsc::Receiver<Ask>) -> Self {
        Self { asks, held: None, post: None, probe: None }
    }

    /// Waits for whatever comes first. May be dropped while it waits.
    pub(super) async fn next(&mut self, outbox: &Outbox) -> Event {
        let Self { asks, held, probe, .. } = self;
        let holding = held.is_some();
        let cancelled = async {
            match held {
                Some(held) => held.closed().await,
                None => std::future::pending().await,
            }
        };
        let woken = async { if holding { outbox.woken().await } else { outbox.alerted().await } };
        let probed = async {
            match probe {
                Some(probe) => probe.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ask = asks.recv() => Event::Ask(ask),
            wake = woken => Event::Outbox(wake),
            () = cancelled => Event::Cancelled,
            event = probed => event,
        }
    }

    /// Answers the held poll with what waits, if there are both. False: its client is gone.
    pub(super) fn flush(&mut self, outbox: &Outbox) -> bool {
        if self.held.is_none() {
            return true;
        }
        let payload = drain(outbox);
        if payload.is_empty() {
            return true;
        }
        let held = self.held.take();
        held.is_none_or(|held| held.send(Ok(payload.finish())).is_ok())
    }

    /// Answers the held poll, if there is one, with one packet.
    pub(super) fn release(&mut self, packet: &str) {
        if let Some(held) = self.held.take() {
            // If its client is gone, so will be the session, by the next poll or its heartbeat.
            let _gone = held.send(Ok(packet.to_owned()));
        }
    }
}

impl Post {
    pub(super) const fn new(body: String, answer: oneshot::Sender<Result<(), Refused>>) -> Self {
        Self { body, at: 0, answer }
    }

    pub(super) const fn len(&self) -> usize {
        self.body.len()
    }

    /// The next packet; `None` after the last.
    pub(super) fn next_packet(&mut self) -> Option<&str> {
        let rest = self.body.get(self.at..)?;
        let packet = rest.split(SEPARATOR).next()?;
        self.at += packet.len() + SEPARATOR.len_utf8();
        Some(packet)
    }
}

impl Probe {
    async fn next(&mut self) -> Event {
        match &mut self.state {
            ProbeState::Opening(socket) => Event::ProbeOpened(socket.await.ok()),
            ProbeState::Open(wire) => Event::ProbeReady(wire.ready(Reading::Open).await),
        }
    }
}

/// Takes what waits out of its frames.
pub(super) fn drain(outbox: &Outbox) -> PayloadBuilder {
    let mut payload = PayloadBuilder::default();
    let mut bytes = 0;
    for frame in outbox.take() {
        bytes += frame.bytes.len();
        add(&mut payload, &frame.bytes);
    }
    outbox.written(bytes);
    payload
}

/// What is one entry of an outbox may be several frames: a packet and its attachments.
fn add(payload: &mut PayloadBuilder, frames: &Bytes) {
    let mut rest = &frames[..];
    while let Some((said, next)) = split_frame(rest) {
        match said {
            Said::Text(packet) => payload.text(packet),
            Said::Binary(bytes) => payload.binary(bytes),
            Said::Control => {}
        }
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::sync::oneshot;

    use super::{Post, drain};
    use crate::{session::Outbox, ws::encode};

    #[test]
    fn packets_leave_their_frames() {
        let outbox = Outbox::new(1_000);
        outbox.reply(encode::text("451-[\"m\"]"));
        let several = [encode::text("4a"), encode::binary(&[1, 2, 3, 4]), encode::ping()].concat();
        outbox.reply(Bytes::from(several));
        assert_eq!(drain(&outbox).finish(), "451-[\"m\"]\u{1e}4a\u{1e}bAQIDBA==");
        assert_eq!(outbox.waiting_bytes(), 0);
        assert!(drain(&outbox).is_empty());
    }

    #[test]
    fn a_body_is_read_packet_by_packet() {
        let (answer, _asked) = oneshot::channel();
        let mut post = Post::new("4a\u{1e}\u{1e}4é".to_owned(), answer);
        assert_eq!(post.next_packet(), Some("4a"));
        assert_eq!(post.next_packet(), Some(""));
        assert_eq!(post.next_packet(), Some("4é"));
        assert_eq!(post.next_packet(), None);
        let (answer, _asked) = oneshot::channel();
        let mut empty = Post::new(String::new(), answer);
        assert_eq!(empty.next_packet(), Some(""));
        assert_eq!(empty.next_packet(), None);
    }
}
