//! Pages, moments, and changes in steps.

use std::sync::Arc;

use hubbub_domain::{Rev, RoomId, Seq};

use super::{append_at, at, fill, post, seq, seqs};
use crate::{
    rules::{Anchor, window},
    store::{Page, Store},
};

async fn page(store: &dyn Store, room: RoomId, anchor: Anchor, limit: u32) -> Page {
    store.page(room, window(anchor, limit)).await.expect("a page")
}

pub(super) async fn anchors_and_edges(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    fill(&*store, room, 10).await;
    let cases: [(Anchor, u32, &[u64]); 16] = [
        (Anchor::Newest, 3, &[8, 9, 10]),
        (Anchor::Newest, 99, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (Anchor::Before(seq(4)), 2, &[2, 3]),
        (Anchor::Before(seq(2)), 5, &[1]),
        (Anchor::Before(seq(1)), 5, &[]),
        (Anchor::Before(seq(0)), 5, &[]),
        (Anchor::Before(Seq(u64::MAX)), 2, &[9, 10]),
        (Anchor::After(seq(0)), 2, &[1, 2]),
        (Anchor::After(seq(8)), 5, &[9, 10]),
        (Anchor::After(seq(10)), 5, &[]),
        (Anchor::After(Seq(u64::MAX)), 5, &[]),
        (Anchor::Around(seq(5)), 3, &[4, 5, 6]),
        (Anchor::Around(seq(1)), 3, &[1, 2, 3]),
        (Anchor::Around(seq(10)), 3, &[8, 9, 10]),
        (Anchor::Around(Seq(u64::MAX)), 2, &[9, 10]),
        (Anchor::Around(seq(5)), 1, &[5]),
    ];
    for (anchor, limit, expected) in cases {
        let page = page(&*store, room, anchor, limit).await;
        assert_eq!(seqs(&page.messages), expected, "{anchor:?}");
        assert_eq!((page.head.seq, page.head.rev), (seq(10), Rev(10)));
    }
    let nowhere = page(&*store, RoomId::generate(), Anchor::Newest, 5).await;
    assert!(nowhere.messages.is_empty());
    assert_eq!((nowhere.head.seq, nowhere.head.rev), (Seq::ZERO, Rev::ZERO));
}

/// Walking back through a room while it grows shows every message once.
pub(super) async fn pages_meet_while_people_write(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    fill(&*store, room, 200).await;
    let writer = {
        let store = store.clone();
        tokio::spawn(async move { fill_singly(&*store, room, 60).await })
    };
    for _ in 0..4 {
        let mut seen = Vec::new();
        let mut anchor = Anchor::Newest;
        let mut top = None;
        loop {
            let page = page(&*store, room, anchor, 30).await;
            // A page of the newest ends at the head it tells.
            if anchor == Anchor::Newest {
                assert_eq!(page.messages.last().expect("not empty").seq, page.head.seq);
            }
            let top = *top.get_or_insert(page.head.seq);
            let Some(first) = page.messages.first() else { break };
            anchor = Anchor::Before(first.seq);
            seen.splice(0..0, seqs(&page.messages));
            assert_eq!(seen.last(), Some(&top.0));
        }
        assert_eq!(seen, (1..=top.expect("a page was read").0).collect::<Vec<_>>());
    }
    writer.await.expect("the writer ends");
}

async fn fill_singly(store: &dyn Store, room: RoomId, count: usize) {
    for _ in 0..count {
        append_at(store, &[post(room, "bob", "x")], at(1)).await;
    }
}

pub(super) async fn a_moment_is_found_in_a_long_room(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    // Messages at 10, 20, 30, … milliseconds.
    for n in 1..=40 {
        append_at(&*store, &[post(room, "alice", "x")], at(n * 10_000)).await;
    }
    for moment in [0, 1, 9, 10, 11, 20, 21, 155, 399, 400, 401, 100_000] {
        let older = ((moment - 1).max(0) / 10).min(40) as u64;
        // What is finer than a millisecond is not looked at.
        let page = page(&*store, room, Anchor::BeforeTime(at(moment * 1_000 + 7)), 3).await;
        let expected: Vec<u64> = (older.saturating_sub(3) + 1..=older).collect();
        assert_eq!(seqs(&page.messages), expected, "before {moment}");
    }
    let nowhere = page(&*store, RoomId::generate(), Anchor::BeforeTime(at(9)), 3).await;
    assert!(nowhere.messages.is_empty());
}

pub(super) async fn changes_come_in_steps(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    fill(&*store, room, 25).await;
    let mut after = Rev::ZERO;
    let mut steps = 0;
    loop {
        let told = store.changes(room, after, 10).await.expect("changes");
        assert_eq!(told.head.rev, Rev(25));
        let Some(last) = told.changes.last() else { break };
        after = last.rev;
        steps += 1;
    }
    assert_eq!((after, steps), (Rev(25), 3));
    let nowhere = store.changes(RoomId::generate(), Rev(7), 10).await.expect("changes");
    assert!(nowhere.changes.is_empty() && nowhere.head.rev == Rev::ZERO);
}
