//! The clients of an arm: all of their connections read by one thread, as cheaply as can be, for it
//! shares the machine with the servers. Every client is a member who receives; some also send.
//!
//! Load is *open loop*: when each message is due is laid down before the run, and every latency counts
//! from then, whenever it really could be sent; what a server refuses for the moment is sent again, under
//! the same id. A run ends when every member has every message, and fails
//! when one is missing, comes twice or in another order, when anything is refused, or a connection ends.

mod ledger;
mod listener;

use std::{
    ops::Range,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use tokio::{sync::oneshot, time::timeout};

pub(crate) use self::ledger::Outcome;
use self::{
    ledger::Run,
    listener::{Listener, Shared},
};
use crate::{
    arm::Arm,
    frame, socket,
    wire::{Member, Outgoing, Wire, text},
};

/// How long after the last message was due everything must have arrived. Beyond it, it is lost.
const PATIENCE: Duration = Duration::from_secs(30);
/// From the decision to run to the first message.
const RUN_UP: Duration = Duration::from_millis(20);

/// Numbers of messages: no two in one process of the rig are the same.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

/// Connected members. They stay, and answer pings, until this is dropped.
pub(crate) struct Crowd {
    wire: Arc<dyn Wire>,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

/// What is sent in a run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Taken in turn, a burst each. No member may be in two of them.
    pub(crate) rooms: Vec<Room>,
    pub(crate) bursts: u32,
    /// Messages that are due at the same time; each from another member while there are enough.
    pub(crate) burst: u32,
    /// From one burst to the next.
    pub(crate) gap: Duration,
}

/// A room that hears messages: as the wire calls it, and its members by their place in the crowd.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    pub(crate) name: String,
    pub(crate) members: Range<usize>,
}

impl Crowd {
    pub(crate) async fn connect(arm: &dyn Arm, members: &[Member]) -> Result<Self> {
        let wire = arm.wire();
        let (listener, shared) = Listener::new(members.len(), Arc::clone(&wire))?;
        let thread = std::thread::Builder::new().name("crowd".to_owned());
        let listener = Some(thread.spawn(move || listener.run())?);
        let crowd = Self { wire, shared, listener };
        // The first are heard, and their pings answered, while the last are still on their way.
        let mut welcomed = pin!(socket::connect_each(arm, members).enumerate());
        while let Some((member, welcomed)) = welcomed.next().await {
            crowd.shared.add(member, welcomed.context(arm.kind().name())?)?;
        }
        Ok(crowd)
    }

    /// Sends what is planned, and waits until everybody has it.
    pub(crate) async fn run(&self, plan: &Plan) -> Result<Outcome> {
        let base = NEXT_NUMBER.fetch_add(plan.messages(), Ordering::Relaxed);
        let start = Instant::now() + RUN_UP;
        let (done, finished) = oneshot::channel();
        let connections = self.shared.lines.len();
        self.shared.ledger.lock().begin(Run::new(plan, base, start, connections), done)?;
        let last = start + plan.gap * plan.bursts;
        let sender = {
            let (wire, shared) = (Arc::clone(&self.wire), Arc::clone(&self.shared));
            let plan = plan.clone();
            tokio::task::spawn_blocking(move || plan.send(base, start, wire.as_ref(), &shared))
        };
        sender.await.context("the sender")??;
        // What is missing at the deadline is told by the ledger.
        let _late =
            timeout(last.saturating_duration_since(Instant::now()) + PATIENCE, finished).await;
        self.shared.ledger.lock().end()
    }

    /// The end of the last run: nothing may have come since.
    pub(crate) fn close(self) -> Result<()> {
        self.shared.ledger.lock().quiet()
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(listener) = self.listener.take() {
            // It has told the ledger what went wrong, if anything did.
            let _ended = listener.join();
        }
    }
}

impl Plan {
    /// How many messages are sent.
    pub(crate) fn messages(&self) -> u64 {
        u64::from(self.bursts) * u64::from(self.burst)
    }

    /// When the message at `index` is due, as long after the first.
    fn due(&self, index: u64) -> Duration {
        self.gap * u32::try_from(index / u64::from(self.burst)).expect("bursts are counted in u32")
    }

    fn room_of(&self, burst: u32) -> &Room {
        &self.rooms[burst as usize % self.rooms.len()]
    }

    /// The room of the message at `index`.
    fn room_at(&self, index: u64) -> &Room {
        let burst = index / u64::from(self.burst);
        self.room_of(u32::try_from(burst).expect("bursts are counted in u32"))
    }

    fn send(&self, base: u64, start: Instant, wire: &dyn Wire, shared: &Shared) -> Result<()> {
        let mut id = base;
        for burst in 0..self.bursts {
            let room = self.room_of(burst);
            let frames: Vec<(usize, Vec<u8>)> = (0..self.burst as usize)
                .map(|place| {
                    let sender = room.members.start + place % room.members.len();
                    let message = Outgoing { room: &room.name, id, text: &text(id) };
                    id += 1;
                    (sender, framed(wire, &message))
                })
                .collect();
            sleep_until(start + self.gap * burst);
            for (sender, frame) in frames {
                shared.write(sender, &frame)?;
            }
        }
        Ok(())
    }
}

fn framed(wire: &dyn Wire, message: &Outgoing<'_>) -> Vec<u8> {
    let (mut text, mut bytes) = (Vec::new(), Vec::new());
    wire.send(message, &mut text);
    frame::append_masked(frame::TEXT, &text, &mut bytes);
    bytes
}

#[expect(
    clippy::disallowed_methods,
    reason = "a thread of its own; timers of tokio are 1 ms coarse"
)]
fn sleep_until(instant: Instant) {
    std::thread::sleep(instant.saturating_duration_since(Instant::now()));
}
