//! What is owed to the bus.

use std::sync::Arc;

use hubbub_domain::{Body, Rev, RoomId};

use super::{append_at, at, changed, post, seq, user};
use crate::store::{Backlog, Batch, Claim, Edit, Range, Store};

async fn claim(store: &dyn Store) -> Box<dyn Claim> {
    store.claim(at(1_000_000), 10).await.expect("a claim")
}

fn range(room: RoomId, first: u64, last: u64) -> Range {
    Range { room, first: Rev(first), last: Rev(last) }
}

pub(super) async fn a_commit_leaves_a_row(store: Arc<dyn Store>) {
    let (mut a, mut b) = (RoomId::generate(), RoomId::generate());
    if a > b {
        (a, b) = (b, a);
    }
    let posts = [post(b, "alice", "1"), post(a, "alice", "2"), post(b, "alice", "3")];
    let committed = append_at(&*store, &posts, at(100)).await;
    assert!(committed.outbox.is_some());
    // Nothing new: nothing owed.
    assert_eq!(append_at(&*store, &posts, at(150)).await.outbox, None);
    let edit =
        Edit { room: b, seq: seq(1), actor: user("alice"), body: Body::text("4"), now: at(200) };
    let (edited, _) = changed(store.edit(&edit).await.expect("edited"));
    let backlog = store.backlog().await.expect("a backlog");
    assert_eq!(backlog, Backlog { rows: 2, oldest: Some(at(100)) });

    let mut claim = claim(&*store).await;
    assert_eq!(claim.ranges(), [range(a, 1, 1), range(b, 1, 2), range(b, 3, 3)]);
    let revs: Vec<_> = claim
        .changes(range(b, 1, 2))
        .await
        .expect("changes")
        .changes
        .iter()
        .map(|it| it.rev)
        .collect();
    assert_eq!(revs, [Rev(1), Rev(2)]);
    assert_eq!(claim.changes(range(b, 3, 3)).await.expect("changes").changes, [edited]);
    claim.finish().await.expect("finished");
    assert_eq!(store.backlog().await.expect("a backlog"), Backlog::default());
}

pub(super) async fn a_row_is_claimed_once(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    for moment in [100, 200, 300] {
        append_at(&*store, &[post(room, "alice", "x")], at(moment)).await;
    }
    // Only what is older; the oldest first; at most so many.
    assert!(store.claim(at(100), 10).await.expect("a claim").ranges().is_empty());
    let first = store.claim(at(300), 1).await.expect("a claim");
    assert_eq!(first.ranges(), [range(room, 1, 1)]);
    let second = claim(&*store).await;
    assert!(second.ranges().iter().all(|it| *it != range(room, 1, 1)));
    // Writers are not held up by a claim.
    append_at(&*store, &[post(room, "alice", "x")], at(400)).await;
    first.finish().await.expect("finished");
    drop(second);
    // The connection of the dropped claim lets go behind our back.
    let store = &store;
    hubbub_testkit::eventually(std::time::Duration::from_secs(5), || async move {
        claim(&**store).await.ranges() == [range(room, 2, 2), range(room, 3, 3), range(room, 4, 4)]
    })
    .await;
}

pub(super) async fn finished_rows_go(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    let row = |text: &'static str| {
        let store = store.clone();
        async move {
            let posts = [post(room, "alice", text)];
            append_at(&*store, &posts, at(1)).await.outbox.expect("a row")
        }
    };
    let (first, second) = (row("1").await, row("2").await);
    let posts = [post(room, "alice", "3")];
    let batch = Batch { posts: &posts, now: at(1), finished: &[first, second] };
    let third = store.append(batch).await.expect("stored").outbox.expect("a row");
    assert_eq!(store.backlog().await.expect("a backlog").rows, 1);
    store.finish(&[third, first]).await.expect("finished");
    store.finish(&[]).await.expect("nothing to do");
    assert_eq!(store.backlog().await.expect("a backlog").rows, 0);
    // What a sweep holds is its own: nobody waits for it.
    let held = row("4").await;
    let claim = claim(&*store).await;
    let posts = [post(room, "alice", "5")];
    let batch = Batch { posts: &posts, now: at(1), finished: &[held] };
    store.append(batch).await.expect("stored");
    store.finish(&[held]).await.expect("finished");
    claim.finish().await.expect("finished");
    assert_eq!(store.backlog().await.expect("a backlog").rows, 1);
}

pub(super) async fn an_abandoned_claim_is_free(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    append_at(&*store, &[post(room, "alice", "x")], at(1)).await;
    drop(claim(&*store).await);
    // The connection of the abandoned claim lets go behind our back.
    let store = &store;
    hubbub_testkit::eventually(std::time::Duration::from_secs(5), || async move {
        claim(&**store).await.ranges() == [range(room, 1, 1)]
    })
    .await;
}
