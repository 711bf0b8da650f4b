//! One connection through the proxy: a pump for each direction, and the blows.
//!
//! A pump is a reader that stamps each piece with the time it is due, and a writer that waits for
//! it: latency delays everything by the same, without making the stream slower. Between the two is
//! a bounded queue; when it is full, reading stops, as with a full window.

use std::{future::pending, sync::Arc, time::Duration};

use bytes::Bytes;
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{broadcast, mpsc, watch},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{Blow, Direction, Faults, Flow, toll::Tolls};

const PIECE_BYTES_MAX: usize = 16 * 1_024;
const PIECES_MAX: usize = 64;

pub(super) struct Connection {
    pub(super) faults: watch::Receiver<Faults>,
    pub(super) blows: broadcast::Receiver<Blow>,
    pub(super) tolls: Arc<Tolls>,
    pub(super) end: CancellationToken,
}

impl Connection {
    pub(super) async fn run(mut self, client: TcpStream, server: TcpStream) {
        // Small pieces at once: a test of latency would measure Nagle's algorithm otherwise.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let (client_read, client_write) = client.into_split();
        let (server_read, server_write) = server.into_split();
        let (half_close, half_closes) = watch::channel((false, false));
        let conditions = (&self.faults, &half_closes, &self.tolls);
        let mut up = Pump::new(Direction::Up, conditions, server_write);
        let mut down = Pump::new(Direction::Down, conditions, client_write);
        let how = {
            let both = async {
                match tokio::try_join!(up.run(client_read), down.run(server_read)) {
                    Ok(_) => Blow::Close,
                    Err(Broken) => Blow::Reset,
                }
            };
            tokio::select! {
                how = both => how,
                how = strikes(&mut self.blows, &half_close) => how,
                () = self.end.cancelled() => Blow::Reset,
            }
        };
        if how == Blow::Reset {
            up.reset();
            down.reset();
        }
    }
}

/// Waits for a blow that ends the connection; passes half-closes on to the pumps.
async fn strikes(
    blows: &mut broadcast::Receiver<Blow>,
    half_close: &watch::Sender<(bool, bool)>,
) -> Blow {
    loop {
        match blows.recv().await {
            Ok(Blow::HalfClose(Direction::Up)) => half_close.send_modify(|both| both.0 = true),
            Ok(Blow::HalfClose(Direction::Down)) => half_close.send_modify(|both| both.1 = true),
            Ok(blow) => return blow,
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => pending().await,
        }
    }
}

/// The whole connection is over, with a reset.
struct Broken;

/// What the reader hands to the writer.
enum Piece {
    Bytes(Bytes),
    End,
    /// The other side reset it, or it reached its cut.
    Broken,
}

type Conditions<'a> =
    (&'a watch::Receiver<Faults>, &'a watch::Receiver<(bool, bool)>, &'a Arc<Tolls>);

struct Pump {
    direction: Direction,
    faults: watch::Receiver<Faults>,
    half_closes: watch::Receiver<(bool, bool)>,
    tolls: Arc<Tolls>,
    to: OwnedWriteHalf,
    /// Kept until the connection ends, so that a reset can reach both sockets.
    from: Option<OwnedReadHalf>,
}

impl Pump {
    fn new(
        direction: Direction,
        (faults, half_closes, tolls): Conditions<'_>,
        to: OwnedWriteHalf,
    ) -> Self {
        let (faults, half_closes) = (faults.clone(), half_closes.clone());
        Self { direction, faults, half_closes, tolls: Arc::clone(tolls), to, from: None }
    }

    /// Until this direction is over.
    async fn run(&mut self, from: OwnedReadHalf) -> Result<(), Broken> {
        let (pieces, queue) = mpsc::channel(PIECES_MAX);
        let Self { direction, faults, half_closes, tolls, to, from: kept } = self;
        let from = kept.insert(from);
        let direction = *direction;
        let reader = read(from, direction, (faults.clone(), tolls), pieces);
        let writer = write(to, direction, (faults, tolls), queue);
        let half_closed = half_closes.wait_for(|both| match direction {
            Direction::Up => both.0,
            Direction::Down => both.1,
        });
        let ended = tokio::select! {
            ended = writer => Some(ended),
            // The reader ends before the writer does; the writer has the last word.
            () = async { reader.await; pending().await } => None,
            Ok(_) = half_closed => None,
        };
        if let Some(ended) = ended {
            return ended;
        }
        // The peer may be gone already.
        let _ = to.shutdown().await;
        Ok(())
    }

    /// Makes both sockets end with RST, if they still can.
    fn reset(self) {
        if let Some(from) = self.from {
            let _ = SockRef::from(from.as_ref()).set_linger(Some(Duration::ZERO));
        }
        let _ = SockRef::from(self.to.as_ref()).set_linger(Some(Duration::ZERO));
        // Dropped as usual it would send FIN first.
        self.to.forget();
    }
}

async fn read(
    from: &mut OwnedReadHalf,
    direction: Direction,
    (faults, tolls): (watch::Receiver<Faults>, &Tolls),
    pieces: mpsc::Sender<(Instant, Piece)>,
) {
    let mut carried = 0;
    let mut counted_for = None;
    let mut buffer = vec![0; PIECE_BYTES_MAX];
    loop {
        let read = from.read(&mut buffer).await;
        let faults = *faults.borrow();
        if faults.cut != counted_for {
            (carried, counted_for) = (0, faults.cut);
        }
        let left = match faults.cut {
            Some((cut, bytes)) if cut == direction => bytes.saturating_sub(carried),
            _ => u64::MAX,
        };
        let due = Instant::now() + faults.latency;
        let (piece, last) = match read {
            Ok(0) => (Piece::End, true),
            Ok(count) => {
                let count = count.min(usize::try_from(left).unwrap_or(usize::MAX));
                carried += count as u64;
                if !faults.latency.is_zero() {
                    tolls.delayed(count);
                }
                (Piece::Bytes(Bytes::copy_from_slice(&buffer[..count])), count as u64 == left)
            }
            Err(_) => (Piece::Broken, true),
        };
        let cut = last && matches!(piece, Piece::Bytes(_));
        if pieces.send((due, piece)).await.is_err() {
            return;
        }
        if cut {
            tolls.cut();
            let _ = pieces.send((due, Piece::Broken)).await;
        }
        if last {
            return;
        }
    }
}

async fn write(
    to: &mut OwnedWriteHalf,
    direction: Direction,
    (faults, tolls): (&mut watch::Receiver<Faults>, &Tolls),
    mut queue: mpsc::Receiver<(Instant, Piece)>,
) -> Result<(), Broken> {
    let flow = |faults: &Faults| match direction {
        Direction::Up => faults.up,
        Direction::Down => faults.down,
    };
    let mut silent = false;
    while let Some((due, piece)) = queue.recv().await {
        sleep_until(due).await;
        if flow(&faults.borrow()) == Flow::Hold {
            tolls.held();
        }
        let Ok(flow) = faults.wait_for(|faults| flow(faults) != Flow::Hold).await.map(|f| flow(&f))
        else {
            return Err(Broken);
        };
        silent |= flow == Flow::Swallow;
        match piece {
            Piece::Bytes(bytes) if silent => tolls.swallowed(bytes.len()),
            _ if silent => {}
            Piece::Bytes(bytes) if to.write_all(&bytes).await.is_ok() => {}
            Piece::End => {
                let _ = to.shutdown().await;
                return Ok(());
            }
            Piece::Bytes(_) | Piece::Broken => return Err(Broken),
        }
    }
    // Swallowed to the end: the receiver hears nothing of that either.
    pending().await
}
