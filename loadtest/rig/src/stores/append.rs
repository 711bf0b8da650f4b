//! Appends through the history service, the way a gateway sends them: rooms are spread over lanes, a
//! lane has one call under way, and what is due meanwhile makes up the next one.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use hdrhistogram::Histogram;
use hubbub_domain::RoomId;
use hubbub_proto::history::v1::{
    AppendRequest, AppendResult, Body, NewMessage, append_result,
    history_service_client::HistoryServiceClient, new_message,
};
use tokio::{sync::mpsc, task::JoinSet, time::sleep_until};
use tonic::transport::Channel;

/// As many as a gateway has, with its bounds.
const LANES: usize = 32;
const CALL_MESSAGES_MAX: usize = 256;
/// At the bound the rig falls behind its schedule, and the latency says so.
const LANE_MESSAGES_MAX: usize = 1_024;
/// Different people in one room.
const SENDERS: usize = 10;
/// With its ids and times, a message is then about 200 bytes.
pub(crate) const TEXT: &str = "about as long as what people write to each other, sometimes shorter \
                               and seldom very much longer";

/// When messages are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// Open loop: each has its moment, whatever became of those before it.
    PerSecond(f64),
    /// As many as are taken.
    Ceiling,
}

/// What is sent where, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load<'a> {
    pub(crate) rooms: &'a [RoomId],
    pub(crate) pace: Pace,
    pub(crate) duration: Duration,
}

/// A message that was acked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acked {
    /// Its place in `Load::rooms`.
    pub(crate) room: usize,
    /// Its client id.
    pub(crate) client: u128,
    pub(crate) seq: u64,
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) acked: Vec<Acked>,
    /// Microseconds from the moment each was due.
    pub(crate) latency: Histogram<u64>,
    /// From the first message to the last ack.
    pub(crate) took: Duration,
}

/// A message on its way.
#[derive(Clone, Copy)]
pub(crate) struct Due {
    pub(crate) room: usize,
    pub(crate) client: u128,
    pub(crate) at: Instant,
}

impl Load<'_> {
    /// The moment of the `number`th message; none once the time is over.
    pub(crate) fn due(&self, begun: Instant, number: u64) -> Option<Instant> {
        let at = match self.pace {
            Pace::PerSecond(rate) => begun + Duration::from_secs_f64(number as f64 / rate),
            Pace::Ceiling => Instant::now(),
        };
        (at < begun + self.duration).then_some(at)
    }

    /// The `number`th message goes to the next room in turn, by somebody, under a new id.
    pub(crate) fn message(&self, number: u64, at: Instant) -> Due {
        let room = usize::try_from(number).unwrap_or_default() % self.rooms.len();
        Due { room, client: rand::random(), at }
    }
}

impl Run {
    pub(crate) fn new() -> Result<Self> {
        // A minute is longer than any run.
        let latency = Histogram::new_with_bounds(1, 60_000_000, 3)?;
        Ok(Self { acked: Vec::new(), latency, took: Duration::ZERO })
    }

    pub(crate) fn ack(&mut self, due: Due, seq: u64) {
        self.acked.push(Acked { room: due.room, client: due.client, seq });
        self.latency.saturating_record(
            u64::try_from(due.at.elapsed().as_micros()).unwrap_or(u64::MAX).max(1),
        );
    }

    pub(crate) fn merge(&mut self, other: Self) -> Result<()> {
        self.acked.extend(other.acked);
        self.latency.add(&other.latency)?;
        Ok(())
    }

    pub(crate) fn count(&self) -> f64 {
        self.acked.len() as f64
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.count() / self.took.as_secs_f64()
    }

    /// Milliseconds, of a quantile.
    pub(crate) fn latency_ms(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1e3
    }
}

/// Sends the load; ends when the last message is acked. A refusal is an error.
pub(crate) async fn run(history: &HistoryServiceClient<Channel>, load: Load<'_>) -> Result<Run> {
    let mut tasks = JoinSet::new();
    let lanes: Vec<_> = (0..LANES)
        .map(|_| {
            let (sender, receiver) = mpsc::channel(LANE_MESSAGES_MAX);
            tasks.spawn(lane(history.clone(), load.rooms.to_vec(), receiver));
            sender
        })
        .collect();
    let begun = Instant::now();
    let mut number = 0;
    while let Some(at) = load.due(begun, number) {
        if matches!(load.pace, Pace::PerSecond(_)) && at > Instant::now() {
            sleep_until(at.into()).await;
        }
        let due = load.message(number, at);
        if lanes[lane_of(load.rooms[due.room])].send(due).await.is_err() {
            break;
        }
        number += 1;
    }
    drop(lanes);
    let mut run = Run::new()?;
    while let Some(part) = tasks.join_next().await {
        run.merge(part??)?;
    }
    run.took = begun.elapsed();
    Ok(run)
}

async fn lane(
    mut history: HistoryServiceClient<Channel>,
    rooms: Vec<RoomId>,
    mut due: mpsc::Receiver<Due>,
) -> Result<Run> {
    let mut run = Run::new()?;
    let mut batch = Vec::new();
    while due.recv_many(&mut batch, CALL_MESSAGES_MAX).await > 0 {
        let messages = batch.iter().map(|due| message(rooms[due.room], *due)).collect();
        let response = history.append(AppendRequest { messages }).await?.into_inner();
        for (due, result) in batch.drain(..).zip(response.results) {
            run.ack(due, seq(result)?);
        }
    }
    Ok(run)
}

fn lane_of(room: RoomId) -> usize {
    usize::try_from(room.as_uuid().as_u128() % LANES as u128).unwrap_or_default()
}

fn message(room: RoomId, due: Due) -> NewMessage {
    let body = Body { text: TEXT.to_owned(), ..Body::default() };
    NewMessage {
        room_id: room.to_string(),
        sender_id: sender(due.client),
        client_id: client_id(due.client),
        content: Some(new_message::Content::Body(body)),
        pause_ms: 0,
        traceparent: String::new(),
    }
}

/// Who sends the message of this client id.
pub(crate) fn sender(client: u128) -> String {
    format!("user-{}", client % SENDERS as u128)
}

pub(crate) fn client_id(client: u128) -> String {
    format!("{client:032x}")
}

fn seq(result: AppendResult) -> Result<u64> {
    match result.result.context("an answer is empty")? {
        append_result::Result::Appended(appended) if !appended.duplicate => Ok(appended.seq),
        append_result::Result::Appended(_) => bail!("a new message was taken for a repetition"),
        append_result::Result::Refusal(refusal) => bail!("refused: {}", refusal.message),
    }
}
