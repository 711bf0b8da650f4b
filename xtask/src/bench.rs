//! The load rig with all it measures: our release build, and the servers of the peers.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::{command, peers, tools};

pub(crate) fn run(rest: &[String]) -> Result<()> {
    tools::servers()?;
    command::build(&["--release"], &["hubbub", "hubbub-bench"])?;
    let peers = peers::make()?;
    let target = command::target_folder()?;
    let report = target.join("bench");
    let mut arguments = vec![
        "--socketio-node",
        text(&peers.socketio_node)?,
        "--socketioxide",
        text(&peers.socketioxide)?,
    ];
    // The caller's own word wins.
    if !rest.iter().any(|word| word.starts_with("--out")) {
        arguments.extend(["--out", text(&report)?]);
    }
    arguments.extend(rest.iter().map(String::as_str));
    command::run(target.join("release/hubbub-bench"), &arguments)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the repository's path is not UTF-8")
}
