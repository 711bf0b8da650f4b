//! From polls to a WebSocket: what comes first while one is on its way, and the moment it takes over.

use std::ops::ControlFlow;

use hubbub_client_protocol::engineio::Packet;
use tokio::{sync::oneshot, time::Instant};

use super::{
    answer::Refused,
    connection::{End, Transport},
    polling::{Polled, Probe, ProbeState},
    protocol::{Broken, Session},
    session::{RELEASE_AFTER, Task},
};
use crate::{
    metrics,
    session::{Asked, Ending, Incoming},
    ws::encode,
};

impl<S: Session> Task<S> {
    /// A poll came. If a WebSocket is on its way, what it said before comes first: the client may have
    /// upgraded already.
    pub(super) fn poll(&mut self, answer: oneshot::Sender<Polled>) -> Result<(), End> {
        let Transport::Polling(polling) = &mut self.transport else { return Ok(()) };
        match &mut polling.probe {
            None => self.hold(answer),
            Some(Probe { state: ProbeState::Opening(_), waiting, .. }) if waiting.is_none() => {
                *waiting = Some(answer);
                Ok(())
            }
            Some(_) => {
                self.hear_probe(Asked::Now)?;
                self.hold(answer)
            }
        }
    }

    fn hold(&mut self, answer: oneshot::Sender<Polled>) -> Result<(), End> {
        let Transport::Polling(polling) = &mut self.transport else {
            let _gone = answer.send(Err(Refused::BadRequest));
            return Ok(());
        };
        if polling.held.is_some() {
            polling.release("1");
            let _gone = answer.send(Err(Refused::BadRequest));
            return Err(End::Gone);
        }
        polling.held = Some(answer);
        if let Some(Probe { release_at: Some(release_at), .. }) = &mut polling.probe {
            *release_at = Instant::now() + RELEASE_AFTER;
        }
        Ok(())
    }

    /// The WebSocket has come and not taken over: a poll that waited for it is one like others.
    pub(super) fn hold_waiting(&mut self) -> Result<(), End> {
        let Transport::Polling(polling) = &mut self.transport else { return Ok(()) };
        let waiting = polling.probe.as_mut().and_then(|probe| probe.waiting.take());
        waiting.map_or(Ok(()), |waiting| self.hold(waiting))
    }

    /// Reads what the WebSocket says before it takes over.
    pub(super) fn hear_probe(&mut self, asked: Asked) -> Result<(), End> {
        let Transport::Polling(polling) = &mut self.transport else { return Ok(()) };
        let Some(Probe { state: ProbeState::Open(wire), release_at, .. }) = &mut polling.probe
        else {
            return Ok(());
        };
        let (mut probed, mut upgrade) = (false, false);
        let mut pongs = Vec::new();
        let heard = wire.read(asked, |incoming| match incoming {
            Incoming::Text("2probe") => {
                probed = true;
                ControlFlow::Continue(())
            }
            Incoming::Ping(payload) => {
                pongs.push(encode::pong(payload));
                ControlFlow::Continue(())
            }
            incoming => {
                upgrade = matches!(incoming, Incoming::Text(text)
                    if Packet::parse(text) == Ok(Packet::Upgrade));
                probed &= upgrade;
                ControlFlow::Break(())
            }
        });
        for pong in pongs {
            wire.push(pong);
        }
        if probed {
            wire.push(encode::text("3probe"));
            *release_at = Some(Instant::now() + RELEASE_AFTER);
        }
        let said = heard.and_then(|()| wire.flush());
        match said {
            Err(ending) => self.give_probe_up(ending),
            Ok(_) if upgrade => self.upgrade(),
            Ok(_) => Ok(()),
        }
    }

    /// The WebSocket takes over.
    fn upgrade(&mut self) -> Result<(), End> {
        let Transport::Polling(polling) = &mut self.transport else { return Ok(()) };
        let Some(Probe { state: ProbeState::Open(wire), waiting, .. }) = polling.probe.take()
        else {
            return Ok(());
        };
        if polling.post.is_some() || wire.has_pending() {
            return Err(Broken("an upgrade in the middle of something else").into());
        }
        polling.release("6");
        if let Some(waiting) = waiting {
            let _gone = waiting.send(Err(Refused::BadRequest));
        }
        self.place.upgraded();
        self.transport = Transport::WebSocket(wire);
        metrics::engine_upgraded();
        // What was said behind the packet that upgrades is there already.
        self.read()
    }

    /// Polling goes on.
    pub(super) fn give_probe_up(&mut self, ending: Ending) -> Result<(), End> {
        let Transport::Polling(polling) = &mut self.transport else { return Ok(()) };
        let Some(Probe { state, waiting, .. }) = polling.probe.take() else { return Ok(()) };
        if let ProbeState::Open(wire) = state {
            self.tasks.spawn(wire.close(ending));
        }
        waiting.map_or(Ok(()), |waiting| self.hold(waiting))
    }
}
