//! Every role in one process, from an empty directory.

use nix::sys::signal::Signal;
use tempfile::tempdir;

use crate::process::{Serving, hubbub};

#[tokio::test]
async fn starts_from_nothing_and_stops_when_told() {
    let dir = tempdir().expect("a directory");
    // Twice: the second start finds what the first one left.
    for _ in 0..2 {
        let serving = Serving::start(&mut hubbub(dir.path(), &[]), "client").await;
        serving.ready().await;
        let (status, page) = serving.get("/metrics").await;
        assert_eq!(status, 200);
        assert!(page.contains("process_resident_memory_bytes"));
        serving.stop().await;
    }
    for file in ["dev-secret", "history.db", "room.db"] {
        assert!(dir.path().join("data").join(file).exists(), "{file}");
    }
}

#[tokio::test]
async fn stops_at_an_interrupt_too() {
    let dir = tempdir().expect("a directory");
    let mut serving = Serving::start(&mut hubbub(dir.path(), &["standalone"]), "client").await;
    serving.signal(Signal::SIGINT);
    assert_eq!(serving.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_it() {
    let dir = tempdir().expect("a directory");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let mut command = hubbub(dir.path(), &[]);
    command.env("HUBBUB_GATEWAY__EDGE__LISTEN", &address);
    let failed = crate::process::output(&mut command).await;
    let said = crate::process::text(&failed.stderr);
    assert_eq!(failed.status.code(), Some(1), "{said}");
    assert!(said.contains(&address), "{said}");
}
