//! Whether the other one is there, in words.

use hubbub_client_protocol::{PresenceState, PresenceView};

use super::times::Times;

/// What there is to say of a user; nothing while it is unknown.
pub(super) fn describe(presence: &PresenceView, times: &Times) -> Option<String> {
    let user = &presence.user;
    match (presence.state, presence.last_seen) {
        (PresenceState::Online, _) => Some(format!("{user} is online")),
        (PresenceState::Away, _) => Some(format!("{user} is away")),
        (PresenceState::Offline, Some(at)) => {
            Some(format!("{user} is offline; last seen {}", times.day_and_minute(at)))
        }
        (PresenceState::Offline, None) => Some(format!("{user} is offline")),
        (PresenceState::Unknown, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use hubbub_client_protocol::{PresenceState, PresenceView};
    use hubbub_domain::{Timestamp, UserId};

    use super::describe;
    use crate::chat::times::Times;

    #[test]
    fn says_what_is_known() {
        let times = Times::here();
        let user = UserId::parse("bob").expect("valid");
        let view =
            |state, last_seen| PresenceView { user: user.clone(), state, version: 1, last_seen };
        let at = Timestamp::parse("2026-11-21T10:20:30Z").expect("a time");
        let seen = format!("bob is offline; last seen {}", times.day_and_minute(at));
        for (state, last_seen, words) in [
            (PresenceState::Online, None, Some("bob is online")),
            (PresenceState::Offline, Some(at), Some(seen.as_str())),
            (PresenceState::Offline, None, Some("bob is offline")),
            (PresenceState::Unknown, None, None),
        ] {
            assert_eq!(describe(&view(state, last_seen), &times).as_deref(), words);
        }
    }
}
