//! The people who talk while things break, and the judgement of what they saw.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    time::Duration,
};

use futures::future::join_all;
use hubbub_client_protocol::{Command, CreateRoom, Created, History, MessageView, Page};
use hubbub_domain::{Rev, RoomId, RoomKind, Seq, UserId};
use hubbub_testkit::{
    Client, Cluster,
    checker::{Breach, Entry, Evidence, check},
    token,
};
use tokio::time::{sleep, timeout};

/// What one person says in one round, and how fast.
const MESSAGES: usize = 40;
const PACE: Duration = Duration::from_millis(80);

pub(crate) struct Load {
    clients: Vec<Client>,
    /// Who is in which room, by the clients' places.
    rooms: Vec<(RoomId, Vec<usize>)>,
}

impl Load {
    /// Each client is in two rooms, and begins at another gateway than its neighbour.
    pub(crate) async fn start(cluster: &Cluster, clients: usize, rooms: usize) -> Self {
        let urls = cluster.urls();
        let name = |number: usize| format!("user-{number}");
        let founder = Client::start("founder", token("founder"), urls.clone());
        let mut made = Vec::new();
        for room in 0..rooms {
            let members: Vec<usize> =
                (0..clients).filter(|it| it % rooms == room || (it + 1) % rooms == room).collect();
            let create = CreateRoom {
                kind: RoomKind::Group,
                name: format!("room {room}"),
                topic: String::new(),
                members: members.iter().map(|it| user(&name(*it))).collect(),
                request_id: None,
            };
            let created: Created = founder.call(Command::CreateRoom(create)).await.expect("made");
            made.push((created.room.room, members));
        }
        let client = |number: usize| {
            let mut urls = urls.clone();
            let first = number % urls.len();
            urls.rotate_left(first);
            Client::start(&name(number), token(&name(number)), urls)
        };
        Self { clients: (0..clients).map(client).collect(), rooms: made }
    }

    /// Everybody says a few things in their rooms, at their pace, whatever happens.
    pub(crate) async fn talk(&self) {
        join_all(self.clients.iter().enumerate().map(async |(number, client)| {
            let rooms: Vec<_> =
                self.rooms.iter().filter(|(_, members)| members.contains(&number)).collect();
            for message in 0..MESSAGES {
                let (room, _) = rooms[message % rooms.len()];
                client.send(*room, &format!("{} says {message}", client.user())).await;
                sleep(PACE).await;
            }
        }))
        .await;
    }

    /// Waits until all is acknowledged, and seen by everybody; else says who is behind.
    pub(crate) async fn caught_up(&self, patience: Duration) -> Result<(), String> {
        let settled = join_all(self.clients.iter().map(|client| client.settled(2 * patience)));
        if timeout(patience, settled).await.is_err() {
            return Err("some messages were never answered".to_owned());
        }
        for (room, members) in &self.rooms {
            let head = page(&self.clients[members[0]], *room, None).await.rev;
            for member in members {
                let client = &self.clients[*member];
                if timeout(patience, client.seen(*room, head, 2 * patience)).await.is_err() {
                    let (user, rev) = (client.user(), client.rev(*room));
                    return Err(format!("{user} is at {rev:?} of {head} in {room}"));
                }
            }
        }
        Ok(())
    }

    pub(crate) async fn judge(&self) -> Verdict {
        let mut evidence = Evidence {
            logs: self.clients.iter().map(Client::log).collect(),
            must_be_current: self.clients.iter().map(|client| client.user().clone()).collect(),
            rooms: BTreeMap::new(),
            members: HashMap::new(),
        };
        for (room, members) in &self.rooms {
            let page = read_all(&self.clients[members[0]], *room).await;
            evidence.rooms.insert(*room, page);
            let members: HashSet<_> =
                members.iter().map(|member| self.clients[*member].user().clone()).collect();
            evidence.members.insert(*room, members);
        }
        let entries = || evidence.logs.iter().flat_map(|log| &log.entries);
        Verdict {
            breaches: check(&evidence),
            acked: entries().filter(|entry| matches!(entry, Entry::Acked { .. })).count(),
            refused: entries().filter(|entry| matches!(entry, Entry::Refused { .. })).count(),
            delivered: entries().filter(|entry| matches!(entry, Entry::Delivered { .. })).count(),
            connections: self.clients.iter().map(Client::connections).sum(),
        }
    }
}

/// What the run came to.
pub(crate) struct Verdict {
    breaches: Vec<Breach>,
    acked: usize,
    refused: usize,
    delivered: usize,
    connections: u64,
}

impl Verdict {
    pub(crate) fn passed(&self) -> bool {
        self.breaches.is_empty() && self.refused == 0
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { breaches, acked, refused, delivered, connections } = self;
        write!(f, "{acked} acknowledged, {refused} refused, {delivered} delivered, ")?;
        writeln!(f, "{connections} connections, {} breaches", breaches.len())?;
        breaches.iter().take(20).try_for_each(|breach| writeln!(f, "  {breach:?}"))
    }
}

/// A room from its first message to its last, and its revision then.
async fn read_all(client: &Client, room: RoomId) -> (Vec<MessageView>, Rev) {
    let mut messages: Vec<MessageView> = Vec::new();
    loop {
        let after = messages.last().map_or(Seq::ZERO, |message| message.seq);
        let page = page(client, room, Some(after)).await;
        messages.extend(page.messages);
        if !page.has_more {
            return (messages, page.rev);
        }
    }
}

/// The messages after one, or the newest.
async fn page(client: &Client, room: RoomId, after_seq: Option<Seq>) -> Page {
    loop {
        let (before_seq, around_seq, before_time) = (None, None, None);
        let limit = Some(100);
        let history = History { room, before_seq, after_seq, around_seq, before_time, limit };
        match client.call(Command::History(history)).await {
            Ok(page) => return page,
            // It heals: that is what is waited for.
            Err(error) if error.retryable => sleep(PACE).await,
            Err(error) => panic!("a member may read: {error:?}"),
        }
    }
}

fn user(name: &str) -> UserId {
    UserId::parse(name).expect("a user id")
}
