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
    rules::ChangeRefused,
    store::{ChangeError, Content, Deletion, Edit, Post, Reacting, Recorded, Standing, Store},
};

fn edit(room: RoomId, number: u64, actor: &str, text: &str) -> Edit {
    Edit { room, seq: seq(number), actor: user(actor), body: Body::text(text), now: at(5_000) }
}

fn deletion(room: RoomId, number: u64, actor: &str, standing: Standing) -> Deletion {
    Deletion { room, seq: seq(number), actor: user(actor), standing, now: at(6_000) }
}

fn reacting(room: RoomId, number: u64, actor: &str, on: bool) -> Reacting {
    let emoji = "👍".to_owned();
    Reacting { room, seq: seq(number), actor: user(actor), emoji, on, now: at(7_000) }
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

    for n in 0..limits::REACTIONS_PER_MESSAGE_MAX {
        let one = Reacting { emoji: format!("e{n}"), ..set.clone() };
        changed(store.react(&one).await.expect("set"));
    }
    assert_eq!(refusal(store.react(&set).await), ChangeRefused::TooManyReactions);
    let reactions = &newest(&*store, room).await[0].reactions;
    assert_eq!(reactions.len(), limits::REACTIONS_PER_MESSAGE_MAX);
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
            let seq = message.seq;
            match store.react(&Reacting { room, seq, actor, emoji, on, now }).await {
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
