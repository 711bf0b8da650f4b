//! Group commit: a writer takes all that waits, stores it in one transaction, and answers.
//!
//! What arrives while a commit is in flight makes the next batch, so that batches grow with the load
//! and nothing waits for a timer. The acks go out as soon as the commit is done; the bus is told
//! behind them. Every job taken is answered: with places, or with the one fault of its batch.

use std::{
    collections::{HashMap, hash_map::Entry},
    mem,
    sync::Arc,
    time::Instant,
};

use hubbub_domain::{Body, ClientId, Clock, Fault, RoomId, Timestamp, UserId};
use hubbub_runtime::lifecycle::Lifecycle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::{
    config::AppendConfig,
    envelope::Traced,
    error::too_soon,
    lane::{Appended, Appending, Job},
    metrics,
    publisher::{Commit, Publisher},
    rules::ChangeRefused,
    store::{Batch, Committed, Content, Fate, OutboxId, Post, Store, posted},
};

/// A writer.
pub(crate) struct Worker {
    pub jobs: mpsc::Receiver<Job>,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub publisher: Publisher,
    pub config: AppendConfig,
}

impl Worker {
    /// Writes until the lifecycle drains and the queue is empty. `ended` tells the publisher.
    pub(crate) async fn run(mut self, lifecycle: Lifecycle, ended: CancellationToken) {
        let _ended = ended.drop_guard();
        loop {
            tokio::select! {
                biased;
                () = lifecycle.abort.cancelled() => return,
                job = self.jobs.recv() => match job {
                    Some(job) => self.write(job).await,
                    None => return,
                },
                () = lifecycle.drain.cancelled(), if !self.jobs.is_closed() => self.jobs.close(),
                () = tokio::time::sleep(self.config.tidy_after) => self.tidy().await,
            }
        }
    }

    /// Stores the job and all that waits behind it.
    async fn write(&mut self, first: Job) {
        let mut gathered = Gathered::default();
        gathered.add(first);
        while gathered.posts.len() < self.config.batch_messages_max
            && gathered.bytes < self.config.batch_bytes_max
        {
            let Ok(job) = self.jobs.try_recv() else { break };
            gathered.add(job);
        }
        if gathered.posts.is_empty() {
            return;
        }
        let finished = self.publisher.take_finished();
        let span = tracing::debug_span!("append_batch", messages = gathered.posts.len());
        match self.commit(&gathered.posts, &finished).instrument(span).await {
            Ok(committed) => self.settle(gathered, committed),
            Err(fault) => {
                self.publisher.return_finished(finished);
                gathered.fail(&fault);
            }
        }
    }

    async fn commit(&self, posts: &[Post], finished: &[OutboxId]) -> Result<Committed, Fault> {
        let begun = Instant::now();
        let batch = Batch { posts, now: self.clock.now(), finished };
        let committed = self.store.append(batch).await;
        metrics::committed(posts.len(), begun.elapsed());
        Ok(committed?)
    }

    /// Answers everybody, then hands what is new to the publisher.
    fn settle(&self, gathered: Gathered, committed: Committed) {
        let Gathered { posts, waiting, bytes, .. } = gathered;
        let now = self.clock.now();
        for waiting in waiting {
            waiting.answer(&committed.fates, now);
        }
        let Some(outbox) = committed.outbox else { return };
        let stored = posts.into_iter().zip(committed.fates).filter_map(|(mut post, fate)| {
            let Fate::Stored(place) = fate else { return None };
            let traceparent = mem::take(&mut post.traceparent);
            Some(Traced { room: post.room, change: posted(post.message(place)), traceparent })
        });
        let commit = Commit { changes: stored.collect(), outbox, bytes };
        self.publisher.publish(commit);
    }

    /// Deletes what was published, when no batch comes that would do it.
    async fn tidy(&self) {
        let finished = self.publisher.take_finished();
        if finished.is_empty() {
            return;
        }
        if let Err(error) = self.store.finish(&finished).await {
            tracing::debug!(%error, "published rows stay in the outbox for now");
            self.publisher.return_finished(finished);
        }
    }
}

/// The jobs of a batch, with every message once.
#[derive(Default)]
struct Gathered {
    posts: Vec<Post>,
    waiting: Vec<Waiting>,
    /// Where a message stands in `posts`.
    places: HashMap<(RoomId, UserId, ClientId), usize>,
    bytes: usize,
}

/// A job whose messages are in the batch.
struct Waiting {
    /// Which post answers each message, and whether it is another message's.
    indices: Vec<(usize, Copy)>,
    reply: oneshot::Sender<Vec<Appending>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Copy {
    First,
    Again,
}

impl Gathered {
    fn add(&mut self, job: Job) {
        let Job { posts, reply, queued } = job;
        drop(queued);
        // Who no longer waits sends it again, or never wanted it enough: the place goes to others.
        if reply.is_closed() {
            return;
        }
        let indices = posts.into_iter().map(|post| self.add_post(post)).collect();
        self.waiting.push(Waiting { indices, reply });
    }

    fn add_post(&mut self, post: Post) -> (usize, Copy) {
        let next = self.posts.len();
        match self.places.entry((post.room, post.sender.clone(), post.client_id.clone())) {
            Entry::Occupied(place) => (*place.get(), Copy::Again),
            Entry::Vacant(place) => {
                place.insert(next);
                self.bytes += size(&post);
                self.posts.push(post);
                (next, Copy::First)
            }
        }
    }

    fn fail(self, fault: &Fault) {
        metrics::refused(fault.code, self.posts.len() as u64);
        for Waiting { indices, reply } in self.waiting {
            // Nobody may be waiting any more.
            drop(reply.send(vec![Err(fault.clone()); indices.len()]));
        }
    }
}

impl Waiting {
    fn answer(self, fates: &[Fate], now: Timestamp) {
        let indices = self.indices.into_iter();
        let answers: Vec<_> =
            indices.map(|(index, copy)| appending(fates[index], copy, now)).collect();
        count(&answers);
        // Nobody may be waiting any more; a repetition finds the same places.
        drop(self.reply.send(answers));
    }
}

fn appending(fate: Fate, copy: Copy, now: Timestamp) -> Appending {
    match fate {
        Fate::Stored(place) => Ok(Appended { place, duplicate: copy == Copy::Again }),
        Fate::Duplicate(place) => Ok(Appended { place, duplicate: true }),
        Fate::NoSuchReply => Err(ChangeRefused::NoSuchReply.into()),
        Fate::ReplyDeleted => Err(ChangeRefused::ReplyDeleted.into()),
        Fate::TooSoon(until) => Err(too_soon(until, now)),
    }
}

fn count(answers: &[Appending]) {
    let duplicates = answers.iter().flatten().filter(|appended| appended.duplicate).count() as u64;
    metrics::appended(answers.iter().flatten().count() as u64 - duplicates, duplicates);
    for fault in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        metrics::refused(fault.code, 1);
    }
}

/// About how many bytes a message is on the bus.
fn size(post: &Post) -> usize {
    /// Ids, times and the frame around them.
    const ENVELOPE_BYTES: usize = 256;
    let content = match &post.content {
        Content::User(Body { text, attachments, mentions, .. }) => {
            let attachments = attachments.iter().map(|it| it.url.len() + it.name.len() + 64);
            let mentions = mentions.iter().map(|user| user.as_str().len() + 2);
            text.len() + attachments.sum::<usize>() + mentions.sum::<usize>()
        }
        // Bounded by the longest text of a notice.
        Content::System(_) => 0,
    };
    ENVELOPE_BYTES + content
}
