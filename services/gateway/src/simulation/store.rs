//! The truth of a world: rooms, their messages and changes, and who is a member. What the room and
//! history services keep in Postgres, without any of its difficulties; both simulated services and
//! all gateways share it. Pure: time and ids come in, and nothing is awaited.

use std::collections::{BTreeMap, BTreeSet};

use hubbub_domain::{
    Body, Change, ChangeKind, ClientId, Head, Message, MessageId, MessageKind, Reaction, Rev,
    RoomId, Seq, SystemNotice, Timestamp, UserId,
};
use uuid::Uuid;

#[derive(Default)]
pub(super) struct Store {
    pub(super) epoch: u64,
    /// By the epoch that ended.
    forks: BTreeMap<String, BTreeMap<RoomId, Head>>,
    pub(super) rooms: BTreeMap<RoomId, Room>,
    users: BTreeMap<UserId, User>,
    /// Microseconds since the world began; every message is later than the one before.
    now: i64,
}

#[derive(Default)]
pub(super) struct Room {
    pub(super) messages: Vec<Message>,
    pub(super) changes: Vec<Change>,
    places: BTreeMap<(UserId, ClientId), Seq>,
    pub(super) members: BTreeSet<UserId>,
    /// How often each user was admitted.
    admissions: BTreeMap<UserId, usize>,
}

#[derive(Default)]
struct User {
    version: u64,
    /// With the moment of joining.
    rooms: BTreeMap<RoomId, Timestamp>,
}

/// Where a message was stored.
pub(super) struct Place {
    pub(super) message: Message,
    pub(super) duplicate: bool,
}

impl Store {
    /// Another server is in place, which has everything.
    pub(super) fn fail_over(&mut self) {
        let heads = self.rooms.keys().map(|room| (*room, self.head(*room))).collect();
        self.forks.insert(self.epoch(), heads);
        self.epoch += 1;
    }

    /// How far a room was when an epoch ended, if that is known.
    pub(super) fn survived(&self, epoch: &str, room: RoomId) -> Option<Head> {
        if epoch == self.epoch() {
            return Some(self.head(room));
        }
        Some(self.forks.get(epoch)?.get(&room).copied().unwrap_or_default())
    }

    pub(super) fn epoch(&self) -> String {
        format!("epoch-{}", self.epoch)
    }

    pub(super) fn head(&self, room: RoomId) -> Head {
        let Some(room) = self.rooms.get(&room) else { return Head::default() };
        Head { seq: Seq(room.messages.len() as u64), rev: Rev(room.changes.len() as u64) }
    }

    /// A user's first word under a client id counts; every repetition is answered with its place.
    pub(super) fn append(
        &mut self,
        room: RoomId,
        (sender, client_id): (&UserId, &ClientId),
        kind: MessageKind,
    ) -> Place {
        let created_at = self.tick();
        let Head { seq, rev } = self.head(room);
        let record = self.rooms.entry(room).or_default();
        let key = (sender.clone(), client_id.clone());
        if let Some(known) = record.places.get(&key) {
            let index = usize::try_from(known.0 - 1).expect("small");
            return Place { message: record.messages[index].clone(), duplicate: true };
        }
        let message = Message {
            room,
            seq: seq.next(),
            rev: rev.next(),
            id: MessageId::from_uuid(Uuid::from_u64_pair(
                room.as_uuid().as_u64_pair().0,
                seq.next().0,
            )),
            sender: sender.clone(),
            client_id: client_id.clone(),
            kind,
            created_at,
            edited_at: None,
            reactions: vec![],
        };
        record.places.insert(key, message.seq);
        record.messages.push(message.clone());
        let kind = ChangeKind::Posted(Box::new(message.clone()));
        record.changes.push(Change { rev: message.rev, kind });
        Place { message, duplicate: false }
    }

    /// The newest change, if the message is there and the sender's own.
    pub(super) fn edit(
        &mut self,
        (room, seq): (RoomId, Seq),
        sender: &UserId,
        body: Body,
    ) -> Option<Change> {
        let at = self.tick();
        let index = usize::try_from(seq.0.checked_sub(1)?).ok()?;
        self.rooms.get(&room)?.messages.get(index).filter(|message| message.sender == *sender)?;
        self.alter(room, seq, |message| {
            message.edited_at = Some(at);
            message.kind = MessageKind::User(body.clone());
            ChangeKind::Edited { seq, body: Some(body), at }
        })
    }

    pub(super) fn react(&mut self, room: RoomId, seq: Seq, reaction: Reaction) -> Option<Change> {
        self.alter(room, seq, |message| {
            message.reactions.push(reaction.clone());
            ChangeKind::Reacted { seq, reaction, on: true }
        })
    }

    fn alter(
        &mut self,
        room: RoomId,
        seq: Seq,
        alter: impl FnOnce(&mut Message) -> ChangeKind,
    ) -> Option<Change> {
        let rev = self.head(room).rev.next();
        let record = self.rooms.get_mut(&room)?;
        let message = record.messages.get_mut(usize::try_from(seq.0.checked_sub(1)?).ok()?)?;
        let change = Change { rev, kind: alter(message) };
        record.changes.push(change.clone());
        Some(change)
    }

    /// At most `limit` changes after `rev`.
    pub(super) fn changes(&self, room: RoomId, rev: Rev, limit: usize) -> Vec<Change> {
        let Some(room) = self.rooms.get(&room) else { return vec![] };
        let after = room.changes.iter().skip(usize::try_from(rev.0).expect("small"));
        after.take(limit).cloned().collect()
    }

    /// The newest messages, oldest first.
    pub(super) fn newest(&self, room: RoomId, limit: usize) -> (Vec<Message>, bool) {
        let Some(room) = self.rooms.get(&room) else { return (vec![], false) };
        let first = room.messages.len().saturating_sub(limit);
        (room.messages[first..].to_vec(), first > 0)
    }

    /// True when this changed anything; the user's list then has another version.
    pub(super) fn admit(&mut self, user: &UserId, room: RoomId) -> bool {
        let joined_at = self.tick();
        let record = self.rooms.entry(room).or_default();
        if !record.members.insert(user.clone()) {
            return false;
        }
        *record.admissions.entry(user.clone()).or_default() += 1;
        let user = self.users.entry(user.clone()).or_default();
        user.version += 1;
        user.rooms.insert(room, joined_at);
        true
    }

    /// True when the user was a member.
    pub(super) fn dismiss(&mut self, user: &UserId, room: RoomId) -> bool {
        let record = self.rooms.entry(room).or_default();
        if !record.members.remove(user) {
            return false;
        }
        let user = self.users.entry(user.clone()).or_default();
        user.version += 1;
        user.rooms.remove(&room);
        true
    }

    pub(super) fn is_member(&self, user: &UserId, room: RoomId) -> bool {
        self.rooms.get(&room).is_some_and(|room| room.members.contains(user))
    }

    /// Whether the user was let in again after the departure that the room's order tells of at `rev`:
    /// notices are in the order of what they tell of.
    pub(super) fn was_readmitted(&self, user: &UserId, room: RoomId, rev: Rev) -> bool {
        let Some(room) = self.rooms.get(&room) else { return false };
        let told = room.messages.iter().filter(|message| message.rev <= rev);
        let departures = told.filter(|message| departed(message) == Some(user)).count();
        room.admissions.get(user).is_some_and(|admissions| *admissions > departures)
    }

    /// Everybody who was ever a member.
    pub(super) fn ever_members(&self, room: RoomId) -> impl Iterator<Item = &UserId> {
        self.rooms.get(&room).into_iter().flat_map(|room| room.admissions.keys())
    }

    pub(super) fn version(&self, user: &UserId) -> u64 {
        self.users.get(user).map_or(0, |user| user.version)
    }

    /// A user's rooms, most recently joined first.
    pub(super) fn memberships(&self, user: &UserId) -> Vec<(RoomId, Timestamp)> {
        let rooms = self.users.get(user).into_iter().flat_map(|user| &user.rooms);
        let mut rooms: Vec<_> = rooms.map(|(room, joined_at)| (*room, *joined_at)).collect();
        rooms.sort_by_key(|(_, joined_at)| std::cmp::Reverse(*joined_at));
        rooms
    }

    fn tick(&mut self) -> Timestamp {
        self.now += 1;
        Timestamp::from_micros(self.now)
    }
}

/// Whose departure a message tells of.
fn departed(message: &Message) -> Option<&UserId> {
    match &message.kind {
        MessageKind::System(SystemNotice::Left { user } | SystemNotice::Removed { user, .. }) => {
            Some(user)
        }
        _ => None,
    }
}
