//! What is said of typing.

use std::time::Duration;

use hubbub_domain::{RoomId, UserId};
use hubbub_ephemeral::TYPISTS_MAX;
use hubbub_testkit::eventually;

use super::{LONG, State, TTL, user};
use crate::DEADLINE;

/// Who types, by name.
async fn typists(state: &State, room: RoomId) -> Vec<UserId> {
    let typists = state.typists(room).await.unwrap();
    let mut users: Vec<UserId> = typists.into_iter().map(|typist| typist.user).collect();
    users.sort();
    users
}

pub(crate) async fn typing_ends_when_it_is_said_and_by_itself(state: State) {
    let (room, other) = (RoomId::generate(), RoomId::generate());
    let [alice, bob] = ["alice", "bob"].map(user);
    assert_eq!(typists(&state, room).await, []);
    state.typing(room, (&alice, "a/1"), LONG).await.unwrap();
    state.typing(room, (&bob, ""), TTL).await.unwrap();
    assert_eq!(typists(&state, room).await, [alice.clone(), bob.clone()]);
    assert_eq!(typists(&state, other).await, []);
    eventually(DEADLINE, || async { typists(&state, room).await == std::slice::from_ref(&alice) })
        .await;
    let remaining = state.typists(room).await.unwrap()[0].remaining;
    assert!(remaining > Duration::from_secs(1) && remaining < LONG, "{remaining:?}");
    state.not_typing(room, (&alice, "a/1")).await.unwrap();
    state.not_typing(room, (&alice, "a/1")).await.unwrap();
    assert_eq!(typists(&state, room).await, []);
}

pub(crate) async fn devices_of_one_user_type_each_for_itself(state: State) {
    let room = RoomId::generate();
    let alice = user("alice");
    for device in ["", "a/1", "b/1"] {
        state.typing(room, (&alice, device), LONG).await.unwrap();
    }
    state.not_typing(room, (&alice, "a/1")).await.unwrap();
    let typists = state.typists(room).await.unwrap();
    let mut devices: Vec<String> = typists.into_iter().map(|typist| typist.device).collect();
    devices.sort();
    assert_eq!(devices, ["", "b/1"]);
}

pub(crate) async fn of_many_typists_the_latest_are_told(state: State) {
    let room = RoomId::generate();
    for n in 0..=TYPISTS_MAX as u64 {
        let ttl = LONG + Duration::from_secs(n);
        state.typing(room, (&user(&format!("user{n}")), "a/1"), ttl).await.unwrap();
    }
    let typists = typists(&state, room).await;
    assert_eq!(typists.len(), TYPISTS_MAX);
    assert!(!typists.contains(&user("user0")));
}
