//! Epochs: what of an earlier one still holds.

use std::sync::Arc;

use hubbub_domain::{Body, Head, Rev, RoomId, Seq};
use uuid::Uuid;

use super::{append, at, changed, fill, post, seq, stored, user};
use crate::ReactionBounds;
use crate::store::{Cause, Deletion, Edit, Reacting, Standing, Store};

async fn survived(store: &dyn Store, epoch: Uuid, rooms: &[RoomId]) -> Option<Vec<(u64, u64)>> {
    let survived = store.survived(epoch, rooms).await.expect("an answer");
    assert_eq!(survived.epoch, store.epoch().await.expect("an epoch"));
    let heads = survived.heads?;
    Some(heads.into_iter().map(|Head { seq, rev }| (seq.0, rev.0)).collect())
}

pub(super) async fn a_lost_tail_forks_each_room_at_its_next_change(store: Arc<dyn Store>) {
    let [busy, quiet, new] = [(); 3].map(|()| RoomId::generate());
    let rooms = [busy, new, quiet, busy];
    let first = store.epoch().await.expect("an epoch");
    fill(&*store, busy, 3).await;
    fill(&*store, quiet, 2).await;
    assert_eq!(
        survived(&*store, first, &rooms).await.expect("known"),
        [(3, 3), (0, 0), (2, 2), (3, 3)]
    );

    let second = store.new_epoch(Cause::TailLost).await.expect("another epoch");
    fill(&*store, busy, 2).await;
    stored(append(&*store, &[post(new, "bob", "x")]).await[0]);
    // Places go on from what is there.
    let page = store.changes(busy, Rev::ZERO, 10).await.expect("changes");
    assert_eq!((page.head, page.epoch), (Head { seq: Seq(5), rev: Rev(5) }, second));
    // A room without a change since then has not forked; one that is new may have had others before.
    let forked = [(3, 3), (0, 0), (2, 2), (3, 3)];
    assert_eq!(survived(&*store, first, &rooms).await.expect("known"), forked);
    let today = [(5, 5), (1, 1), (2, 2), (5, 5)];
    assert_eq!(survived(&*store, second, &rooms).await.expect("known"), today);

    let third = store.new_epoch(Cause::TailLost).await.expect("another epoch");
    fill(&*store, busy, 1).await;
    fill(&*store, quiet, 1).await;
    // The earliest fork counts.
    assert_eq!(survived(&*store, first, &rooms).await.expect("known"), forked);
    let since_second = [(5, 5), (1, 1), (2, 2), (5, 5)];
    assert_eq!(survived(&*store, second, &rooms).await.expect("known"), since_second);
    let today = [(6, 6), (1, 1), (3, 3), (6, 6)];
    assert_eq!(survived(&*store, third, &rooms).await.expect("known"), today);
    assert_eq!(survived(&*store, Uuid::new_v4(), &rooms).await, None);
    assert_eq!(survived(&*store, third, &[]).await.expect("known"), []);
}

pub(super) async fn every_kind_of_change_forks(store: Arc<dyn Store>) {
    let rooms = [(); 4].map(|()| RoomId::generate());
    let [edited, deleted, reacted, repeated] = rooms;
    for room in [edited, deleted, reacted] {
        fill(&*store, room, 2).await;
    }
    let posts = [post(repeated, "alice", "1"), post(repeated, "alice", "2")];
    append(&*store, &posts).await;
    let first = store.epoch().await.expect("an epoch");
    store.new_epoch(Cause::TailLost).await.expect("another epoch");
    let (actor, now) = (user("alice"), at(5));
    let edit = Edit { room: edited, seq: seq(1), actor: actor.clone(), body: Body::text("x"), now };
    changed(store.edit(&edit).await.expect("edited"));
    let standing = Standing::Member;
    let deletion = Deletion { room: deleted, seq: seq(1), actor: actor.clone(), standing, now };
    changed(store.delete(&deletion).await.expect("deleted"));
    let emoji = "x".to_owned();
    let reacting = Reacting {
        room: reacted,
        seq: seq(1),
        actor,
        emoji,
        on: true,
        bounds: ReactionBounds::default(),
        now,
    };
    changed(store.react(&reacting).await.expect("reacted"));
    // A repetition changes nothing.
    append(&*store, &posts).await;
    assert_eq!(survived(&*store, first, &rooms).await.expect("known"), [(2, 2); 4]);
    for room in rooms {
        fill(&*store, room, 1).await;
    }
    assert_eq!(survived(&*store, first, &rooms).await.expect("known"), [(2, 2); 4]);
}

pub(super) async fn nothing_holds_after_a_restore(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    fill(&*store, room, 2).await;
    let first = store.epoch().await.expect("an epoch");
    store.new_epoch(Cause::Restored).await.expect("another epoch");
    assert_eq!(survived(&*store, first, &[room]).await, None);
    let second = store.epoch().await.expect("an epoch");
    store.new_epoch(Cause::TailLost).await.expect("another epoch");
    assert_eq!(survived(&*store, second, &[room]).await.expect("known"), [(2, 2)]);
    assert_eq!(survived(&*store, first, &[room]).await, None);
}
