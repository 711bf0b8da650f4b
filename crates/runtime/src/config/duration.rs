//! Durations in settings are text with units: `"25s"`, `"500ms"`, `"1h 30m"`. A bare number is
//! refused, because nobody remembers which unit it is in.
//!
//! For `#[serde(with = "hubbub_runtime::config::duration")]` on a `std::time::Duration`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_duration(*duration))
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text).map_err(|error| {
        D::Error::custom(format!(
            "{text:?} is not a duration such as \"25s\" or \"500ms\": {error}"
        ))
    })
}
