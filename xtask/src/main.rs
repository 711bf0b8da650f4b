//! Developer commands and the repository's own rules, as code: `cargo xtask <command>`.
//!
//! The Makefile and `.ci/run` only call these. A command installs what it needs where that is
//! possible, and says exactly what to install where it is not; it never starts or stops a service
//! of the machine.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks")]

mod api_documents;
mod bench;
mod chart;
mod cluster;
mod command;
mod faults;
mod hostile;
mod lint;
mod load;
mod peers;
mod test;
mod tidy;
mod tools;
mod web;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer commands of hubbub.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the web client if that can be done here, then run every role in one process.
    Run {
        /// Passed on to `hubbub`: a role, `--config FILE`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Run every test, with real Postgres and Redis started privately.
    Test {
        /// Passed on to `cargo test`: a filter, or `--test it -- --nocapture`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Formatting, clippy, tidy, cargo-deny and buf: everything that is checked without running it.
    Lint,
    /// The repository's own rules: who may depend on whom, what a source file looks like.
    Tidy {
        /// Write today's sizes of overlong files down as their limits.
        #[arg(long)]
        bless: bool,
    },
    /// A whole cluster on this machine: two of each role, a private Postgres and Redis.
    Cluster {
        /// Passed on to the cluster's own command line.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// The load rig: hubbub and its peers measured side by side (see `loadtest/README.md`).
    Bench {
        /// Passed on to the rig: `--only fan-out`, `--rounds 5`, `--smoke`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Break a cluster under load for a while and judge what its clients saw (SEED, DURATION).
    Faults {
        /// Passed on: `--plan`, `--peer`, `--old-binary FILE`; see `--help`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Hostile clients against a release build: what they make a node hold, and what others notice.
    Hostile {
        /// Passed on: `--only half-bodies`, `--smoke`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Run a scenario of loadtest/k6 with the machine's k6 against the cluster that HUBBUB_URLS names. Without a
    /// scenario: list them.
    K6 {
        /// The scenario's name, then arguments for k6.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Replace three gateways under load, with the chart's timings, and judge what the clients saw.
    RollingRestart {
        /// Size of the load: CLIENTS=300 ROOMS=30 RATE=100 SECONDS=120.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Install what the chart, the image and the dashboards are checked with, and write anew what is
    /// made from them: the chart's README, the rendered manifests in deploy/checks/golden.
    Chart,
    /// Write the OpenAPI and AsyncAPI documents anew from the types they are made of.
    ApiDocuments,
    /// Build the servers that hubbub is measured against, and say where they are.
    Peers,
    /// Install and build the packages below `web/`.
    Web,
    /// Format Rust, protobuf and TypeScript sources.
    Fmt,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Run { rest } => web::run(&rest),
        Task::Test { rest } => test::run(&rest),
        Task::Lint => lint::run(),
        Task::Tidy { bless: true } => tidy::bless(),
        Task::Tidy { bless: false } => tidy::run(),
        Task::Cluster { rest } => cluster::run(&rest),
        Task::Bench { rest } => bench::run(&rest),
        Task::Faults { rest } => faults::run(&rest),
        Task::Hostile { rest } => hostile::run(&rest),
        Task::K6 { rest } => load::k6(&rest),
        Task::RollingRestart { rest } => load::rolling_restart(&rest),
        Task::Chart => chart::run(),
        Task::ApiDocuments => api_documents::run(),
        Task::Peers => peers::run(),
        Task::Web => web::build(),
        Task::Fmt => lint::format(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
