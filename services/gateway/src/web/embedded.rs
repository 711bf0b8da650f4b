//! The client in the binary: what `web/app/dist` held when the binary was compiled.

use rust_embed::RustEmbed;

use super::files::{Files, LoadError};

// `allow_missing`: a build with all features passes where no client was built.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web/app/dist"]
#[allow_missing = true]
struct Dist;

/// All files that were embedded; none when there was no client.
pub(super) fn files() -> Result<Files, LoadError> {
    Files::collect(Dist::iter().filter_map(|name| {
        let file = Dist::get(&name)?;
        Some((name.into_owned(), file.data.into_owned()))
    }))
}
