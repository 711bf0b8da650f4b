//! Random operations by a handful of people, on every adapter, against a model that knows only sets.
//!
//! After each step: the members are the model's; a room with members has exactly one owner;
//! `member_count` is exact; versions rose by one for those whose standing changed and for nobody
//! else; those and only those are told; and positions of notices have no gap.

use std::collections::{BTreeMap, BTreeSet};

use hubbub_domain::{Role, RoomId, RoomKind, RoomState, Seq, Timestamp, UserId};
use proptest::{
    prelude::*,
    test_runner::{Config as RunnerConfig, TestRunner},
};

use super::{
    NewRoom, Page, Store,
    conformance::{Fixture, postgres, sqlite},
};
use crate::{
    change::{Change, Command},
    error::StoreError,
    model::{MembershipChange, RoomName, Topic},
    rules::{Action, Scene},
};

const PEOPLE: usize = 6;
const GROUP_MAX: u32 = 5;

#[derive(Clone, Debug)]
enum Step {
    Join,
    Leave,
    Invite(BTreeSet<usize>),
    Remove(usize),
    SetRole(usize, Role),
    SetState(RoomState),
    Rename(u8),
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let person = 0..PEOPLE;
    let role = prop_oneof![Just(Role::Member), Just(Role::Admin), Just(Role::Owner)];
    let state = prop_oneof![
        10 => Just(RoomState::Open),
        10 => Just(RoomState::ReadOnly),
        1 => Just(RoomState::Dissolved)
    ];
    let step = prop_oneof![
        6 => Just(Step::Join),
        3 => Just(Step::Leave),
        3 => prop::collection::btree_set(person.clone(), 1..4).prop_map(Step::Invite),
        2 => person.clone().prop_map(Step::Remove),
        3 => (person.clone(), role).prop_map(|(who, role)| Step::SetRole(who, role)),
        2 => state.prop_map(Step::SetState),
        1 => (0..3_u8).prop_map(Step::Rename),
    ];
    (person, step)
}

/// The room in the model: who is in it, since when, as what.
struct Model {
    kind: RoomKind,
    state: RoomState,
    name: String,
    members: BTreeMap<usize, (Role, Timestamp)>,
}

impl Model {
    fn role(&self, who: usize) -> Option<Role> {
        self.members.get(&who).map(|(role, _)| *role)
    }

    /// Carries the step out, if the rules allow it.
    fn apply(&mut self, actor: usize, step: &Step, at: Timestamp) -> bool {
        let action = match step {
            Step::Join => Action::Join,
            Step::Leave => Action::Leave,
            Step::Invite(_) => Action::Invite,
            Step::Remove(who) => Action::Remove { target: self.role(*who) },
            Step::SetRole(who, to) => Action::SetRole { target: self.role(*who), to: *to },
            Step::SetState(to) => Action::SetState { to: *to },
            Step::Rename(_) => Action::Rename,
        };
        let scene = Scene { kind: self.kind, state: self.state, actor: self.role(actor) };
        scene.permit(action).is_ok() && self.carry_out(actor, step, at)
    }

    fn carry_out(&mut self, actor: usize, step: &Step, at: Timestamp) -> bool {
        match step {
            Step::Join => {
                self.members.entry(actor).or_insert((Role::Member, at));
            }
            Step::Leave => self.leave(actor),
            Step::Invite(who) => {
                let all: BTreeSet<_> = self.members.keys().chain(who).collect();
                let grows = all.len() > self.members.len();
                if self.kind == RoomKind::Group && grows && all.len() > GROUP_MAX as usize {
                    return false;
                }
                for who in who {
                    self.members.entry(*who).or_insert((Role::Member, at));
                }
            }
            Step::Remove(who) => {
                self.members.remove(who);
            }
            Step::SetRole(who, to) => {
                if *to == Role::Owner {
                    self.set_role(actor, Role::Admin);
                }
                self.set_role(*who, *to);
            }
            Step::SetState(to) => self.state = *to,
            Step::Rename(number) => self.name = format!("name {number}"),
        }
        true
    }

    fn set_role(&mut self, who: usize, role: Role) {
        if let Some(member) = self.members.get_mut(&who) {
            member.0 = role;
        }
    }

    fn leave(&mut self, who: usize) {
        let gone = self.members.remove(&who);
        if self.members.is_empty() {
            self.state = RoomState::Dissolved;
        } else if gone.is_some_and(|(role, _)| role == Role::Owner) {
            let heir = self.members.iter().min_by_key(|(who, (role, joined_at))| {
                (std::cmp::Reverse(*role), *joined_at, **who)
            });
            if let Some(heir) = heir.map(|(who, _)| *who) {
                self.set_role(heir, Role::Owner);
            }
        }
    }
}

/// The real room, with the names of this run.
struct Room<'a> {
    store: &'a dyn Store,
    id: RoomId,
}

impl Room<'_> {
    fn user(&self, who: usize) -> UserId {
        UserId::parse(&format!("{}-{who}", self.id)).expect("an id")
    }

    fn command(&self, step: &Step) -> Command {
        let update = |name, state| Command::Update { name, topic: None, state, slow_mode: None };
        match step {
            Step::Join => Command::Join { head: Seq::ZERO },
            Step::Leave => Command::LEAVE,
            Step::Invite(who) => {
                let users: Vec<_> = who.iter().map(|who| self.user(*who)).collect();
                Command::Invite { contacts: users.clone(), users, head: Seq::ZERO }
            }
            Step::Remove(who) => Command::Remove { user: self.user(*who) },
            Step::SetRole(who, role) => Command::SetRole { user: self.user(*who), role: *role },
            Step::SetState(state) => update(None, Some(*state)),
            Step::Rename(number) => {
                update(Some(RoomName::parse(&format!("name {number}")).expect("a name")), None)
            }
        }
    }

    /// What was told to whom; `None` when it was refused.
    async fn act(&self, actor: usize, step: &Step, at: Timestamp) -> Option<Vec<MembershipChange>> {
        let change = Change {
            room: self.id,
            actor: self.user(actor),
            command: self.command(step),
            at,
            group_members_max: GROUP_MAX,
        };
        match self.store.change(&change).await {
            Ok(changed) => Some(changed.changes),
            Err(StoreError::Refused(_)) => None,
            Err(error) => panic!("the store failed: {error}"),
        }
    }

    async fn roles(&self) -> BTreeMap<usize, Role> {
        let page = Page { after: None, limit: 100 };
        let members = self.store.members(self.id, &page).await.expect("members");
        let who = |user: &UserId| (0..PEOPLE).find(|who| self.user(*who) == *user);
        members.iter().map(|member| (who(&member.user).expect("ours"), member.role)).collect()
    }

    async fn versions(&self) -> Vec<u64> {
        let users: Vec<_> = (0..PEOPLE).map(|who| self.user(who)).collect();
        let known: BTreeMap<_, _> =
            self.store.versions(&users).await.expect("versions").into_iter().collect();
        users.iter().map(|user| known.get(user).copied().unwrap_or_default()).collect()
    }
}

async fn run(store: &dyn Store, kind: RoomKind, steps: &[(usize, Step)]) {
    let room = Room { store, id: RoomId::generate() };
    let mut at = 1_000_000;
    let new = NewRoom {
        id: room.id,
        kind,
        name: RoomName::parse("name 0").expect("a name"),
        topic: Topic::default(),
        owner: room.user(0),
        members: vec![room.user(1)],
        request: None,
        at: Timestamp::from_micros(at),
    };
    store.create_room(&new).await.expect("made");
    let joined = |role| (role, new.at);
    let members = BTreeMap::from([(0, joined(Role::Owner)), (1, joined(Role::Member))]);
    let mut model = Model { kind, state: RoomState::Open, name: "name 0".into(), members };

    for (actor, step) in steps {
        // Time stands still now and then: places in the order then depend on ids.
        at += i64::from(at % 3 != 0) * 7;
        let (roles_before, versions_before) = (room.roles().await, room.versions().await);
        let now = Timestamp::from_micros(at);
        let allowed = model.apply(*actor, step, now);
        let told = room.act(*actor, step, now).await;
        assert_eq!(told.is_some(), allowed, "{actor} {step:?}");
        check(&room, &model, (&roles_before, &versions_before), &told.unwrap_or_default()).await;
    }
    check_notices(&room).await;
}

async fn check(
    room: &Room<'_>,
    model: &Model,
    (roles_before, versions_before): (&BTreeMap<usize, Role>, &[u64]),
    told: &[MembershipChange],
) {
    let roles = room.roles().await;
    let wanted: BTreeMap<_, _> =
        model.members.iter().map(|(who, (role, _))| (*who, *role)).collect();
    assert_eq!(roles, wanted);
    let owners = roles.values().filter(|role| **role == Role::Owner).count();
    assert_eq!(owners, usize::from(!roles.is_empty()));
    if let Some(who) = roles.keys().next() {
        let found = room.store.room_of(&room.user(*who), room.id).await.expect("answers");
        let (stored, _) = found.expect("a member");
        assert_eq!(stored.member_count as usize, roles.len());
        assert_eq!((stored.state, &stored.name), (model.state, &model.name));
    }
    let versions = room.versions().await;
    for who in 0..PEOPLE {
        let changed = roles.get(&who) != roles_before.get(&who);
        assert_eq!(versions[who], versions_before[who] + u64::from(changed), "person {who}");
        let told = told.iter().find(|change| change.user == room.user(who));
        assert_eq!(told.is_some(), changed, "person {who}");
        if let Some(told) = told {
            assert_eq!(told.version, versions[who]);
            let role = told.membership.as_ref().map(|membership| membership.role);
            assert_eq!(role, roles.get(&who).copied());
        }
    }
}

async fn check_notices(room: &Room<'_>) {
    let claim = room.store.claim_notices(1_000, 10_000).await.expect("a claim");
    let ours = claim.notices().iter().filter(|notice| notice.room == room.id);
    let places: Vec<_> = ours.map(|notice| notice.position).collect();
    assert_eq!(places, (1..=places.len() as u64).collect::<Vec<_>>());
    let delivered: Vec<_> = places.into_iter().map(|position| (room.id, position)).collect();
    claim.settle(&delivered).await.expect("settles");
}

fn hold_for(cases: u32, fixture: impl Future<Output = Fixture>) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let fixture = runtime.block_on(fixture);
    let kind = prop_oneof![Just(RoomKind::Group), Just(RoomKind::Public)];
    let steps = prop::collection::vec(step(), 1..40);
    let mut runner = TestRunner::new(RunnerConfig {
        cases,
        failure_persistence: None,
        ..RunnerConfig::default()
    });
    let result = runner.run(&(kind, steps), |(kind, steps)| {
        runtime.block_on(run(fixture.store.as_ref(), kind, &steps));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn the_model_holds_on_postgres() {
    hold_for(24, postgres());
}

#[test]
fn the_model_holds_on_sqlite() {
    hold_for(48, sqlite());
}
