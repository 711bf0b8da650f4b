//! The rules of this repository that no other tool checks. Each violation is one readable line.
//!
//! Not here, because other tools do it: the length of functions (clippy, `too-many-lines-threshold`;
//! a longer one needs an `#[expect]` with its reason), `unwrap` and printing (clippy), licences and
//! banned packages (`deny.toml`).

mod claims;
mod dependencies;
mod size;
mod text;

use std::fs;

use anyhow::{Result, bail};
use walkdir::{DirEntry, WalkDir};

use crate::command;

/// A file of the repository, by its path from the root.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        extension(&self.path) == "rs"
    }
}

pub(crate) fn run() -> Result<()> {
    let sources = sources()?;
    let mut violations = dependencies::check(&dependencies::read()?);
    violations.extend(sources.iter().flat_map(text::check));
    violations.extend(claims::check(&claims::read()?, &sources));
    violations.extend(size::check(&sources, &size::Limits::read()?));
    if violations.is_empty() {
        println!("tidy: {} files are well", sources.len());
        return Ok(());
    }
    for violation in &violations {
        println!("{violation}");
    }
    bail!("tidy: {} violations", violations.len())
}

/// Writes today's sizes down as limits.
pub(crate) fn bless() -> Result<()> {
    size::Limits::of_today(&sources()?, &size::Limits::read()?).write()
}

/// Everything we write by hand: Rust, protobuf, SQL, scripts and settings.
fn sources() -> Result<Vec<Source>> {
    let root = command::root();
    let mut sources = Vec::new();
    for entry in WalkDir::new(&root).sort_by_file_name().into_iter().filter_entry(is_ours) {
        let entry = entry?;
        let Ok(path) = entry.path().strip_prefix(&root) else { continue };
        let path = path.to_string_lossy().replace('\\', "/");
        let written = ["rs", "proto", "sql", "sh", "lua", "toml", "ts", "vue", "js"];
        if entry.file_type().is_file() && written.contains(&extension(&path)) {
            sources.push(Source { path, text: fs::read_to_string(entry.path())? });
        }
    }
    Ok(sources)
}

fn extension(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn is_ours(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    let hidden = entry.depth() > 0 && name.starts_with('.') && name != ".ci";
    !hidden && !["target", "node_modules", "dist", "data"].contains(&name.as_ref())
}
