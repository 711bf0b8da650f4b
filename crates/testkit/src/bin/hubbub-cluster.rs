//! A cluster to try things on, until Ctrl-C: the processes that the tests start, left running.
//!
//! `cargo xtask cluster` builds this beside the `hubbub` program and starts it. Everything is private
//! (a Postgres and a Redis of its own, free ports, a scratch directory) and ends with this process,
//! however that ends.
#![expect(clippy::print_stdout, reason = "a command-line tool talks")]

use anyhow::{Context as _, Result};
use hubbub_testkit::{Cluster, ClusterOptions, GRPC_TOKEN, Node, SECRET, token};

#[tokio::main]
async fn main() -> Result<()> {
    let here = std::env::current_exe().context("this program has no path")?;
    let binary = here.with_file_name("hubbub");
    println!("starting Postgres, Redis and two of each role");
    let cluster = tokio::select! {
        cluster = Cluster::start(ClusterOptions::two_of_each(&binary).with_identities(2)) => cluster?,
        interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
    };
    introduce(&cluster);
    tokio::signal::ctrl_c().await?;
    println!("\nstopping");
    Ok(())
}

fn introduce(cluster: &Cluster) {
    println!();
    for node in cluster.nodes() {
        let pid = node.pid().unwrap_or_default();
        println!("  {:<10} {:<22} process {pid}", node.name(), node.address());
    }
    println!("  postgres   {}", cluster.database());
    println!("  redis      {}", cluster.redis.url());
    println!("\nSettings for the k6 scenarios (loadtest/k6/README.md), in another terminal:\n");
    println!("export HUBBUB_URLS={}", addresses(&cluster.gateways, "http://"));
    println!("export HUBBUB_SECRET='{SECRET}'");
    println!("export HUBBUB_ROOM={}", addresses(&cluster.rooms, ""));
    println!("export HUBBUB_HISTORY={}", addresses(&cluster.histories, ""));
    println!("export HUBBUB_GRPC_TOKEN='{GRPC_TOKEN}'");
    println!("make load SCENARIO=smoke");
    let [first, .., last] = &cluster.gateways[..] else { return };
    println!(
        "\nTokens for two people, valid for an hour. They exist once a gateway has seen their tokens; then \
         each asks another\ngateway for their direct room, and both get the same one:\n\nALICE={}\nBOB={}\n{}\n{}\n{}\n{}\n\n\
         Ctrl-C stops all of it.",
        token("alice"),
        token("bob"),
        me(first, "$ALICE"),
        me(last, "$BOB"),
        open_direct(first, "$ALICE", "bob"),
        open_direct(last, "$BOB", "alice"),
    );
}

fn addresses(nodes: &[Node], scheme: &str) -> String {
    let addresses = nodes.iter().map(|node| format!("{scheme}{}", node.address()));
    addresses.collect::<Vec<_>>().join(",")
}

fn me(gateway: &Node, token: &str) -> String {
    format!(
        "curl -s -w '\\n' http://{}/v1/me -H \"authorization: Bearer {token}\"",
        gateway.address()
    )
}

fn open_direct(gateway: &Node, token: &str, peer: &str) -> String {
    format!(
        "curl -s -w '\\n' http://{}/v1/rooms/direct -H \"authorization: Bearer {token}\" \
         -H 'content-type: application/json' -d '{{\"peer\":\"{peer}\"}}'",
        gateway.address()
    )
}
