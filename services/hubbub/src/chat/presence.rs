//! Whether the other one is there, in words.

use hubbub_client_protocol::{PresenceState, PresenceView};

/// What there is to say of somebody; nothing while nobody knows.
pub(super) fn describe(presence: &PresenceView) -> Option<String> {
    let user = &presence.user;
    let seen = |at: hubbub_domain::Timestamp| {
        let at = at.to_string();
        at.get(..16).map(|minute| minute.replace('T', " ")).unwrap_or_default()
    };
    match (presence.state, presence.last_seen) {
        (PresenceState::Online, _) => Some(format!("{user} is online")),
        (PresenceState::Away, _) => Some(format!("{user} is away")),
        (PresenceState::Offline, Some(at)) => {
            Some(format!("{user} is offline; last seen {} UTC", seen(at)))
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

    #[test]
    fn says_what_is_known() {
        let user = UserId::parse("bob").expect("valid");
        let view =
            |state, last_seen| PresenceView { user: user.clone(), state, version: 1, last_seen };
        let at = Timestamp::parse("2026-11-21T10:20:30Z");
        for (state, last_seen, words) in [
            (PresenceState::Online, None, Some("bob is online")),
            (PresenceState::Offline, at, Some("bob is offline; last seen 2026-11-21 10:20 UTC")),
            (PresenceState::Offline, None, Some("bob is offline")),
            (PresenceState::Unknown, None, None),
        ] {
            assert_eq!(describe(&view(state, last_seen)).as_deref(), words);
        }
    }
}
