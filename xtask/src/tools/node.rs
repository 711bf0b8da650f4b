//! Node and npm for what is in `web/`: those of the system when they are new enough, else the Node of
//! the npm package `node`, in `.tools/`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::{npm, tools_folder};
use crate::command;

/// The oldest Node that Vite runs on.
const NODE_MIN: (u32, u32) = (20, 19);
/// What is installed where the system's is older.
const NODE_VERSION: &str = "20.19.5";

/// A Node that is new enough.
pub(crate) struct Node {
    /// Where it is, when it is not the one on the search path.
    folder: Option<PathBuf>,
}

/// Finds or installs Node.
pub(crate) fn get() -> Result<Node> {
    npm("Node 20.19 or newer with npm (the web client is built with it)")?;
    let version = command::output("node", &["--version"]);
    if version.as_deref().is_some_and(is_new_enough) {
        return Ok(Node { folder: None });
    }
    let folder = tools_folder().join("node_modules/node/bin");
    let ours = command::output(folder.join("node"), &["--version"]);
    if !ours.as_deref().is_some_and(is_new_enough) {
        let found = version.as_deref().unwrap_or("none");
        println!("installing Node {NODE_VERSION} into .tools/ (once; the system has {found})");
        fs::create_dir_all(tools_folder())?;
        let package = format!("node@{NODE_VERSION}");
        let install = ["install", "--no-audit", "--no-fund", "--no-save", "--loglevel=error"];
        command::run_in(
            &tools_folder(),
            "npm",
            &[&install[..], &["--prefix", ".", &package]].concat(),
        )?;
    }
    Ok(Node { folder: Some(folder) })
}

impl Node {
    /// Runs npm in a package's folder.
    pub(crate) fn npm(&self, folder: &Path, arguments: &[&str]) -> Result<()> {
        let Some(node) = &self.folder else {
            return command::run_in(folder, "npm", arguments);
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let all = [node.clone()].into_iter().chain(std::env::split_paths(&path));
        let path = std::env::join_paths(all)?;
        let path = path.to_str().context("the search path is not UTF-8")?;
        command::run_in(
            folder,
            "env",
            &[&[format!("PATH={path}").as_str(), "npm"], arguments].concat(),
        )
    }
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.trim_start_matches('v').split('.').map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else { return false };
    (major, minor) >= NODE_MIN
}

#[cfg(test)]
mod tests {
    use super::is_new_enough;

    #[test]
    fn versions_are_compared_by_number() {
        for version in ["v20.19.0", "v20.20.2", "v22.1.0", "v100.0.0"] {
            assert!(is_new_enough(version), "{version}");
        }
        for version in ["v18.20.4", "v20.9.0", "", "nightly"] {
            assert!(!is_new_enough(version), "{version}");
        }
    }
}
