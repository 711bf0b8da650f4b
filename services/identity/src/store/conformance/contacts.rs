//! Contacts and blocks.

use std::sync::Arc;

use hubbub_domain::Code;

use super::{Result, Store, id, make, refusal, tick};
use crate::{
    contacts::{Link, Wish},
    model::BlockNotice,
    policy::{Audience, Settings},
    store::{ContactPage, ContactWish, Page, ProfileChange, Wished},
};

async fn wish(store: &dyn Store, actor: &str, wish: Wish, peer: &str) -> Result<Wished> {
    let (actor, peer) = (id(actor), id(peer));
    store.wish(&ContactWish { actor, peer, wish, at: tick(), contacts_max: 3 }).await
}

/// How a user's list looks: `bob>` was asked, `<bob` asks, `bob` is a contact.
async fn list(store: &dyn Store, user: &str) -> String {
    let page = Page { user: id(user), after: None, limit: 100 };
    let contacts = store.contacts(&ContactPage { page, only: None }).await.expect("answers");
    let shown = contacts.iter().map(|(user, link, _)| match link {
        Link::Outgoing => format!("{}>", user.id),
        Link::Incoming => format!("<{}", user.id),
        Link::Contact => user.id.to_string(),
    });
    shown.collect::<Vec<_>>().join(" ")
}

pub(super) async fn two_who_ask_at_once_are_contacts(store: Arc<dyn Store>) {
    for round in 0..10 {
        let (one, other) = (format!("ann{round}"), format!("zoe{round}"));
        make(&*store, &one).await;
        make(&*store, &other).await;
        let ask = |from: &str, to: &str| {
            let (store, from, to) = (Arc::clone(&store), from.to_owned(), to.to_owned());
            tokio::spawn(async move { wish(&*store, &from, Wish::Request, &to).await })
        };
        let (first, second) = (ask(&one, &other), ask(&other, &one));
        first.await.expect("runs").expect("asked");
        second.await.expect("runs").expect("asked");
        assert_eq!(list(&*store, &one).await, other);
        assert_eq!(list(&*store, &other).await, one);
    }
}

pub(super) async fn requests_and_their_ends_show_on_both_sides(store: Arc<dyn Store>) {
    make(&*store, "alice").await;
    make(&*store, "bob").await;
    for (actor, what, peer, alices, bobs) in [
        ("alice", Wish::Request, "bob", "bob>", "<alice"),
        ("alice", Wish::Request, "bob", "bob>", "<alice"),
        ("bob", Wish::Decline, "alice", "", ""),
        ("alice", Wish::Request, "bob", "bob>", "<alice"),
        ("alice", Wish::Remove, "bob", "", ""),
        ("bob", Wish::Request, "alice", "<bob", "alice>"),
        ("alice", Wish::Accept, "bob", "bob", "alice"),
        ("bob", Wish::Remove, "alice", "", ""),
        ("bob", Wish::Remove, "alice", "", ""),
        ("alice", Wish::Request, "bob", "bob>", "<alice"),
        ("bob", Wish::Block, "alice", "", ""),
    ] {
        wish(&*store, actor, what, peer).await.expect("done");
        assert_eq!(list(&*store, "alice").await, alices, "{actor} {what:?} {peer}");
        assert_eq!(list(&*store, "bob").await, bobs, "{actor} {what:?} {peer}");
    }
    assert_eq!(refusal(wish(&*store, "alice", Wish::Request, "bob").await), Code::Forbidden);
    assert_eq!(refusal(wish(&*store, "bob", Wish::Request, "alice").await), Code::Conflict);
    assert_eq!(refusal(wish(&*store, "alice", Wish::Accept, "bob").await), Code::NotFound);
    for (actor, peer) in [("alice", "nobody"), ("nobody", "alice")] {
        assert_eq!(refusal(wish(&*store, actor, Wish::Request, peer).await), Code::NotFound);
        assert_eq!(refusal(wish(&*store, actor, Wish::Block, peer).await), Code::NotFound);
    }
}

pub(super) async fn a_request_declined_for_good_is_not_made_again(store: Arc<dyn Store>) {
    make(&*store, "alice").await;
    make(&*store, "bob").await;
    for _ in 0..2 {
        wish(&*store, "alice", Wish::Request, "bob").await.expect("asked");
        wish(&*store, "bob", Wish::DeclineForGood, "alice").await.expect("declined");
        assert_eq!(list(&*store, "alice").await, "");
        assert_eq!(refusal(wish(&*store, "alice", Wish::Request, "bob").await), Code::Forbidden);
        // Asking takes it back.
        wish(&*store, "bob", Wish::Request, "alice").await.expect("asked");
        wish(&*store, "bob", Wish::Remove, "alice").await.expect("taken back");
    }
}

pub(super) async fn how_people_stand_to_each_other(store: Arc<dyn Store>) {
    for name in ["alice", "bob", "carol", "dave"] {
        make(&*store, name).await;
    }
    wish(&*store, "alice", Wish::Request, "bob").await.expect("asked");
    wish(&*store, "bob", Wish::Accept, "alice").await.expect("accepted");
    wish(&*store, "alice", Wish::Request, "dave").await.expect("asked");
    wish(&*store, "carol", Wish::Block, "alice").await.expect("blocked");
    let change = ProfileChange {
        groups_from: Some(Audience::Nobody),
        presence_to: Some(Audience::Everyone),
        ..ProfileChange::default()
    };
    let (_, settings) =
        store.update_profile(&id("dave"), &change).await.expect("done").expect("him");
    assert_eq!(
        (settings.groups_from, settings.presence_to),
        (Audience::Nobody, Audience::Everyone)
    );
    assert_eq!(store.me(&id("dave")).await.expect("answers").expect("him").1, settings);
    assert!(store.me(&id("nobody")).await.expect("answers").is_none());
    let asked = ["alice", "bob", "carol", "dave", "nobody"].map(id);
    for (from, expected) in [
        ("alice", ["alice", "bob contact", "carol blocked", "dave nobody everyone"]),
        ("carol", ["alice blocked", "bob", "carol", "dave nobody everyone"]),
    ] {
        let pairs: Vec<_> = asked.iter().map(|user| (id(from), user.clone())).collect();
        let mut ties = store.ties(&pairs).await.expect("answers");
        ties.sort_by_key(|(place, _)| *place);
        assert!(ties.iter().all(|(place, tie)| asked[*place] == tie.user));
        let shown = ties.iter().map(|(_, tie)| {
            let mut words = vec![tie.user.to_string()];
            let usual =
                Settings { groups_from: Audience::Everyone, presence_to: Audience::Contacts };
            if tie.settings != usual {
                words.push(tie.settings.groups_from.as_str().to_owned());
                words.push(tie.settings.presence_to.as_str().to_owned());
            }
            words.extend(tie.contact.then(|| "contact".to_owned()));
            words.extend(tie.blocked.then(|| "blocked".to_owned()));
            words.join(" ")
        });
        assert_eq!(shown.collect::<Vec<_>>(), expected, "from {from}");
    }
}

pub(super) async fn lists_come_page_by_page_and_have_a_bound(store: Arc<dyn Store>) {
    for name in ["alice", "bob", "carol", "dave", "erin"] {
        make(&*store, name).await;
    }
    for peer in ["bob", "dave", "carol"] {
        wish(&*store, "alice", Wish::Request, peer).await.expect("asked");
    }
    let full = wish(&*store, "alice", Wish::Request, "erin").await;
    assert_eq!(refusal(full), Code::LimitReached);
    let full = wish(&*store, "erin", Wish::Request, "alice").await;
    assert_eq!(refusal(full), Code::LimitReached, "nobody fills somebody else's list");
    wish(&*store, "bob", Wish::Accept, "alice").await.expect("accepted at the bound");
    let page = async |after: Option<&str>, limit, only| {
        let page = Page { user: id("alice"), after: after.map(id), limit };
        let contacts = store.contacts(&ContactPage { page, only }).await.expect("answers");
        contacts.into_iter().map(|(user, ..)| user.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 2, None).await, ["bob", "carol"]);
    assert_eq!(page(Some("carol"), 2, None).await, ["dave"]);
    assert_eq!(page(None, 9, Some(Link::Outgoing)).await, ["carol", "dave"]);
    assert_eq!(page(None, 9, Some(Link::Contact)).await, ["bob"]);
}

pub(super) async fn blocks_are_counted_until_they_are_told(store: Arc<dyn Store>) {
    for name in ["alice", "bob", "carol"] {
        make(&*store, name).await;
    }
    let notice = |user: &str, peer: &str, blocked, version| BlockNotice {
        user: id(user),
        peer: id(peer),
        blocked,
        version,
    };
    wish(&*store, "alice", Wish::Block, "bob").await.expect("blocked");
    wish(&*store, "alice", Wish::Block, "bob").await.expect("blocked already");
    wish(&*store, "carol", Wish::Block, "alice").await.expect("blocked");
    wish(&*store, "bob", Wish::Unblock, "alice").await.expect("there was nothing");
    let first = notice("alice", "bob", true, 1);
    let second = notice("carol", "alice", true, 1);
    let untold = store.untold_blocks(10).await.expect("answers");
    assert_eq!(untold, [first.clone(), second.clone()], "the oldest first");
    assert_eq!(store.untold_blocks(1).await.expect("answers"), std::slice::from_ref(&first));
    // What changed while it was told is told again.
    wish(&*store, "alice", Wish::Unblock, "bob").await.expect("lifted");
    store.blocks_told(&[first, second]).await.expect("noted");
    let lifted = notice("alice", "bob", false, 2);
    assert_eq!(store.untold_blocks(10).await.expect("answers"), std::slice::from_ref(&lifted));
    store.blocks_told(&[lifted]).await.expect("noted");
    assert!(store.untold_blocks(10).await.expect("answers").is_empty());

    let page = Page { user: id("carol"), after: None, limit: 10 };
    let blocks = store.blocks(&page).await.expect("answers");
    assert_eq!(blocks.iter().map(|user| user.id.as_str()).collect::<Vec<_>>(), ["alice"]);
    let page = Page { user: id("alice"), ..page };
    assert!(store.blocks(&page).await.expect("answers").is_empty(), "it was lifted");
    let all = [id("alice"), id("bob"), id("carol"), id("nobody")];
    let between = async |user: &str| {
        let mut found = store.blocks_between(&id(user), &all).await.expect("answers");
        found.sort();
        found
    };
    assert_eq!(between("alice").await, [id("carol")]);
    assert_eq!(between("carol").await, [id("alice")]);
    assert!(between("bob").await.is_empty());
}
