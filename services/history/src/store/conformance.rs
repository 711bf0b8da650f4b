//! One suite for every adapter: the contract of [`Store`](super::Store), clause by clause.
//!
//! Each test gets a store of its own to share with nobody. To run it on another adapter, write an
//! `open` and add a line at the end.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "numbers of tests are small"
)]

mod appending;
mod changing;
mod epochs;
mod heads;
mod model;
mod outbox;
mod paging;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hubbub_domain::{
    Body, Change, ClientId, Head, Message, MessageId, Rev, RoomId, Seq, Timestamp, UserId,
};
use hubbub_testkit::Postgres;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::{
    Batch, Committed, Content, Fate, OutboxId, Place, Post, Recorded, Store,
    postgres::PostgresStore, sqlite::SqliteStore,
};
use crate::{
    config::{PostgresConfig, SqliteConfig},
    rules::{Anchor, window},
};

/// A store, and what must outlive it.
struct Fixture {
    store: Arc<dyn Store>,
    _scratch: Option<TempDir>,
}

async fn postgres() -> Fixture {
    static SERVER: OnceCell<Postgres> = OnceCell::const_new();
    let start = || async { Postgres::start().await.expect("Postgres starts") };
    let url = SERVER.get_or_init(start).await.database().await.expect("a database");
    let store = PostgresStore::connect(&url, &PostgresConfig::default()).await.expect("a store");
    Fixture { store: Arc::new(store), _scratch: None }
}

async fn sqlite() -> Fixture {
    let scratch = TempDir::new().expect("a folder");
    let file = scratch.path().join("history.db");
    let store = SqliteStore::open(&file, &SqliteConfig::default()).await.expect("a store");
    Fixture { store: Arc::new(store), _scratch: Some(scratch) }
}

fn user(name: &str) -> UserId {
    UserId::parse(name).expect("valid")
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// A post with a client id of its own.
fn post(room: RoomId, sender: &str, text: &str) -> Post {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let client_id = format!("c{}", NEXT.fetch_add(1, Ordering::Relaxed));
    Post {
        room,
        sender: user(sender),
        client_id: ClientId::parse(&client_id).expect("valid"),
        id: MessageId::generate(),
        content: Content::User(Body::text(text)),
        pause: Duration::ZERO,
        traceparent: String::new(),
    }
}

/// Appends at a moment, finishing nothing.
async fn append_at(store: &dyn Store, posts: &[Post], now: Timestamp) -> Committed {
    store.append(Batch { posts, now, finished: &[] }).await.expect("stored")
}

async fn append(store: &dyn Store, posts: &[Post]) -> Vec<Fate> {
    append_at(store, posts, at(1_000)).await.fates
}

/// Appends so many messages of alice, in batches.
async fn fill(store: &dyn Store, room: RoomId, count: usize) {
    let posts: Vec<_> = (1..=count).map(|n| post(room, "alice", &format!("m{n}"))).collect();
    for chunk in posts.chunks(500) {
        append(store, chunk).await;
    }
}

fn stored(fate: Fate) -> Place {
    match fate {
        Fate::Stored(place) => place,
        fate => panic!("not stored: {fate:?}"),
    }
}

fn changed(recorded: Recorded) -> (Change, OutboxId) {
    match recorded {
        Recorded::Changed { change, outbox } => (change, outbox),
        Recorded::Unchanged { .. } => panic!("unchanged: {recorded:?}"),
    }
}

async fn newest(store: &dyn Store, room: RoomId) -> Vec<Message> {
    store.page(room, window(Anchor::Newest, 100)).await.expect("a page").messages
}

async fn head(store: &dyn Store, room: RoomId) -> Head {
    store.changes(room, Rev::ZERO, 1).await.expect("changes").head
}

async fn all_changes(store: &dyn Store, room: RoomId) -> Vec<Change> {
    store.changes(room, Rev::ZERO, 1_000).await.expect("changes").changes
}

fn seqs(messages: &[Message]) -> Vec<u64> {
    messages.iter().map(|message| message.seq.0).collect()
}

fn seq(number: u64) -> Seq {
    Seq(number)
}

macro_rules! suite {
    ($($adapter:ident),+: $($module:ident { $($test:ident),+ $(,)? })+) => {
        suite!(@ [$($adapter)+] { $($( ($module $test) )+)+ });
    };
    (@ [$($adapter:ident)+] $tests:tt) => {
        $(mod $adapter { suite!(# $adapter $tests); })+
    };
    (# $adapter:ident { $(($module:ident $test:ident))+ }) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let fixture = super::$adapter().await;
                super::super::$module::$test(fixture.store.clone()).await;
            }
        )+
    };
}

mod on {
    use super::{postgres, sqlite};

    suite! { postgres, sqlite:
        appending {
            writers_leave_no_gap,
            a_batch_keeps_its_order,
            a_repetition_gets_the_first_place,
            a_repetition_may_meet_its_first,
            replies_need_what_they_answer,
            content_reads_back,
            time_rises_strictly,
            time_stays_near_the_clock,
            a_reply_needs_what_is_still_there,
            slow_mode_lets_one_pass,
        }
        changing {
            edits_are_the_senders,
            an_edit_may_keep_what_was_valid_when_it_was_sent,
            a_deletion_erases,
            deleting_again_answers_the_first,
            reactions_are_idempotent_and_bounded,
            absent_messages_are_absent,
            edits_are_kept_until_deletion,
            an_edit_may_keep_its_reply,
            changes_follow_a_model,
        }
        paging {
            anchors_and_edges,
            pages_meet_while_people_write,
            a_moment_is_found_in_a_long_room,
            changes_come_in_steps,
        }
        heads {
            heads_come_as_asked,
            unread_is_what_a_recount_says,
            mentions_are_what_a_recount_says,
            senders_since_a_message,
            notices_are_not_what_was_said,
            who_has_written_where,
            ranking_pages_through_all,
            epochs_change_on_demand,
        }
        epochs {
            a_lost_tail_forks_each_room_at_its_next_change,
            every_kind_of_change_forks,
            nothing_holds_after_a_restore,
        }
        outbox {
            a_commit_leaves_a_row,
            a_row_is_claimed_once,
            finished_rows_go,
            an_abandoned_claim_is_free,
        }
    }
}
