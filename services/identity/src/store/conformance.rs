//! One suite for every adapter: each case is a part of the contract, run on a store of its own.

mod contacts;
mod keys;
mod people;
mod sessions;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use hubbub_domain::{Timestamp, UserId};
use hubbub_runtime::config::Secret;
use hubbub_testkit::{ChaosProxy, Flow, Postgres, eventually};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::{Made, NewSession, NewUser, Opened, Result, Store, open};
use crate::{
    config::Config,
    keys::later,
    model::{RefreshToken, SessionId, User, UserKind},
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
    let url = format!("sqlite:{}", scratch.path().join("identity.db").display());
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
    people::a_name_is_given_once,
    people::many_want_one_name_at_once,
    people::a_nickname_is_free_again_when_its_guest_has_expired,
    people::who_was_met_keeps_the_id,
    people::a_profile_changes_where_it_is_told_to,
    people::search_goes_by_prefix_page_by_page,
    people::attempts_leak_away,
    sessions::a_session_opens_for_the_proven_password_only,
    sessions::one_more_ends_the_longest_silent,
    sessions::a_refresh_token_is_spent_once,
    sessions::spending_at_once_gives_one_successor,
    sessions::a_spent_token_ends_its_session,
    sessions::ends_reach_whom_they_should,
    sessions::a_ban_shuts_out_until_it_is_lifted,
    sessions::another_password_ends_everything_else,
    sessions::a_guest_ends_with_its_time,
    sessions::what_has_ended_is_forgotten,
    keys::keys_are_turned_by_one_at_a_time,
    contacts::two_who_ask_at_once_are_contacts,
    contacts::requests_and_their_ends_show_on_both_sides,
    contacts::a_request_declined_for_good_is_not_made_again,
    contacts::how_people_stand_to_each_other,
    contacts::lists_come_page_by_page_and_have_a_bound,
    contacts::blocks_are_counted_until_they_are_told,
}

/// A moment later than all before.
fn tick() -> Timestamp {
    static NOW: AtomicI64 = AtomicI64::new(1_700_000_000_000_000);
    Timestamp::from_micros(NOW.fetch_add(1_000, Ordering::Relaxed))
}

fn id(name: &str) -> UserId {
    UserId::parse(name).expect("a user id")
}

fn new_user(name: &str) -> NewUser {
    let user = User {
        id: id(name),
        kind: UserKind::Account,
        name: name.to_owned(),
        display_name: name.to_uppercase(),
        colour: "#123456".to_owned(),
        avatar_url: String::new(),
        created_at: tick(),
        expires_at: None,
    };
    NewUser { user, skeleton: name.to_owned(), password: Some(format!("hash of {name}'s")) }
}

async fn make(store: &dyn Store, name: &str) -> NewUser {
    let new = new_user(name);
    assert_eq!(store.make_user(&new).await.expect("answers"), Made::New);
    new
}

/// A session to be opened, and its token.
fn new_session(user: &NewUser) -> (NewSession, RefreshToken) {
    let (token, at) = (RefreshToken::generate(), tick());
    let new = NewSession {
        id: SessionId::generate(),
        user: user.user.id.clone(),
        proof: user.password.clone(),
        token: token.hash(),
        at,
        expires_at: later(at, Duration::from_hours(1)),
        sessions_max: 10,
    };
    (new, token)
}

async fn log_in(store: &dyn Store, user: &NewUser) -> (SessionId, RefreshToken) {
    let (new, token) = new_session(user);
    let opened = store.open_session(&new).await.expect("answers");
    assert_eq!(opened, Opened::Open { ended: Vec::new() });
    (new.id, token)
}

async fn is_open(store: &dyn Store, session: SessionId) -> bool {
    !store.open_sessions(&[session], tick()).await.expect("answers").is_empty()
}

/// The code of a refusal.
fn refusal<T>(result: Result<T>) -> hubbub_domain::Code {
    match result {
        Err(crate::error::StoreError::Refused(fault)) => fault.code,
        Err(error) => panic!("not a refusal: {error}"),
        Ok(_) => panic!("not refused"),
    }
}

/// One-way silence: what is sent to Postgres arrives, no answer comes, and the connections that were
/// open never speak again. None of them may hold a place in the pool for longer than the outage.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_postgres_that_fell_silent_are_replaced() {
    const CALL_MAX: Duration = Duration::from_secs(2);

    let server = POSTGRES.get_or_init(async || Postgres::start().await.expect("Postgres")).await;
    let address = format!("127.0.0.1:{}", server.port());
    let proxy = ChaosProxy::start(&address).await.expect("a proxy");
    let url = server.database().await.expect("a database");
    let url = url.replace(&address, &proxy.address().to_string());
    let mut config = Config { database: Secret::new(url), ..Config::default() };
    config.postgres.connections_max = 4;
    config.postgres.acquire_timeout = Duration::from_secs(1);
    config.postgres.statement_timeout = Duration::from_millis(500);
    let store = open(&config).await.expect("the store opens");
    // A caller gives up after its time, as the service's do.
    let on_all = async || {
        let calls = (0..8).map(|_| tokio::time::timeout(CALL_MAX, store.keys()));
        join_all(calls).await.into_iter().filter(|done| matches!(done, Ok(Ok(_)))).count()
    };
    assert_eq!(on_all().await, 8);
    proxy.set(|faults| faults.down = Flow::Swallow);
    assert_eq!(on_all().await, 0, "nobody answers");
    proxy.set(|faults| faults.down = Flow::Pass);
    eventually(Duration::from_secs(20), async || on_all().await == 8).await;
}
