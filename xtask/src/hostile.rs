//! Hostile clients against a release build: `loadtest/hostile`, built together with what it attacks.

use std::{os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context as _, Result};

use crate::command;

pub(crate) fn run(rest: &[String]) -> Result<()> {
    command::build(&["--release"], &["hubbub", "hubbub-hostile"])?;
    let program = command::target_folder()?.join("release/hubbub-hostile");
    // In our place, so that Ctrl-C reaches the one process whose end ends everything it started.
    let failed = Command::new(&program).args(rest).current_dir(command::root()).exec();
    Err(failed).with_context(|| format!("cannot start {}", program.display()))
}
