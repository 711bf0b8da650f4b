//! Blocks shut direct rooms.

use std::sync::Arc;

use hubbub_domain::{Code, RoomKind};

use super::{Store, make, new_direct, refusal, user, version};
use crate::blocking::{Block, BlockState};

fn block(user_id: &str, peer: &str, version: u64, state: BlockState) -> Block {
    Block { user: user(user_id), peer: user(peer), state, version }
}

pub(super) async fn a_block_shuts_the_room_of_two_until_both_are_lifted(store: Arc<dyn Store>) {
    use BlockState::{Blocked, Lifted};

    let room = store.open_direct(&new_direct("alice", "bob")).await.expect("made").room;
    assert!(!room.blocked);
    for (by, of, count, state, shut, told) in [
        ("bob", "alice", 1, Blocked, true, true),
        ("bob", "alice", 1, Blocked, true, false),
        ("alice", "bob", 1, Blocked, true, false),
        ("bob", "alice", 2, Lifted, true, false),
        // What is older than what is known changes nothing.
        ("bob", "alice", 1, Blocked, true, false),
        ("alice", "bob", 2, Lifted, false, true),
        ("bob", "alice", 1, Blocked, false, false),
        ("bob", "alice", 3, Blocked, true, true),
    ] {
        let before = version(&*store, "alice").await;
        let changes = store.set_block(&block(by, of, count, state)).await.expect("noted");
        assert_eq!(!changes.is_empty(), told, "{by} {count} {state:?}");
        assert_eq!(version(&*store, "alice").await, before + u64::from(told));
        for name in ["alice", "bob"] {
            let standing = store.membership(&user(name), room.id).await.expect("answers");
            let standing = standing.expect("a member");
            assert_eq!(standing.blocked, shut, "{by} {count} {state:?}");
            let change = changes.iter().find(|change| change.user == user(name));
            assert_eq!(change.is_some(), told);
            if let Some(change) = change {
                assert_eq!(change.membership.as_ref(), Some(&standing), "told what is stored");
            }
        }
        let found = store.find_direct(&user("alice"), &user("bob")).await.expect("answers");
        assert_eq!(found.map(|room| room.blocked), Some(shut));
    }
    assert_eq!(version(&*store, "carol").await, 0);
}

pub(super) async fn a_block_before_the_room_keeps_it_from_being_made(store: Arc<dyn Store>) {
    let changes = store.set_block(&block("bob", "alice", 1, BlockState::Blocked)).await;
    assert!(changes.expect("noted").is_empty());
    assert_eq!(refusal(store.open_direct(&new_direct("alice", "bob")).await), Code::Forbidden);
    assert_eq!(version(&*store, "alice").await, 0);
    let found = store.find_direct(&user("alice"), &user("bob")).await.expect("answers");
    assert_eq!(found, None);
    store.set_block(&block("bob", "alice", 2, BlockState::Lifted)).await.expect("noted");
    assert!(store.open_direct(&new_direct("alice", "bob")).await.expect("made").created);
    assert!(store.open_direct(&new_direct("alice", "carol")).await.expect("made").created);
}

pub(super) async fn who_blocks_whom_is_not_acquainted(store: Arc<dyn Store>) {
    use BlockState::{Blocked, Lifted};

    make(&*store, RoomKind::Group, "alice", &["bob", "carol"]).await;
    let pairs = [("alice", "bob"), ("bob", "alice"), ("bob", "carol")];
    let pairs = pairs.map(|(one, other)| (user(one), user(other)));
    for (by, of, count, state, seen) in [
        ("bob", "alice", 1, Blocked, [false, false, true]),
        ("alice", "bob", 1, Blocked, [false, false, true]),
        ("bob", "alice", 2, Lifted, [false, false, true]),
        ("alice", "bob", 2, Lifted, [true, true, true]),
    ] {
        store.set_block(&block(by, of, count, state)).await.expect("noted");
        let places = store.acquainted(&pairs).await.expect("an answer");
        assert_eq!([0, 1, 2].map(|place| places.contains(&place)), seen, "{by} {count} {state:?}");
    }
}

pub(super) async fn blocking_and_opening_at_once_never_miss_each_other(store: Arc<dyn Store>) {
    for round in 0..20 {
        let name = format!("bob{round:02}");
        let (opening, blocking) = (Arc::clone(&store), Arc::clone(&store));
        let (new, block) =
            (new_direct("alice", &name), block("alice", &name, 1, BlockState::Blocked));
        let opening = tokio::spawn(async move { opening.open_direct(&new).await });
        let blocking = tokio::spawn(async move { blocking.set_block(&block).await });
        let opened = opening.await.expect("runs");
        blocking.await.expect("runs").expect("noted");
        let found = store.find_direct(&user("alice"), &user(&name)).await.expect("answers");
        match opened {
            Ok(_) => assert!(found.expect("it was made").blocked, "the block was missed"),
            refused => assert_eq!(refusal(refused), Code::Forbidden),
        }
    }
}
