//! The servers that hubbub is measured against, made from `loadtest/peers`: the Node one with exactly the
//! packages of its lock file, the Rust one with a lock file and a target folder of its own, so that
//! neither touches what the workspace is built from.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};

use crate::{
    command::{self, root},
    tools,
};

/// Where they are once they are made.
pub(crate) struct Peers {
    /// The folder with `server.js`.
    pub(crate) socketio_node: PathBuf,
    /// A program.
    pub(crate) socketioxide: PathBuf,
}

/// Makes both; quick when nothing has changed.
pub(crate) fn make() -> Result<Peers> {
    Ok(Peers { socketio_node: socketio_node()?, socketioxide: socketioxide()? })
}

pub(crate) fn run() -> Result<()> {
    let Peers { socketio_node, socketioxide } = make()?;
    println!("{}\n{}", socketio_node.display(), socketioxide.display());
    Ok(())
}

pub(crate) fn socketio_node() -> Result<PathBuf> {
    tools::npm("Node 18 or newer and npm (Socket.IO runs on them)")?;
    let folder = root().join("loadtest/peers/socketio-node");
    let locked = fs::read(folder.join("package-lock.json")).context("package-lock.json")?;
    // What was installed last, so that a second run needs no registry.
    let installed = folder.join("node_modules/.installed-lock");
    if fs::read(&installed).is_ok_and(|installed| installed == locked) {
        return Ok(folder);
    }
    let install = ["ci", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"];
    command::run_in(&folder, "npm", &install)?;
    fs::write(installed, locked)?;
    Ok(folder)
}

fn socketioxide() -> Result<PathBuf> {
    let folder = root().join("loadtest/peers/socketioxide");
    let target = command::target_folder()?.join("peers");
    let target_text = target.to_str().context("the target folder's path is not UTF-8")?;
    println!("building loadtest/peers/socketioxide (the first time, on two cores: some minutes)");
    let build = ["build", "--release", "--locked", "--target-dir", target_text];
    command::run_in(&folder, command::cargo(), &build)?;
    Ok(target.join("release/peer-socketioxide"))
}
