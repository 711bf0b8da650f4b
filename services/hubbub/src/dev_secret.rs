//! The key of a standalone process that nobody configured one for: random, made once, and kept in a
//! file of the data directory that only its owner may read. `hubbub token` finds it there.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::data_dir;

const FILE: &str = "dev-secret";

/// Read and written by the owner alone.
const MODE: u32 = 0o600;

/// Where the secret is.
pub(crate) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}

/// The secret in `data_dir`, if there is one. Creates nothing.
pub(crate) fn find(data_dir: &Path) -> anyhow::Result<Option<String>> {
    let path = path(data_dir);
    if path.try_exists().unwrap_or(false) { read(&path).map(Some) } else { Ok(None) }
}

/// The secret in `data_dir`, made if it is not there yet.
pub(crate) fn find_or_make(data_dir: &Path) -> anyhow::Result<String> {
    let path = path(data_dir);
    data_dir::make(data_dir)?;
    match make(&path) {
        Ok(secret) => Ok(secret),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(&path),
        Err(error) => Err(error).with_context(|| format!("cannot write {}", path.display())),
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.trim().to_owned())
}

/// Complete before it has its name, so that two processes starting at once end up with one secret.
fn make(path: &Path) -> io::Result<String> {
    let secret = rand::random::<[u8; 32]>().map(|byte| format!("{byte:02x}")).concat();
    let draft = path.with_extension(std::process::id().to_string());
    let written = write_new(&draft, &secret).and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    written.map(|()| secret)
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::{FILE, find_or_make};

    #[test]
    fn looking_for_it_creates_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let data = dir.path().join("data");
        assert_eq!(super::find(&data).expect("no error"), None);
        assert!(!data.exists());
        let secret = find_or_make(&data).expect("made");
        assert_eq!(super::find(&data).expect("no error"), Some(secret));
    }

    #[test]
    fn is_made_once_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let data = dir.path().join("data");
        let secret = find_or_make(&data).expect("made");
        assert_eq!(secret.len(), 64);
        assert_eq!(find_or_make(&data).expect("found"), secret);
        let mode = data.join(FILE).metadata().expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mode = data.metadata().expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert_eq!(std::fs::read_dir(&data).expect("a directory").count(), 1, "no draft is left");
    }
}
