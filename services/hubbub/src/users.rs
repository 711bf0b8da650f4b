//! `hubbub users ghosts`: members of rooms who do not exist. Before existence was checked, rooms could be
//! made with any name, and whoever registered that name later would have been a member.

use std::{collections::HashSet, sync::Arc};

use anyhow::{Context as _, ensure};
use hubbub_domain::{Clock as _, Code, Fault, RoomKind, SystemClock, UserId};
use hubbub_identity::Accounts;
use hubbub_room::{
    change::{Change, Command},
    error::StoreError,
    model::Membership,
    store::{Page, Store},
};
use hubbub_runtime::config::ConfigError;

use crate::{
    announce,
    cli::{Ghosts, Users},
    failure::Failure,
    settings::{Loaded, Settings},
};

/// Users compared in one step.
const USERS_PER_PAGE: u32 = 200;
/// Memberships of one user taken in one step.
const ROOMS_PER_PAGE: u32 = 500;

pub(crate) async fn run(
    loaded: Result<Loaded<Settings>, ConfigError>,
    what: Users,
) -> Result<(), Failure> {
    let Users::Ghosts(how) = what;
    let settings = loaded?.settings;
    if how.remove && settings.identity().accounts == Accounts::External {
        return Err(Failure::config(
            "identity.accounts is external: only the issuer knows which users exist",
        ));
    }
    look(&settings, how).await?;
    Ok(())
}

async fn look(settings: &Settings, how: Ghosts) -> anyhow::Result<()> {
    let rooms = hubbub_room::store::open(&settings.room())
        .await
        .context("the store of the room service")?;
    let people = hubbub_identity::store::open(&settings.identity())
        .await
        .context("the store of the identity service")?;
    let ghosts = find(&rooms, people.as_ref()).await?;
    let group_members_max = settings.room().group_members_max;
    for ghost in &ghosts {
        let count = if how.remove {
            remove(rooms.as_ref(), ghost, group_members_max).await?
        } else {
            memberships(rooms.as_ref(), ghost).await?.len()
        };
        let done = if how.remove { "removed from" } else { "a member of" };
        announce::say(format_args!("{ghost}: {done} {count} room(s)"));
    }
    let hint = if ghosts.is_empty() || how.remove { "" } else { "; --remove takes them out" };
    announce::say(format_args!("{} ghost(s){hint}", ghosts.len()));
    Ok(())
}

/// The members whom the identity service has never heard of, by id.
async fn find(
    rooms: &Arc<dyn Store>,
    people: &dyn hubbub_identity::store::Store,
) -> anyhow::Result<Vec<UserId>> {
    let (mut ghosts, mut known_any, mut after) = (Vec::new(), false, None);
    loop {
        let page = Page { after: after.take(), limit: USERS_PER_PAGE };
        let users = rooms.users_after(&page).await.context("the members of rooms")?;
        let Some(last) = users.last().cloned() else { break };
        let known = people.users(&users).await.context("the users")?;
        let known: HashSet<UserId> = known.into_iter().map(|user| user.id).collect();
        known_any |= !known.is_empty();
        ghosts.extend(users.into_iter().filter(|user| !known.contains(user)));
        after = Some(last);
    }
    // Compared with the wrong database, everybody would be a ghost.
    ensure!(
        known_any || ghosts.is_empty(),
        "the identity service's database knows none of the {} members: it is another deployment's",
        ghosts.len()
    );
    Ok(ghosts)
}

async fn memberships(rooms: &dyn Store, user: &UserId) -> anyhow::Result<Vec<Membership>> {
    let page = Page { after: None, limit: ROOMS_PER_PAGE };
    rooms.memberships(user, &page).await.with_context(|| format!("the rooms of {user}"))
}

/// Takes a ghost out of all rooms; of how many.
async fn remove(
    rooms: &dyn Store,
    ghost: &UserId,
    group_members_max: u32,
) -> anyhow::Result<usize> {
    let mut count = 0;
    loop {
        let some = memberships(rooms, ghost).await?;
        if some.is_empty() {
            return Ok(count);
        }
        for Membership { room, kind, .. } in some {
            let taken_out = if kind == RoomKind::Direct {
                rooms.part(ghost, room).await
            } else {
                let (actor, at) = (ghost.clone(), SystemClock.now());
                let change =
                    Change { room, actor, command: Command::Vanish, at, group_members_max };
                rooms.change(&change).await.map(drop)
            };
            match taken_out {
                // Another run was faster.
                Err(StoreError::Refused(Fault { code: Code::NotFound, .. })) => {}
                done => done.with_context(|| format!("{ghost} in room {room}"))?,
            }
            count += 1;
        }
    }
}
