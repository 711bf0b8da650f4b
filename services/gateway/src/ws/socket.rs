//! The plain socket of one client: reads into a buffer that all connections of a thread share,
//! writes many queued frames at once, and owns nothing else.
//!
//! Nothing is read unless the socket is readable, so a silent connection needs no buffer. Waiting
//! (`readable`, `ready`) and acting (`read_into`, `try_write`) are separate calls: waiting may be
//! dropped at any time, acting never waits.

use std::{
    cell::Cell,
    io::{self, IoSlice, Read},
    net::Shutdown,
    ops::ControlFlow,
    os::fd::{AsFd, AsRawFd as _, BorrowedFd, RawFd},
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use nix::sys::socket::{MsgFlags, send};
use smallvec::SmallVec;
use socket2::SockRef;
use tokio::{
    io::{Interest, Ready},
    net::TcpStream,
};

use super::{Decoder, Message, Messages, Violation};
use crate::edge::{Connection, Unfinished};

/// Bytes read at once. A larger message takes several reads.
const READ_BYTES: usize = 16 * 1024;
/// Frames written at once. More take several calls to the kernel.
const SLICES_MAX: usize = 64;
/// epoll reports new data even if a short read left its last report standing.
const SHORT_READ_DRAINS: bool = cfg!(any(target_os = "linux", target_os = "android"));

thread_local! {
    /// Taken while a read is under way, and put back.
    static READ_BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A client's connection after the handshake.
#[derive(Debug)]
pub struct Socket {
    /// Shared with its [`Writer`].
    io: Arc<TcpStream>,
    /// What arrived behind the handshake and was read with it.
    leftover: Box<[u8]>,
    /// Keeps the connection counted.
    connection: Option<Connection>,
}

/// What a read came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Some bytes were decoded; there may be more.
    Some,
    /// Nothing is there; wait for `readable`.
    Nothing,
    /// The handler asked to stop; what is left is kept for the next call.
    Paused,
    /// The peer will send no more.
    End,
}

/// Why nothing more can be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the connection broke")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Violation(#[from] Violation),
}

/// What a write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The queue is empty.
    All { bytes: usize },
    /// The socket takes no more; wait until it is writable.
    Some { bytes: usize },
}

/// Frames that wait to be written, in order.
pub trait FrameQueue {
    /// What is left of each frame, from the front on.
    fn slices(&self) -> impl Iterator<Item = &[u8]>;

    /// Forgets the first `bytes`, which were written; the last frame may be cut.
    fn advance(&mut self, bytes: usize);
}

impl FrameQueue for std::collections::VecDeque<bytes::Bytes> {
    fn slices(&self) -> impl Iterator<Item = &[u8]> {
        self.iter().map(AsRef::as_ref)
    }

    fn advance(&mut self, mut bytes: usize) {
        while let Some(front) = self.front_mut() {
            if front.len() > bytes {
                bytes::Buf::advance(front, bytes);
                return;
            }
            bytes -= front.len();
            self.pop_front();
        }
    }
}

impl Socket {
    /// `leftover` is what was read behind the handshake.
    pub(crate) fn new(io: TcpStream, leftover: &[u8], connection: Option<Connection>) -> Self {
        forget_waker(&io);
        Self { io: Arc::new(io), leftover: leftover.into(), connection }
    }

    /// The connection as the listener counted it.
    pub const fn connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    /// Counts for the client what it holds of messages that are not complete.
    pub(crate) fn unfinished(&self) -> Option<Unfinished> {
        self.connection.as_ref().and_then(Connection::unfinished)
    }

    /// Waits until `read_into` has something to do. May be dropped at any time.
    pub async fn readable(&self) -> io::Result<()> {
        if self.leftover.is_empty() { self.io.readable().await } else { Ok(()) }
    }

    /// Waits until the socket can be read from, written to, or both. May be dropped at any time.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        if interest.is_readable() && !self.leftover.is_empty() {
            return Ok(Ready::READABLE);
        }
        self.io.ready(interest).await
    }

    /// Reads once, without waiting, and hands every complete message to `handle` until it breaks.
    /// What an earlier call left comes first; then nothing is read from the socket.
    pub fn read_into<F>(&mut self, decoder: &mut Decoder, handle: F) -> Result<Received, ReadError>
    where
        F: FnMut(Message<'_>) -> ControlFlow<()>,
    {
        self.read_by(Self::read, decoder, handle)
    }

    /// As [`read_into`](Self::read_into), and asks the kernel even if it has not said that there is
    /// anything: for those who must know what was sent before something else happened.
    pub(crate) fn read_unasked<F>(
        &mut self,
        decoder: &mut Decoder,
        handle: F,
    ) -> Result<Received, ReadError>
    where
        F: FnMut(Message<'_>) -> ControlFlow<()>,
    {
        let read = |socket: &Self, buffer: &mut [u8]| (&*SockRef::from(&*socket.io)).read(buffer);
        self.read_by(read, decoder, handle)
    }

    fn read_by<F>(
        &mut self,
        read: impl FnOnce(&Self, &mut [u8]) -> io::Result<usize>,
        decoder: &mut Decoder,
        handle: F,
    ) -> Result<Received, ReadError>
    where
        F: FnMut(Message<'_>) -> ControlFlow<()>,
    {
        if decoder.has_unread() {
            return Ok(hand_over(decoder.feed(&mut []), handle)?);
        }
        if !self.leftover.is_empty() {
            let mut leftover = std::mem::take(&mut self.leftover);
            return Ok(hand_over(decoder.feed(&mut leftover), handle)?);
        }
        let mut buffer = READ_BUFFER.take();
        buffer.resize(READ_BYTES, 0);
        let received = match read(self, &mut buffer) {
            Ok(0) => Ok(Received::End),
            Ok(bytes) => hand_over(decoder.feed(&mut buffer[..bytes]), handle).map_err(Into::into),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Received::Nothing),
            Err(error) => Err(error.into()),
        };
        READ_BUFFER.set(buffer);
        received
    }

    /// Reads once. A short read has emptied the socket: it is then not asked again before it says
    /// so, which saves one call to the kernel per message.
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut received = None;
        let outcome = self.io.try_io(Interest::READABLE, || {
            let bytes = (&*SockRef::from(&*self.io)).read(buffer)?;
            received = Some(bytes);
            let drained = SHORT_READ_DRAINS && (1..buffer.len()).contains(&bytes);
            if drained { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(bytes) }
        });
        received.map_or(outcome, Ok)
    }

    /// Writes what the socket takes, without waiting; what was written leaves the queue.
    pub fn try_write(&self, queue: &mut impl FrameQueue) -> io::Result<Written> {
        try_write(&self.io, queue)
    }

    /// A way to write from elsewhere. Whoever has several sees to it that only one writes at a time.
    pub(crate) fn writer(&self) -> Writer {
        Writer { descriptor: self.io.as_raw_fd(), io: Arc::clone(&self.io) }
    }

    /// Ends the connection in order: writes the queue, says that no more comes, and waits for the
    /// peer to do the same, so that what was written is not lost to a reset. Takes at most `linger`.
    pub async fn close(self, mut queue: impl FrameQueue, linger: Duration) {
        let farewell = async {
            while let Written::Some { .. } = self.try_write(&mut queue)? {
                self.io.writable().await?;
            }
            SockRef::from(&*self.io).shutdown(Shutdown::Write)?;
            self.drain().await
        };
        // Whoever does not take part is cut off when the socket is dropped.
        let _ended = tokio::time::timeout(linger, farewell).await;
    }

    /// Reads to the end and forgets it.
    async fn drain(&self) -> io::Result<()> {
        loop {
            self.io.readable().await?;
            let mut buffer = READ_BUFFER.take();
            buffer.resize(READ_BYTES, 0);
            let received = self.read(&mut buffer);
            READ_BUFFER.set(buffer);
            match received {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The writing half of a [`Socket`], for those who do not own it.
#[derive(Debug)]
pub(crate) struct Writer {
    /// Of `io`, which keeps it open: what has to be looked at for a frame lies closer together.
    descriptor: RawFd,
    io: Arc<TcpStream>,
}

impl Writer {
    /// Writes what the socket takes at once, from the front on; how many bytes that was. What went
    /// wrong the socket's owner hears at the next attempt.
    ///
    /// It asks the kernel and not tokio, whose record of what is ready lies elsewhere in memory: there
    /// are thousands of sockets, and each is written to while nothing of it is near.
    pub(crate) fn write<'a>(&self, mut frames: impl ExactSizeIterator<Item = &'a [u8]>) -> usize {
        if frames.len() == 1 {
            // Less work for the kernel than a list of one.
            let sent =
                frames.next().map(|frame| send(self.descriptor, frame, MsgFlags::MSG_NOSIGNAL));
            return sent.and_then(Result::ok).unwrap_or(0);
        }
        let socket = SockRef::from(&*self.io);
        let mut written = 0;
        while frames.len() > 0 {
            let slices: SmallVec<[IoSlice<'_>; SLICES_MAX]> =
                frames.by_ref().take(SLICES_MAX).map(IoSlice::new).collect();
            let bytes = slices.iter().map(|slice| slice.len()).sum();
            let sent = socket.send_vectored(&slices).ok();
            written += sent.unwrap_or(0);
            if sent != Some(bytes) {
                break;
            }
        }
        written
    }
}

fn try_write(io: &TcpStream, queue: &mut impl FrameQueue) -> io::Result<Written> {
    let mut bytes = 0;
    loop {
        let slices: SmallVec<[IoSlice<'_>; SLICES_MAX]> =
            queue.slices().take(SLICES_MAX).map(IoSlice::new).collect();
        let written = match &slices[..] {
            [] => return Ok(Written::All { bytes }),
            // Less work for the kernel than a list of one.
            [only] => io.try_write(only),
            several => io.try_write_vectored(several),
        };
        match written {
            Ok(written) => {
                drop(slices);
                queue.advance(written);
                bytes += written;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Ok(Written::Some { bytes });
            }
            Err(error) => return Err(error),
        }
    }
}

/// For socket options.
impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

/// hyper's task waited for the stream, and tokio keeps its waker until the next event, and with the
/// waker the whole memory of the finished task: 1.4 KB for as long as the client is silent.
fn forget_waker(io: &TcpStream) {
    let mut nobody = Context::from_waker(Waker::noop());
    // If it is ready, the event has taken the waker already.
    let _readiness = io.poll_read_ready(&mut nobody);
}

fn hand_over<F>(mut messages: Messages<'_>, mut handle: F) -> Result<Received, Violation>
where
    F: FnMut(Message<'_>) -> ControlFlow<()>,
{
    while let Some(message) = messages.next_message()? {
        if handle(message).is_break() {
            return Ok(Received::Paused);
        }
    }
    Ok(Received::Some)
}
