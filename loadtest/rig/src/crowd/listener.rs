//! The thread that reads all connections of a crowd: one system call per wake-up of a socket, into one
//! buffer, and nothing copied but the beginning of a frame whose end has not come.

use std::{
    io::{ErrorKind, Read as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use anyhow::{Context as _, Result, bail, ensure};
use mio::{Events, Interest, Poll, Token, Waker, net::TcpStream};
use parking_lot::Mutex;

use super::{ledger::Ledger, write};
use crate::{
    frame,
    socket::Welcomed,
    wire::{Heard, Wire},
};

const BUFFER_BYTES: usize = 256 * 1024;
const EVENTS_MAX: usize = 1_024;

/// What the listener shares with whoever sends and measures.
pub(crate) struct Shared {
    pub(crate) streams: Vec<TcpStream>,
    pub(super) ledger: Mutex<Ledger>,
    stopped: AtomicBool,
    waker: Waker,
}

pub(super) struct Listener {
    poll: Poll,
    shared: Arc<Shared>,
    wire: Arc<dyn Wire>,
    /// The beginning of a frame, by connection.
    rests: Vec<Vec<u8>>,
}

impl Shared {
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        // When waking fails, the poll has failed too, and the thread has ended.
        let _ended = self.waker.wake();
    }
}

impl Listener {
    pub(super) fn new(welcomed: Vec<Welcomed>, wire: Arc<dyn Wire>) -> Result<(Self, Arc<Shared>)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), Token(welcomed.len()))?;
        let (mut streams, mut rests) = (Vec::new(), Vec::new());
        for (index, welcomed) in welcomed.into_iter().enumerate() {
            let mut stream = TcpStream::from_std(welcomed.stream.into_std()?);
            poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
            streams.push(stream);
            rests.push(welcomed.rest);
        }
        let (ledger, stopped) = (Mutex::default(), AtomicBool::new(false));
        let shared = Arc::new(Shared { streams, ledger, stopped, waker });
        Ok((Self { poll, shared: Arc::clone(&shared), wire, rests }, shared))
    }

    /// Until it is stopped.
    pub(super) fn run(mut self) {
        self.hear_rests();
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut events = Events::with_capacity(EVENTS_MAX);
        while !self.shared.stopped.load(Ordering::Acquire) {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return self.shared.ledger.lock().fault(format!("poll: {error}")),
                Ok(()) => {}
            }
            let shared = Arc::clone(&self.shared);
            let mut ledger = shared.ledger.lock();
            for event in &events {
                let Token(member) = event.token();
                if member == shared.streams.len() {
                    continue;
                }
                if let Err(error) = self.read(member, &mut buffer, &mut ledger) {
                    ledger.fault(format!("member {member}: {error:#}"));
                }
            }
        }
    }

    /// What came in one read with the welcome: no event will tell of it, and a ping must not wait.
    fn hear_rests(&mut self) {
        let shared = Arc::clone(&self.shared);
        let mut ledger = shared.ledger.lock();
        for member in 0..self.rests.len() {
            let rest = std::mem::take(&mut self.rests[member]);
            if let Err(error) = self.take(member, &rest, &mut ledger) {
                ledger.fault(format!("member {member}: {error:#}"));
            }
        }
    }

    /// Everything that waits. A read that does not fill the buffer has taken it all (epoll(7)).
    fn read(&mut self, member: usize, buffer: &mut [u8], ledger: &mut Ledger) -> Result<()> {
        loop {
            let read = match (&self.shared.streams[member]).read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                read => read?,
            };
            ensure!(read > 0, "the connection ended");
            self.take(member, &buffer[..read], ledger)?;
            if read < buffer.len() {
                return Ok(());
            }
        }
    }

    fn take(&mut self, member: usize, bytes: &[u8], ledger: &mut Ledger) -> Result<()> {
        if self.rests[member].is_empty() {
            let taken = self.hear_all(member, bytes, ledger)?;
            self.rests[member].extend(&bytes[taken..]);
            return Ok(());
        }
        let mut rest = std::mem::take(&mut self.rests[member]);
        rest.extend(bytes);
        let taken = self.hear_all(member, &rest, ledger)?;
        rest.drain(..taken);
        self.rests[member] = rest;
        Ok(())
    }

    /// How many bytes made whole frames.
    fn hear_all(&self, member: usize, bytes: &[u8], ledger: &mut Ledger) -> Result<usize> {
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

    fn hear(&self, member: usize, text: &[u8], now: Instant, ledger: &mut Ledger) -> Result<()> {
        match self.wire.hear(text) {
            Heard::Delivered { seq, number } => ledger.delivered(member, seq, number, now),
            Heard::Acked { id, .. } => ledger.acked(id, now),
            Heard::Say(answer) => self.say(member, frame::TEXT, answer.as_bytes())?,
            Heard::Refused => bail!("refused: {}", String::from_utf8_lossy(text)),
            Heard::Other => {}
        }
        Ok(())
    }

    fn say(&self, member: usize, opcode: u8, payload: &[u8]) -> Result<()> {
        let mut bytes = Vec::new();
        frame::append_masked(opcode, payload, &mut bytes);
        write(&self.shared.streams[member], &bytes).context("answering a ping")
    }
}
