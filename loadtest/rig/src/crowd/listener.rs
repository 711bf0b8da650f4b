//! The thread that reads all connections of a crowd: one system call per wake-up of a socket, into one
//! buffer, and nothing copied but the beginning of a frame whose end has not come.

use std::{
    collections::VecDeque,
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    os::fd::AsRawFd as _,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use mio::{Events, Interest, Poll, Registry, Token, Waker, unix::SourceFd};
use parking_lot::Mutex;

use super::{framed, ledger::Ledger};
use crate::{
    frame,
    socket::Welcomed,
    wire::{Heard, Outgoing, Wire, text},
};

const BUFFER_BYTES: usize = 256 * 1024;
const EVENTS_MAX: usize = 1_024;
/// From a refusal for the moment to the next attempt.
const RETRY: Duration = Duration::from_millis(50);

/// What the listener shares with whoever sends and measures.
pub(super) struct Shared {
    /// By the member's place; there from when the member is welcomed.
    pub(super) lines: Vec<OnceLock<Line>>,
    pub(super) ledger: Mutex<Ledger>,
    /// Members whose welcome came with more behind it. At most all of them.
    early: Mutex<Vec<usize>>,
    registry: Registry,
    stopped: AtomicBool,
    waker: Waker,
}

/// A member's connection.
pub(super) struct Line {
    stream: TcpStream,
    /// The beginning of a frame; only the listener touches it.
    rest: Mutex<Vec<u8>>,
}

pub(super) struct Listener {
    poll: Poll,
    shared: Arc<Shared>,
    wire: Arc<dyn Wire>,
    /// What was refused for the moment: when it is sent again, by whom, its id and room. As many as the
    /// ledger lets pass.
    again: VecDeque<(Instant, usize, u64, String)>,
}

impl Shared {
    /// From now on the member is heard.
    pub(super) fn add(&self, member: usize, welcomed: Welcomed) -> Result<()> {
        let stream = welcomed.stream.into_std()?;
        let file = stream.as_raw_fd();
        let came_early = !welcomed.rest.is_empty();
        let line = Line { stream, rest: Mutex::new(welcomed.rest) };
        ensure!(self.lines[member].set(line).is_ok(), "member {member} is there already");
        self.registry.register(&mut SourceFd(&file), Token(member), Interest::READABLE)?;
        if came_early {
            self.early.lock().push(member);
            self.waker.wake()?;
        }
        Ok(())
    }

    /// Writes a small frame at once. A socket that does not take it is far behind: the run fails, for
    /// waiting would not be an open loop.
    pub(super) fn write(&self, member: usize, bytes: &[u8]) -> Result<()> {
        let line = self.lines[member].get().context("not connected yet")?;
        let written = (&line.stream).write(bytes).context("the server takes nothing more")?;
        ensure!(written == bytes.len(), "the server takes nothing more");
        Ok(())
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        // When waking fails, the poll has failed too, and the thread has ended.
        let _ended = self.waker.wake();
    }
}

impl Listener {
    /// For so many members, who are added as they come.
    pub(super) fn new(members: usize, wire: Arc<dyn Wire>) -> Result<(Self, Arc<Shared>)> {
        let poll = Poll::new()?;
        let shared = Arc::new(Shared {
            lines: (0..members).map(|_| OnceLock::new()).collect(),
            ledger: Mutex::default(),
            early: Mutex::default(),
            registry: poll.registry().try_clone()?,
            stopped: AtomicBool::new(false),
            waker: Waker::new(poll.registry(), Token(members))?,
        });
        let again = VecDeque::new();
        Ok((Self { poll, shared: Arc::clone(&shared), wire, again }, shared))
    }

    /// Until it is stopped.
    pub(super) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut events = Events::with_capacity(EVENTS_MAX);
        while !shared.stopped.load(Ordering::Acquire) {
            let next =
                self.again.front().map(|(at, ..)| at.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, next) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return shared.ledger.lock().fault(format!("poll: {error}")),
                Ok(()) => {}
            }
            let mut ledger = shared.ledger.lock();
            for event in &events {
                let Token(member) = event.token();
                let Some(line) = shared.lines.get(member).and_then(OnceLock::get) else { continue };
                if let Err(error) = self.read(member, line, &mut buffer, &mut ledger) {
                    ledger.fault(format!("member {member}: {error:#}"));
                }
            }
            for member in std::mem::take(&mut *shared.early.lock()) {
                if let Err(error) = self.hear_early(member, &mut ledger) {
                    ledger.fault(format!("member {member}: {error:#}"));
                }
            }
            if let Err(error) = self.send_again() {
                ledger.fault(format!("sending again: {error:#}"));
            }
        }
    }

    /// What came in one read with the welcome: no event tells of it, and a ping must not wait.
    fn hear_early(&mut self, member: usize, ledger: &mut Ledger) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let Some(line) = shared.lines[member].get() else { return Ok(()) };
        let mut rest = line.rest.lock();
        let taken = self.hear_all(member, &rest, ledger)?;
        rest.drain(..taken);
        Ok(())
    }

    /// Everything that waits. A read that does not fill the buffer has taken it all (epoll(7)).
    fn read(
        &mut self,
        member: usize,
        line: &Line,
        buffer: &mut [u8],
        ledger: &mut Ledger,
    ) -> Result<()> {
        let mut rest = line.rest.lock();
        loop {
            let read = match (&line.stream).read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                read => read?,
            };
            ensure!(read > 0, "the connection ended");
            if rest.is_empty() {
                let taken = self.hear_all(member, &buffer[..read], ledger)?;
                rest.extend(&buffer[taken..read]);
            } else {
                rest.extend(&buffer[..read]);
                let taken = self.hear_all(member, &rest, ledger)?;
                rest.drain(..taken);
            }
            if read < buffer.len() {
                return Ok(());
            }
        }
    }

    /// How many bytes made whole frames.
    fn hear_all(&mut self, member: usize, bytes: &[u8], ledger: &mut Ledger) -> Result<usize> {
        let mut taken = 0;
        let now = Instant::now();
        while let Some(frame) = frame::first(&bytes[taken..])? {
            let payload = &bytes[taken..][frame.payload.clone()];
            taken += frame.payload.end;
            match frame.opcode {
                frame::TEXT => self.hear(member, payload, now, ledger)?,
                frame::PING => self.say(member, frame::PONG, payload)?,
                frame::CLOSE => bail!("closed: {}", String::from_utf8_lossy(payload)),
                _ => {}
            }
        }
        Ok(taken)
    }

    fn hear(
        &mut self,
        member: usize,
        text: &[u8],
        now: Instant,
        ledger: &mut Ledger,
    ) -> Result<()> {
        match self.wire.hear(text) {
            Heard::Delivered { seq, number } => ledger.delivered(member, seq, number, now),
            Heard::Acked { id, .. } => ledger.acked(id, now),
            Heard::Say(answer) => self.say(member, frame::TEXT, answer.as_bytes())?,
            Heard::Again { id } => {
                self.again.push_back((now + RETRY, member, id, ledger.again(id)?));
            }
            Heard::Refused => bail!("refused: {}", String::from_utf8_lossy(text)),
            Heard::Other => {}
        }
        Ok(())
    }

    /// What was refused long enough ago, under its old id: it may have been stored for all that.
    fn send_again(&mut self) -> Result<()> {
        let now = Instant::now();
        while let Some((_, member, id, room)) = self.again.pop_front_if(|(at, ..)| *at <= now) {
            let message = Outgoing { room: &room, id, text: &text(id) };
            self.shared.write(member, &framed(self.wire.as_ref(), &message))?;
        }
        Ok(())
    }

    fn say(&self, member: usize, opcode: u8, payload: &[u8]) -> Result<()> {
        let mut bytes = Vec::new();
        frame::append_masked(opcode, payload, &mut bytes);
        self.shared.write(member, &bytes).context("answering a ping")
    }
}
