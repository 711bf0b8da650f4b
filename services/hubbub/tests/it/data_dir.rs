//! The data directory: private, for one process at a time, and not created by clients.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Stdio,
};

use nix::sys::signal::Signal;
use tempfile::tempdir;
use tokio::process::Command;

use crate::{
    line::Standalone,
    process::{Serving, hubbub, output, text},
};

/// The process with files that everyone may read and write, if it does nothing about it.
fn careless(dir: &Path) -> Command {
    let plain = hubbub(dir, &[]);
    let mut command = Command::new("sh");
    command.args(["-c", "umask 000; exec \"$0\"", env!("CARGO_BIN_EXE_hubbub")]);
    command.current_dir(dir).env_clear().stdin(Stdio::null()).kill_on_drop(true);
    for (name, value) in plain.as_std().get_envs() {
        command.env(name, value.expect("set"));
    }
    command
}

/// What group and others may do with each file below `data`, and with `data` itself.
fn open_to_others(data: &Path) -> Vec<String> {
    let files = fs::read_dir(data).expect("readable").map(|file| file.expect("a file").path());
    files
        .chain([data.to_owned()])
        .filter(|path| fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0))
        .map(|path| path.display().to_string())
        .collect()
}

#[tokio::test]
async fn files_are_private_whatever_the_umask_and_those_of_an_older_version_become_so() {
    let dir = tempdir().expect("a directory");
    let data = dir.path().join("data");
    let mut serving = Serving::start(&mut careless(dir.path()), "client").await;
    serving.ready().await;
    assert_eq!(open_to_others(&data), Vec::<String>::new());
    for file in ["identity.db", "room.db-wal", "history.db-shm", "dev-secret", "hubbub.lock"] {
        assert!(data.join(file).exists(), "{file}");
    }
    // What a killed process leaves, as an older version made it.
    serving.signal(Signal::SIGKILL);
    serving.ended().await;
    let left: Vec<_> = fs::read_dir(&data).expect("readable").flatten().collect();
    assert!(left.len() >= 9, "-wal and -shm are left behind");
    for file in left {
        fs::set_permissions(file.path(), Permissions::from_mode(0o666)).expect("set");
    }
    fs::set_permissions(&data, Permissions::from_mode(0o755)).expect("set");
    let serving = Serving::start(&mut careless(dir.path()), "client").await;
    serving.ready().await;
    assert_eq!(open_to_others(&data), Vec::<String>::new());
    serving.stop().await;
}

#[tokio::test]
async fn a_second_process_on_the_directory_is_refused_until_the_first_has_ended() {
    let dir = tempdir().expect("a directory");
    let mut first = Serving::start(&mut hubbub(dir.path(), &[]), "client").await;
    for arguments in [&["standalone"][..], &["migrate"]] {
        let second = output(&mut hubbub(dir.path(), arguments)).await;
        let said = text(&second.stderr);
        assert_eq!(second.status.code(), Some(1), "{said}");
        assert!(!text(&second.stdout).contains("listening role=standalone client"), "{said}");
        let holder = format!("(pid {})", first.id());
        for words in ["in use by another hubbub process", &holder, "standalone.data_dir"] {
            assert!(said.contains(words), "{words} is not said: {said}");
        }
    }
    // A client beside it is fine, and so is another directory.
    let token = output(&mut hubbub(dir.path(), &["token", "--sub", "alice"])).await;
    assert!(token.status.success(), "{}", text(&token.stderr));
    let mut elsewhere = hubbub(dir.path(), &[]);
    elsewhere.env("HUBBUB_STANDALONE__DATA_DIR", "other");
    Serving::start(&mut elsewhere, "client").await.stop().await;
    first.signal(Signal::SIGKILL);
    first.ended().await;
    Serving::start(&mut hubbub(dir.path(), &[]), "client").await.stop().await;
}

#[tokio::test]
async fn clients_create_no_data_directory() {
    let standalone = Standalone::start(&[]).await;
    let url = format!("ws://{}", standalone.address());
    standalone.known(&["bob"]).await;
    let dir = tempdir().expect("a directory");
    let chat = ["chat", "--as", "alice", "--with", "bob", "--url", &url];
    for arguments in [&chat[..], &["smoke", "--url", &url]] {
        let refused = output(&mut hubbub(dir.path(), arguments)).await;
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("--token") && said.contains("dev-secret"), "{said}");
    }
    let mut with_token = hubbub(dir.path(), &chat);
    with_token.env("HUBBUB_TOKEN", standalone.token("alice").await);
    let talked = output(&mut with_token).await;
    assert!(talked.status.success(), "{}", text(&talked.stderr));
    assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 0, "nothing was created");
    standalone.serving.stop().await;
}
