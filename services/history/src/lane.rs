//! The way from a request to the writers: every room has one, so that a room's messages keep their
//! order of arrival and its head is locked by one transaction at a time.

use std::sync::Arc;

use hubbub_domain::{Fault, RoomId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::{
    error::{queue_full, stopping},
    metrics,
    publisher::Publisher,
    store::{Place, Post},
};

/// What became of a message.
pub(crate) type Appending = Result<Appended, Fault>;

/// A message that has its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Appended {
    pub place: Place,
    pub duplicate: bool,
}

/// The messages of one request that go to one writer. They are never parted.
pub(crate) struct Job {
    pub posts: Vec<Post>,
    pub reply: oneshot::Sender<Vec<Appending>>,
    pub queued: Queued,
}

/// A job's share of the queue, given back when a writer takes it.
pub(crate) struct Queued {
    permit: OwnedSemaphorePermit,
}

impl Drop for Queued {
    fn drop(&mut self) {
        metrics::unqueued(self.permit.num_permits());
    }
}

/// One writer as callers see it.
#[derive(Clone)]
pub(crate) struct Lane {
    jobs: mpsc::Sender<Job>,
    /// Bounds the queue in messages. At the bound: `unavailable`.
    room: Arc<Semaphore>,
    publisher: Publisher,
}

impl Lane {
    pub(crate) fn new(messages_max: usize, publisher: Publisher) -> (Self, mpsc::Receiver<Job>) {
        // No job is empty: the semaphore is always the tighter bound.
        let (jobs, receiver) = mpsc::channel(messages_max);
        (Self { jobs, room: Arc::new(Semaphore::new(messages_max)), publisher }, receiver)
    }

    fn enqueue(&self, posts: Vec<Post>) -> Result<oneshot::Receiver<Vec<Appending>>, Fault> {
        let count = u32::try_from(posts.len()).map_err(|_| queue_full())?;
        let permit =
            Arc::clone(&self.room).try_acquire_many_owned(count).map_err(|_| queue_full())?;
        metrics::queued(posts.len());
        let (reply, answer) = oneshot::channel();
        let job = Job { posts, reply, queued: Queued { permit } };
        self.jobs.try_send(job).map_err(|_| stopping())?;
        Ok(answer)
    }
}

/// All writers of the process.
#[derive(Clone)]
pub(crate) struct Lanes {
    lanes: Arc<[Lane]>,
}

impl Lanes {
    /// `lanes` is not empty; see `Config::validate`.
    pub(crate) fn new(lanes: Vec<Lane>) -> Self {
        Self { lanes: lanes.into() }
    }

    /// Stores messages; one answer per message, in their order.
    pub(crate) async fn append(&self, posts: Vec<Post>) -> Vec<Appending> {
        let mut shares: Vec<(Vec<usize>, Vec<Post>)> = Vec::new();
        shares.resize_with(self.lanes.len(), Default::default);
        let count = posts.len();
        for (index, post) in posts.into_iter().enumerate() {
            let (indices, posts) = &mut shares[self.index(post.room)];
            indices.push(index);
            posts.push(post);
        }
        // All are on their way before the first is waited for.
        let waiting: Vec<_> = shares
            .into_iter()
            .zip(self.lanes.iter())
            .filter(|((indices, _), _)| !indices.is_empty())
            .map(|((indices, posts), lane)| (indices, lane.enqueue(posts)))
            .collect();
        let mut answers: Vec<Appending> = vec![Err(stopping()); count];
        for (indices, waiting) in waiting {
            match waiting {
                // A writer that is gone leaves its answers at "stopping".
                Ok(answer) => {
                    for (index, answer) in indices.into_iter().zip(answer.await.unwrap_or_default())
                    {
                        answers[index] = answer;
                    }
                }
                Err(fault) => {
                    for index in indices {
                        answers[index] = Err(fault.clone());
                    }
                }
            }
        }
        answers
    }

    /// Tells the bus in the room's own order.
    pub(crate) fn publisher(&self, room: RoomId) -> &Publisher {
        &self.lanes[self.index(room)].publisher
    }

    fn index(&self, room: RoomId) -> usize {
        let (high, low) = room.as_uuid().as_u64_pair();
        let lanes = self.lanes.len() as u64;
        usize::try_from((high ^ low) % lanes).expect("below the number of lanes")
    }
}

#[cfg(test)]
mod tests {
    use hubbub_domain::{Body, ClientId, Code, MessageId, RoomId, UserId};

    use super::{Lane, Lanes};
    use crate::{
        publisher::publisher,
        store::{Content, Post},
    };

    fn posts(room: RoomId, count: usize) -> Vec<Post> {
        let post = |n: usize| Post {
            room,
            sender: UserId::parse("alice").expect("valid"),
            client_id: ClientId::parse(&n.to_string()).expect("valid"),
            id: MessageId::generate(),
            content: Content::User(Body::text("x")),
            pause: std::time::Duration::ZERO,
            traceparent: String::new(),
        };
        (0..count).map(post).collect()
    }

    /// A request goes in whole or not at all, so that its messages cannot change places.
    #[tokio::test]
    async fn a_full_queue_says_come_back() {
        let (publisher, _publishing) = publisher(hubbub_bus::local(), 1);
        let (lane, mut jobs) = Lane::new(5, publisher);
        let lanes = Lanes::new(vec![lane]);
        let room = RoomId::generate();
        let waiting = tokio::spawn({
            let lanes = lanes.clone();
            async move { lanes.append(posts(room, 3)).await }
        });
        let job = jobs.recv().await.expect("a job");
        let refused = lanes.append(posts(room, 3)).await;
        assert_eq!(refused.len(), 3);
        for answer in refused {
            let fault = answer.expect_err("full");
            assert!(fault.code == Code::Unavailable && fault.retry_after.is_some());
        }
        // A writer that is gone leaves no one waiting.
        drop(job);
        for answer in waiting.await.expect("answered") {
            assert_eq!(answer.expect_err("stopping").code, Code::Unavailable);
        }
        drop(jobs);
        assert!(lanes.append(posts(room, 1)).await[0].is_err());
    }
}
