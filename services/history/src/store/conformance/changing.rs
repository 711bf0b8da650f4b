//! Editing, deleting, reacting, and what is told of it.

use std::sync::Arc;

use hubbub_domain::{
    Attachment, Body, ChangeKind, MessageKind, Reaction, Rev, RoomId, SystemNotice, Timestamp,
    limits,
};
use proptest::test_runner::{Config, TestRunner};

use super::{
    all_changes, append, at, changed, fill, head,
    model::{Model, Op, ops},
    newest, post, seq, stored, user,
};
use crate::{
    ReactionBounds,
    rules::ChangeRefused,
    store::{
        ChangeError, Content, Deletion, Edit, EditsWish, Post, Reacting, Recorded, Standing, Store,
    },
};

fn edit(room: RoomId, number: u64, actor: &str, text: &str) -> Edit {
    Edit { room, seq: seq(number), actor: user(actor), body: Body::text(text), now: at(5_000) }
}

fn deletion(room: RoomId, number: u64, actor: &str, standing: Standing) -> Deletion {
    Deletion { room, seq: seq(number), actor: user(actor), standing, now: at(6_000) }
}

fn reacting(room: RoomId, number: u64, actor: &str, on: bool) -> Reacting {
    let emoji = "👍".to_owned();
    let bounds = ReactionBounds::default();
    Reacting { room, seq: seq(number), actor: user(actor), emoji, on, bounds, now: at(7_000) }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, ChangeError>) -> ChangeRefused {
    match result {
        Err(ChangeError::Refused(refused)) => refused,
        other => panic!("not refused: {other:?}"),
    }
}

pub(super) async fn edits_are_the_senders(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    fill(&*store, room, 2).await;
    let (change, _) = changed(store.edit(&edit(room, 1, "alice", "better")).await.expect("edited"));
    assert_eq!(change.rev, Rev(3));
    let messages = newest(&*store, room).await;
    assert_eq!(messages[0].kind, MessageKind::User(Body::text("better")));
    assert_eq!((messages[0].edited_at, messages[0].rev), (Some(at(5_000)), Rev(1)));
    assert_eq!(messages[1].edited_at, None);

    let other = store.edit(&edit(room, 1, "bob", "worse")).await;
    assert_eq!(refusal(other), ChangeRefused::NotTheSender);
    let body = Body { reply_to: Some(seq(1)), ..Body::text("re") };
    let itself = Edit { body, ..edit(room, 1, "alice", "") };
    assert_eq!(refusal(store.edit(&itself).await), ChangeRefused::NoSuchReply);
    let notice = Content::System(SystemNotice::Joined { user: user("bob") });
    append(&*store, &[Post { content: notice, ..post(room, "room", "") }]).await;
    assert_eq!(refusal(store.edit(&edit(room, 3, "room", "x")).await), ChangeRefused::SystemNotice);
    // A refusal takes no revision.
    assert_eq!(head(&*store, room).await.rev, Rev(4));
    // The new body is all of it.
    let attachment = Attachment { url: "/media/1".into(), ..Attachment::default() };
    let body = Body { attachments: vec![attachment], ..Body::default() };
    store.edit(&Edit { body: body.clone(), ..edit(room, 2, "alice", "") }).await.expect("edited");
    assert_eq!(newest(&*store, room).await[1].kind, MessageKind::User(body));
}

pub(super) async fn a_deletion_erases(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    fill(&*store, room, 2).await;
    store.edit(&edit(room, 1, "alice", "secret")).await.expect("edited");
    store.react(&reacting(room, 1, "bob", true)).await.expect("reacted");
    let member = store.delete(&deletion(room, 1, "bob", Standing::Member)).await;
    assert_eq!(refusal(member), ChangeRefused::NotTheSender);
    let moderated = store.delete(&deletion(room, 1, "bob", Standing::Moderator)).await;
    let (change, _) = changed(moderated.expect("deleted"));
    let kind = ChangeKind::Deleted { seq: seq(1), by: user("bob"), at: at(6_000) };
    assert_eq!((change.rev, &change.kind), (Rev(5), &kind));

    let told = format!("{:?}{:?}", newest(&*store, room).await, all_changes(&*store, room).await);
    assert!(!told.contains("secret") && !told.contains("m1"), "{told}");
    let tombstone = &newest(&*store, room).await[0];
    assert_eq!((tombstone.seq, &tombstone.kind), (seq(1), &MessageKind::Deleted));
    assert!(tombstone.reactions.is_empty());

    assert_eq!(refusal(store.edit(&edit(room, 1, "alice", "x")).await), ChangeRefused::Deleted);
    assert_eq!(refusal(store.react(&reacting(room, 1, "bob", true)).await), ChangeRefused::Deleted);
    let notice = Content::System(SystemNotice::Joined { user: user("bob") });
    append(&*store, &[Post { content: notice, ..post(room, "room", "") }]).await;
    let notice = store.delete(&deletion(room, 3, "bob", Standing::Moderator)).await;
    assert_eq!(refusal(notice), ChangeRefused::SystemNotice);
}

pub(super) async fn deleting_again_answers_the_first(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    fill(&*store, room, 1).await;
    changed(store.delete(&deletion(room, 1, "alice", Standing::Member)).await.expect("deleted"));
    fill(&*store, room, 3).await;
    let again = Deletion { now: at(9_000), ..deletion(room, 1, "alice", Standing::Member) };
    let again = store.delete(&again).await.expect("idempotent");
    let Recorded::Unchanged { rev, at: moment } = again else { panic!("twice: {again:?}") };
    assert_eq!((rev, moment), (Rev(2), at(6_000)));
    assert_eq!(head(&*store, room).await.rev, Rev(5));
}

pub(super) async fn reactions_are_idempotent_and_bounded(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    fill(&*store, room, 1).await;
    let set = reacting(room, 1, "bob", true);
    changed(store.react(&set).await.expect("set"));
    let again = store.react(&set).await.expect("idempotent");
    assert!(matches!(again, Recorded::Unchanged { rev: Rev(2), .. }), "{again:?}");
    changed(store.react(&Reacting { on: false, ..set.clone() }).await.expect("unset"));
    let again = store.react(&Reacting { on: false, ..set.clone() }).await.expect("idempotent");
    assert!(matches!(again, Recorded::Unchanged { rev: Rev(3), .. }), "{again:?}");

    let of = |who: usize, emoji: usize| Reacting {
        actor: user(&format!("u{who}")),
        emoji: format!("e{emoji}"),
        ..set.clone()
    };
    // One person's bound, the emoji's, and that of all together.
    for n in 0..20 {
        changed(store.react(&of(0, n)).await.expect("set"));
    }
    assert_eq!(refusal(store.react(&of(0, 20)).await), ChangeRefused::TooManyOfOne(20));
    for n in 20..50 {
        changed(store.react(&of(1 + n / 20, n)).await.expect("set"));
    }
    assert_eq!(refusal(store.react(&of(9, 50)).await), ChangeRefused::TooManyEmoji(50));
    for n in 50..500 {
        changed(store.react(&of(10 + n / 20, n % 20)).await.expect("set"));
    }
    assert_eq!(refusal(store.react(&of(9, 0)).await), ChangeRefused::TooManyReactions(500));
    let reactions = &newest(&*store, room).await[0].reactions;
    assert_eq!(reactions.len(), 500);
    assert!(reactions.is_sorted());
}

pub(super) async fn absent_messages_are_absent(store: Arc<dyn Store>) {
    let (room, nowhere) = (RoomId::generate(), RoomId::generate());
    fill(&*store, room, 1).await;
    for (room, number) in [(room, 2), (room, u64::MAX), (nowhere, 1)] {
        let absent = ChangeRefused::NoSuchMessage;
        assert_eq!(refusal(store.edit(&edit(room, number, "alice", "x")).await), absent);
        let gone = deletion(room, number, "alice", Standing::Moderator);
        assert_eq!(refusal(store.delete(&gone).await), absent);
        assert_eq!(refusal(store.react(&reacting(room, number, "bob", true)).await), absent);
    }
}

fn wish(room: RoomId, who: &str, before: u64, limit: u32) -> EditsWish {
    let standing = if who == "mod" { Standing::Moderator } else { Standing::Member };
    EditsWish { room, seq: seq(1), actor: user(who), standing, before: Rev(before), limit }
}

async fn texts(store: &dyn Store, wish: &EditsWish) -> Vec<(u64, String)> {
    let versions = store.edits(wish).await.expect("versions");
    versions.into_iter().map(|version| (version.rev.0, version.body.text)).collect()
}

pub(super) async fn edits_are_kept_until_deletion(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    let first = Body { mentions: vec![user("bob")], ..Body::text("first") };
    let message = Post { content: Content::User(first.clone()), ..post(room, "alice", "") };
    stored(append(&*store, &[message]).await[0]);
    fill(&*store, room, 1).await;
    let all = wish(room, "alice", u64::MAX, 10);
    let untouched = store.edits(&all).await.expect("versions");
    assert_eq!((untouched.len(), untouched[0].rev, &untouched[0].body), (1, Rev(1), &first));
    for text in ["second", "third", "fourth"] {
        store.edit(&edit(room, 1, "alice", text)).await.expect("edited");
    }
    let told = |pairs: &[(u64, &str)]| -> Vec<(u64, String)> {
        pairs.iter().map(|(rev, text)| (*rev, (*text).to_owned())).collect()
    };
    let versions = told(&[(5, "fourth"), (4, "third"), (3, "second"), (1, "first")]);
    assert_eq!(texts(&*store, &all).await, versions);
    assert_eq!(store.edits(&all).await.expect("versions")[3].body, first, "mentions and all");
    let moderator = texts(&*store, &wish(room, "mod", u64::MAX, 10)).await;
    assert_eq!(moderator, versions);
    // A page and one more; what comes before a revision.
    assert_eq!(texts(&*store, &wish(room, "alice", u64::MAX, 1)).await, versions[..2]);
    assert_eq!(texts(&*store, &wish(room, "alice", 4, 10)).await, versions[2..]);
    assert_eq!(texts(&*store, &wish(room, "alice", 3, 10)).await, versions[3..]);
    assert_eq!(texts(&*store, &wish(room, "alice", 1, 10)).await, []);
    // What the changes tell is the new body alone.
    let changes = format!("{:?}", store.changes(room, Rev(1), 10).await.expect("changes"));
    assert!(changes.contains("second") && !changes.contains("first"), "{changes}");

    let stranger = store.edits(&wish(room, "bob", u64::MAX, 10)).await;
    assert_eq!(refusal(stranger), ChangeRefused::NotTheSender);
    let absent = EditsWish { seq: seq(9), ..all.clone() };
    assert_eq!(refusal(store.edits(&absent).await), ChangeRefused::NoSuchMessage);
    store.delete(&deletion(room, 1, "alice", Standing::Member)).await.expect("deleted");
    for who in ["alice", "mod"] {
        let gone = store.edits(&wish(room, who, u64::MAX, 10)).await;
        assert_eq!(refusal(gone), ChangeRefused::Deleted);
    }
}

pub(super) async fn an_edit_may_keep_its_reply(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    fill(&*store, room, 2).await;
    let reply = |to| Body { reply_to: Some(seq(to)), ..Body::text("re") };
    let message = Post { content: Content::User(reply(1)), ..post(room, "alice", "") };
    stored(append(&*store, &[message]).await[0]);
    for gone in [1, 2] {
        let gone = deletion(room, gone, "alice", Standing::Member);
        store.delete(&gone).await.expect("deleted");
    }
    let edit = |to| Edit { body: reply(to), ..edit(room, 3, "alice", "") };
    store.edit(&edit(1)).await.expect("it answered that one before");
    assert_eq!(refusal(store.edit(&edit(2)).await), ChangeRefused::ReplyDeleted);
}

pub(super) async fn an_edit_may_keep_what_was_valid_when_it_was_sent(store: Arc<dyn Store>) {
    let room = RoomId::generate();
    // Sent when other attachments were allowed.
    let attachment = Attachment { url: "ftp://old.example/a".into(), ..Attachment::default() };
    let body = Body { attachments: vec![attachment.clone()], ..Body::text("look") };
    let message = Post { content: Content::User(body.clone()), ..post(room, "alice", "") };
    stored(append(&*store, &[message]).await[0]);
    let edit = |body| Edit { body, ..edit(room, 1, "alice", "") };
    let kept = Body { text: "look here".into(), ..body };
    store.edit(&edit(kept.clone())).await.expect("it had that attachment before");
    let other = Attachment { url: "ftp://new.example/a".into(), ..attachment };
    let refused = store.edit(&edit(Body { attachments: vec![other], ..kept })).await;
    assert!(matches!(refused, Err(ChangeError::Body(_))), "{refused:?}");
    let long = Body::text("x".repeat(limits::TEXT_CHARS_MAX + 1));
    assert!(matches!(store.edit(&edit(long)).await, Err(ChangeError::Body(_))));
}

/// Random mixes of everything: pages and every replay say what the model says.
pub(super) async fn changes_follow_a_model(store: Arc<dyn Store>) {
    let runtime = tokio::runtime::Handle::current();
    let check = move || {
        let config = Config { cases: 24, failure_persistence: None, ..Config::default() };
        TestRunner::new(config).run(&ops(), |ops| {
            runtime.block_on(follow(&*store, ops));
            Ok(())
        })
    };
    let result = tokio::task::spawn_blocking(check).await.expect("the check runs");
    result.expect("the store follows the model");
}

async fn follow(store: &dyn Store, ops: Vec<Op>) {
    let room = RoomId::generate();
    let mut model = Model::default();
    for (n, op) in ops.into_iter().enumerate() {
        let now = at(1_000 * (n as i64 + 1));
        apply(store, room, &mut model, op, now).await;
    }
    assert_eq!(newest(store, room).await, model.messages);
    for after in 0..=model.rev().0 {
        let expected = model.replay(Rev(after));
        for limit in [1, 3, 1_000] {
            let told = store.changes(room, Rev(after), limit).await.expect("changes");
            assert_eq!(told.changes, expected[..expected.len().min(limit as usize)]);
            assert_eq!(told.head.rev, model.rev());
        }
    }
    let beyond = store.changes(room, Rev(u64::MAX), 10).await.expect("changes");
    assert!(beyond.changes.is_empty());
}

async fn apply(store: &dyn Store, room: RoomId, model: &mut Model, op: Op, now: Timestamp) {
    let user_of = |n: u8| user(&format!("u{n}"));
    match op {
        Op::Post { sender, count } => {
            let posts: Vec<_> =
                (0..count).map(|_| post(room, &format!("u{sender}"), "posted")).collect();
            for (post, fate) in posts.iter().zip(super::append_at(store, &posts, now).await.fates) {
                model.posted(post.clone().message(stored(fate)));
            }
        }
        Op::Edit { seq } => {
            let Some(message) = model.message(seq).cloned() else { return };
            let body = Body::text(format!("edited at {now}"));
            let (seq, actor) = (message.seq, message.sender);
            let edited = store.edit(&Edit { room, seq, actor, body: body.clone(), now }).await;
            match edited {
                Ok(_) => model.edited(seq, &body, now),
                Err(_) => assert_eq!(message.kind, MessageKind::Deleted),
            }
        }
        Op::Delete { seq } => {
            let Some(message) = model.message(seq).cloned() else { return };
            let deletion = Deletion {
                room,
                seq: message.seq,
                actor: user("mod"),
                standing: Standing::Moderator,
                now,
            };
            if let Recorded::Changed { .. } = store.delete(&deletion).await.expect("deleted") {
                model.deleted(message.seq, user("mod"), now);
            }
        }
        Op::React { seq, user, emoji, on } => {
            let Some(message) = model.message(seq).cloned() else { return };
            let (actor, emoji) = (user_of(user), format!("e{emoji}"));
            let reaction = Reaction { user: actor.clone(), emoji: emoji.clone() };
            let (seq, bounds) = (message.seq, ReactionBounds::default());
            match store.react(&Reacting { room, seq, actor, emoji, on, bounds, now }).await {
                Ok(Recorded::Changed { .. }) => model.reacted(seq, reaction, on),
                Ok(Recorded::Unchanged { rev, .. }) => {
                    assert_eq!(rev, model.rev());
                    assert_eq!(message.reactions.contains(&reaction), on);
                }
                Err(_) => assert_eq!(message.kind, MessageKind::Deleted),
            }
        }
    }
}
