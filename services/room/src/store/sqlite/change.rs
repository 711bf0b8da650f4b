//! Changing a room: look, decide, write. The one writing connection makes changes follow each other.

use hubbub_domain::{Role, RoomId, UserId};
use sqlx::{SqliteConnection, SqlitePool};

use super::{WRITE, depart, json_texts, reads, write};
use crate::{
    change::{Change, Command, Departed, Plan, View},
    model::{Member, MembershipChange, Room, fold},
    store::{
        Changed, Result,
        making::Newcomer,
        rows::{MemberRow, RoomRow, convert, parse, room_columns},
    },
};

pub(super) async fn change(pool: &SqlitePool, change: &Change) -> Result<Changed> {
    let mut tx = pool.begin_with(WRITE).await?;
    let view = look(&mut tx, change).await?;
    let plan = change.decide(&view)?;
    let room = plan.applied_to(view.room);
    let changes =
        if plan.is_empty() { Vec::new() } else { write(&mut tx, change, &plan, &room).await? };
    let actor = reads::memberships_in(&mut *tx, room.id, std::slice::from_ref(&change.actor));
    let actor = actor.await?.pop();
    tx.commit().await?;
    let written = !plan.is_empty();
    Ok(Changed { room, written, added: plan.added, refused: plan.refused, changes, actor })
}

async fn look(connection: &mut SqliteConnection, change: &Change) -> Result<View> {
    let row: Option<RoomRow> =
        sqlx::query_as(concat!("SELECT ", room_columns!(), "FROM rooms r WHERE r.room_id = $1"))
            .bind(change.room.as_uuid())
            .fetch_optional(&mut *connection)
            .await?;
    let room = Room::try_from(row.ok_or_else(hubbub_domain::Fault::no_such_room)?)?;
    let rows: Vec<MemberRow> = sqlx::query_as(
        "SELECT user_id, role, joined_at_us FROM members
         WHERE room_id = $1 AND user_id IN (SELECT value FROM json_each($2))",
    )
    .bind(change.room.as_uuid())
    .bind(json_texts(&change.people()))
    .fetch_all(&mut *connection)
    .await?;
    let members: Vec<Member> = convert(rows)?;
    let mut view = View { room, members, heir: None, departed: Vec::new() };
    if let Command::Invite { users, .. } = &change.command {
        view.departed = depart::among(connection, change.room, users).await?;
    }
    if change.wants_heir(view.role_of(&change.actor)) {
        view.heir = find_heir(connection, change.room).await?;
    }
    Ok(view)
}

async fn find_heir(connection: &mut SqliteConnection, room: RoomId) -> Result<Option<UserId>> {
    let heir: Option<String> = sqlx::query_scalar(
        "SELECT user_id FROM members WHERE room_id = $1 AND role <> 'owner'
         ORDER BY standing, joined_at_us, user_id LIMIT 1",
    )
    .bind(room.as_uuid())
    .fetch_optional(connection)
    .await?;
    heir.map(|user| parse(&user, "a user id")).transpose()
}

/// Writes the plan; `room` is the room as it is afterwards.
async fn write(
    connection: &mut SqliteConnection,
    change: &Change,
    plan: &Plan,
    room: &Room,
) -> Result<Vec<MembershipChange>> {
    let newest = write_room(connection, plan, room).await?;
    let first = newest - write::count(&plan.notices) + 1;
    write::add_notices(connection, (room.id, first), &plan.notices, change.at).await?;
    if !plan.removed.is_empty() {
        remove_people(connection, room.id, &plan.removed).await?;
    }
    if !plan.added.is_empty() {
        let people = Newcomer::added_by(plan);
        write::add_people(connection, room.id, &people, change.at).await?;
        depart::forget(connection, room.id, &plan.added).await?;
    }
    if let Some(for_good) = plan.departs {
        let departed = Departed { user: change.actor.clone(), for_good };
        depart::note(connection, room.id, &departed).await?;
    }
    for (user, role) in &plan.roles {
        set_role(connection, room.id, user, *role).await?;
    }
    let versions = write::raise_versions(connection, &plan.concerned()).await?;
    changes_of(connection, room.id, versions).await
}

/// Answers the position of the newest notice.
async fn write_room(connection: &mut SqliteConnection, plan: &Plan, room: &Room) -> Result<i64> {
    Ok(sqlx::query_scalar(
        "UPDATE rooms SET name = $2, name_folded = $3, topic = $4, state = $5,
                               member_count = $6, notice_count = notice_count + $7,
                               slow_mode_seconds = $8
         WHERE room_id = $1 RETURNING notice_count",
    )
    .bind(room.id.as_uuid())
    .bind(&room.name)
    .bind(fold(&room.name))
    .bind(&room.topic)
    .bind(room.state.as_str())
    .bind(i64::from(room.member_count))
    .bind(write::count(&plan.notices))
    .bind(i64::from(room.slow_mode_seconds))
    .fetch_one(connection)
    .await?)
}

async fn remove_people(
    connection: &mut SqliteConnection,
    room: RoomId,
    users: &[UserId],
) -> Result<()> {
    for statement in [
        "DELETE FROM members WHERE room_id = $1 AND user_id IN (SELECT value FROM json_each($2))",
        "DELETE FROM records WHERE room_id = $1 AND user_id IN (SELECT value FROM json_each($2))",
    ] {
        sqlx::query(statement)
            .bind(room.as_uuid())
            .bind(json_texts(users))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn set_role(
    connection: &mut SqliteConnection,
    room: RoomId,
    user: &UserId,
    role: Role,
) -> Result<()> {
    sqlx::query("UPDATE members SET role = $3 WHERE room_id = $1 AND user_id = $2")
        .bind(room.as_uuid())
        .bind(user.as_str())
        .bind(role.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// What to tell each concerned user: the standing after the change, with the new version.
async fn changes_of(
    connection: &mut SqliteConnection,
    room: RoomId,
    versions: Vec<(UserId, u64)>,
) -> Result<Vec<MembershipChange>> {
    if versions.is_empty() {
        return Ok(Vec::new());
    }
    let users: Vec<_> = versions.iter().map(|(user, _)| user.clone()).collect();
    let memberships = reads::memberships_in(&mut *connection, room, &users).await?;
    Ok(MembershipChange::pair_up(room, versions, memberships))
}
