//! A whole cluster on this machine. The work is done by testkit's `cluster` program, which the
//! tests' clusters share their code with; it is built here together with everything it starts.

use anyhow::Result;

use crate::{command, tools};

pub(crate) fn run(rest: &[String]) -> Result<()> {
    tools::servers()?;
    println!("building the cluster's programs");
    command::run(command::cargo(), &["build", "--workspace", "--bins", "--locked", "--quiet"])?;
    let folder = command::target_folder()?.join("debug");
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    command::run(folder.join("hubbub-cluster"), &rest)
}
