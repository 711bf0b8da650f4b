//! A cluster to try things on, until Ctrl-C: the processes that the tests start, left running.
//!
//! `cargo xtask cluster` builds this beside the `hubbub` program and starts it. Everything is private
//! (a Postgres and a Redis of its own, free ports, a scratch directory) and ends with this process,
//! however that ends.
#![expect(clippy::print_stdout, reason = "a command-line tool talks")]

use anyhow::{Context as _, Result};
use hubbub_testkit::{Cluster, ClusterOptions, Node, token};

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
    let [first, .., last] = &cluster.gateways[..] else { return };
    println!(
        "\nTokens for two people, good for an hour, and both asking for their room, each at another \
         gateway;\nthey get the same one:\n\nALICE={}\nBOB={}\n{}\n{}\n\nCtrl-C stops all of it.",
        token("alice"),
        token("bob"),
        open_direct(first, "$ALICE", "bob"),
        open_direct(last, "$BOB", "alice"),
    );
}

fn open_direct(gateway: &Node, token: &str, peer: &str) -> String {
    format!(
        "curl -s -w '\\n' http://{}/v1/rooms/direct -H \"authorization: Bearer {token}\" \
         -H 'content-type: application/json' -d '{{\"peer\":\"{peer}\"}}'",
        gateway.address()
    )
}
