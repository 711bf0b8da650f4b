//! Who may do what in a room. Pure: roles, kind and state in; yes or the refusal out.
//!
//! The order of the questions is part of the contract: a stranger learns nothing but that there is
//! no such room *for them*; only a member is told that the room is direct, dissolved, or that their
//! role is too low.

use hubbub_domain::{Code, Fault, Role, RoomKind, RoomState};

/// Something a user wants to do with a room. `target` is the standing of the person it is about,
/// `None` when that person is not a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    ListMembers,
    Rename,
    SetTopic,
    SetState { to: RoomState },
    SetSlowMode,
    Join,
    Leave,
    Invite,
    Remove { target: Option<Role> },
    SetRole { target: Option<Role>, to: Role },
}

/// The room as the rules see it, and the actor's standing in it.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    pub kind: RoomKind,
    pub state: RoomState,
    pub actor: Option<Role>,
}

impl Scene {
    /// Whether the actor may do this here and now.
    pub fn permit(self, action: Action) -> Result<(), Fault> {
        let Some(role) = self.actor else { return self.permit_stranger(action) };
        if action == Action::ListMembers {
            return Ok(());
        }
        // A direct room is dissolved when one of the two turns out not to exist.
        let abandoned = self.state == RoomState::Dissolved && action == Action::Leave;
        if self.kind == RoomKind::Direct && !abandoned {
            return Err(Fault::new(Code::Conflict, "a direct room belongs to its two people"));
        }
        // Without a way out a dissolved room would stay in everybody's list for ever.
        if self.state == RoomState::Dissolved && action != Action::Leave {
            return Err(Fault::new(Code::Conflict, "the room is dissolved"));
        }
        match action {
            Action::ListMembers | Action::Join | Action::Leave => Ok(()),
            Action::SetState { to: RoomState::Dissolved } => at_least(role, Role::Owner),
            Action::Rename
            | Action::SetTopic
            | Action::SetState { .. }
            | Action::SetSlowMode
            | Action::Invite => at_least(role, Role::Admin),
            Action::Remove { target } => permit_remove(role, target),
            Action::SetRole { target, to } => permit_set_role(role, target, to),
        }
    }

    /// A public room can be found by anybody, so joining it tells nothing; a dissolved one cannot.
    fn permit_stranger(self, action: Action) -> Result<(), Fault> {
        let findable = self.kind == RoomKind::Public && self.state != RoomState::Dissolved;
        if action == Action::Join && findable { Ok(()) } else { Err(Fault::no_such_room()) }
    }
}

fn at_least(role: Role, needed: Role) -> Result<(), Fault> {
    if role >= needed {
        return Ok(());
    }
    Err(Fault::new(Code::Forbidden, format!("this needs the role {}", needed.as_str())))
}

/// Putting out somebody who is not in the room is done already.
fn permit_remove(role: Role, target: Option<Role>) -> Result<(), Fault> {
    at_least(role, Role::Admin)?;
    if target.is_some_and(|target| target >= role) {
        return Err(Fault::new(Code::Forbidden, "only members of a lower role can be removed"));
    }
    Ok(())
}

/// A room has exactly one owner, so a target who is the owner is the actor.
fn permit_set_role(role: Role, target: Option<Role>, to: Role) -> Result<(), Fault> {
    at_least(role, Role::Owner)?;
    match target {
        None => Err(Fault::new(Code::NotFound, "no such member")),
        Some(Role::Owner) if to != Role::Owner => {
            Err(Fault::new(Code::Conflict, "an owner steps down by making another the owner"))
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use hubbub_domain::{Code, Role, RoomKind, RoomState};

    use super::{Action, Scene};

    const KINDS: [RoomKind; 3] = [RoomKind::Direct, RoomKind::Group, RoomKind::Public];
    const STATES: [RoomState; 3] = [RoomState::Open, RoomState::ReadOnly, RoomState::Dissolved];
    const ROLES: [Role; 3] = [Role::Member, Role::Admin, Role::Owner];
    const TARGETS: [Option<Role>; 4] =
        [None, Some(Role::Member), Some(Role::Admin), Some(Role::Owner)];

    fn actions() -> Vec<Action> {
        let plain = [
            Action::ListMembers,
            Action::Rename,
            Action::SetTopic,
            Action::SetSlowMode,
            Action::Join,
            Action::Leave,
            Action::Invite,
        ];
        let states = STATES.map(|to| Action::SetState { to });
        let removals = TARGETS.map(|target| Action::Remove { target });
        let roles =
            TARGETS.into_iter().flat_map(|target| ROLES.map(|to| Action::SetRole { target, to }));
        plain.into_iter().chain(states).chain(removals).chain(roles).collect()
    }

    fn verdict(kind: RoomKind, state: RoomState, actor: Option<Role>, action: Action) -> String {
        match (Scene { kind, state, actor }).permit(action) {
            Ok(()) => "yes".to_owned(),
            Err(fault) => fault.code.to_string(),
        }
    }

    #[test]
    fn a_stranger_learns_nothing_but_public_doors() {
        for kind in KINDS {
            for state in STATES {
                for action in actions() {
                    let open_door = kind == RoomKind::Public
                        && state != RoomState::Dissolved
                        && action == Action::Join;
                    let wanted = if open_door { "yes" } else { "not_found" };
                    assert_eq!(
                        verdict(kind, state, None, action),
                        wanted,
                        "{kind:?} {state:?} {action:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn direct_and_dissolved_rooms_show_their_members_and_dissolved_ones_can_be_left() {
        let frozen = KINDS
            .into_iter()
            .flat_map(|kind| STATES.map(|state| (kind, state)))
            .filter(|&(kind, state)| kind == RoomKind::Direct || state == RoomState::Dissolved);
        for (kind, state) in frozen {
            for role in ROLES {
                for action in actions() {
                    let stays = kind == RoomKind::Direct && state != RoomState::Dissolved;
                    let leaving = !stays && action == Action::Leave;
                    let allowed = leaving || action == Action::ListMembers;
                    let wanted = if allowed { "yes" } else { "conflict" };
                    assert_eq!(
                        verdict(kind, state, Some(role), action),
                        wanted,
                        "{kind:?} {state:?} {action:?}"
                    );
                }
            }
        }
    }

    /// For every action: what a member, an admin and the owner are told.
    fn table() -> Vec<(Action, [&'static str; 3])> {
        use Action as A;
        use Role::{Admin, Member, Owner};
        const NO: &str = "forbidden";
        let set = |target: Option<Role>, to: Role| A::SetRole { target, to };
        vec![
            (A::ListMembers, ["yes", "yes", "yes"]),
            (A::Join, ["yes", "yes", "yes"]),
            (A::Leave, ["yes", "yes", "yes"]),
            (A::Rename, [NO, "yes", "yes"]),
            (A::SetTopic, [NO, "yes", "yes"]),
            (A::SetSlowMode, [NO, "yes", "yes"]),
            (A::Invite, [NO, "yes", "yes"]),
            (A::SetState { to: RoomState::Open }, [NO, "yes", "yes"]),
            (A::SetState { to: RoomState::ReadOnly }, [NO, "yes", "yes"]),
            (A::SetState { to: RoomState::Dissolved }, [NO, NO, "yes"]),
            (A::Remove { target: None }, [NO, "yes", "yes"]),
            (A::Remove { target: Some(Member) }, [NO, "yes", "yes"]),
            (A::Remove { target: Some(Admin) }, [NO, NO, "yes"]),
            (A::Remove { target: Some(Owner) }, [NO, NO, NO]),
            (set(None, Member), [NO, NO, "not_found"]),
            (set(None, Admin), [NO, NO, "not_found"]),
            (set(None, Owner), [NO, NO, "not_found"]),
            (set(Some(Member), Member), [NO, NO, "yes"]),
            (set(Some(Member), Admin), [NO, NO, "yes"]),
            (set(Some(Member), Owner), [NO, NO, "yes"]),
            (set(Some(Admin), Member), [NO, NO, "yes"]),
            (set(Some(Admin), Admin), [NO, NO, "yes"]),
            (set(Some(Admin), Owner), [NO, NO, "yes"]),
            (set(Some(Owner), Member), [NO, NO, "conflict"]),
            (set(Some(Owner), Admin), [NO, NO, "conflict"]),
            (set(Some(Owner), Owner), [NO, NO, "yes"]),
        ]
    }

    #[test]
    fn roles_decide_in_groups_and_public_rooms_open_or_read_only() {
        let table = table();
        assert_eq!(table.len(), actions().len(), "the table has a row for every action");
        assert!(actions().iter().all(|action| table.iter().any(|(row, _)| row == action)));
        for kind in [RoomKind::Group, RoomKind::Public] {
            for state in [RoomState::Open, RoomState::ReadOnly] {
                for (action, wanted) in &table {
                    let told = ROLES.map(|role| verdict(kind, state, Some(role), *action));
                    assert_eq!(told, wanted.map(str::to_owned), "{kind:?} {state:?} {action:?}");
                }
            }
        }
    }

    #[test]
    fn refusals_of_strangers_are_all_the_same() {
        let scene = Scene { kind: RoomKind::Group, state: RoomState::Open, actor: None };
        let fault = scene.permit(Action::Rename).expect_err("a stranger");
        assert_eq!(fault, hubbub_domain::Fault::no_such_room());
        assert_eq!(fault.code, Code::NotFound);
    }
}
