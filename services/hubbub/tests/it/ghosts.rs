//! `hubbub users ghosts`: members who do not exist are found, and taken out of their rooms.

use hubbub_domain::{Clock as _, RoomId, RoomKind, SystemClock, UserId};
use hubbub_room::{
    model::{RoomName, Topic},
    store::{NewDirect, NewRoom},
};
use hubbub_runtime::config::Secret;
use hubbub_testkit::Postgres;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::{
    line::Standalone,
    people_house::{House, Person},
    process::{hubbub, output, text},
};

const GET: Method = Method::GET;
const POST: Method = Method::POST;

fn user(name: &str) -> UserId {
    UserId::parse(name).expect("a user id")
}

/// Rooms as they could be made when nobody looked whether people exist.
async fn haunt(database: &str) {
    let config =
        hubbub_room::Config { database: Secret::new(database), ..hubbub_room::Config::default() };
    let store = hubbub_room::store::open(&config).await.expect("the store opens");
    let at = SystemClock.now();
    for (low, high) in [("alice", "casper"), ("alice", "bob")] {
        let (low, high) = (user(low), user(high));
        let new = NewDirect { id: RoomId::generate(), by: user("alice"), low, high, at };
        store.open_direct(&new).await.expect("made");
    }
    for (owner, members) in [("alice", vec!["casper"]), ("slimer", vec!["alice", "casper"])] {
        let new = NewRoom {
            id: RoomId::generate(),
            kind: RoomKind::Group,
            name: RoomName::parse(&format!("of {owner}")).expect("a name"),
            topic: Topic::default(),
            owner: user(owner),
            members: members.into_iter().map(user).collect(),
            request: None,
            at,
        };
        store.create_room(&new).await.expect("made");
    }
}

/// Finds and removes ghosts of a standalone process with these settings, and looks who is left.
async fn exorcise(settings: &[(&str, &str)], database: Option<&str>) {
    let cheap = [
        ("HUBBUB_IDENTITY__PASSWORD__MEMORY_KIB", "64"),
        ("HUBBUB_IDENTITY__PASSWORD__PASSES", "1"),
    ];
    let settings: Vec<_> = settings.iter().copied().chain(cheap).collect();
    let dir = tempdir().expect("a directory");
    let file = format!("sqlite:{}", dir.path().join("data/room.db").display());
    let database = database.unwrap_or(&file);
    let command = async |arguments: &[&str]| {
        let mut command = hubbub(dir.path(), arguments);
        command.envs(settings.iter().copied());
        output(&mut command).await
    };
    assert!(command(&["migrate"]).await.status.success());
    haunt(database).await;
    // Compared with a list of people that is not this deployment's, everybody would be a ghost.
    let refused = command(&["users", "ghosts", "--remove"]).await;
    assert!(!refused.status.success());
    assert!(text(&refused.stderr).contains("none of the 4 members"), "{}", text(&refused.stderr));

    let house = living(dir, &settings).await;
    let alice = house.register("alice").await;
    house.register("bob").await;
    let chats = house.done(&alice, (GET, "/v1/chats"), Value::Null).await;
    assert_eq!(chats["chats"].as_array().map(Vec::len), Some(4), "{chats}");
    let dir = resting(house).await;
    let command = async |arguments: &[&str]| {
        let mut command = hubbub(dir.path(), arguments);
        command.envs(settings.iter().copied());
        let done = output(&mut command).await;
        assert!(done.status.success(), "{}", text(&done.stderr));
        text(&done.stdout)
    };
    let found = command(&["users", "ghosts"]).await;
    assert!(found.contains("casper: a member of 3 room(s)"), "{found}");
    assert!(found.contains("slimer: a member of 1 room(s)"), "{found}");
    assert!(found.contains("2 ghost(s); --remove takes them out"), "{found}");
    let removed = command(&["users", "ghosts", "--remove"]).await;
    assert!(removed.contains("casper: removed from 3 room(s)"), "{removed}");
    assert!(command(&["users", "ghosts"]).await.contains("0 ghost(s)"));

    let house = living(dir, &settings).await;
    let alice = house.login(0, "alice").await;
    let casper = house.register("casper").await;
    let chats = house.done(&casper, (GET, "/v1/chats"), Value::Null).await;
    assert_eq!(chats["chats"], json!([]), "whoever gets the name inherits nothing");
    look_at_what_is_left(&house, &alice).await;
    let old = house.done(&alice, (GET, "/v1/chats"), Value::Null).await;
    let direct = json!({"peer": "casper"});
    let opened = house.done(&casper, (POST, "/v1/rooms/direct"), json!({"peer": "alice"})).await;
    assert_eq!(opened["created"], true, "{opened}");
    let chats = old["chats"].as_array().expect("a list");
    assert!(chats.iter().all(|chat| chat["room"] != opened["room"]), "a room of its own");
    let again = house.done(&alice, (POST, "/v1/rooms/direct"), direct).await;
    assert_eq!(again["room"], opened["room"]);
    drop(resting(house).await);
}

/// The rooms go on without the ghosts; the direct one is dissolved, and can be left.
async fn look_at_what_is_left(house: &House, alice: &Person) {
    let chats = house.done(alice, (GET, "/v1/chats"), Value::Null).await;
    let chats = chats["chats"].as_array().expect("a list").clone();
    assert_eq!(chats.len(), 4);
    for chat in chats {
        let path =
            |rest: &str| format!("/v1/rooms/{}/{rest}", chat["room"].as_str().expect("an id"));
        let members = house.done(alice, (GET, &path("members")), Value::Null).await;
        let members = members["members"].as_array().expect("a list").clone();
        match (chat["peer"].as_str(), chat["name"].as_str()) {
            (Some("bob"), _) => assert_eq!((members.len(), &chat["state"]), (2, &json!("open"))),
            (Some("casper"), _) => {
                assert_eq!((members.len(), &chat["state"]), (1, &json!("dissolved")));
                house.done(alice, (POST, &path("leave")), Value::Null).await;
            }
            // She inherits what was theirs.
            _ => {
                assert_eq!(members.len(), 1, "{members:?}");
                assert_eq!(
                    (&members[0]["user"], &members[0]["role"]),
                    (&json!("alice"), &json!("owner"))
                );
            }
        }
    }
}

async fn living(dir: tempfile::TempDir, settings: &[(&str, &str)]) -> House {
    let alone = Standalone::start_in(dir, settings).await;
    let gateways = vec![alone.address().to_owned()];
    House { gateways, client: reqwest::Client::new(), cluster: None, alone: Some(alone) }
}

async fn resting(house: House) -> tempfile::TempDir {
    house.alone.expect("it stands alone").stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn ghosts_are_found_and_taken_out_of_sqlite() {
    exorcise(&[], None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ghosts_are_found_and_taken_out_of_postgres() {
    let server = Postgres::start().await.expect("Postgres");
    let url = server.database().await.expect("a database");
    exorcise(&[("DATABASE_URL", &url)], Some(&url)).await;
}

#[tokio::test]
async fn nobody_is_removed_where_another_issuer_keeps_the_accounts() {
    let dir = tempdir().expect("a directory");
    let mut command = hubbub(dir.path(), &["users", "ghosts", "--remove"]);
    command.env("HUBBUB_IDENTITY__ACCOUNTS", "external");
    let refused = output(&mut command).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("identity.accounts"), "{}", text(&refused.stderr));
}
