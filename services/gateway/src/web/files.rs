//! The client's files in memory, each with the encodings that its build prepared.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::encoding::Encoding;

/// Files of a client, its prepared encodings included. Beyond it: refused at the start.
const FILES_MAX: usize = 4_096;
/// Bytes of them all, which stay in memory. Beyond it: refused at the start.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Folders below each other. Beyond it: refused at the start, as a link may lead in a circle.
const DEPTH_MAX: usize = 8;

/// Why a client cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("gateway.web.folder: cannot read {}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("gateway.web.folder: {} has no index.html; build the client first", folder.display())]
    NoIndex { folder: PathBuf },
    #[error("gateway.web: more than {FILES_MAX} files, {BYTES_MAX} bytes or {DEPTH_MAX} levels")]
    TooLarge,
}

/// One representation of a file.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: Bytes,
    /// Quoted, as it stands in the header.
    pub(super) etag: String,
}

impl Body {
    fn new(bytes: Vec<u8>) -> Self {
        let digest = Sha256::digest(&bytes);
        let hex =
            digest.iter().take(12).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        Self { etag: format!("\"{hex}\""), bytes: bytes.into() }
    }
}

/// A file and its prepared encodings, best first.
#[derive(Debug)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) plain: Body,
    pub(super) encoded: Vec<(Encoding, Body)>,
}

impl File {
    /// A document that is part of the gateway itself.
    pub(super) fn page(text: &str) -> Self {
        let plain = Body::new(text.as_bytes().to_vec());
        Self { name: "absent.html".to_owned(), plain, encoded: Vec::new() }
    }
}

/// The files by their path from the client's root, without a leading slash.
#[derive(Debug, Default)]
pub(super) struct Files(HashMap<String, File>);

impl Files {
    /// Reads a folder and the folders in it.
    pub(super) fn read(folder: &Path) -> Result<Self, LoadError> {
        let mut all = Vec::new();
        read_into(&mut all, folder, folder, 0)?;
        Self::collect(all.into_iter())
    }

    /// Puts files and their prepared encodings together.
    pub(super) fn collect(all: impl Iterator<Item = (String, Vec<u8>)>) -> Result<Self, LoadError> {
        let mut bodies: HashMap<String, Vec<u8>> = HashMap::new();
        let mut bytes = 0_usize;
        for (name, body) in all {
            bytes = bytes.saturating_add(body.len());
            if bytes > BYTES_MAX || bodies.len() == FILES_MAX {
                return Err(LoadError::TooLarge);
            }
            bodies.insert(name, body);
        }
        let mut names: Vec<String> = bodies.keys().cloned().collect();
        // Shortest first, so that a file takes its encodings before they are met.
        names.sort_by_key(String::len);
        let mut files = HashMap::with_capacity(names.len());
        for name in names {
            let Some(plain) = bodies.remove(&name) else { continue };
            let encoded = Encoding::ALL.into_iter().filter_map(|encoding| {
                let body = bodies.remove(&format!("{name}{}", encoding.suffix()))?;
                Some((encoding, Body::new(body)))
            });
            let encoded = encoded.collect();
            files.insert(name.clone(), File { name, plain: Body::new(plain), encoded });
        }
        Ok(Self(files))
    }

    pub(super) fn get(&self, name: &str) -> Option<&File> {
        self.0.get(if name.is_empty() { super::INDEX } else { name })
    }
}

fn read_into(
    all: &mut Vec<(String, Vec<u8>)>,
    root: &Path,
    folder: &Path,
    depth: usize,
) -> Result<(), LoadError> {
    if depth > DEPTH_MAX {
        return Err(LoadError::TooLarge);
    }
    let failed = |path: &Path, error| LoadError::Read { path: path.to_owned(), error };
    for entry in fs::read_dir(folder).map_err(|error| failed(folder, error))? {
        let path = entry.map_err(|error| failed(folder, error))?.path();
        if path.is_dir() {
            read_into(all, root, &path, depth + 1)?;
            continue;
        }
        if all.len() == FILES_MAX {
            return Err(LoadError::TooLarge);
        }
        let body = fs::read(&path).map_err(|error| failed(&path, error))?;
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        all.push((name, body));
    }
    Ok(())
}
