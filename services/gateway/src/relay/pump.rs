//! The node that the client is connected to: carries bytes between the client's socket and the node
//! that has the session.

use std::{ops::ControlFlow, time::Duration};

use hubbub_client_protocol::CloseCode;
use hubbub_proto::gateway::v1::{
    UpgradeRequest, UpgradeResponse, upgrade_request, upgrade_response,
};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::{WINDOW_BYTES, weight};
use crate::{
    engineio::Held,
    session::{Ending, Incoming, Reading, Wire},
    ws::encode,
};

/// What the client may take of this node.
pub(crate) struct Allowance {
    /// How long it may take nothing.
    pub(crate) write_timeout: Duration,
    /// How long a message may take to arrive.
    pub(crate) message_timeout: Duration,
    pub(crate) held: Held,
}

/// Runs until either side ends, or this node does.
pub(crate) async fn pump(
    mut wire: Wire,
    owner: (mpsc::Sender<UpgradeRequest>, Streaming<UpgradeResponse>),
    mut allowance: Allowance,
    leaving: CancellationToken,
) {
    let (up, mut down) = owner;
    let mut flow = Flow { up, under_way: 0, given: 0 };
    let ending = loop {
        let reading = flow.reading();
        let stuck = wire.blocked_since.map(|since| since + allowance.write_timeout);
        let late = wire.begun_at.map(|begun| begun + allowance.message_timeout);
        let over = stuck.into_iter().chain(late).min();
        let event = tokio::select! {
            message = down.message() => Event::Owner(message),
            ready = wire.ready(reading) => Event::Client(ready),
            room = flow.room() => Event::Room(room),
            () = tokio::time::sleep_until(over.unwrap_or_else(Instant::now)), if over.is_some() => {
                Event::Over
            }
            () = leaving.cancelled() => Event::Over,
        };
        let step = match event {
            Event::Owner(Ok(Some(message))) => {
                flow.take(message, &mut wire);
                Ok(())
            }
            // The owner has ended the session, and said so to the client.
            Event::Owner(Ok(None)) => Err(Ending::Gone),
            Event::Owner(Err(_)) | Event::Over => Err(Ending::Done),
            Event::Client(Ok(())) if reading == Reading::Open => flow.read(&mut wire),
            Event::Client(ready) => ready,
            Event::Room(room) => room,
        };
        if let Err(ending) = step.and_then(|()| flow.flush(&mut wire)) {
            break ending;
        }
        if allowance.held.hold(wire.held_bytes()).is_err() {
            break CloseCode::TryAgain.into();
        }
    };
    drop((flow, down));
    // What came last is still to be written.
    match ending {
        Ending::Gone => wire.end().await,
        ending => wire.close(ending).await,
    }
}

/// What happened first.
enum Event {
    Owner(Result<Option<UpgradeResponse>, Status>),
    Client(Result<(), Ending>),
    /// There is room for what is to be told to the owner.
    Room(Result<(), Ending>),
    /// The client takes nothing, or does not end what it says, or this node ends.
    Over,
}

struct Flow {
    up: mpsc::Sender<UpgradeRequest>,
    /// What the client said that the owner has not taken.
    under_way: usize,
    /// What of the owner's was given to the client's socket, not yet told.
    given: usize,
}

impl Flow {
    /// One place is left for what is told about the bytes that were written.
    fn reading(&self) -> Reading {
        let room = self.under_way < WINDOW_BYTES && self.up.capacity() > 1;
        if room { Reading::Open } else { Reading::Paused }
    }

    /// Waits for room towards the owner, if there is none.
    async fn room(&self) -> Result<(), Ending> {
        if self.up.capacity() > 1 {
            return std::future::pending().await;
        }
        // A place for a message, besides the one that is left free.
        self.up.reserve_many(2).await.map(drop).map_err(|_| Ending::Done)
    }

    fn take(&mut self, message: UpgradeResponse, wire: &mut Wire) {
        match message.said {
            Some(upgrade_response::Said::Frames(frames)) => {
                self.given += weight(frames.len());
                wire.push(frames.into());
            }
            Some(upgrade_response::Said::Taken(bytes)) => {
                let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
                self.under_way = self.under_way.saturating_sub(bytes);
            }
            Some(upgrade_response::Said::Opened(_)) | None => {}
        }
    }

    fn read(&mut self, wire: &mut Wire) -> Result<(), Ending> {
        let mut pongs = Vec::new();
        let mut ended = false;
        wire.read(|incoming| {
            let said = match incoming {
                Incoming::Text(text) => upgrade_request::Said::Text(text.to_owned()),
                Incoming::Binary(bytes) => upgrade_request::Said::Binary(bytes.to_vec()),
                Incoming::Ping(payload) => {
                    pongs.push(encode::pong(payload));
                    return ControlFlow::Continue(());
                }
            };
            self.under_way += weight(match &said {
                upgrade_request::Said::Text(text) => text.len(),
                upgrade_request::Said::Binary(bytes) => bytes.len(),
                _ => 0,
            });
            ended = self.up.try_send(UpgradeRequest { said: Some(said) }).is_err();
            if ended || self.reading() == Reading::Paused {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        for pong in pongs {
            wire.push(pong);
        }
        if ended { Err(Ending::Done) } else { Ok(()) }
    }

    /// Writes what the client takes, and tells the owner once it has taken all.
    fn flush(&mut self, wire: &mut Wire) -> Result<(), Ending> {
        wire.flush()?;
        if self.given > 0
            && !wire.has_pending()
            && let Ok(permit) = self.up.try_reserve()
        {
            let written = std::mem::take(&mut self.given) as u64;
            permit.send(UpgradeRequest { said: Some(upgrade_request::Said::Written(written)) });
        }
        Ok(())
    }
}
