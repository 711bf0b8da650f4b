//! What docs/grpc.md says: its commands are run, its examples too, and its tables are the contract's.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use hubbub_testkit::{Cluster, ClusterOptions};
use tempfile::tempdir;
use tokio::process::Command;

#[expect(dead_code, reason = "an example has a main of its own")]
#[path = "../../../../crates/proto/examples/call.rs"]
mod call;

const TOKEN: &str = "a token that the roles share";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// The services, and one gateway.
async fn services(reflection: &str) -> Cluster {
    let two_of_each = ClusterOptions::two_of_each(env!("CARGO_BIN_EXE_hubbub"));
    let options = ClusterOptions { gateways: 1, rooms: 1, histories: 1, ..two_of_each };
    let options = options.with("HUBBUB_GRPC__SERVER__REFLECTION", reflection);
    Cluster::start(options).await.expect("a cluster")
}

/// A program that knows where the services are; `cargo xtask test` installs what it runs.
async fn run(cluster: &Cluster, program: &Path, arguments: &[&str], folder: &Path) -> Output {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tools = std::iter::once(root().join(".tools/bin"));
    let path = std::env::join_paths(tools.chain(std::env::split_paths(&path))).expect("folders");
    Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("PATH", path)
        .env("ROOM", cluster.rooms[0].address())
        .env("HISTORY", cluster.histories[0].address())
        .env("GATEWAY", cluster.gateways[0].internal_address())
        .env("TOKEN", TOKEN)
        .env("HUBBUB_ROOM", cluster.rooms[0].address())
        .env("HUBBUB_HISTORY", cluster.histories[0].address())
        .env("HUBBUB_GRPC_TOKEN", TOKEN)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap_or_else(|error| panic!("{} (see `cargo xtask test`): {error}", program.display()))
}

async fn shell(cluster: &Cluster, script: &str) -> Output {
    let strict = format!("set -euo pipefail\n{script}");
    run(cluster, Path::new("bash"), &["-c", &strict], &root()).await
}

fn text(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&all).into_owned()
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(output));
    text(output)
}

fn document() -> String {
    fs::read_to_string(root().join("docs/grpc.md")).expect("docs/grpc.md")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worked_calls_work() {
    let cluster = services("true").await;
    let document = document();
    let (_, commands) = document.split_once("```sh\n").expect("commands");
    let (commands, _) = commands.split_once("```").expect("their end");
    let first = succeeded(&shell(&cluster, commands).await);
    assert!(first.contains("hubbub.room.v1.RoomService\n"), "{first}");
    assert!(first.contains("invoice 17 is paid") && !first.contains("duplicate"), "{first}");
    let second = succeeded(&shell(&cluster, commands).await);
    assert!(second.contains("\"duplicate\": true"), "{second}");
    assert!(second.contains("PRESENCE_STATE_OFFLINE"), "{second}");

    let http = |address: String| format!("http://{address}");
    let [room, history] = [&cluster.rooms, &cluster.histories].map(|nodes| nodes[0].address());
    let said = call::converse(http(room), http(history), TOKEN).await.expect("the Rust example");
    assert_eq!(said, "the parcel has left");

    let scratch = tempdir().expect("a directory");
    let python = root().join(".tools/grpc-python/bin/python");
    let proto = root().join("proto");
    let generate = [
        "-m",
        "grpc_tools.protoc",
        "-I",
        proto.to_str().expect("UTF-8"),
        "--python_out=.",
        "--grpc_python_out=.",
        "hubbub/room/v1/room.proto",
        "hubbub/history/v1/history.proto",
        "hubbub/history/v1/message.proto",
    ];
    succeeded(&run(&cluster, &python, &generate, scratch.path()).await);
    let script = root().join("examples/grpc/python/call.py");
    let script = fs::copy(script, scratch.path().join("call.py")).map(|_| "call.py").expect("it");
    let said = succeeded(&run(&cluster, &python, &[script], scratch.path()).await);
    assert!(said.contains(": the parcel has left"), "{said}");
    assert!(said.contains("a stranger is told: not_found"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_is_for_those_who_may_call_and_can_be_off() {
    let list = r#"grpcurl -plaintext -H "authorization: Bearer $TOKEN" "$ROOM" list"#;
    let cluster = services("false").await;
    let off = shell(&cluster, list).await;
    assert!(!off.status.success() && text(&off).contains("reflection"), "{}", text(&off));
    let known = r#"grpcurl -plaintext -H "authorization: Bearer $TOKEN" -import-path proto \
        -proto hubbub/room/v1/room.proto -d '{}' "$ROOM" hubbub.room.v1.RoomService/ListPublicRooms"#;
    succeeded(&shell(&cluster, known).await);
    let stranger = known.replace("$TOKEN", "guessed");
    let refused = shell(&cluster, &stranger).await;
    assert!(text(&refused).contains("Unauthenticated"), "{}", text(&refused));
}

/// The calls of a service by its contract: `rpc Append(…`.
fn contract(file: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("proto").join(file)).expect("a contract");
    let name = |line: &str| {
        let (name, _) = line.trim().strip_prefix("rpc ")?.split_once('(')?;
        Some(name.to_owned())
    };
    text.lines().filter_map(name).collect()
}

/// Those of a section's table: "| `Append` | …".
fn documented(service: &str) -> BTreeSet<String> {
    let document = document();
    let heading = format!("## `{service}`\n");
    let (_, section) = document.split_once(&heading).expect("a section of its own");
    let section = section.split("\n## ").next().unwrap_or(section);
    let name = |line: &str| {
        let (name, _) = line.strip_prefix("| `")?.split_once('`')?;
        Some(name.to_owned())
    };
    section.lines().filter_map(name).collect()
}

#[test]
fn every_call_is_documented() {
    let services = [
        ("hubbub/room/v1/room.proto", "hubbub.room.v1.RoomService"),
        ("hubbub/history/v1/history.proto", "hubbub.history.v1.HistoryService"),
        ("hubbub/identity/v1/identity.proto", "hubbub.identity.v1.IdentityService"),
        ("hubbub/presence/v1/presence.proto", "hubbub.presence.v1.PresenceService"),
    ];
    for (file, service) in services {
        let calls = contract(file);
        assert!(calls.len() >= 5, "{file} was read");
        assert_eq!(documented(service), calls, "{service}");
    }
}
