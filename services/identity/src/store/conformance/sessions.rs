//! Sessions, refresh tokens, bans.

use std::{sync::Arc, time::Duration};

use hubbub_domain::Timestamp;

use super::{NewUser, Opened, Store, id, is_open, log_in, make, new_session, new_user, tick};
use crate::{
    keys::later,
    model::{RefreshToken, SessionId, User},
    store::{Ban, Exchange, NewSession, Spent},
};

const HOUR: Duration = Duration::from_hours(1);

/// An exchange without grace, and the successor.
fn exchange(token: &RefreshToken, at: Timestamp) -> (Exchange, RefreshToken) {
    let successor = RefreshToken::generate();
    let exchange = Exchange {
        token: token.hash(),
        successor: successor.hash(),
        at,
        spent_since: None,
        expires_at: later(at, HOUR),
    };
    (exchange, successor)
}

async fn spend(store: &dyn Store, token: &RefreshToken) -> (Spent, RefreshToken) {
    let (exchange, successor) = exchange(token, tick());
    (store.spend(&exchange).await.expect("answers"), successor)
}

pub(super) async fn a_session_opens_for_the_proven_password_only(store: Arc<dyn Store>) {
    let alice = make(&*store, "alice").await;
    let (session, _) = log_in(&*store, &alice).await;
    assert_eq!(
        store.open_sessions(&[session, SessionId::generate()], tick()).await.expect("answers"),
        [(session, id("alice"))]
    );
    let (new, _) = new_session(&alice);
    let stale = NewSession { proof: Some("another hash".to_owned()), ..new };
    assert_eq!(store.open_session(&stale).await.expect("answers"), Opened::Refused);
    assert!(!is_open(&*store, stale.id).await);
    let (nobody, _) = new_session(&new_user("nobody"));
    assert_eq!(store.open_session(&nobody).await.expect("answers"), Opened::Refused);
}

pub(super) async fn one_more_ends_the_longest_silent(store: Arc<dyn Store>) {
    let alice = make(&*store, "alice").await;
    let (first, first_token) = log_in(&*store, &alice).await;
    let (second, _) = log_in(&*store, &alice).await;
    assert!(matches!(spend(&*store, &first_token).await.0, Spent::Renewed { .. }));
    let (new, _) = new_session(&alice);
    let new = NewSession { sessions_max: 2, ..new };
    let opened = store.open_session(&new).await.expect("answers");
    assert_eq!(opened, Opened::Open { ended: vec![second] });
    assert!(is_open(&*store, first).await && is_open(&*store, new.id).await);
    assert!(!is_open(&*store, second).await);
}

pub(super) async fn a_refresh_token_is_spent_once(store: Arc<dyn Store>) {
    let alice = make(&*store, "alice").await;
    let (session, first) = log_in(&*store, &alice).await;
    let (spent, second) = spend(&*store, &first).await;
    let Spent::Renewed { user, session: renewed, expires_at } = spent else {
        panic!("not renewed: {spent:?}")
    };
    assert_eq!((user, renewed), (alice.user, session));
    assert!(expires_at > later(tick(), HOUR / 2));
    // Within its grace it gives another successor, and both hold.
    let (again, third) = exchange(&first, tick());
    let again = Exchange { spent_since: Some(Timestamp::from_micros(0)), ..again };
    assert!(matches!(store.spend(&again).await.expect("answers"), Spent::Renewed { .. }));
    for token in [second, third] {
        assert!(matches!(spend(&*store, &token).await.0, Spent::Renewed { .. }));
    }
    assert_eq!(spend(&*store, &RefreshToken::generate()).await.0, Spent::Unknown);
}

pub(super) async fn spending_at_once_gives_one_successor(store: Arc<dyn Store>) {
    let alice = make(&*store, "alice").await;
    let (session, token) = log_in(&*store, &alice).await;
    let token = Arc::new(token);
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let (store, token) = (Arc::clone(&store), Arc::clone(&token));
            tokio::spawn(async move { spend(&*store, &token).await.0 })
        })
        .collect();
    let mut renewed = 0;
    for call in calls {
        renewed += usize::from(matches!(call.await.expect("runs"), Spent::Renewed { .. }));
    }
    assert_eq!(renewed, 1);
    assert!(!is_open(&*store, session).await, "the others took it for stolen");
}

pub(super) async fn a_spent_token_ends_its_session(store: Arc<dyn Store>) {
    let alice = make(&*store, "alice").await;
    let (session, first) = log_in(&*store, &alice).await;
    let (other, other_token) = log_in(&*store, &alice).await;
    let (_, second) = spend(&*store, &first).await;
    let (reused, _) = spend(&*store, &first).await;
    assert_eq!(reused, Spent::Reused { user: id("alice"), session });
    assert!(!is_open(&*store, session).await);
    assert_eq!(spend(&*store, &second).await.0, Spent::Unknown, "the thief's, or the owner's");
    assert_eq!(spend(&*store, &first).await.0, Spent::Unknown);
    assert!(is_open(&*store, other).await, "another login is another's business");
    assert!(matches!(spend(&*store, &other_token).await.0, Spent::Renewed { .. }));
}

pub(super) async fn ends_reach_whom_they_should(store: Arc<dyn Store>) {
    let (alice, bob) = (make(&*store, "alice").await, make(&*store, "bob").await);
    let (one, _) = log_in(&*store, &alice).await;
    let (two, token) = log_in(&*store, &alice).await;
    let (bobs, _) = log_in(&*store, &bob).await;
    let end = async |user: &str, session| {
        store.end_session(&id(user), session, tick()).await.expect("answers")
    };
    assert!(!end("bob", one).await, "somebody else's");
    assert!(end("alice", one).await);
    assert!(!end("alice", one).await, "it has ended");
    assert!(is_open(&*store, two).await);
    let at = tick();
    assert!(store.end_all(&id("alice"), at).await.expect("answers"));
    assert!(!is_open(&*store, two).await);
    assert_eq!(spend(&*store, &token).await.0, Spent::Unknown);
    assert!(is_open(&*store, bobs).await);
    let standings = store.standings(&[id("alice"), id("bob"), id("nobody")]).await;
    let mut standings = standings.expect("answers");
    standings.sort_by(|a, b| a.user.cmp(&b.user));
    let told: Vec<_> = standings.iter().map(|one| (one.user.as_str(), one.not_before)).collect();
    assert_eq!(told, [("alice", Some(at)), ("bob", None)]);
    assert!(!store.end_all(&id("nobody"), tick()).await.expect("answers"));
    log_in(&*store, &alice).await;
}

pub(super) async fn a_ban_shuts_out_until_it_is_lifted(store: Arc<dyn Store>) {
    let alice = make(&*store, "alice").await;
    let (session, token) = log_in(&*store, &alice).await;
    let ban = async |user: &str, ban| store.set_ban(&id(user), ban, tick()).await.expect("answers");
    assert!(ban("alice", Ban::Banned).await);
    assert!(!ban("nobody", Ban::Banned).await);
    assert!(!is_open(&*store, session).await);
    assert_eq!(spend(&*store, &token).await.0, Spent::Banned);
    let (new, _) = new_session(&alice);
    assert_eq!(store.open_session(&new).await.expect("answers"), Opened::Banned);
    assert!(store.standings(&[id("alice")]).await.expect("answers")[0].banned);
    assert!(store.credentials(&id("alice")).await.expect("answers").expect("there").banned);
    assert!(ban("alice", Ban::Lifted).await);
    assert!(!is_open(&*store, session).await, "what has ended stays ended");
    assert_eq!(spend(&*store, &token).await.0, Spent::Unknown);
    log_in(&*store, &alice).await;
}

pub(super) async fn another_password_ends_everything_else(store: Arc<dyn Store>) {
    let alice = make(&*store, "alice").await;
    let (old, token) = log_in(&*store, &alice).await;
    let (new, new_token) = new_session(&alice);
    let wrong = NewSession { proof: Some("not it".to_owned()), ..new.clone() };
    let refused = store.change_password(&wrong, "another hash").await.expect("answers");
    assert_eq!(refused, Opened::Refused);
    assert!(is_open(&*store, old).await);
    let changed = store.change_password(&new, "another hash").await.expect("answers");
    assert_eq!(changed, Opened::Open { ended: Vec::new() });
    assert!(is_open(&*store, new.id).await && !is_open(&*store, old).await);
    assert_eq!(spend(&*store, &token).await.0, Spent::Unknown);
    assert!(matches!(spend(&*store, &new_token).await.0, Spent::Renewed { .. }));
    let (late, _) = new_session(&alice);
    let late = store.open_session(&late).await.expect("answers");
    assert_eq!(late, Opened::Refused, "proven with the old password");
    log_in(&*store, &NewUser { password: Some("another hash".to_owned()), ..alice }).await;
}

pub(super) async fn a_guest_ends_with_its_time(store: Arc<dyn Store>) {
    let guest = new_user("guest-1");
    let end = later(guest.user.created_at, HOUR);
    let user = User { expires_at: Some(end), ..guest.user };
    let guest = NewUser { user, password: None, ..guest };
    store.make_user(&guest).await.expect("made");
    let (_, token) = log_in(&*store, &guest).await;
    let (spent, successor) = spend(&*store, &token).await;
    assert!(matches!(spent, Spent::Renewed { expires_at, .. } if expires_at == end), "{spent:?}");
    let (late, _) = exchange(&successor, end);
    assert_eq!(store.spend(&late).await.expect("answers"), Spent::Unknown);
    let (session, _) = new_session(&guest);
    let session = NewSession { at: end, ..session };
    assert_eq!(store.open_session(&session).await.expect("answers"), Opened::Refused);
}

pub(super) async fn what_has_ended_is_forgotten(store: Arc<dyn Store>) {
    let alice = make(&*store, "alice").await;
    let (ended, token) = log_in(&*store, &alice).await;
    let (open, open_token) = log_in(&*store, &alice).await;
    let (_, successor) = spend(&*store, &token).await;
    store.end_session(&id("alice"), ended, tick()).await.expect("ended");
    store.forget(tick(), 10).await.expect("forgotten");
    assert_eq!(spend(&*store, &token).await.0, Spent::Unknown);
    assert_eq!(spend(&*store, &successor).await.0, Spent::Unknown);
    assert!(is_open(&*store, open).await);
    assert!(matches!(spend(&*store, &open_token).await.0, Spent::Renewed { .. }));
    // Beyond its time a session is forgotten too, spent tokens and all.
    store.forget(later(tick(), 2 * HOUR), 10).await.expect("forgotten");
    assert_eq!(spend(&*store, &open_token).await.0, Spent::Unknown);
}
