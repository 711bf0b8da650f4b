//! The task of one session: it alone owns the transport, the heartbeat and the upper half, so that
//! whatever comes at once is done one after the other.

use std::{ops::ControlFlow, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use hubbub_client_protocol::CloseCode;
use hubbub_runtime::shares::Share;
use tokio::time::{Instant, Sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Config,
    answer::Refused,
    budget::{Exhausted, Held},
    connection::{End, Event, Transport, take_frame, take_posted},
    heart::{Beat, Heart},
    polling::{self, Ask, Polling, Post, Probe, ProbeState},
    protocol::{Broken, Outgoing, Session},
    registry::Place,
    wire::Wire,
};
use crate::{
    metrics,
    session::{Asked, Closing, Ending, Incoming, Outbox, Reading, Wake},
    ws::encode::{self, Said},
};

/// `2` in its frame.
const PING: Bytes = Bytes::from_static(&[0x81, 1, b'2']);
/// How long a poll is held while a WebSocket is about to take over. The client is told by the probe's
/// answer to stop polling, and can only when its poll has ended.
pub(super) const RELEASE_AFTER: Duration = Duration::from_millis(100);
/// How long a WebSocket that was agreed on may take to come.
const OPENING_MAX: Duration = Duration::from_secs(5);
/// How long a poll is waited for to take the last words, when the client ends or we do.
const LAST_POLL: Duration = Duration::from_secs(1);
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How long the upper half may take to end.
const CLOSE_MAX: Duration = Duration::from_secs(5);

pub(super) struct Task<S> {
    pub(super) config: Arc<Config>,
    pub(super) outgoing: Outgoing,
    pub(super) protocol: S,
    pub(super) transport: Transport,
    /// Of what the node holds for its clients.
    pub(super) held: Held,
    pub(super) heart: Heart,
    pub(super) place: Place,
    /// Its place among those that began without a WebSocket from the same address.
    pub(super) of_address: Option<Share>,
    pub(super) tasks: TaskTracker,
    /// Everything stops at once.
    pub(super) abort: CancellationToken,
}

enum Awaited {
    Worked,
    Timer,
    Transport(Event),
}

impl<S: Session> Task<S> {
    /// From the handshake to the end. The task and what its end needs have places of their own in memory:
    /// a future keeps room for all it could come to for as long as the session lives.
    pub(super) async fn run(mut self: Box<Self>) {
        let end = self.live().await;
        let reason = end.reason();
        metrics::engine_session_ended(reason.as_str());
        let detail = match &end {
            End::Broken(broken) => Some(broken.0),
            _ => None,
        };
        tracing::debug!(reason = reason.as_str(), detail, "a session ended");
        Box::pin(self.finish(end)).await;
    }

    async fn live(&mut self) -> End {
        let abort = self.abort.clone();
        let mut timer = Box::pin(tokio::time::sleep_until(self.next_tick()));
        loop {
            let awaited = tokio::select! {
                () = abort.cancelled() => return End::Closing(CloseCode::GoingAway.into()),
                awaited = self.next(&mut timer) => awaited,
            };
            if let Err(end) = self.act(awaited) {
                return end;
            }
            let next = self.next_tick();
            if next != timer.deadline() {
                timer.as_mut().reset(next);
            }
        }
    }

    async fn next(&mut self, timer: &mut Pin<Box<Sleep>>) -> Awaited {
        let reading = self.reading();
        let Self { protocol, transport, outgoing, .. } = self;
        tokio::select! {
            () = protocol.work() => Awaited::Worked,
            event = transport.next(&outgoing.outbox, reading) => Awaited::Transport(event),
            () = timer.as_mut() => Awaited::Timer,
        }
    }

    fn act(&mut self, awaited: Awaited) -> Result<(), End> {
        // First: who is out of time is gone, even if it asks for something just now.
        self.tick(Instant::now())?;
        match awaited {
            Awaited::Worked | Awaited::Timer => {}
            Awaited::Transport(Event::Outbox(wake)) => woken(wake)?,
            Awaited::Transport(Event::Socket(ready)) => {
                ready.map_err(End::Wire)?;
                self.flush()?;
                self.read()?;
            }
            Awaited::Transport(Event::Polling(event)) => self.polled(event)?,
        }
        self.feed()?;
        self.protocol.look();
        self.flush()?;
        let held = self.transport.held_bytes() + self.protocol.held_bytes();
        self.held.hold(held).map_err(|Exhausted| {
            let reason = "this node holds too much of what its clients have begun to say".into();
            End::Closing(Closing { code: CloseCode::TryAgain, reason })
        })
    }

    /// While too much waits the client is not read from.
    fn reading(&self) -> Reading {
        let full = self.protocol.is_full() || self.outgoing.outbox.is_full();
        if full { Reading::Paused } else { Reading::Open }
    }

    fn flush(&mut self) -> Result<(), End> {
        self.transport.flush(&self.outgoing.outbox)
    }

    /// The earliest moment at which something could be due.
    fn next_tick(&self) -> Instant {
        let due = self.heart.due();
        let due = self.protocol.deadline().map_or(due, |deadline| deadline.min(due));
        match &self.transport {
            Transport::WebSocket(wire) => {
                let blocked = wire.blocked_since().map(|since| since + self.config.write_timeout);
                let begun = wire.begun_at().map(|begun| begun + self.config.message_timeout);
                blocked.into_iter().chain(begun).fold(due, Instant::min)
            }
            Transport::Polling(polling) => match &polling.probe {
                Some(Probe { until, release_at, .. }) => {
                    let release = release_at.filter(|_| polling.held.is_some());
                    release.map_or(due, |release| release.min(due)).min(*until)
                }
                None => due,
            },
        }
    }

    fn tick(&mut self, now: Instant) -> Result<(), End> {
        match self.heart.beat(now) {
            Beat::Rest => {}
            Beat::Ping => self.outgoing.reply(PING),
            Beat::Stop => return Err(End::Silent),
        }
        if self.protocol.deadline().is_some_and(|deadline| now >= deadline) {
            self.protocol.tick(now)?;
        }
        match &mut self.transport {
            Transport::WebSocket(wire) => {
                let blocked = |since| now >= since + self.config.write_timeout;
                if wire.blocked_since().is_some_and(blocked) {
                    return Err(End::Silent);
                }
                let late = |begun| now >= begun + self.config.message_timeout;
                if wire.begun_at().is_some_and(late) {
                    return Err(Broken("a message did not arrive in time").into());
                }
            }
            Transport::Polling(polling) => {
                if polling.probe.as_ref().is_some_and(|probe| now >= probe.until) {
                    return self.give_probe_up(Ending::Done);
                }
                let released = |probe: &Probe| probe.release_at.is_some_and(|at| now >= at);
                if polling.probe.as_ref().is_some_and(released) {
                    polling.release("6");
                }
            }
        }
        Ok(())
    }

    /// Reads from the WebSocket, as long as there is room for what it asks for.
    pub(super) fn read(&mut self) -> Result<(), End> {
        if self.reading() == Reading::Paused {
            return Ok(());
        }
        let Self { transport, protocol, heart, outgoing, .. } = self;
        let Transport::WebSocket(wire) = transport else { return Ok(()) };
        let mut end = None;
        wire.read(Asked::WhenReady, |incoming| {
            let said = match incoming {
                Incoming::Text(text) => Said::Text(text),
                Incoming::Binary(bytes) => Said::Binary(bytes),
                Incoming::Ping(payload) => {
                    outgoing.reply(encode::pong(payload));
                    Said::Control
                }
            };
            end = take_frame(said, heart, protocol).err();
            if end.is_some() || protocol.is_full() || outgoing.outbox.is_full() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .map_err(End::Wire)?;
        end.map_or(Ok(()), Err)
    }

    fn polled(&mut self, event: polling::Event) -> Result<(), End> {
        let Transport::Polling(polling) = &mut self.transport else { return Ok(()) };
        match event {
            polling::Event::Outbox(wake) => woken(wake),
            polling::Event::Cancelled | polling::Event::Ask(None) => Err(End::Gone),
            polling::Event::Ask(Some(Ask::Poll(answer))) => self.poll(answer),
            polling::Event::Ask(Some(Ask::Post { body, answer })) => {
                if polling.post.is_some() {
                    let _gone = answer.send(Err(Refused::BadRequest));
                    return Err(Broken("two bodies at once").into());
                }
                polling.post = Some(Post::new(body, answer));
                Ok(())
            }
            polling::Event::Ask(Some(Ask::Upgrade { socket, answer })) => {
                let free = polling.probe.is_none();
                if free && answer.send(true).is_ok() {
                    polling.probe = Some(Probe {
                        state: ProbeState::Opening(socket),
                        until: Instant::now() + OPENING_MAX.min(self.config.upgrade_timeout),
                        waiting: None,
                        release_at: None,
                    });
                }
                Ok(())
            }
            polling::Event::ProbeOpened(socket) => {
                let Some(socket) = socket else { return self.give_probe_up(Ending::Gone) };
                if let Some(probe) = &mut polling.probe {
                    let wire = Wire::new(socket, self.config.payload_bytes_max);
                    probe.state = ProbeState::Open(wire);
                    probe.until = Instant::now() + self.config.upgrade_timeout;
                }
                self.hear_probe(Asked::Now)?;
                self.hold_waiting()
            }
            polling::Event::ProbeReady(Ok(())) => self.hear_probe(Asked::WhenReady),
            polling::Event::ProbeReady(Err(ending)) => self.give_probe_up(ending),
        }
    }

    /// Takes in what was posted, as far as there is room for what it asks for.
    fn feed(&mut self) -> Result<(), End> {
        loop {
            if self.reading() == Reading::Paused {
                return Ok(());
            }
            let Self { transport: Transport::Polling(polling), protocol, heart, .. } = self else {
                return Ok(());
            };
            let Some(post) = &mut polling.post else { return Ok(()) };
            let outcome = post.next_packet().map(|packet| take_posted(packet, heart, protocol));
            let (answer, end) = match outcome {
                Some(Ok(())) => continue,
                None => (Ok(()), None),
                Some(Err(End::Goodbye)) => (Ok(()), Some(End::Goodbye)),
                Some(Err(end)) => (Err(Refused::BadRequest), Some(end)),
            };
            if let Some(post) = polling.post.take() {
                let _gone = post.answer.send(answer);
            }
            if let Some(end) = end {
                return Err(end);
            }
        }
    }

    async fn finish(self: Box<Self>, end: End) {
        let Self { outgoing, mut protocol, mut transport, place, of_address, .. } = *self;
        let reason = end.reason();
        if let End::Closing(closing) = &end {
            protocol.farewell(closing.code.come_back());
        }
        // An error here changes nothing: it ends anyhow.
        let _ended = transport.flush(&outgoing.outbox);
        let closing = tokio::time::timeout(CLOSE_MAX, protocol.close(reason));
        match transport {
            Transport::WebSocket(mut wire) => {
                wire.take(outgoing.outbox.close_line().into_iter().collect());
                drop(place);
                let ending = match end {
                    End::Wire(ending) => ending,
                    End::Broken(broken) => Ending::Code(CloseCode::Protocol, broken.0.into()),
                    End::Closing(closing) => closing.into(),
                    End::Goodbye | End::Silent | End::Gone => Ending::Done,
                };
                let ((), closed) = tokio::join!(wire.close(ending), closing);
                note_slow(closed.is_err());
            }
            Transport::Polling(polling) => {
                let ((), closed) =
                    tokio::join!(say_last(*polling, &end, &outgoing.outbox), closing);
                drop(place);
                note_slow(closed.is_err());
            }
        }
        outgoing.outbox.end();
        drop(of_address);
    }
}

fn woken(wake: Wake) -> Result<(), End> {
    match wake {
        Wake::Work => Ok(()),
        Wake::Close(closing) => Err(End::Closing(closing)),
    }
}

fn note_slow(slow: bool) {
    if slow {
        tracing::warn!("a session's upper half did not end in time");
    }
}

/// Answers the poll that is held. If there is none, one is waited for where the client has something
/// to hear: a goodbye, its own (a poll may have crossed it) or ours with what was said before.
async fn say_last(mut polling: Polling, end: &End, outbox: &Outbox) {
    let (last, patience) = match end {
        End::Goodbye => ("6", LAST_POLL),
        End::Closing(_) => ("1", LAST_WORDS),
        _ => ("1", Duration::ZERO),
    };
    if polling.held.is_some() {
        return polling.release(last);
    }
    let poll = async {
        while let Some(ask) = polling.asks.recv().await {
            match ask {
                Ask::Poll(answer) => return Some(answer),
                Ask::Post { answer, .. } => drop(answer),
                Ask::Upgrade { answer, .. } => drop(answer),
            }
        }
        None
    };
    if patience.is_zero() {
        return;
    }
    if let Ok(Some(answer)) = tokio::time::timeout(patience, poll).await {
        let mut payload = match end {
            End::Goodbye => hubbub_client_protocol::engineio::PayloadBuilder::default(),
            _ => polling::drain(outbox),
        };
        payload.text(last);
        let _gone = answer.send(Ok(payload.finish()));
    }
}
