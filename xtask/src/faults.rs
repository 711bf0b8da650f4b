//! The fault rig: `loadtest/faults`, built together with the program that it breaks.

use std::{os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context as _, Result};

use crate::{command, peers, tools};

/// With it the same faults are also tried on Socket.IO.
const PEER: &str = "--peer";

pub(crate) fn run(rest: &[String]) -> Result<()> {
    tools::servers()?;
    command::build(&["--release"], &["hubbub", "hubbub-faults"])?;
    let program = command::target_folder()?.join("release/hubbub-faults");
    let mut rig = Command::new(&program);
    rig.args(rest.iter().filter(|word| *word != PEER)).current_dir(command::root());
    if rest.iter().any(|word| word == PEER) {
        rig.arg(PEER).arg(peers::socketio_node()?);
    }
    // In our place, so that Ctrl-C reaches the one process whose end ends everything it started.
    let failed = rig.exec();
    Err(failed).with_context(|| format!("cannot start {}", program.display()))
}
