//! Where the servers' binaries are, and what to install when they are not.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// The first of `names` found in PATH or in `also`; the error names the Debian package.
pub(crate) fn find(names: &[&str], also: &[PathBuf], package: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).chain(also.iter().cloned()).collect();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|file| file.is_file())
        .with_context(|| format!("no {} here: apt-get install -y {package}", names.join(" or ")))
}

/// Debian's folders of Postgres binaries, the newest version first; they are not in PATH there.
pub(crate) fn postgres_folders() -> Vec<PathBuf> {
    let version = |folder: &Path| -> Option<u32> { folder.file_name()?.to_str()?.parse().ok() };
    let mut folders: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some((version(&entry.as_ref().ok()?.path())?, entry.ok()?.path())))
        .collect();
    folders.sort_unstable_by(|a, b| b.cmp(a));
    folders.into_iter().map(|(_, folder)| folder.join("bin")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_missing_binary_says_what_to_install() {
        let error = super::find(&["no-such-server"], &[], "redis-server").unwrap_err();
        assert_eq!(error.to_string(), "no no-such-server here: apt-get install -y redis-server");
    }
}
