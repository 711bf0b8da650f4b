//! What a typed line asks for: a message, or something of the client itself.

/// What there is to say about the commands.
pub(super) const HELP: [&str; 4] = [
    "-- /help   this list",
    "-- /quit   end the conversation (also Ctrl-D)",
    "-- //text  send a line that begins with a slash",
    "-- Everything else is sent.",
];

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Nothing,
    Message(String),
    Help,
    Quit,
    /// A command that there is not, by its first word.
    Unknown(String),
}

pub(super) fn understand(line: &str) -> Typed {
    if line.trim().is_empty() {
        return Typed::Nothing;
    }
    match line.strip_prefix('/') {
        None => Typed::Message(line.to_owned()),
        Some(text) if text.starts_with('/') => Typed::Message(text.to_owned()),
        Some(command) => match command.trim() {
            "help" | "?" => Typed::Help,
            "quit" | "exit" | "q" => Typed::Quit,
            other => Typed::Unknown(other.split_whitespace().next().unwrap_or_default().to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Typed, understand};

    #[test]
    fn slashes_are_commands_and_doubled_ones_are_text() {
        for (line, typed) in [
            ("", Typed::Nothing),
            ("  ", Typed::Nothing),
            ("hello /quit", Typed::Message("hello /quit".into())),
            ("//etc/passwd", Typed::Message("/etc/passwd".into())),
            ("/help", Typed::Help),
            ("/quit ", Typed::Quit),
            ("/who is there", Typed::Unknown("who".into())),
            ("/", Typed::Unknown(String::new())),
        ] {
            assert_eq!(understand(line), typed, "{line:?}");
        }
    }
}
