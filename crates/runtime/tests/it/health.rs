//! The admin listener: readiness says what is missing, and the metrics page is there.

use hubbub_runtime::{
    health::{MetricsPage, Readiness, serve_admin},
    lifecycle::Lifecycle,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::support::{self, PATIENCE, TestServer};

struct Admin {
    lifecycle: Lifecycle,
    readiness: Readiness,
    base: String,
}

impl Admin {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        let lifecycle = Lifecycle::new(PATIENCE);
        let behind = lifecycle.behind();
        let readiness = Readiness::default();
        let page = MetricsPage::install().expect("one recorder");
        behind.spawn("admin", serve_admin(listener, readiness.clone(), page, &behind));
        Self { lifecycle, readiness, base }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let url = format!("{}{path}", self.base);
        let response = reqwest::get(url).await.expect("answered");
        (response.status().as_u16(), response.text().await.expect("text"))
    }
}

#[tokio::test]
async fn readiness_names_what_is_missing() {
    let admin = Admin::start().await;
    assert_eq!(admin.get("/readyz").await, (200, "ready\n".to_owned()));
    let redis = admin.readiness.condition("redis");
    let postgres = admin.readiness.condition("postgres");
    let missing = "not ready: postgres, redis\n".to_owned();
    assert_eq!(admin.get("/readyz").await, (503, missing));
    postgres.met();
    redis.met();
    assert_eq!(admin.get("/readyz").await.0, 200);
    redis.unmet();
    assert_eq!(admin.get("/readyz").await, (503, "not ready: redis\n".to_owned()));
    assert_eq!(admin.get("/healthz").await, (200, "ok\n".to_owned()));
}

#[tokio::test]
async fn a_draining_process_says_so_until_its_last_task_ended() {
    let admin = Admin::start().await;
    let (finish, finished) = tokio::sync::oneshot::channel::<()>();
    admin.lifecycle.spawn("busy", async move { drop(finished.await) });
    admin.lifecycle.drain_all();
    assert_eq!(admin.get("/readyz").await, (503, "not ready: draining\n".to_owned()));
    assert_eq!(admin.get("/healthz").await.0, 200);
    finish.send(()).expect("still waiting");
    admin.lifecycle.wait().await.expect("ended well");
}

#[tokio::test]
async fn the_metrics_page_has_the_process_and_the_calls() {
    let admin = Admin::start().await;
    let server = TestServer::start("a").await;
    let transport = support::connect(&[&server]).await;
    support::call(transport.any(), "Name").await.expect("answered");
    support::call(transport.any(), "Invented").await.expect_err("no such method");
    let (status, page) = admin.get("/metrics").await;
    assert_eq!(status, 200);
    for expected in [
        "process_resident_memory_bytes ",
        "process_open_fds ",
        "process_threads ",
        "process_cpu_seconds_total ",
        "process_start_time_seconds ",
        "hubbub_grpc_server_calls_total{method=\"test.Test/Name\",code=\"ok\"}",
        "hubbub_grpc_server_calls_total{method=\"unknown\",code=\"unimplemented\"}",
        "hubbub_grpc_server_seconds_bucket{method=\"test.Test/Name\",code=\"ok\",le=\"0.01\"}",
    ] {
        assert!(page.contains(expected), "{expected} is not on the page:\n{page}");
    }
    assert!(!page.contains("Invented"), "a client invented a time series");
}

/// One address cannot take the listener away from the others, nor hold what it took.
#[tokio::test]
async fn silent_connections_are_bounded_and_end() {
    let admin = Admin::start().await;
    let address = admin.base.trim_start_matches("http://").to_owned();
    let mut held = Vec::new();
    for number in 0..100 {
        let mut stream = TcpStream::connect(&address).await.expect("connects");
        if number % 2 == 0 {
            // Half a request is no more than none. One that was refused takes nothing.
            let _refused = stream.write_all(b"GET /healthz HTT").await;
        }
        held.push(stream);
    }
    let from_elsewhere = tokio::net::TcpSocket::new_v4().expect("a socket");
    from_elsewhere.bind("127.0.0.2:0".parse().expect("an address")).expect("loopback");
    let mut other = from_elsewhere.connect(address.parse().expect("an address")).await.expect("up");
    other.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("written");
    let mut answer = String::new();
    other.read_to_string(&mut answer).await.expect("answered, and closed");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("x-content-type-options: nosniff"), "{answer}");
    let all_end = async {
        for stream in &mut held {
            // An end or a reset: the server is done with it.
            let _end = stream.read(&mut [0; 64]).await;
        }
    };
    timeout(2 * PATIENCE, all_end).await.expect("all ended");
}
