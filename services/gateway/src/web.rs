//! The web client at `/`: the files that `web/app` builds, answered from memory.
//!
//! They come from the binary (feature `web-client`) or from a folder (`gateway.web.folder`), and are
//! read once, before the listener opens: a request costs a lookup and no disk access. Files under
//! `assets/` carry a hash of their content in their name and never change; all others are
//! revalidated by their `ETag`. A path that names no file belongs to the client's own router and is
//! answered with `index.html`, except below the addresses of the other doors.

mod answer;
mod config;
#[cfg(feature = "web-client")]
mod embedded;
mod encoding;
mod files;
mod policy;

use std::sync::Arc;

use axum::{Router, extract::Request, http::Method, response::Response};

pub(crate) use config::Config;
pub(crate) use files::LoadError;

use files::{File, Files};

use crate::edge;

/// The document of the client, for every address that its router knows.
const INDEX: &str = "index.html";
/// Addresses of the other doors: what they do not know is not the client's.
const RESERVED: [&str; 4] = ["/v1", "/socket.io", "/examples", "/.well-known"];
/// Answered at `/` where no client was built.
const ABSENT: &str = include_str!("web/absent.html");

/// The client's files, ready to be answered.
#[derive(Clone, Debug)]
pub(crate) struct WebClient {
    files: Arc<Files>,
}

impl WebClient {
    /// Reads the files; `None` when the client is disabled. Without any file the client is the one page
    /// that says how to get it.
    pub(crate) fn load(config: &Config) -> Result<Option<Self>, LoadError> {
        if !config.enabled {
            return Ok(None);
        }
        let files = if config.folder.is_empty() {
            builtin()?
        } else {
            Files::read(config.folder.as_ref())?
        };
        if !config.folder.is_empty() && files.get(INDEX).is_none() {
            return Err(LoadError::NoIndex { folder: config.folder.as_str().into() });
        }
        if files.get(INDEX).is_none() {
            tracing::info!("no web client was built; / says how to get it");
        }
        Ok(Some(Self { files: Arc::new(files) }))
    }

    fn answer(&self, request: &Request) -> Response {
        let path = request.uri().path();
        if !matches!(*request.method(), Method::GET | Method::HEAD) || is_reserved(path) {
            return edge::no_such_path(path);
        }
        let found = self.files.get(path.trim_start_matches('/'));
        match found.or_else(|| names_no_file(path).then(|| self.files.get(INDEX)).flatten()) {
            Some(file) => answer::file(file, request),
            None if path == "/" => answer::file(&File::page(ABSENT), request),
            None => edge::no_such_path(path),
        }
    }
}

/// Puts the client behind the doors: it answers what none of them knows.
pub(crate) fn behind(doors: Router, client: Option<WebClient>) -> Router {
    let Some(client) = client else { return doors };
    doors.fallback(move |request: Request| {
        let answer = client.answer(&request);
        async move { answer }
    })
}

#[cfg(feature = "web-client")]
fn builtin() -> Result<Files, LoadError> {
    embedded::files()
}

#[cfg(not(feature = "web-client"))]
#[expect(clippy::unnecessary_wraps, reason = "reading the embedded files can fail")]
fn builtin() -> Result<Files, LoadError> {
    Ok(Files::default())
}

fn is_reserved(path: &str) -> bool {
    RESERVED.iter().any(|door| {
        path.strip_prefix(door).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Whether a path is an address of the client's router. A missing asset is not: a client of an
/// earlier release must see that it is gone, instead of a document where it expects a script.
fn names_no_file(path: &str) -> bool {
    !path.starts_with("/assets/") && path.rsplit('/').next().is_some_and(|name| !name.contains('.'))
}

#[cfg(test)]
mod tests;
