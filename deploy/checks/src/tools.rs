//! The programs in `.tools/`, and running them.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The repository's root.
pub fn repository() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().and_then(Path::parent).expect("this crate is two folders deep")
}

/// A file in `.tools/`.
pub fn tool(path: &str) -> PathBuf {
    let tool = repository().join(".tools").join(path);
    assert!(tool.exists(), "{} is missing: `cargo xtask test` installs it", tool.display());
    tool
}

/// Runs a program to its end: whether it succeeded, and all it said.
pub fn run(command: &mut Command) -> (bool, String) {
    let Output { status, stdout, stderr } = command
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()));
    let said = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (status.success(), said.concat())
}
