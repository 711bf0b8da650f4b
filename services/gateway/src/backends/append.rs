//! A lane's way to history. A lane that has more to store all the time uses one lasting call: what a call
//! costs by itself is most of what a single message costs between the two services. A lane that is
//! seldom used, and whatever the lasting call did not answer, takes a call of its own.

use std::time::Duration;

use hubbub_domain::Fault;
use hubbub_proto::{fault_from_status, history::v1 as wire};
use hubbub_runtime::grpc::{Channel, RetryPolicy, retry_idempotent};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Streaming};

use super::{
    Backends,
    history::{Appended, Entry, appended, malformed},
};

/// A lane that was answered within this time is busy enough for a lasting call.
const BUSY_WITHIN: Duration = Duration::from_secs(1);
/// The other side ends the call long before.
const STREAM_MAX: Duration = Duration::from_mins(1);
/// After a lasting call could not be made (the service may be of an older version) none is tried for so
/// long.
const SHUNNED_FOR: Duration = Duration::from_secs(30);

pub(crate) struct AppendWay {
    /// Which instance it prefers.
    key: u128,
    stream: Option<AppendStream>,
    answered_at: Option<Instant>,
    shunned_until: Option<Instant>,
}

struct AppendStream {
    channel: Channel,
    requests: mpsc::Sender<wire::AppendStreamRequest>,
    answers: Streaming<wire::AppendStreamResponse>,
}

impl AppendWay {
    pub(crate) const fn new(key: u128) -> Self {
        Self { key, stream: None, answered_at: None, shunned_until: None }
    }

    fn wants_stream(&self) -> bool {
        self.answered_at.is_some_and(|at| at.elapsed() < BUSY_WITHIN)
            && self.shunned_until.is_none_or(|until| until <= Instant::now())
    }
}

impl AppendStream {
    /// `None` when the call has ended, or is not understood: nobody knows whether anything was stored.
    async fn exchange(&mut self, messages: &[wire::NewMessage]) -> Option<Vec<wire::AppendResult>> {
        let request = wire::AppendStreamRequest { messages: messages.to_vec() };
        self.requests.send(request).await.ok()?;
        let results = self.answers.message().await.ok()??.results;
        (results.len() == messages.len()).then_some(results)
    }
}

impl Backends {
    /// Stores messages in their order; one result for each. Repeating it is harmless, so it is
    /// tried again while the deadline allows.
    pub(crate) async fn append(
        &self,
        way: &mut AppendWay,
        entries: Vec<Entry>,
    ) -> Result<Vec<Result<Appended, Fault>>, Fault> {
        let begun = Instant::now();
        let messages: Vec<wire::NewMessage> = entries.into_iter().map(Into::into).collect();
        let count = messages.len();
        let results = match self.append_over_stream(way, &messages).await {
            Some(results) => results,
            None => self.append_alone(way.key, messages, begun).await?,
        };
        way.answered_at = Some(Instant::now());
        if results.len() == count {
            Ok(results.into_iter().map(appended).collect())
        } else {
            Err(malformed())
        }
    }

    async fn append_alone(
        &self,
        key: u128,
        messages: Vec<wire::NewMessage>,
        begun: Instant,
    ) -> Result<Vec<wire::AppendResult>, Fault> {
        let within = self.retry.within.saturating_sub(begun.elapsed());
        let request = wire::AppendRequest { messages };
        let response = retry_idempotent(RetryPolicy { within, ..self.retry }, || {
            let (mut client, request) = (self.history(key), request.clone());
            async move { client.append(request).await }
        });
        let response = response.await.map_err(|status| fault_from_status(&status))?;
        Ok(response.into_inner().results)
    }

    /// `None` when it has to be asked in another way.
    async fn append_over_stream(
        &self,
        way: &mut AppendWay,
        messages: &[wire::NewMessage],
    ) -> Option<Vec<wire::AppendResult>> {
        let channel = self.history.pick(way.key);
        // Another instance is preferred now, or this one is not well.
        way.stream = way.stream.take().filter(|stream| stream.channel.leads_where(&channel));
        if way.stream.is_none() && way.wants_stream() {
            way.stream = self.open_stream(channel).await;
            way.shunned_until = way.stream.is_none().then(|| Instant::now() + SHUNNED_FOR);
        }
        let mut stream = way.stream.take()?;
        match timeout(self.patience(), stream.exchange(messages)).await {
            Ok(results) => {
                let results = results?;
                stream.channel.note_answer();
                way.stream = Some(stream);
                Some(results)
            }
            Err(_elapsed) => {
                stream.channel.note_timeout();
                None
            }
        }
    }

    async fn open_stream(&self, channel: Channel) -> Option<AppendStream> {
        let (requests, sent) = mpsc::channel(1);
        let mut request = Request::new(ReceiverStream::new(sent));
        request.set_timeout(STREAM_MAX);
        let mut client = Self::history_over(channel.clone());
        let opened = timeout(self.patience(), client.append_stream(request)).await;
        let answers = opened.ok()?.ok()?.into_inner();
        Some(AppendStream { channel, requests, answers })
    }

    /// How long a lasting call is waited for: what is left is for a call of its own.
    fn patience(&self) -> Duration {
        self.retry.within / 2
    }
}
