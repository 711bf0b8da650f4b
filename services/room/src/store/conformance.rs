//! One suite for every adapter: each case is a part of the contract, run on a store of its own.

mod blocks;
mod changes;
mod departures;
mod finding;
mod notices;
mod reads;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use hubbub_domain::{RoomId, RoomKind, Seq, Timestamp, UserId};
use hubbub_runtime::config::Secret;
use hubbub_testkit::Postgres;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::{Changed, NewDirect, NewRoom, Result, Store, open};
use crate::{
    change::{Change, Command},
    config::Config,
    model::{Room, RoomName, Topic},
};

static POSTGRES: OnceCell<Postgres> = OnceCell::const_new();

/// An empty store, and what must live as long as it.
pub(super) struct Fixture {
    pub(super) store: Arc<dyn Store>,
    _scratch: Option<TempDir>,
}

pub(super) async fn postgres() -> Fixture {
    let server = POSTGRES.get_or_init(async || Postgres::start().await.expect("Postgres"));
    let url = server.await.database().await.expect("a database");
    Fixture { store: opened(url).await, _scratch: None }
}

pub(super) async fn sqlite() -> Fixture {
    let scratch = TempDir::new().expect("a folder");
    let url = format!("sqlite:{}", scratch.path().join("room.db").display());
    Fixture { store: opened(url).await, _scratch: Some(scratch) }
}

async fn opened(url: String) -> Arc<dyn Store> {
    let config = Config { database: Secret::new(url), ..Config::default() };
    open(&config).await.expect("the store opens")
}

/// Runs each case on each adapter.
macro_rules! on_every_adapter {
    ($($module:ident::$name:ident,)+) => {
        mod on_postgres {
            $(#[tokio::test]
            async fn $name() {
                let fixture = super::postgres().await;
                super::$module::$name(fixture.store).await;
            })+
        }

        mod on_sqlite {
            $(#[tokio::test]
            async fn $name() {
                let fixture = super::sqlite().await;
                super::$module::$name(fixture.store).await;
            })+
        }
    };
}

on_every_adapter! {
    finding::one_room_per_pair,
    finding::many_ask_at_once,
    finding::a_request_makes_one_room,
    finding::old_requests_are_forgotten,
    finding::a_new_room_is_whole,
    blocks::a_block_shuts_the_room_of_two_until_both_are_lifted,
    blocks::a_block_before_the_room_keeps_it_from_being_made,
    blocks::who_blocks_whom_is_not_acquainted,
    blocks::blocking_and_opening_at_once_never_miss_each_other,
    changes::joining_twice_is_joining_once,
    changes::the_owner_role_passes_on,
    changes::the_last_one_out_dissolves,
    changes::newcomers_have_read_up_to_the_head,
    changes::a_dissolved_room_can_be_left,
    changes::handing_over_leaves_one_owner,
    changes::people_are_invited_and_removed,
    changes::a_group_has_a_bound,
    changes::a_room_is_updated,
    changes::slow_mode_is_the_rooms,
    changes::a_refused_change_leaves_no_trace,
    changes::counts_hold_under_concurrency,
    departures::people_who_left_are_added_by_contacts_alone,
    departures::a_ghost_is_taken_out_of_a_direct_room,
    departures::direct_rooms_of_pairs_and_users_in_order,
    reads::members_come_in_order_page_by_page,
    reads::memberships_come_last_joined_first,
    reads::versions_of_many,
    reads::who_shares_a_room,
    reads::chat_records_and_flags,
    reads::markers_never_go_back,
    reads::markers_cross_without_deadlock,
    reads::what_was_read_was_delivered,
    reads::progress_of_all_and_members_among_some,
    reads::public_rooms_by_prefix,
    notices::told_in_order_and_taken_away,
    notices::a_room_is_in_one_claim,
    notices::claims_are_bounded,
}

/// A moment later than all before.
fn tick() -> Timestamp {
    static NOW: AtomicI64 = AtomicI64::new(1_700_000_000_000_000);
    Timestamp::from_micros(NOW.fetch_add(1_000, Ordering::Relaxed))
}

fn user(name: &str) -> UserId {
    UserId::parse(name).expect("a user id")
}

fn users<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<UserId> {
    let mut users: Vec<_> = names.into_iter().map(user).collect();
    users.sort();
    users
}

fn new_direct(low: &str, high: &str) -> NewDirect {
    let (low, high) = (user(low), user(high));
    assert!(low < high);
    NewDirect { id: RoomId::generate(), by: low.clone(), low, high, at: tick() }
}

fn new_room(kind: RoomKind, name: &str, owner: &str, members: &[&str]) -> NewRoom {
    NewRoom {
        id: RoomId::generate(),
        kind,
        name: RoomName::parse(name).expect("a name"),
        topic: Topic::default(),
        owner: user(owner),
        members: users(members.iter().copied()),
        request: None,
        at: tick(),
    }
}

async fn make(store: &dyn Store, kind: RoomKind, owner: &str, members: &[&str]) -> Room {
    let new = new_room(kind, "room", owner, members);
    store.create_room(&new).await.expect("made").room
}

async fn act(store: &dyn Store, room: RoomId, actor: &str, command: Command) -> Result<Changed> {
    let actor = user(actor);
    store.change(&Change { room, actor, command, at: tick(), group_members_max: 5 }).await
}

fn dissolved() -> Command {
    let state = Some(hubbub_domain::RoomState::Dissolved);
    Command::Update { name: None, topic: None, state, slow_mode: None }
}

fn join() -> Command {
    Command::Join { head: Seq::ZERO }
}

fn invite<'a>(names: impl IntoIterator<Item = &'a str>) -> Command {
    let users = users(names);
    Command::Invite { contacts: users.clone(), users, head: Seq::ZERO }
}

/// The names of the members in order, with `!` for the owner and `+` for admins.
async fn roll(store: &dyn Store, room: RoomId) -> String {
    let page = super::Page { after: None, limit: 100 };
    let members = store.members(room, &page).await.expect("members");
    let sign = |role| match role {
        hubbub_domain::Role::Owner => "!",
        hubbub_domain::Role::Admin => "+",
        hubbub_domain::Role::Member => "",
    };
    let names = members.iter().map(|member| format!("{}{}", member.user, sign(member.role)));
    names.collect::<Vec<_>>().join(" ")
}

async fn version(store: &dyn Store, name: &str) -> u64 {
    let versions = store.versions(&[user(name)]).await.expect("versions");
    versions.first().map_or(0, |(_, version)| *version)
}

/// The code of a refusal.
fn refusal<T>(result: Result<T>) -> hubbub_domain::Code {
    match result {
        Err(crate::error::StoreError::Refused(fault)) => fault.code,
        Err(error) => panic!("not a refusal: {error}"),
        Ok(_) => panic!("not refused"),
    }
}
