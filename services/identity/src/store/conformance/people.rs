//! People, names, attempts.

use std::{sync::Arc, time::Duration};

use hubbub_domain::Timestamp;

use super::{Made, NewUser, Store, id, make, new_user, tick};
use crate::{
    keys::later,
    model::{User, UserKind},
    policy::{Audience, Settings},
    store::{Attempt, ProfileChange, Search},
};

pub(super) async fn a_name_is_given_once(store: Arc<dyn Store>) {
    make(&*store, "alice").await;
    let again = store.make_user(&new_user("alice")).await.expect("answers");
    assert_eq!(again, Made::Taken, "the id is taken");
    let alike = NewUser { skeleton: "alice".to_owned(), ..new_user("aIice") };
    assert_eq!(store.make_user(&alike).await.expect("answers"), Made::Taken, "it looks the same");
    let nobody = store.credentials(&id("aIice")).await.expect("answers");
    assert!(nobody.is_none(), "a refusal leaves no trace");
    let known = store.credentials(&id("alice")).await.expect("answers").expect("there");
    assert_eq!(known.password.as_deref(), Some("hash of alice's"));
    assert!(!known.banned);
}

pub(super) async fn many_want_one_name_at_once(store: Arc<dyn Store>) {
    let calls: Vec<_> = (0..20)
        .map(|number| {
            let store = Arc::clone(&store);
            let new = NewUser { skeleton: "same".to_owned(), ..new_user(&format!("same{number}")) };
            tokio::spawn(async move { store.make_user(&new).await })
        })
        .collect();
    let mut made = 0;
    for call in calls {
        made += usize::from(call.await.expect("runs").expect("answers") == Made::New);
    }
    assert_eq!(made, 1);
}

pub(super) async fn a_nickname_is_free_again_when_its_guest_has_expired(store: Arc<dyn Store>) {
    let guest = |guest: &str, at: Timestamp| {
        let new = new_user(guest);
        let expires_at = Some(later(at, Duration::from_secs(1)));
        let user = User { kind: UserKind::Guest, created_at: at, expires_at, ..new.user };
        NewUser { user, skeleton: "otter".to_owned(), password: None }
    };
    let at = tick();
    assert_eq!(store.make_user(&guest("guest-1", at)).await.expect("answers"), Made::New);
    assert_eq!(store.make_user(&guest("guest-2", at)).await.expect("answers"), Made::Taken);
    let then = later(at, Duration::from_secs(1));
    assert_eq!(store.make_user(&guest("guest-3", then)).await.expect("answers"), Made::New);
    let both = store.users(&[id("guest-1"), id("guest-3")]).await.expect("answers");
    assert_eq!(both.len(), 2, "who expired is still known");
}

pub(super) async fn who_was_met_keeps_the_id(store: Arc<dyn Store>) {
    let met = NewUser { password: None, ..new_user("auth0|17") };
    store.meet(&[met.clone(), met.clone()]).await.expect("met");
    store.meet(std::slice::from_ref(&met)).await.expect("met again");
    assert_eq!(store.make_user(&new_user("auth0|17")).await.expect("answers"), Made::Taken);
    let known = store.credentials(&id("auth0|17")).await.expect("answers").expect("there");
    assert_eq!((known.user, known.password), (met.user, None));
    // A name that is taken keeps nobody from being who they are.
    make(&*store, "alice").await;
    let alike = NewUser { skeleton: "alice".to_owned(), ..new_user("alice@elsewhere") };
    store.meet(&[alike]).await.expect("met");
    assert!(store.credentials(&id("alice@elsewhere")).await.expect("answers").is_some());
}

pub(super) async fn a_profile_changes_where_it_is_told_to(store: Arc<dyn Store>) {
    let alice = make(&*store, "alice").await.user;
    let change = ProfileChange { colour: Some("#abcdef".to_owned()), ..Default::default() };
    let changed = store.update_profile(&alice.id, &change).await.expect("answers");
    let expected = User { colour: "#abcdef".to_owned(), ..alice };
    let usual = Settings { groups_from: Audience::Everyone, presence_to: Audience::Contacts };
    assert_eq!(changed, Some((expected.clone(), usual)));
    let nobody = store.update_profile(&id("nobody"), &change).await.expect("answers");
    assert_eq!(nobody, None);
    let users = store.users(&[id("nobody"), id("alice")]).await.expect("answers");
    assert_eq!(users, [expected]);
}

pub(super) async fn search_goes_by_prefix_page_by_page(store: Arc<dyn Store>) {
    for name in ["anna", "annabel", "annika", "bob", "an_na", "änne", "\u{10ffff}x"] {
        make(&*store, name).await;
    }
    let guest = new_user("annalise");
    let expires_at = Some(later(guest.user.created_at, Duration::from_micros(1)));
    let guest = NewUser { user: User { expires_at, ..guest.user }, ..guest };
    store.make_user(&guest).await.expect("made");
    make(&*store, "annbanned").await;
    store.set_ban(&id("annbanned"), crate::store::Ban::Banned, tick()).await.expect("banned");
    let names = async |prefix: &str, after: Option<&str>, limit| {
        let after = after.map(|name| (name.to_owned(), name.to_owned()));
        let wish = Search { prefix: prefix.to_owned(), after, limit, at: tick() };
        let users = store.search(&wish).await.expect("answers");
        users.into_iter().map(|user| user.name).collect::<Vec<_>>()
    };
    assert_eq!(names("ann", None, 2).await, ["anna", "annabel"]);
    assert_eq!(names("ann", Some("annabel"), 2).await, ["annika"]);
    assert_eq!(names("an_", None, 9).await, ["an_na"], "no sign is a wildcard");
    assert_eq!(names("\u{10ffff}", None, 9).await, ["\u{10ffff}x"]);
    assert_eq!(names("ä", None, 9).await, ["änne"]);
    assert!(names("c", None, 9).await.is_empty());
}

pub(super) async fn attempts_leak_away(store: Arc<dyn Store>) {
    const EVERY: Duration = Duration::from_secs(10);
    let start = tick();
    let attempt = async |key: &str, seconds: u64| {
        let at = later(start, Duration::from_secs(seconds));
        store.attempt(&Attempt { key, burst: 3, every: EVERY, at }).await.expect("answers")
    };
    for _ in 0..3 {
        assert_eq!(attempt("alice", 0).await, None);
    }
    assert_eq!(attempt("alice", 0).await, Some(EVERY), "when to come back");
    assert_eq!(attempt("alice", 4).await, Some(Duration::from_secs(6)));
    assert_eq!(attempt("bob", 4).await, None, "somebody else's own");
    assert_eq!(attempt("alice", 10).await, None);
    assert!(attempt("alice", 10).await.is_some(), "a refusal is not counted, and gives nothing");
    store.forgive("alice").await.expect("forgiven");
    assert_eq!(attempt("alice", 10).await, None);
    // A hundred at once are counted one by one.
    let calls = (0..100).map(|_| {
        let store = Arc::clone(&store);
        let at = start;
        tokio::spawn(async move {
            let attempt = Attempt { key: "crowd", burst: 7, every: EVERY, at };
            store.attempt(&attempt).await.expect("answers")
        })
    });
    let mut passed = 0;
    for call in calls.collect::<Vec<_>>() {
        passed += usize::from(call.await.expect("runs").is_none());
    }
    assert_eq!(passed, 7);
}
