//! What is said of names.

use futures::future::join_all;
use hubbub_ephemeral::{Claim, Name};
use hubbub_testkit::eventually;

use super::{LONG, State, TTL};
use crate::DEADLINE;

fn name(key: &str, owner: &str) -> Name {
    Name { key: key.to_owned(), owner: owner.to_owned() }
}

pub(crate) async fn a_name_has_one_owner_until_they_give_it_back(state: State) {
    let (alice, bob) = ([name("blue", "alice")], [name("blue", "bob")]);
    assert_eq!(state.owner("lobby", "blue").await, Ok(None));
    assert_eq!(state.claim("lobby", &alice, LONG).await, Ok(vec![Claim::Held]));
    assert_eq!(state.claim("lobby", &bob, LONG).await, Ok(vec![Claim::Taken]));
    assert_eq!(state.claim("lobby", &alice, LONG).await, Ok(vec![Claim::Held]), "renewed");
    assert_eq!(state.count("lobby").await, Ok(1));
    state.release("lobby", &bob).await.unwrap();
    assert_eq!(state.owner("lobby", "blue").await, Ok(Some("alice".to_owned())), "not bob's");
    state.release("lobby", &alice).await.unwrap();
    state.release("lobby", &alice).await.unwrap();
    assert_eq!(state.claim("lobby", &bob, LONG).await, Ok(vec![Claim::Held]));
}

pub(crate) async fn a_claim_that_is_not_renewed_ends(state: State) {
    let (alice, carol) = ([name("blue", "alice")], [name("red", "carol")]);
    state.claim("lobby", &carol, LONG).await.unwrap();
    state.claim("lobby", &alice, TTL).await.unwrap();
    assert_eq!(state.count("lobby").await, Ok(2));
    eventually(DEADLINE, || async { state.count("lobby").await == Ok(1) }).await;
    assert_eq!(state.owner("lobby", "blue").await, Ok(None));
    assert_eq!(state.claim("lobby", &[name("blue", "bob")], LONG).await, Ok(vec![Claim::Held]));
    assert_eq!(state.claim("lobby", &alice, LONG).await, Ok(vec![Claim::Taken]));
    assert_eq!(state.owner("lobby", "red").await, Ok(Some("carol".to_owned())));
}

pub(crate) async fn many_are_claimed_at_once_and_each_is_answered(state: State) {
    state.claim("lobby", &[name("7", "bob")], LONG).await.unwrap();
    let names: Vec<Name> = (0..1_200).map(|n| name(&n.to_string(), "alice")).collect();
    let claims = state.claim("lobby", &names, LONG).await.unwrap();
    assert_eq!(claims.len(), names.len());
    for (n, claim) in claims.into_iter().enumerate() {
        assert_eq!(claim, if n == 7 { Claim::Taken } else { Claim::Held }, "{n}");
    }
    assert_eq!(state.count("lobby").await, Ok(1_200));
    state.release("lobby", &names).await.unwrap();
    assert_eq!(state.count("lobby").await, Ok(1));
    assert_eq!(state.claim("lobby", &[], LONG).await, Ok(vec![]));
}

pub(crate) async fn of_many_who_ask_at_once_one_gets_it(state: State) {
    let asked = (0..50).map(|n| {
        let state = State::clone(&state);
        async move { state.claim("lobby", &[name("blue", &n.to_string())], LONG).await.unwrap() }
    });
    let claims = join_all(asked).await;
    assert_eq!(claims.iter().filter(|claim| **claim == [Claim::Held]).count(), 1);
}

pub(crate) async fn scopes_and_strange_names_do_not_meet(state: State) {
    for strange in ["", "}", "{b1}:x", "a b", "ü\u{202e}", "0"] {
        assert_eq!(state.claim("one", &[name(strange, "x")], LONG).await, Ok(vec![Claim::Held]));
        assert_eq!(state.owner("one", strange).await, Ok(Some("x".to_owned())));
        assert_eq!(state.owner("two", strange).await, Ok(None));
    }
    assert_eq!(state.count("one").await, Ok(6));
    assert_eq!(state.count("two").await, Ok(0));
}
