//! What a round came to: the clients' logs against what is stored, and how long they took to catch up.
//!
//! Logs are judged round by round and then forgotten, so that a run may be as long as it likes. Of what
//! was judged a *ledger* keeps a digest of each message, and at the end all rooms are read once more:
//! nothing may have gone away or changed since.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use futures::future::join_all;
use hubbub_client_protocol::{ErrorView, MessageView};
use hubbub_domain::{Rev, RoomId, Seq, UserId};
use hubbub_testkit::{
    Client,
    checker::{Breach, ClientLog, Entry, Evidence, check},
};
use tokio::time::{Instant, sleep, timeout};

use crate::load::{Load, newest};

const AGAIN: Duration = Duration::from_millis(100);

/// What was judged already: the digest of each message, by room and place.
#[derive(Default)]
pub(crate) struct Ledger {
    rooms: BTreeMap<RoomId, Vec<u64>>,
}

/// What a round came to.
#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) breaches: Vec<Breach>,
    pub(crate) refusals: Vec<ErrorView>,
    pub(crate) acked: usize,
    pub(crate) delivered: usize,
    pub(crate) resets: usize,
    /// Acknowledged, and lost in the failover.
    pub(crate) lost: usize,
    /// From the repair to the moment when the last of what had been sent until then was acknowledged
    /// and seen by everybody.
    pub(crate) caught_up_after: Duration,
}

/// Waits until all is acknowledged, and seen by everybody; else says who is behind.
pub(crate) async fn settled(load: &Load, patience: Duration) -> Result<()> {
    let answered = join_all(load.everybody().map(async |client| {
        while client.unacked() > 0 {
            sleep(AGAIN).await;
        }
    }));
    if timeout(patience, answered).await.is_err() {
        bail!("some messages were never answered");
    }
    for (room, members) in &load.rooms {
        let head = page(&load.founder, *room, None, patience).await?.rev;
        let followers = members.iter().map(|it| &load.members[*it]).chain([&load.founder]);
        for client in followers {
            let seen = async {
                while client.rev(*room) < Some(head) {
                    sleep(AGAIN / 10).await;
                }
            };
            if timeout(patience, seen).await.is_err() {
                bail!("{} is at {:?} of {head} in {room}", client.user(), client.rev(*room));
            }
        }
    }
    Ok(())
}

impl Ledger {
    /// Judges what happened since the last time. `repaired` is when the faults ended.
    pub(crate) async fn judge(
        &mut self,
        load: &Load,
        repaired: Instant,
        patience: Duration,
    ) -> Result<Verdict> {
        self.judge_failover(load, (repaired, HashMap::new()), patience).await
    }

    /// The same, after a failover that left each room with so many messages.
    pub(crate) async fn judge_failover(
        &mut self,
        load: &Load,
        (repaired, kept): (Instant, HashMap<RoomId, Seq>),
        patience: Duration,
    ) -> Result<Verdict> {
        let mut evidence = Evidence {
            kept,
            logs: load.everybody().map(Client::take_log).collect(),
            must_be_current: members(load).collect(),
            absences: load.absences.lock().clone(),
            ..Evidence::default()
        };
        for (room, members) in &load.rooms {
            let base = self.base(*room);
            let (messages, rev) = read_after(&load.founder, *room, base, patience).await?;
            let members = members.iter().map(|it| load.members[*it].user().clone());
            let guests = [load.founder.user().clone(), load.guest.user().clone()];
            evidence.members.insert(*room, members.chain(guests).collect());
            evidence.before.insert(*room, base);
            evidence.rooms.insert(*room, (messages, rev));
        }
        for (room, (messages, _)) in &evidence.rooms {
            self.rooms.entry(*room).or_default().extend(messages.iter().map(digest));
        }
        let mut verdict = count(&evidence.logs);
        verdict.caught_up_after = catch_up(&evidence.logs, repaired);
        verdict.breaches = check(&evidence);
        verdict.lost = evidence.lost();
        Ok(verdict)
    }

    /// Reads everything once more: it must be what it was.
    pub(crate) async fn audit(&self, load: &Load, patience: Duration) -> Result<Vec<Breach>> {
        let mut breaches = Vec::new();
        for (room, digests) in &self.rooms {
            let (messages, _) = read_after(&load.founder, *room, Seq::ZERO, patience).await?;
            for (index, expected) in digests.iter().enumerate() {
                let seq = Seq(index as u64 + 1);
                match messages.get(index) {
                    Some(message) if message.seq == seq && digest(message) == *expected => {}
                    Some(message) if message.seq == seq => breaches.push(Breach::Altered {
                        room: *room,
                        seq,
                        what: "after it was judged",
                    }),
                    other => {
                        let found = other.map_or(Seq::ZERO, |message| message.seq);
                        breaches.push(Breach::StoredGap { room: *room, expected: seq, found });
                        break;
                    }
                }
            }
        }
        Ok(breaches)
    }

    fn base(&self, room: RoomId) -> Seq {
        Seq(self.rooms.get(&room).map_or(0, |digests| digests.len() as u64))
    }
}

fn members(load: &Load) -> impl Iterator<Item = UserId> {
    load.members.iter().chain([&load.founder]).map(|client| client.user().clone())
}

fn digest(message: &MessageView) -> u64 {
    let mut hasher = DefaultHasher::new();
    serde_json::to_vec(message).expect("a message is JSON").hash(&mut hasher);
    hasher.finish()
}

fn count(logs: &[ClientLog]) -> Verdict {
    let mut verdict = Verdict::default();
    for entry in logs.iter().flat_map(|log| &log.entries) {
        match entry {
            Entry::Acked { .. } => verdict.acked += 1,
            Entry::Delivered { .. } => verdict.delivered += 1,
            Entry::Reset { .. } => verdict.resets += 1,
            Entry::Refused { error, .. } => verdict.refusals.push(error.clone()),
            _ => {}
        }
    }
    verdict
}

/// How long after the repair the last was acknowledged or seen of what had been sent before.
fn catch_up(logs: &[ClientLog], repaired: Instant) -> Duration {
    let entries = || logs.iter().flat_map(|log| log.entries.iter());
    let before: HashSet<_> = entries()
        .filter_map(|entry| match entry {
            Entry::Sent { at, client_id, .. } if *at <= repaired => Some(client_id),
            _ => None,
        })
        .collect();
    let late = entries().filter_map(|entry| match entry {
        Entry::Acked { at, client_id, .. } if before.contains(client_id) => Some(*at),
        Entry::Delivered { at, message: Some(message), .. }
            if before.contains(&message.client_id) =>
        {
            Some(*at)
        }
        _ => None,
    });
    late.max().map_or(Duration::ZERO, |last| last.saturating_duration_since(repaired))
}

/// A room from one message to its last, and its revision then.
async fn read_after(
    client: &Client,
    room: RoomId,
    base: Seq,
    patience: Duration,
) -> Result<(Vec<MessageView>, Rev)> {
    let mut messages: Vec<MessageView> = Vec::new();
    loop {
        let after = messages.last().map_or(base, |message| message.seq);
        let page = page(client, room, Some(after), patience).await?;
        messages.extend(page.messages);
        if !page.has_more {
            return Ok((messages, page.rev));
        }
    }
}

/// The messages after one, or the newest.
async fn page(
    client: &Client,
    room: RoomId,
    after_seq: Option<Seq>,
    patience: Duration,
) -> Result<hubbub_client_protocol::Page> {
    use hubbub_client_protocol::{Command, History, Page};

    let asked = async {
        loop {
            let history = History { after_seq, ..newest(room) };
            match client.call::<Page>(Command::History(history)).await {
                Ok(page) => return Ok(page),
                // It heals: that is what is waited for.
                Err(error) if error.retryable => sleep(AGAIN).await,
                Err(error) => bail!("a member may not read: {error:?}"),
            }
        }
    };
    timeout(patience, asked).await.context("no page in time")?
}
