//! Rooms that are about to be made: what both adapters write is worked out here.

use hubbub_domain::{
    ClientId, Role, RoomId, RoomKind, RoomState, Seq, SystemNotice, Timestamp, UserId,
};

use crate::{
    change::Plan,
    model::{Membership, MembershipChange, Room, RoomName, Topic},
};

/// A direct room to make, should there be none. The people are in the order of `direct_pair`.
#[derive(Clone, Debug)]
pub struct NewDirect {
    pub id: RoomId,
    pub low: UserId,
    pub high: UserId,
    pub by: UserId,
    pub at: Timestamp,
}

/// A group or public room to make.
#[derive(Clone, Debug)]
pub struct NewRoom {
    pub id: RoomId,
    pub kind: RoomKind,
    pub name: RoomName,
    pub topic: Topic,
    pub owner: UserId,
    /// Besides the owner; sorted, each once.
    pub members: Vec<UserId>,
    pub request: Option<ClientId>,
    pub at: Timestamp,
}

/// A room that was found or made.
#[derive(Clone, Debug)]
pub struct Made {
    pub room: Room,
    /// By this very call.
    pub created: bool,
    /// What the call changed for whom; empty when it found the room.
    pub changes: Vec<MembershipChange>,
}

/// All that a new room brings with it.
pub(super) struct Making {
    pub(super) room: Room,
    pub(super) by: UserId,
    /// In the order in which versions are locked.
    pub(super) people: Vec<Newcomer>,
    /// An empty chat stays empty: a direct room tells nothing.
    pub(super) notices: Vec<SystemNotice>,
}

/// Somebody about to be a member.
pub(super) struct Newcomer {
    pub(super) user: UserId,
    pub(super) role: Role,
    pub(super) peer: Option<UserId>,
    /// A new room has no messages; whoever comes to another has read it so far.
    pub(super) last_read: Seq,
}

impl Newcomer {
    pub(super) fn member(user: &UserId) -> Self {
        Self { user: user.clone(), role: Role::Member, peer: None, last_read: Seq::ZERO }
    }

    /// Those a change brings into a room that is there already.
    pub(super) fn added_by(plan: &Plan) -> Vec<Self> {
        let joining = |user| Self { last_read: plan.head, ..Self::member(user) };
        plan.added.iter().map(joining).collect()
    }
}

impl From<&NewDirect> for Making {
    fn from(new: &NewDirect) -> Self {
        let person = |user: &UserId, peer: &UserId| Newcomer {
            peer: Some(peer.clone()),
            ..Newcomer::member(user)
        };
        Self {
            room: Room {
                id: new.id,
                kind: RoomKind::Direct,
                name: String::new(),
                topic: String::new(),
                state: RoomState::Open,
                slow_mode_seconds: 0,
                member_count: 2,
                created_at: new.at,
                pair: Some((new.low.clone(), new.high.clone())),
                blocked: false,
            },
            by: new.by.clone(),
            people: vec![person(&new.low, &new.high), person(&new.high, &new.low)],
            notices: Vec::new(),
        }
    }
}

impl From<&NewRoom> for Making {
    fn from(new: &NewRoom) -> Self {
        let owner = Newcomer { role: Role::Owner, ..Newcomer::member(&new.owner) };
        let mut people: Vec<_> = new.members.iter().map(Newcomer::member).collect();
        people.push(owner);
        people.sort_by(|a, b| a.user.cmp(&b.user));
        Self {
            room: Room {
                id: new.id,
                kind: new.kind,
                name: new.name.as_str().to_owned(),
                topic: new.topic.as_str().to_owned(),
                state: RoomState::Open,
                slow_mode_seconds: 0,
                member_count: u32::try_from(people.len()).unwrap_or(u32::MAX),
                created_at: new.at,
                pair: None,
                blocked: false,
            },
            by: new.owner.clone(),
            people,
            notices: vec![SystemNotice::Created { by: new.owner.clone() }],
        }
    }
}

impl Making {
    pub(super) fn users(&self) -> Vec<UserId> {
        self.people.iter().map(|person| person.user.clone()).collect()
    }

    /// The answer, once the versions are known.
    pub(super) fn made(self, versions: Vec<(UserId, u64)>) -> Made {
        let memberships = self.people.iter().map(|person| self.membership(person)).collect();
        let changes = MembershipChange::pair_up(self.room.id, versions, memberships);
        Made { room: self.room, created: true, changes }
    }

    fn membership(&self, person: &Newcomer) -> Membership {
        Membership {
            user: person.user.clone(),
            room: self.room.id,
            kind: self.room.kind,
            state: self.room.state,
            slow_mode_seconds: self.room.slow_mode_seconds,
            role: person.role,
            last_read: person.last_read,
            joined_at: self.room.created_at,
            muted: false,
            pinned: false,
            peer: person.peer.clone(),
            name: self.room.name.clone(),
            blocked: self.room.blocked,
        }
    }
}

impl Made {
    pub(super) fn found(room: Room) -> Self {
        Self { room, created: false, changes: Vec::new() }
    }
}
