//! Times as the person at the terminal reads them: in the time zone of this machine (`TZ`, else
//! `/etc/localtime`).

use hubbub_domain::{Clock as _, SystemClock, Timestamp};
use jiff::tz::TimeZone;

pub(super) struct Times {
    zone: TimeZone,
    /// The day of what was shown last.
    day: String,
}

impl Times {
    pub(super) fn here() -> Self {
        Self::begin(TimeZone::system(), SystemClock.now())
    }

    fn begin(zone: TimeZone, now: Timestamp) -> Self {
        let mut times = Self { zone, day: String::new() };
        times.day = times.write(now, "%F");
        times
    }

    /// `14:05`
    pub(super) fn minute(&self, at: Timestamp) -> String {
        self.write(at, "%H:%M")
    }

    /// `2026-11-30 14:05`
    pub(super) fn day_and_minute(&self, at: Timestamp) -> String {
        self.write(at, "%F %H:%M")
    }

    /// The day, when it is another one than that of what was shown before.
    pub(super) fn turn_to(&mut self, at: Timestamp) -> Option<String> {
        let day = self.write(at, "%F");
        if day == self.day {
            return None;
        }
        self.day = day;
        Some(self.write(at, "%A, %F"))
    }

    fn write(&self, at: Timestamp, format: &str) -> String {
        let Ok(at) = jiff::Timestamp::from_microsecond(at.as_micros()) else {
            return String::new();
        };
        at.to_zoned_datetime(self.zone.clone()).strftime(format).to_string()
    }
}

#[cfg(test)]
mod tests {
    use hubbub_domain::Timestamp;
    use jiff::tz::TimeZone;

    use super::Times;

    #[test]
    fn times_and_days_are_local() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a zone");
        let at = |text: &str| Timestamp::parse(text).expect("a time");
        let mut times = Times::begin(zone, at("2026-11-30T12:00:00Z"));
        assert_eq!(times.minute(at("2026-11-30T22:59:00Z")), "23:59");
        assert_eq!(times.minute(at("2026-07-01T10:00:00Z")), "12:00", "summer time");
        assert_eq!(times.day_and_minute(at("2026-11-30T23:05:00Z")), "2026-12-01 00:05");
        assert_eq!(times.turn_to(at("2026-11-30T22:59:00Z")), None);
        assert_eq!(
            times.turn_to(at("2026-11-30T23:00:00Z")).as_deref(),
            Some("Tuesday, 2026-12-01")
        );
        assert_eq!(times.turn_to(at("2026-11-30T23:01:00Z")), None);
        assert!(times.turn_to(at("2026-11-30T22:00:00Z")).is_some(), "back again");
    }
}
