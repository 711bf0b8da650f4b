//! Times as clients hand them back: the RFC 3339 text that they were given, or the milliseconds that
//! JavaScript makes of it (`Date.parse`, `getTime`), as a number or as digits in a text.

use std::fmt;

use hubbub_domain::{Flaw, Timestamp};
use serde::{Deserializer, de};
use utoipa::ToSchema;

/// For a field that may be absent or `null`.
pub fn option<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    deserializer.deserialize_option(MomentVisitor)
}

/// Reads a text: RFC 3339, or milliseconds since 1970.
fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Some(at) = Timestamp::parse(text) {
        return Some(at);
    }
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let millis = text.parse::<f64>().ok().filter(|millis| plain && millis.is_finite())?;
    Some(of_millis(millis))
}

#[expect(clippy::cast_possible_truncation, reason = "a time is clamped to its range")]
fn of_millis(millis: f64) -> Timestamp {
    Timestamp::from_micros((millis.floor() as i64).saturating_mul(1_000))
}

/// What is read here, for the documents.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum Moment {
    Text(String),
    Millis(f64),
}

struct MomentVisitor;

impl<'de> de::Visitor<'de> for MomentVisitor {
    type Value = Option<Timestamp>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}a time: RFC 3339, or milliseconds since 1970", Flaw::MARK)
    }

    fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let unreadable = || E::invalid_value(de::Unexpected::Str(text), &self);
        parse(text).ok_or_else(unreadable).map(Some)
    }

    fn visit_i64<E: de::Error>(self, millis: i64) -> Result<Self::Value, E> {
        Ok(Some(Timestamp::from_micros(millis.saturating_mul(1_000))))
    }

    fn visit_u64<E: de::Error>(self, millis: u64) -> Result<Self::Value, E> {
        self.visit_i64(i64::try_from(millis).unwrap_or(i64::MAX))
    }

    fn visit_f64<E: de::Error>(self, millis: f64) -> Result<Self::Value, E> {
        Ok(Some(of_millis(millis)))
    }
}

#[cfg(test)]
mod tests {
    use hubbub_domain::Timestamp;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Deserialize)]
    struct Asked {
        #[serde(default, deserialize_with = "super::option")]
        at: Option<Timestamp>,
    }

    #[test]
    fn every_form_that_a_front_end_makes_of_a_time_is_read() {
        let at = Timestamp::parse("2026-11-20T10:00:00.25Z").expect("valid");
        let millis = at.as_micros() / 1_000;
        for form in [
            json!("2026-11-20T10:00:00.250000Z"),
            json!("2026-11-20T10:00:00.250Z"),
            json!("2026-11-20T11:00:00.25+01:00"),
            json!(millis),
            json!(1_795_168_800_250.7_f64),
            json!(millis.to_string()),
            json!(format!(" {millis}.0 ")),
            json!("1.79516880025e12"),
        ] {
            let read: Asked = serde_json::from_value(json!({"at": form})).expect("read");
            assert_eq!(read.at, Some(at), "{form}");
        }
        for none in [json!({}), json!({"at": null})] {
            assert_eq!(serde_json::from_value::<Asked>(none).expect("read").at, None);
        }
        for wrong in
            [json!("yesterday"), json!("inf"), json!("NaN"), json!([1]), json!(true), json!("")]
        {
            assert!(serde_json::from_value::<Asked>(json!({"at": wrong})).is_err(), "{wrong}");
        }
    }
}
