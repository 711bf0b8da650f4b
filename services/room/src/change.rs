//! A change to an existing room, from the wish to the rows. Pure: the store locks the room, shows
//! what it found as a [`View`], and writes the [`Plan`] it gets back. Both stores thus share every
//! decision, and what holds the invariants together (one owner while there are members, notices in
//! the order of what happened) stands here and nowhere else.

use hubbub_domain::{
    Code, Fault, Role, RoomId, RoomKind, RoomState, Seq, SystemNotice, Timestamp, UserId,
};

use crate::{
    model::{Member, Room, RoomName, Topic},
    rules::{Action, Scene},
};

/// Who wants what to change in which room.
#[derive(Clone, Debug)]
pub struct Change {
    pub room: RoomId,
    pub actor: UserId,
    pub command: Command,
    pub at: Timestamp,
    pub group_members_max: u32,
}

/// What is to change.
#[derive(Clone, Debug)]
pub enum Command {
    Update {
        name: Option<RoomName>,
        topic: Option<Topic>,
        state: Option<RoomState>,
        /// Seconds between two messages of a member; 0 ends it.
        slow_mode: Option<u32>,
    },
    /// `head` is the room's newest message: what came before it is not unread.
    Join {
        head: Seq,
    },
    /// `for_good`: whether contacts may add the actor again; `None`: they may.
    Leave {
        for_good: Option<bool>,
    },
    /// The actor turned out not to exist. As leaving, and nothing is noted of it.
    Vanish,
    /// `users` sorted, each once; `contacts` are those of them whom the actor may add again after they
    /// left; `head` as for joining.
    Invite {
        users: Vec<UserId>,
        contacts: Vec<UserId>,
        head: Seq,
    },
    Remove {
        user: UserId,
    },
    SetRole {
        user: UserId,
        role: Role,
    },
}

impl Command {
    /// The actor leaves, and contacts may add them again.
    pub const LEAVE: Self = Self::Leave { for_good: None };
}

/// A user left the room by themself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departed {
    pub user: UserId,
    /// Nobody adds them again.
    pub for_good: bool,
}

/// What the store found, with the room locked.
#[derive(Clone, Debug)]
pub struct View {
    pub room: Room,
    /// Those of [`Change::people`] who are members.
    pub members: Vec<Member>,
    /// Who inherits when the actor goes: the longest-standing admin, else the longest-standing
    /// member (by moment of joining, then by id). Looked up only when [`Change::wants_heir`].
    pub heir: Option<UserId>,
    /// Those of [`Change::people`] who left by themselves and were not in the room since. Looked up only
    /// when somebody is invited.
    pub departed: Vec<Departed>,
}

impl View {
    pub fn role_of(&self, user: &UserId) -> Option<Role> {
        self.members.iter().find(|member| member.user == *user).map(|member| member.role)
    }
}

/// What to write, all in one transaction. Empty: nothing changes, and nobody is told anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub name: Option<String>,
    pub topic: Option<String>,
    pub state: Option<RoomState>,
    pub slow_mode: Option<u32>,
    pub added: Vec<UserId>,
    /// Where the read markers of `added` begin.
    pub head: Seq,
    /// Written before `roles`, and those in their order: at no moment are there two owners.
    pub removed: Vec<UserId>,
    pub roles: Vec<(UserId, Role)>,
    pub notices: Vec<SystemNotice>,
    /// The actor leaves by themself; whether for good.
    pub departs: Option<bool>,
    /// Left the room, and may not be added by the actor. Not written.
    pub refused: Vec<UserId>,
}

impl Plan {
    /// Every change is told, except that somebody left a dissolved room.
    pub fn is_empty(&self) -> bool {
        self.notices.is_empty() && self.removed.is_empty()
    }

    /// Everybody whose list of memberships changes, in the order in which versions are locked.
    pub fn concerned(&self) -> Vec<UserId> {
        let roles = self.roles.iter().map(|(user, _)| user);
        let mut users: Vec<_> =
            self.added.iter().chain(&self.removed).chain(roles).cloned().collect();
        users.sort();
        users.dedup();
        users
    }

    /// The room as it is afterwards.
    pub fn applied_to(&self, mut room: Room) -> Room {
        let count = |users: &[UserId]| u32::try_from(users.len()).unwrap_or(u32::MAX);
        room.name = self.name.clone().unwrap_or(room.name);
        room.topic = self.topic.clone().unwrap_or(room.topic);
        room.state = self.state.unwrap_or(room.state);
        room.slow_mode_seconds = self.slow_mode.unwrap_or(room.slow_mode_seconds);
        room.member_count =
            (room.member_count + count(&self.added)).saturating_sub(count(&self.removed));
        room
    }
}

impl Change {
    /// Everybody whose standing the decision needs.
    pub fn people(&self) -> Vec<UserId> {
        let mut people = match &self.command {
            Command::Update { .. }
            | Command::Join { .. }
            | Command::Leave { .. }
            | Command::Vanish => Vec::new(),
            Command::Invite { users, .. } => users.clone(),
            Command::Remove { user } | Command::SetRole { user, .. } => vec![user.clone()],
        };
        people.push(self.actor.clone());
        people.sort();
        people.dedup();
        people
    }

    /// Whether the decision needs to know who inherits the room.
    pub fn wants_heir(&self, actor: Option<Role>) -> bool {
        matches!(self.command, Command::Leave { .. } | Command::Vanish)
            && actor == Some(Role::Owner)
    }

    /// What to write, or why not.
    pub fn decide(&self, view: &View) -> Result<Plan, Fault> {
        let actor = view.role_of(&self.actor);
        let scene = Scene { kind: view.room.kind, state: view.room.state, actor };
        match &self.command {
            Command::Update { name, topic, state, slow_mode } => {
                let wish = (name.as_ref(), topic.as_ref(), *state);
                let plan = self.update(scene, &view.room, wish)?;
                self.pace(scene, &view.room, *slow_mode, plan)
            }
            Command::Join { head } => self.join(scene, *head),
            Command::Leave { for_good } => self.leave(scene, view, *for_good),
            Command::Vanish => Ok(Plan { departs: None, ..self.leave(scene, view, None)? }),
            Command::Invite { users, contacts, head } => {
                self.invite(scene, view, (users, contacts, *head))
            }
            Command::Remove { user } => self.remove(scene, view, user),
            Command::SetRole { user, role } => self.set_role(scene, view, user, *role),
        }
    }

    /// Every field is judged, also one that would stay as it is; only real changes are written.
    fn update(
        &self,
        scene: Scene,
        room: &Room,
        (name, topic, state): (Option<&RoomName>, Option<&Topic>, Option<RoomState>),
    ) -> Result<Plan, Fault> {
        let by = &self.actor;
        let mut plan = Plan::default();
        if let Some(name) = name {
            scene.permit(Action::Rename)?;
            if name.as_str() != room.name {
                let name = name.as_str().to_owned();
                plan.notices.push(SystemNotice::Renamed { name: name.clone(), by: by.clone() });
                plan.name = Some(name);
            }
        }
        if let Some(topic) = topic {
            scene.permit(Action::SetTopic)?;
            if topic.as_str() != room.topic {
                let topic = topic.as_str().to_owned();
                plan.notices.push(SystemNotice::TopicSet { topic: topic.clone(), by: by.clone() });
                plan.topic = Some(topic);
            }
        }
        if let Some(state) = state {
            scene.permit(Action::SetState { to: state })?;
            if state != room.state {
                plan.notices.push(SystemNotice::StateSet { state, by: by.clone() });
                plan.state = Some(state);
            }
        }
        Ok(plan)
    }

    fn pace(
        &self,
        scene: Scene,
        room: &Room,
        slow_mode: Option<u32>,
        mut plan: Plan,
    ) -> Result<Plan, Fault> {
        let Some(seconds) = slow_mode else { return Ok(plan) };
        scene.permit(Action::SetSlowMode)?;
        if seconds != room.slow_mode_seconds {
            plan.notices.push(SystemNotice::SlowModeSet { seconds, by: self.actor.clone() });
            plan.slow_mode = Some(seconds);
        }
        Ok(plan)
    }

    fn join(&self, scene: Scene, head: Seq) -> Result<Plan, Fault> {
        scene.permit(Action::Join)?;
        if scene.actor.is_some() {
            return Ok(Plan::default());
        }
        Ok(Plan {
            added: vec![self.actor.clone()],
            head,
            notices: vec![SystemNotice::Joined { user: self.actor.clone() }],
            ..Plan::default()
        })
    }

    fn leave(&self, scene: Scene, view: &View, for_good: Option<bool>) -> Result<Plan, Fault> {
        scene.permit(Action::Leave)?;
        let by = self.actor.clone();
        let mut plan = Plan {
            removed: vec![by.clone()],
            notices: vec![SystemNotice::Left { user: by.clone() }],
            departs: Some(for_good.unwrap_or_default()),
            ..Plan::default()
        };
        if view.room.member_count <= 1 {
            plan.state = Some(RoomState::Dissolved);
            plan.notices.push(SystemNotice::StateSet { state: RoomState::Dissolved, by });
        } else if let Some(heir) = &view.heir {
            plan.set_role(heir.clone(), Role::Owner, by);
        }
        // Nothing is added to the history of a dissolved room.
        if view.room.state == RoomState::Dissolved {
            plan.notices.clear();
        }
        Ok(plan)
    }

    fn invite(
        &self,
        scene: Scene,
        view: &View,
        (users, contacts, head): (&[UserId], &[UserId], Seq),
    ) -> Result<Plan, Fault> {
        scene.permit(Action::Invite)?;
        // A user who left is added again by contacts alone, and by nobody when they left for good.
        let refuses = |user: &&UserId| {
            let departed = view.departed.iter().find(|departed| departed.user == **user);
            departed.is_some_and(|departed| departed.for_good || !contacts.contains(user))
        };
        let new = users.iter().filter(|user| view.role_of(user).is_none());
        let (refused, added): (Vec<UserId>, Vec<UserId>) =
            new.cloned().partition(|it| refuses(&it));
        let count = view.room.member_count as usize + added.len();
        if view.room.kind == RoomKind::Group && !added.is_empty() {
            check_group_size(count, self.group_members_max)?;
        }
        let notices = added
            .iter()
            .map(|user| SystemNotice::Invited { user: user.clone(), by: self.actor.clone() })
            .collect();
        Ok(Plan { added, head, notices, refused, ..Plan::default() })
    }

    fn remove(&self, scene: Scene, view: &View, user: &UserId) -> Result<Plan, Fault> {
        let target = view.role_of(user);
        scene.permit(Action::Remove { target })?;
        if target.is_none() {
            return Ok(Plan::default());
        }
        let by = self.actor.clone();
        Ok(Plan {
            removed: vec![user.clone()],
            notices: vec![SystemNotice::Removed { user: user.clone(), by }],
            ..Plan::default()
        })
    }

    fn set_role(&self, scene: Scene, view: &View, user: &UserId, to: Role) -> Result<Plan, Fault> {
        let target = view.role_of(user);
        scene.permit(Action::SetRole { target, to })?;
        let mut plan = Plan::default();
        if target == Some(to) {
            return Ok(plan);
        }
        // The old owner steps down first: at no moment are there two.
        if to == Role::Owner {
            plan.set_role(self.actor.clone(), Role::Admin, self.actor.clone());
        }
        plan.set_role(user.clone(), to, self.actor.clone());
        Ok(plan)
    }
}

impl Plan {
    fn set_role(&mut self, user: UserId, role: Role, by: UserId) {
        self.roles.push((user.clone(), role));
        self.notices.push(SystemNotice::RoleSet { user, role, by });
    }
}

/// Refuses a group larger than the limit.
pub fn check_group_size(members: usize, members_max: u32) -> Result<(), Fault> {
    if members > members_max as usize {
        return Err(Fault::new(
            Code::LimitReached,
            format!("a group has at most {members_max} members"),
        ));
    }
    Ok(())
}
