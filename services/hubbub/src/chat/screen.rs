//! What happened in a room, in words, and words that are fit for a terminal.

use hubbub_domain::SystemNotice;

pub(super) fn describe(notice: &SystemNotice) -> String {
    match notice {
        SystemNotice::Created { by } => format!("{by} made this room"),
        SystemNotice::Joined { user } => format!("{user} joined"),
        SystemNotice::Invited { user, by } => format!("{by} brought {user} in"),
        SystemNotice::Left { user } => format!("{user} left"),
        SystemNotice::Removed { user, by } => format!("{by} put {user} out"),
        SystemNotice::RoleSet { user, role, by } => {
            format!("{by} made {user} {}", role.as_str())
        }
        SystemNotice::Renamed { name, by } => format!("{by} named this room {}", printable(name)),
        SystemNotice::TopicSet { topic, by } => format!("{by} set the topic: {}", printable(topic)),
        SystemNotice::StateSet { state, by } => format!("{by} made this room {}", state.as_str()),
        SystemNotice::SlowModeSet { seconds: 0, by } => format!("{by} ended slow mode"),
        SystemNotice::SlowModeSet { seconds, by } => {
            format!("{by} set slow mode: one message every {seconds} s")
        }
        SystemNotice::Announced { text } => printable(text),
    }
}

/// What others wrote must not steer the terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn escapes_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\nc"), "a [2Jb c");
    }
}
