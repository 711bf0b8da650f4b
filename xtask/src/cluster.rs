//! A whole cluster on this machine. The work is done by testkit's `cluster` program, which the
//! tests' clusters share their code with; it is built here together with everything it starts.

use std::{os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context as _, Result};

use crate::{command, tools};

pub(crate) fn run(rest: &[String]) -> Result<()> {
    tools::servers()?;
    command::build(&[], &["hubbub", "hubbub-cluster"])?;
    let program = command::target_folder()?.join("debug/hubbub-cluster");
    // In our place, so that Ctrl-C reaches the one process that has to tidy up.
    let failed = Command::new(&program).args(rest).exec();
    Err(failed).with_context(|| format!("cannot start {}", program.display()))
}
