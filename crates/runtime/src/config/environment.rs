//! Settings from environment variables. A variable's text is read as the type the default has, so
//! that a token of digits stays a text.

use toml::{Table, Value};

use super::{Problem, Sources, settings, settings::Override};

const PREFIX: &str = "HUBBUB_";
const LEVELS: &str = "__";

/// Names the binary itself reads before there are settings.
const RESERVED: [&str; 1] = ["HUBBUB_CONFIG"];

/// Every setting of the environment, or what is wrong with one of them. Aliases come first, so that
/// the full name wins.
pub(super) fn settings(sources: &Sources, defaults: &Table) -> Vec<Result<Override, Problem>> {
    let aliased = sources.aliases.iter().filter_map(|(name, key)| {
        let (_, text) = sources.env.iter().find(|(n, text)| n == name && !text.is_empty())?;
        Some(setting(name, (*key).to_owned(), text, defaults))
    });
    let own = sources.env.iter().filter(|(name, text)| is_ours(name, text)).map(|(name, text)| {
        let key = name[PREFIX.len()..].to_lowercase().replace(LEVELS, ".");
        setting(name, key, text, defaults)
    });
    aliased.chain(own).collect()
}

fn is_ours(name: &str, text: &str) -> bool {
    name.starts_with(PREFIX) && !RESERVED.contains(&name) && !is_service_link(name, text)
}

/// What Kubernetes puts into the environment for a service called `hubbub-…`.
fn is_service_link(name: &str, text: &str) -> bool {
    !name.contains(LEVELS)
        && (name.ends_with("_SERVICE_HOST")
            || name.contains("_SERVICE_PORT")
            || name.contains("_PORT_")
            || (name.ends_with("_PORT") && text.contains("://")))
}

fn setting(name: &str, key: String, text: &str, defaults: &Table) -> Result<Override, Problem> {
    let Some(default) = settings::default_at(defaults, &key) else {
        return Err(Problem::unknown(&key, defaults).found_in(name));
    };
    let value = typed(text, default)
        .map_err(|expected| Problem::new(&key, format!("is not {expected}")).found_in(name))?;
    Ok(Override { key, value, origin: name.to_owned() })
}

/// The text as a value of the same type as the default, or what it should have been.
fn typed(text: &str, default: &Value) -> Result<Value, &'static str> {
    let trimmed = text.trim();
    match default {
        Value::String(_) => Ok(Value::from(text)),
        Value::Integer(_) => trimmed.parse().map(Value::Integer).map_err(|_| "a whole number"),
        Value::Float(_) => trimmed.parse().map(Value::Float).map_err(|_| "a number"),
        Value::Boolean(_) => trimmed.parse().map(Value::Boolean).map_err(|_| "true or false"),
        Value::Array(_) => Ok(Value::Array(list(trimmed))),
        Value::Table(_) | Value::Datetime(_) => Err("a single setting"),
    }
}

fn list(text: &str) -> Vec<Value> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect()
}
