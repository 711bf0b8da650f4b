//! Time as a parameter: microseconds since the Unix epoch, and a clock that tests can replace.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use time::{
    OffsetDateTime,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::format_description,
};

use crate::Flaw;

/// RFC 3339 (section 5.6) in UTC with six digits of fraction: sorts as text, and loses nothing.
const FORMAT: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// Microseconds since the Unix epoch. In JSON an RFC 3339 text in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The end of the year 9999, the last moment RFC 3339 can write.
    const MAX_MICROS: i64 = 253_402_300_799_999_999;

    /// Clamped to the years 1970 to 9999, so that every timestamp can be written.
    pub const fn from_micros(micros: i64) -> Self {
        if micros < 0 {
            Self(0)
        } else if micros > Self::MAX_MICROS {
            Self(Self::MAX_MICROS)
        } else {
            Self(micros)
        }
    }

    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Parses RFC 3339 with any offset and precision; what is finer than a microsecond is cut.
    pub fn parse(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        let micros = i64::try_from(moment.unix_timestamp_nanos() / 1_000).ok()?;
        Some(Self::from_micros(micros))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .map_err(|_| fmt::Error)?;
        f.write_str(&moment.format(FORMAT).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(Flaw::new("must be an RFC 3339 time")))
    }
}

/// Where the time comes from. Rules take a `Timestamp`; only composition roots hold a clock.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the clock")]
        let micros = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000;
        Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Timestamp;

    #[test]
    fn writes_six_digits_in_utc() {
        let moment = Timestamp::from_micros(1_700_000_000_000_001);
        assert_eq!(moment.to_string(), "2023-11-14T22:13:20.000001Z");
    }

    #[test]
    fn reads_offsets_and_coarser_fractions() {
        let moment = Timestamp::parse("2023-11-14T23:13:20.5+01:00").expect("valid");
        assert_eq!(moment.to_string(), "2023-11-14T22:13:20.500000Z");
        assert_eq!(Timestamp::parse("yesterday"), None);
    }

    proptest! {
        #[test]
        fn text_parses_back(micros in 0..=Timestamp::MAX_MICROS) {
            let moment = Timestamp::from_micros(micros);
            prop_assert_eq!(Timestamp::parse(&moment.to_string()), Some(moment));
        }
    }
}
