//! Where settings come from: the embedded defaults, then a TOML file, then the environment.
//!
//! The defaults hold every setting there is, so they also say which keys are known and of which type
//! each one is. What the file or the environment sets besides is refused by name; every problem is
//! reported, not only the first; and no problem ever quotes a value, which might be a secret.
//!
//! In the environment `gateway.listen` is `HUBBUB_GATEWAY__LISTEN`: two underscores between levels. A
//! list is separated by commas.

pub mod duration;
mod environment;
mod problem;
mod secret;
mod settings;

use std::path::PathBuf;

use figment::{Figment, providers::Serialized};
use serde::de::DeserializeOwned;

pub use problem::{ConfigError, Problem};
pub use secret::Secret;

use settings::Override;

/// What settings are read from. The process environment is passed in, never looked up.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The embedded TOML that holds every setting.
    pub defaults: &'static str,
    /// A TOML file that sets some of them.
    pub file: Option<PathBuf>,
    /// The environment: `HUBBUB_…` and the names in `aliases`; the rest is ignored.
    pub env: Vec<(String, String)>,
    /// Plain names people expect to work, with the key each one sets: `("DATABASE_URL",
    /// "database.url")`. A `HUBBUB_…` variable for the same key wins.
    pub aliases: &'static [(&'static str, &'static str)],
}

/// Settings that were read, and where each one stands.
#[derive(Clone, Debug)]
pub struct Loaded<T> {
    pub settings: T,
    /// The same as TOML, with every key; secrets are as they were written.
    pub document: toml::Table,
}

/// Reads the settings, or says everything that is wrong with them.
pub fn load<T: DeserializeOwned>(sources: &Sources) -> Result<Loaded<T>, ConfigError> {
    let defaults: toml::Table = sources.defaults.parse().expect("the embedded defaults are TOML");
    let base = Figment::from(Serialized::defaults(&defaults));
    let mut problems = Vec::new();
    let mut overrides = Vec::new();
    for found in settings::from_file(sources, &defaults)
        .into_iter()
        .chain(environment::settings(sources, &defaults))
    {
        match found {
            Ok(setting) => overrides.push(setting),
            Err(problem) => problems.push(problem),
        }
    }
    // Each one alone upon the defaults: so every bad value is found, with the key it belongs to.
    problems.extend(overrides.iter().filter_map(|setting| check::<T>(&base, setting)));
    if !problems.is_empty() {
        return Err(ConfigError::new(problems));
    }
    let merged = overrides.into_iter().fold(base, |figment, setting| setting.onto(figment));
    extract(&merged)
        .and_then(|settings| Ok(Loaded { settings, document: extract(&merged)? }))
        .map_err(|problem| ConfigError::new(vec![problem]))
}

fn extract<T: DeserializeOwned>(merged: &Figment) -> Result<T, Problem> {
    merged.extract().map_err(|error| Problem::from_figment(&error))
}

fn check<T: DeserializeOwned>(base: &Figment, setting: &Override) -> Option<Problem> {
    let error = setting.clone().onto(base.clone()).extract::<T>().err()?;
    Some(setting.problem(problem::describe(&error)))
}
