//! The data directory of a process that keeps SQLite files: private to its owner, and used by one
//! process at a time.
//!
//! Directories are created with mode 0700 and files with 0600, whatever the umask is. Files of an older
//! version, and their `-wal` and `-shm` companions, are tightened before they are opened. The lock is one of
//! the operating system (`flock`): it ends with the process, also with `kill -9`.

use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use nix::{
    sys::stat::{Mode, umask},
    unistd::geteuid,
};

use crate::{dev_secret, settings::Settings};

/// Held by the process that uses the directory; it holds that process's id, for the message of the next.
const LOCK: &str = "hubbub.lock";
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Every permission of the group and of others, and the sticky bit of shared directories.
const OTHERS: u32 = 0o077;
const STICKY: u32 = 0o1000;
/// What SQLite puts beside a database.
const COMPANIONS: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// The right of this process to use its SQLite files. Ends when dropped, and with the process.
#[must_use = "dropping the claim lets another process in"]
pub(crate) struct Claim {
    _locks: Vec<File>,
}

/// Claims the directories of all SQLite files that the settings name; an error when another process
/// uses one of them.
pub(crate) fn claim(settings: &Settings) -> anyhow::Result<Claim> {
    let urls =
        [settings.history().database, settings.room().database, settings.identity().database];
    let files: Vec<PathBuf> = urls.iter().filter_map(|url| sqlite_file(url.expose())).collect();
    if files.is_empty() {
        return Ok(Claim { _locks: Vec::new() });
    }
    // From here on SQLite and everything else creates private files only.
    umask(Mode::from_bits_truncate(OTHERS));
    let data_dir = settings.data_dir();
    make(data_dir)?;
    tighten_directory(data_dir)?;
    tighten_file(&dev_secret::path(data_dir))?;
    let folders: BTreeSet<PathBuf> = files.iter().map(|file| folder(file)).collect();
    let locks: anyhow::Result<Vec<File>> = folders.iter().map(|folder| lock(folder)).collect();
    let locks = locks?;
    for file in files {
        for companion in COMPANIONS {
            let mut name = file.clone().into_os_string();
            name.push(companion);
            tighten_file(Path::new(&name))?;
        }
    }
    Ok(Claim { _locks: locks })
}

/// Creates the directory, private, if it is absent.
pub(crate) fn make(data_dir: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(data_dir)
        .with_context(|| format!("cannot create {} (standalone.data_dir)", data_dir.display()))
}

/// The file of a `sqlite:` URL; `None` for other databases and for those in memory.
fn sqlite_file(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = path.split('?').next().unwrap_or(path);
    (!path.is_empty() && path != ":memory:").then(|| PathBuf::from(path))
}

/// The directory of a file, under one name however it is written.
fn folder(file: &Path) -> PathBuf {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join(LOCK);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Without the id the message still says what is wrong.
            drop(file.read_to_string(&mut holder));
            bail!(
                "the data directory {} is in use by another hubbub process (pid {}). Stop that process, \
                 or give this one a directory of its own with standalone.data_dir \
                 (HUBBUB_STANDALONE__DATA_DIR)",
                folder.display(),
                holder.trim(),
            )
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    let note = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    note.with_context(|| format!("cannot write {}", path.display()))?;
    tighten_file(&path)?;
    Ok(file)
}

/// Takes the permissions of group and others away, unless the directory is a shared one (`/tmp`) or
/// another user's (a mounted volume).
fn tighten_directory(path: &Path) -> anyhow::Result<()> {
    let state = fs::metadata(path).with_context(|| format!("cannot look at {}", path.display()))?;
    let open = state.mode() & OTHERS != 0;
    if !open || state.mode() & STICKY != 0 || state.uid() != geteuid().as_raw() {
        return Ok(());
    }
    set_mode(path, DIRECTORY_MODE)
}

fn tighten_file(path: &Path) -> anyhow::Result<()> {
    match fs::metadata(path) {
        Ok(state) if state.mode() & OTHERS != 0 => set_mode(path, FILE_MODE),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot look at {}", path.display())),
    }
}

/// A file of another user stays as it is: the process may still be able to work with it.
fn set_mode(path: &Path, mode: u32) -> anyhow::Result<()> {
    match fs::set_permissions(path, Permissions::from_mode(mode)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            tracing::warn!(path = %path.display(), %error, "other users may read this path");
            Ok(())
        }
        changed => changed.with_context(|| format!("cannot protect {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{lock, sqlite_file};

    #[test]
    fn files_are_found_in_every_form_of_the_url() {
        let file = |url: &str| sqlite_file(url);
        for url in ["sqlite:data/room.db", "sqlite://data/room.db", "sqlite:data/room.db?mode=rwc"]
        {
            assert_eq!(file(url), Some(PathBuf::from("data/room.db")), "{url}");
        }
        assert_eq!(file("sqlite:///var/room.db"), Some(PathBuf::from("/var/room.db")));
        for url in ["sqlite::memory:", "postgres://h/d", ""] {
            assert_eq!(file(url), None, "{url}");
        }
    }

    #[test]
    fn one_claim_at_a_time_and_the_next_after_its_end() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = lock(dir.path()).expect("free");
        let refused = lock(dir.path()).expect_err("in use").to_string();
        assert!(refused.contains(&format!("pid {}", std::process::id())), "{refused}");
        drop(first);
        lock(dir.path()).expect("free again");
    }
}
