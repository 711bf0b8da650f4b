//! Load for a cluster: clients that talk in rooms, each room spread over all gateways. At the end the
//! [`checker`](crate::checker) judges what they saw.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use futures::future::join_all;
use hubbub_client_protocol::{Command, CreateRoom, Created, History, MessageView, Page};
use hubbub_domain::{Rev, RoomId, RoomKind, Seq, UserId};
use tokio::time::Instant;

use crate::{
    Client, Cluster,
    checker::{ClientLog, Entry, Evidence, check},
    eventually, token,
};

/// How long a cluster may take to heal and its clients to catch up.
const HEALING: Duration = Duration::from_secs(90);

/// Clients in rooms, each room spread over all gateways.
pub struct Workload {
    pub clients: Vec<Client>,
    rooms: Vec<RoomId>,
    /// The rooms of each client.
    memberships: Vec<Vec<RoomId>>,
}

/// The figures of a run without breaches.
#[derive(Debug)]
pub struct Outcome {
    pub acked: usize,
    pub delivered: usize,
    pub clients: u64,
    pub connections: u64,
    /// Of the client that connected most often.
    pub most_connections: u64,
    pub settled_after: Duration,
}

impl Outcome {
    /// Connections beyond the first of each client.
    pub fn reconnects(&self) -> u64 {
        self.connections - self.clients
    }

    #[expect(clippy::print_stdout, reason = "the figures of a run")]
    fn print(&self) {
        println!(
            "{} acknowledged, {} delivered, {} connections, healed and caught up after {:?}",
            self.acked, self.delivered, self.connections, self.settled_after
        );
    }
}

impl Workload {
    /// `clients` people, each in two of `rooms` rooms, connected to all gateways in turn.
    pub async fn start(cluster: &Cluster, clients: usize, rooms: usize) -> Self {
        Self::start_at(&cluster.urls(), clients, rooms).await
    }

    /// The same, with other addresses than the gateways' own: of something that stands before them.
    pub async fn start_at(urls: &[String], clients: usize, rooms: usize) -> Self {
        let names: Vec<String> = (0..clients).map(|number| format!("user-{number}")).collect();
        let mut memberships = vec![Vec::new(); clients];
        let founder = Client::start("founder", token("founder"), urls.to_vec());
        let mut ids = Vec::new();
        for number in 0..rooms {
            let members: Vec<usize> = (0..clients)
                .filter(|client| client % rooms == number || (client + 1) % rooms == number)
                .collect();
            let create = CreateRoom {
                kind: RoomKind::Group,
                name: format!("room {number}"),
                topic: String::new(),
                members: members.iter().map(|client| user(&names[*client])).collect(),
                request_id: None,
            };
            let created: Created = founder.call(Command::CreateRoom(create)).await.expect("a room");
            for client in members {
                memberships[client].push(created.room.room);
            }
            ids.push(created.room.room);
        }
        let clients: Vec<Client> = names
            .iter()
            .enumerate()
            .map(|(number, name)| {
                let mut urls = urls.to_vec();
                let first = number % urls.len();
                urls.rotate_left(first);
                Client::start(name, token(name), urls)
            })
            .collect();
        for client in &clients {
            eventually(HEALING, || async { client.connections() > 0 }).await;
        }
        Self { clients, rooms: ids, memberships }
    }

    /// Every client sends `each` messages, `pause` apart, to its rooms in turn.
    pub async fn talk(&self, each: usize, pause: Duration) {
        join_all(self.clients.iter().zip(&self.memberships).map(async |(client, rooms)| {
            for number in 0..each {
                let text = format!("{} says {number}", client.user());
                client.send(rooms[number % rooms.len()], &text).await;
                // The pace of the load: nothing is waited for.
                tokio::time::sleep(pause).await;
            }
        }))
        .await;
    }

    /// Waits until everything is acknowledged and seen by everybody, then judges it.
    pub async fn judge(self) -> Outcome {
        let begun = Instant::now();
        for client in &self.clients {
            client.settled(HEALING).await;
        }
        let reader = &self.clients[0];
        let mut rooms = BTreeMap::new();
        for room in &self.rooms {
            let by = self.member(*room).unwrap_or(reader);
            rooms.insert(*room, read_all(by, *room).await);
        }
        for (client, memberships) in self.clients.iter().zip(&self.memberships) {
            for room in memberships {
                let (_, head) = &rooms[room];
                client.seen(*room, *head, HEALING).await;
            }
        }
        let settled_after = begun.elapsed();
        let evidence = Evidence {
            logs: self.clients.iter().map(Client::log).collect(),
            members: self.members(),
            must_be_current: self.clients.iter().map(|client| client.user().clone()).collect(),
            rooms,
            ..Evidence::default()
        };
        let breaches = check(&evidence);
        assert!(
            breaches.is_empty(),
            "{} breaches: {:#?}",
            breaches.len(),
            &breaches[..breaches.len().min(20)]
        );
        let outcome = Outcome {
            acked: count(&evidence.logs, |entry| matches!(entry, Entry::Acked { .. })),
            delivered: count(&evidence.logs, |entry| matches!(entry, Entry::Delivered { .. })),
            clients: self.clients.len() as u64,
            connections: self.clients.iter().map(Client::connections).sum(),
            most_connections: self.clients.iter().map(Client::connections).max().unwrap_or(0),
            settled_after,
        };
        outcome.print();
        outcome
    }

    fn member(&self, room: RoomId) -> Option<&Client> {
        let index = self.memberships.iter().position(|rooms| rooms.contains(&room))?;
        self.clients.get(index)
    }

    fn members(&self) -> HashMap<RoomId, HashSet<UserId>> {
        let mut members: HashMap<RoomId, HashSet<UserId>> = HashMap::new();
        for (client, rooms) in self.clients.iter().zip(&self.memberships) {
            for room in rooms {
                members.entry(*room).or_default().insert(client.user().clone());
            }
        }
        members
    }
}

/// A room from its first message to its last, page by page, and its revision at the end.
pub async fn read_all(client: &Client, room: RoomId) -> (Vec<MessageView>, Rev) {
    let mut messages: Vec<MessageView> = Vec::new();
    loop {
        let history = History {
            room,
            before_seq: None,
            after_seq: Some(messages.last().map_or(Seq::ZERO, |message| message.seq)),
            around_seq: None,
            before_time: None,
            limit: Some(100),
        };
        let page: Page = client.call(Command::History(history)).await.expect("a page");
        messages.extend(page.messages);
        if !page.has_more {
            return (messages, page.rev);
        }
    }
}

fn user(name: &str) -> UserId {
    UserId::parse(name).expect("a user id")
}

fn count(logs: &[ClientLog], kind: impl Fn(&Entry) -> bool) -> usize {
    logs.iter().flat_map(|log| &log.entries).filter(|entry| kind(entry)).count()
}
