//! Notices on their way to history.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use hubbub_domain::{Role, RoomId, RoomKind, SystemNotice};

use super::{act, dissolved, invite, join, make, new_direct, user};
use crate::{
    change::Command,
    store::{NoticeClaim, Store},
};

fn places(claim: &dyn NoticeClaim) -> Vec<(RoomId, u64)> {
    claim.notices().iter().map(|notice| (notice.room, notice.position)).collect()
}

async fn claim(store: &dyn Store) -> Box<dyn NoticeClaim> {
    store.claim_notices(10, 100).await.expect("a claim")
}

/// Claims until the claim is as it should be: the connection of a dropped one lets go of its rows
/// behind our back.
async fn claim_again(
    mut claim: impl AsyncFnMut() -> Box<dyn NoticeClaim>,
    wanted: impl Fn(&dyn NoticeClaim) -> bool,
) -> Box<dyn NoticeClaim> {
    let mut found = None;
    for _ in 0..500 {
        let taken = claim().await;
        if wanted(taken.as_ref()) {
            return taken;
        }
        found = Some(places(taken.as_ref()));
        drop(taken);
        // Between two looks.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the claim stays {found:?}");
}

pub(super) async fn told_in_order_and_taken_away(store: Arc<dyn Store>) {
    store.open_direct(&new_direct("alice", "bob")).await.expect("made");
    assert_eq!(store.backlog().await.expect("answers").pending, 0, "an empty chat stays empty");
    let room = make(&*store, RoomKind::Group, "alice", &["bob", "carol"]).await;
    act(&*store, room.id, "alice", invite(["dave", "eve"])).await.expect("invites");
    act(&*store, room.id, "bob", Command::LEAVE).await.expect("leaves");
    act(&*store, room.id, "alice", Command::LEAVE).await.expect("leaves");
    let by = || user("alice");
    let wanted = [
        SystemNotice::Created { by: by() },
        SystemNotice::Invited { user: user("dave"), by: by() },
        SystemNotice::Invited { user: user("eve"), by: by() },
        SystemNotice::Left { user: user("bob") },
        SystemNotice::Left { user: by() },
        SystemNotice::RoleSet { user: user("carol"), role: Role::Owner, by: by() },
    ];
    let taken = claim(&*store).await;
    let told: Vec<_> = taken.notices().iter().map(|notice| notice.notice.clone()).collect();
    assert_eq!(told, wanted);
    let all = places(taken.as_ref());
    assert_eq!(all, (1..=6).map(|position| (room.id, position)).collect::<Vec<_>>());
    let backlog = store.backlog().await.expect("answers");
    assert_eq!((backlog.pending, backlog.oldest), (6, Some(room.created_at)));

    taken.settle(&all[..2]).await.expect("settles");
    let rest = claim(&*store).await;
    assert_eq!(places(rest.as_ref()), all[2..]);
    // A dropped claim takes nothing away.
    drop(rest);
    let rest = claim_again(async || claim(&*store).await, |rest| places(rest) == all[2..]).await;
    rest.settle(&all[2..]).await.expect("settles");
    assert_eq!(store.backlog().await.expect("answers").pending, 0);
    // Positions go on where they were.
    let dissolve = dissolved();
    act(&*store, room.id, "carol", dissolve).await.expect("dissolves");
    assert_eq!(places(claim(&*store).await.as_ref()), [(room.id, 7)]);
}

pub(super) async fn a_room_is_in_one_claim(store: Arc<dyn Store>) {
    let room = make(&*store, RoomKind::Public, "alice", &[]).await.id;
    let first = claim(&*store).await;
    assert_eq!(places(first.as_ref()), [(room, 1)]);
    // The store is free for changes meanwhile, and the room's next notice waits its turn.
    act(&*store, room, "bob", join()).await.expect("joins");
    assert_eq!(places(claim(&*store).await.as_ref()), []);
    first.settle(&[(room, 1)]).await.expect("settles");
    assert_eq!(places(claim(&*store).await.as_ref()), [(room, 2)]);
}

pub(super) async fn claims_are_bounded(store: Arc<dyn Store>) {
    let mut rooms = Vec::new();
    for _ in 0..5 {
        rooms.push(make(&*store, RoomKind::Public, "alice", &[]).await.id);
    }
    act(&*store, rooms[0], "bob", join()).await.expect("joins");
    let taken = store.claim_notices(2, 100).await.expect("a claim");
    let of: BTreeSet<_> = taken.notices().iter().map(|notice| notice.room).collect();
    assert_eq!(of, BTreeSet::from([rooms[0], rooms[1]]), "the oldest rooms first");
    drop(taken);
    let three = async || store.claim_notices(5, 3).await.expect("a claim");
    claim_again(three, |taken| taken.notices().len() == 3).await;
}
