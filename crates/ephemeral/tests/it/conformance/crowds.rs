//! What is said of crowds.

use std::time::Duration;

use hubbub_domain::RoomId;
use hubbub_ephemeral::Crowd;
use hubbub_testkit::eventually;

use super::{LONG, State, TTL, user};
use crate::DEADLINE;

fn crowd(room: RoomId, names: &[&str]) -> [Crowd; 1] {
    [Crowd { room, users: names.iter().copied().map(user).collect() }]
}

async fn size(state: &State, room: RoomId) -> u64 {
    state.crowd_sizes(&[room]).await.unwrap()[0]
}

pub(crate) async fn everybody_is_counted_once_and_ends_by_themselves(state: State) {
    let (room, other) = (RoomId::generate(), RoomId::generate());
    assert_eq!(state.crowd_sizes(&[room, other]).await.unwrap(), [0, 0]);
    assert_eq!(state.crowd_sizes(&[]).await.unwrap(), Vec::<u64>::new());
    state.gather(&crowd(room, &["alice", "bob"]), LONG).await.unwrap();
    // Another node has one of them too, for a shorter time.
    state.gather(&crowd(room, &["bob", "carol"]), TTL).await.unwrap();
    state.gather(&crowd(other, &["alice"]), LONG).await.unwrap();
    assert_eq!(state.crowd_sizes(&[other, room]).await.unwrap(), [1, 3]);
    eventually(DEADLINE, || async { size(&state, room).await == 2 }).await;
    assert_eq!(size(&state, other).await, 1);
}

pub(crate) async fn who_goes_is_gone_at_once_or_within_a_time(state: State) {
    let room = RoomId::generate();
    state.gather(&crowd(room, &["alice", "bob", "carol"]), LONG).await.unwrap();
    state.scatter(&crowd(room, &["alice", "nobody"]), Duration::ZERO).await.unwrap();
    state.scatter(&crowd(room, &["alice"]), TTL).await.unwrap();
    assert_eq!(size(&state, room).await, 2, "who is gone does not come back by going");
    state.scatter(&crowd(room, &["bob", "carol"]), TTL).await.unwrap();
    // Another node has carol still.
    state.gather(&crowd(room, &["carol"]), LONG).await.unwrap();
    assert_eq!(size(&state, room).await, 2);
    eventually(DEADLINE, || async { size(&state, room).await == 1 }).await;
}

pub(crate) async fn a_large_crowd_is_counted_whole(state: State) {
    let room = RoomId::generate();
    let users = (0..1_001).map(|n| user(&format!("user{n}"))).collect();
    let everybody = [Crowd { room, users }];
    state.gather(&everybody, LONG).await.unwrap();
    assert_eq!(size(&state, room).await, 1_001);
    state.scatter(&everybody, Duration::ZERO).await.unwrap();
    assert_eq!(size(&state, room).await, 0);
}
