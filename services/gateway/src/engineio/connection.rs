//! Which transport serves the client: polls first or not at all, then a WebSocket for good.

use hubbub_client_protocol::engineio::{Packet, PayloadPacket, parse_in_payload};
use tokio::time::Instant;

use super::{
    heart::Heart,
    polling::{self, Polling},
    protocol::{Broken, Message, Reason, Session},
    wire::Wire,
};
use crate::{
    session::{Closing, Ending, Outbox, Reading, Wake},
    ws::encode::Said,
};

pub(super) enum Transport {
    Polling(Box<Polling>),
    WebSocket(Wire),
}

/// What happened first.
pub(super) enum Event {
    Polling(polling::Event),
    Outbox(Wake),
    Socket(Result<(), Ending>),
}

/// Why a session ends.
#[derive(Debug)]
pub(super) enum End {
    /// The client said so.
    Goodbye,
    /// It did not answer in time, or took nothing.
    Silent,
    /// It said what cannot be.
    Broken(Broken),
    /// Its WebSocket ended.
    Wire(Ending),
    /// It gave a poll up, or polled twice.
    Gone,
    /// We end it.
    Closing(Closing),
}

impl From<Broken> for End {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl End {
    pub(super) const fn reason(&self) -> Reason {
        match self {
            Self::Goodbye => Reason::ClientClosed,
            Self::Silent => Reason::PingTimeout,
            Self::Broken(_) | Self::Wire(Ending::Violation(..)) => Reason::ParseError,
            Self::Wire(_) | Self::Gone => Reason::TransportClosed,
            Self::Closing(_) => Reason::ServerClosed,
        }
    }
}

impl Transport {
    /// Waits for whatever comes first. May be dropped while it waits.
    pub(super) async fn next(&mut self, outbox: &Outbox, reading: Reading) -> Event {
        match self {
            // Boxed: the others, who are many and wait for long, keep no room for it.
            Self::Polling(polling) => Event::Polling(Box::pin(polling.next(outbox)).await),
            Self::WebSocket(wire) => {
                let pending = wire.has_pending();
                tokio::select! {
                    wake = outbox.woken(), if !pending => Event::Outbox(wake),
                    closing = outbox.closed(), if pending => Event::Outbox(Wake::Close(closing)),
                    ready = wire.ready(reading) => Event::Socket(ready),
                }
            }
        }
    }

    /// Bytes kept of what has arrived and cannot be taken yet.
    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Self::Polling(polling) => polling.post.as_ref().map_or(0, polling::Post::len),
            Self::WebSocket(wire) => wire.held_bytes(),
        }
    }

    /// Lets what waits go as far as it can.
    pub(super) fn flush(&mut self, outbox: &Outbox) -> Result<(), End> {
        match self {
            Self::Polling(polling) => {
                if polling.flush(outbox) {
                    Ok(())
                } else {
                    Err(End::Gone)
                }
            }
            Self::WebSocket(wire) => wire.flush_from(outbox).map_err(End::Wire),
        }
    }
}

/// Takes one packet of the client.
pub(super) fn take(
    packet: Packet<'_>,
    heart: &mut Heart,
    protocol: &mut impl Session,
) -> Result<(), End> {
    match packet {
        Packet::Message(text) => protocol.message(Message::Text(text))?,
        Packet::Pong(_) => heart.pong(Instant::now()),
        Packet::Close => return Err(End::Goodbye),
        Packet::Ping(_) => return Err(Broken("the server is the one that pings").into()),
        Packet::Open(_) | Packet::Upgrade | Packet::Noop => {}
    }
    Ok(())
}

/// Takes a message of the client's WebSocket.
pub(super) fn take_frame(
    said: Said<'_>,
    heart: &mut Heart,
    protocol: &mut impl Session,
) -> Result<(), End> {
    match said {
        Said::Text(text) => {
            let packet = Packet::parse(text).map_err(|_| Broken("not a packet"))?;
            take(packet, heart, protocol)
        }
        Said::Binary(bytes) => Ok(protocol.message(Message::Binary(bytes.to_vec().into()))?),
        Said::Control => Ok(()),
    }
}

/// Takes a packet of a body.
pub(super) fn take_posted(
    packet: &str,
    heart: &mut Heart,
    protocol: &mut impl Session,
) -> Result<(), End> {
    match parse_in_payload(packet).map_err(|_| Broken("not a packet"))? {
        PayloadPacket::Text(packet) => take(packet, heart, protocol),
        PayloadPacket::Binary(bytes) => Ok(protocol.message(Message::Binary(bytes.into()))?),
    }
}
