//! The people who talk while things break: members of rooms who send at a steady rate, a founder who
//! lets a guest in and out, and a stranger who has no business anywhere and tries.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::{Result, ensure};
use futures::future::join_all;
use hubbub_client_protocol::{
    Chats, ChatsPage, Command, CreateRoom, Created, History, Invite, Invited, Remove,
};
use hubbub_domain::{RoomId, RoomKind, UserId};
use hubbub_testkit::{Client, checker::Absence, token};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Rooms of about eight, each client in two of them.
pub(crate) const CLIENTS: usize = 24;
pub(crate) const ROOMS: usize = 6;
/// Messages of one client that may wait for their ack. At the bound it says nothing more until some
/// are answered, as a person would.
const UNACKED_MAX: usize = 200;
/// Every so manyth message is as long as one may be: sixteen kilobytes.
const LONG_EVERY: usize = 100;
const LONG: usize = 4_000;
/// A usual message.
const USUAL_BYTES: usize = 160;
/// How often somebody looks at their list of chats, and the stranger tries a room.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long after the round's beginning the guest is shown out, and how long before another attempt.
const GUEST_STAYS: Duration = Duration::from_millis(500);
/// How long a request may take, with everything that may break meanwhile.
const ANSWER_PATIENCE: Duration = Duration::from_secs(45);
const AGAIN: Duration = Duration::from_millis(100);

pub(crate) struct Load {
    pub(crate) members: Vec<Client>,
    pub(crate) founder: Client,
    pub(crate) guest: Client,
    pub(crate) stranger: Client,
    /// Who is in which room, by the members' places.
    pub(crate) rooms: Vec<(RoomId, Vec<usize>)>,
    pub(crate) absences: Mutex<Vec<Absence>>,
    /// Messages of each member in a second.
    pace: Duration,
    said: AtomicUsize,
    /// Requests that were never answered: not even refused.
    unanswered: Mutex<Vec<String>>,
}

impl Load {
    /// Each member begins at another gateway than their neighbour. `rate` is in messages a second.
    pub(crate) async fn start(urls: &[String], rate: f64) -> Result<Self> {
        let client = |number: usize, name: &str| {
            let mut urls = urls.to_vec();
            let first = number % urls.len();
            urls.rotate_left(first);
            Client::start(name, token(name), urls)
        };
        let founder = client(0, "founder");
        let mut rooms = Vec::new();
        for room in 0..ROOMS {
            let members: Vec<usize> =
                (0..CLIENTS).filter(|it| it % ROOMS == room || (it + 1) % ROOMS == room).collect();
            let create = CreateRoom {
                kind: RoomKind::Group,
                name: format!("room {room}"),
                topic: String::new(),
                members: members.iter().map(|it| user(&name(*it))).collect(),
                request_id: None,
            };
            let created = founder.call::<Created>(Command::CreateRoom(create)).await;
            let created = created.map_err(|error| anyhow::anyhow!("a room: {error:?}"))?;
            rooms.push((created.room.room, members));
        }
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let pace = Duration::from_secs_f64(CLIENTS as f64 / rate);
        Ok(Self {
            members: (0..CLIENTS).map(|number| client(number, &name(number))).collect(),
            founder,
            guest: client(0, "guest"),
            stranger: client(1, "stranger"),
            rooms,
            absences: Mutex::default(),
            pace,
            said: AtomicUsize::new(0),
            unanswered: Mutex::default(),
        })
    }

    /// Everybody who is there.
    pub(crate) fn everybody(&self) -> impl Iterator<Item = &Client> {
        self.members.iter().chain([&self.founder, &self.guest, &self.stranger])
    }

    /// Waits until everybody has been welcomed once.
    pub(crate) async fn connected(&self, patience: Duration) -> Result<()> {
        let all = async {
            while self.everybody().any(|client| client.connections() == 0) {
                sleep(AGAIN).await;
            }
        };
        ensure!(timeout(patience, all).await.is_ok(), "somebody was never welcomed");
        Ok(())
    }

    /// Everybody does what they do until `enough`, whatever happens.
    pub(crate) async fn talk(&self, round: usize, enough: &CancellationToken) {
        let talking = join_all((0..CLIENTS).map(|number| self.say(number)));
        let looking = join_all(self.members.iter().map(|client| self.look_at_chats(client)));
        let others = async { tokio::join!(talking, looking, self.try_doors()) };
        let others = enough.run_until_cancelled(others);
        tokio::join!(others, self.come_and_go(round));
    }

    /// Members talk until `enough`; nobody comes or goes, as a failover may lose that.
    pub(crate) async fn chat(&self, enough: &CancellationToken) {
        let talking = join_all((0..CLIENTS).map(|number| self.say(number)));
        let looking = join_all(self.members.iter().map(|client| self.look_at_chats(client)));
        let _over = enough.run_until_cancelled(async { tokio::join!(talking, looking) }).await;
    }

    async fn say(&self, number: usize) {
        let client = &self.members[number];
        let rooms: Vec<RoomId> = self
            .rooms
            .iter()
            .filter(|(_, members)| members.contains(&number))
            .map(|(room, _)| *room)
            .collect();
        let mut ticks = interval(self.pace);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        for message in 0.. {
            ticks.tick().await;
            if client.unacked() >= UNACKED_MAX {
                continue;
            }
            let said = self.said.fetch_add(1, Ordering::Relaxed);
            let text = if said.is_multiple_of(LONG_EVERY) {
                "\u{1F980}".repeat(LONG)
            } else {
                format!("{:USUAL_BYTES$}.", format!("{} says {said}", client.user()))
            };
            client.send(rooms[message % rooms.len()], &text).await;
        }
    }

    /// The stranger asks for pages and speaks in rooms they are not in; what they are shown is in
    /// their log, and a leak.
    async fn try_doors(&self) {
        let mut ticks = interval(LOOK_EVERY);
        for attempt in 0.. {
            ticks.tick().await;
            let (room, _) = self.rooms[attempt % ROOMS];
            let look = self.stranger.look(newest(room));
            // A refusal is what is hoped for.
            let _refused = self.within_patience(&self.stranger, "history", look).await;
        }
    }

    /// The guest is in one of the rooms at the beginning of a round and is shown out in its middle.
    async fn come_and_go(&self, round: usize) {
        let (room, _) = self.rooms[round % ROOMS];
        let guest = self.guest.user().clone();
        for absence in self.absences.lock().iter_mut().filter(|it| it.room == room) {
            absence.until.get_or_insert_with(Instant::now);
        }
        let invite = Command::Invite(Invite { room, users: vec![guest.clone()] });
        self.insist::<Invited>(invite).await;
        sleep(GUEST_STAYS).await;
        self.insist::<Value>(Command::Remove(Remove { room, user: guest.clone() })).await;
        let absence = Absence { room, user: guest, from: Instant::now(), until: None };
        self.absences.lock().push(absence);
    }

    /// The founder asks until it is done. Done already is done.
    async fn insist<T: serde::de::DeserializeOwned>(&self, command: Command) {
        loop {
            let call = self.founder.call::<T>(command.clone());
            match self.within_patience(&self.founder, command.name(), call).await {
                Some(Err(error)) if error.retryable => sleep(AGAIN).await,
                _ => return,
            }
        }
    }

    async fn look_at_chats(&self, client: &Client) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let call = client.call::<ChatsPage>(Command::Chats(Chats::default()));
            // While things are broken there is none.
            let _page = self.within_patience(client, "chats", call).await;
        }
    }

    /// A request that is not answered at all is noted down.
    async fn within_patience<T>(
        &self,
        client: &Client,
        what: &str,
        asked: impl Future<Output = T>,
    ) -> Option<T> {
        let answer = timeout(ANSWER_PATIENCE, asked).await.ok();
        if answer.is_none() {
            let user = client.user();
            let words = format!("{user}: no answer to {what} within {ANSWER_PATIENCE:?}");
            self.unanswered.lock().push(words);
        }
        answer
    }

    /// What was noted down since the last time.
    pub(crate) fn take_unanswered(&self) -> Vec<String> {
        std::mem::take(&mut self.unanswered.lock())
    }

    /// Some members read nothing for a while; how many.
    pub(crate) async fn slow_down(&self, count: usize, lasting: Duration) -> u64 {
        let slow = &self.members[..count.min(CLIENTS)];
        join_all(slow.iter().map(|client| client.stand_still(lasting))).await;
        slow.len() as u64
    }

    /// Connections that all clients made so far.
    pub(crate) fn connections(&self) -> u64 {
        self.everybody().map(Client::connections).sum()
    }

    /// Everybody back to the gateway they began at.
    pub(crate) async fn go_home(&self) {
        join_all(self.everybody().map(Client::go_home)).await;
    }
}

/// The newest page of a room.
pub(crate) fn newest(room: RoomId) -> History {
    let (before_seq, after_seq, around_seq, before_time) = (None, None, None, None);
    History { room, before_seq, after_seq, around_seq, before_time, limit: Some(100) }
}

fn name(number: usize) -> String {
    format!("user-{number}")
}

fn user(name: &str) -> UserId {
    UserId::parse(name).expect("a user id")
}
