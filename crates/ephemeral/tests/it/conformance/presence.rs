//! What is said of presence.

use std::{collections::HashSet, time::Duration};

use futures::future::join_all;
use hubbub_domain::UserId;
use hubbub_ephemeral::{
    Availability::{self, Away, Offline, Online},
    Cap, Entered, Lease, Presence, SessionKey, Terms,
};
use hubbub_testkit::eventually;
use tokio::sync::Mutex;

use super::{LONG, State, TTL, user};
use crate::DEADLINE;

const TERMS: Terms = Terms { ttl: LONG, last_seen_kept: LONG };
const SHORT: Terms = Terms { ttl: TTL, last_seen_kept: LONG };

fn lease(name: &str, number: u64, availability: Availability) -> Lease {
    Lease { user: user(name), session: SessionKey { node: "n/1".to_owned(), number }, availability }
}

fn told(presences: &[Presence]) -> Vec<(UserId, Availability)> {
    let mut told: Vec<_> = presences.iter().map(|it| (it.user.clone(), it.availability)).collect();
    told.sort();
    told
}

async fn presence(state: &State, name: &str) -> Presence {
    let mut presences = state.presences(&[user(name)]).await.unwrap();
    assert_eq!(presences.len(), 1);
    presences.remove(0)
}

pub(crate) async fn a_user_is_what_their_leases_say(state: State) {
    let alice = user("alice");
    let (phone, laptop) = (lease("alice", 1, Online), lease("alice", 2, Online));
    assert_eq!(presence(&state, "alice").await.availability, Offline);
    let mut version = 0;
    let mut newer = |presences: Vec<Presence>, expected: &[Availability]| {
        let found: Vec<_> = presences.iter().map(|it| it.availability).collect();
        assert_eq!(found, expected);
        for presence in presences {
            assert_eq!(presence.user, alice);
            assert!(presence.version > version, "{version} then {presence:?}");
            version = presence.version;
        }
    };
    newer(state.hold(std::slice::from_ref(&phone), TERMS).await.unwrap(), &[Online]);
    newer(state.hold(std::slice::from_ref(&phone), TERMS).await.unwrap(), &[]);
    newer(state.hold(std::slice::from_ref(&laptop), TERMS).await.unwrap(), &[]);
    let idle = [lease("alice", 1, Away), lease("alice", 2, Away)];
    newer(state.hold(&idle[..1], TERMS).await.unwrap(), &[]);
    newer(state.hold(&idle[1..], TERMS).await.unwrap(), &[Away]);
    assert_eq!(presence(&state, "alice").await.availability, Away);
    newer(state.hold(std::slice::from_ref(&phone), TERMS).await.unwrap(), &[Online]);
    newer(state.leave(&[phone], Duration::ZERO, TERMS).await.unwrap(), &[Away]);
    let gone = state.leave(&[laptop], Duration::ZERO, TERMS).await.unwrap();
    assert!(gone[0].last_seen.is_some());
    newer(gone, &[Offline]);
    let after = presence(&state, "alice").await;
    assert_eq!(after.availability, Offline);
    assert!(after.last_seen.is_some());
}

pub(crate) async fn whoever_comes_back_within_the_grace_was_never_gone(state: State) {
    let first = lease("alice", 1, Online);
    state.hold(std::slice::from_ref(&first), TERMS).await.unwrap();
    assert_eq!(state.leave(std::slice::from_ref(&first), TTL, TERMS).await.unwrap(), []);
    assert_eq!(state.hold(&[lease("alice", 2, Online)], TERMS).await.unwrap(), []);
    // The first lease must have ended.
    tokio::time::sleep(TTL + Duration::from_millis(100)).await;
    assert_eq!(state.expire(TERMS).await.unwrap(), []);
    assert_eq!(presence(&state, "alice").await.availability, Online);
}

pub(crate) async fn the_end_is_told_once_to_one_of_all_who_look(state: State) {
    state.hold(&[lease("bob", 1, Online)], TERMS).await.unwrap();
    let many: Vec<Lease> = (0..600).map(|n| lease(&format!("user{n}"), n, Online)).collect();
    assert_eq!(state.hold(&many, SHORT).await.unwrap().len(), 600);
    let heard = Mutex::new(Vec::new());
    let all_gone = || async {
        for gone in join_all((0..4).map(|_| state.expire(SHORT))).await {
            heard.lock().await.extend(gone.unwrap());
        }
        heard.lock().await.len() >= 600
    };
    eventually(DEADLINE, all_gone).await;
    let gone = heard.into_inner();
    assert!(gone.iter().all(|it| it.availability == Offline && it.last_seen.is_some()));
    let users: HashSet<UserId> = gone.iter().map(|it| it.user.clone()).collect();
    assert_eq!((gone.len(), users.len()), (600, 600));
    assert_eq!(presence(&state, "user1").await.availability, Offline);
    assert_eq!(presence(&state, "bob").await.availability, Online);
    assert_eq!(told(&state.hold(&many[1..2], TERMS).await.unwrap()), [(user("user1"), Online)]);
}

pub(crate) async fn a_lease_that_ends_leaves_what_the_others_say(state: State) {
    state.hold(&[lease("alice", 1, Online)], SHORT).await.unwrap();
    state.hold(&[lease("alice", 2, Away)], TERMS).await.unwrap();
    let heard = Mutex::new(Vec::new());
    eventually(DEADLINE, || async {
        heard.lock().await.extend(state.expire(TERMS).await.unwrap());
        !heard.lock().await.is_empty()
    })
    .await;
    assert_eq!(told(&heard.into_inner()), [(user("alice"), Away)]);
}

pub(crate) async fn nobody_has_more_leases_than_they_may(state: State) {
    let cap = |dead: &[&str]| Cap {
        leases_max: 2,
        dead: dead.iter().map(|node| (*node).to_owned()).collect(),
    };
    let on = |node: &str, number| Lease {
        session: SessionKey { node: node.to_owned(), number },
        ..lease("alice", number, Online)
    };
    let Entered::In(first) = state.enter(&on("a", 1), &cap(&[]), TERMS).await.unwrap() else {
        panic!("the first is let in")
    };
    assert_eq!(told(&first), [(user("alice"), Online)]);
    let second = state.enter(&on("b", 1), &cap(&[]), TERMS).await.unwrap();
    assert_eq!(second, Entered::In(vec![]));
    let again = state.enter(&on("b", 1), &cap(&[]), TERMS).await.unwrap();
    assert_eq!(again, Entered::In(vec![]), "it does not count beside itself");
    let nodes = ["a", "b"].map(str::to_owned).into();
    let third = state.enter(&on("c", 1), &cap(&[]), TERMS).await.unwrap();
    assert_eq!(third, Entered::Full(nodes));
    let third = state.enter(&on("c", 1), &cap(&["a"]), TERMS).await.unwrap();
    assert_eq!(third, Entered::In(vec![]), "the dead do not count");
    let fourth = state.enter(&on("d", 1), &cap(&[]), TERMS).await.unwrap();
    assert_eq!(fourth, Entered::Full(["b", "c"].map(str::to_owned).into()));
    state.leave(&[on("b", 1)], TTL, TERMS).await.unwrap();
    let fourth = state.enter(&on("d", 1), &cap(&[]), TERMS).await.unwrap();
    assert_eq!(
        fourth,
        Entered::In(vec![]),
        "who has left does not count, within the grace neither"
    );
    let fifth = state.enter(&on("e", 1), &cap(&[]), TERMS).await.unwrap();
    assert_eq!(fifth, Entered::Full(["c", "d"].map(str::to_owned).into()));
}

pub(crate) async fn everybody_who_is_asked_for_is_answered(state: State) {
    let users: Vec<UserId> = (0..700).map(|n| user(&format!("user{n}"))).collect();
    let even: Vec<Lease> =
        (0..700).step_by(2).map(|n| lease(&format!("user{n}"), n, Online)).collect();
    state.hold(&even, TERMS).await.unwrap();
    let mut presences = state.presences(&users).await.unwrap();
    assert_eq!(presences.len(), 700);
    presences.retain(|presence| presence.availability == Online);
    assert_eq!(presences.len(), 350);
    for name in ["}", "{b1}", "a/b", "ü\u{202e}"] {
        state.hold(&[lease(name, 1, Online)], TERMS).await.unwrap();
        assert_eq!(presence(&state, name).await.availability, Online, "{name}");
    }
}
