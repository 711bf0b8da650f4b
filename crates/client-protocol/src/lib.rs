//! What a client sees: commands, replies, events, error and close codes, as the native door
//! (`hubbub.v1+json`) spells them; and the packets of Engine.IO 4 ([`engineio`]) and Socket.IO 5
//! ([`socketio`]). Pure: text in, values out, and back.
//!
//! The reference for people is `docs/protocol.md`; the tests here compare the two.

mod close;
mod command;
pub mod engineio;
mod event;
mod people;
mod reply;
pub mod socketio;
mod view;

pub use close::CloseCode;
pub use command::{
    Chats, Command, CreateRoom, Delete, Edit, Hello, History, Invite, Join, Leave, Members,
    OpenDirect, PublicRooms, React, Read, Refresh, Remove, Request, RequestError, RequestId,
    Resume, Send, SetRole, UpdateChat, UpdateRoom, parse_fields,
};
pub use event::Event;
pub use people::{PresenceState, PresenceView, Typing, Watch, Watched};
pub use reply::{
    Appended, ChatsPage, Created, Expiry, Invited, Limits, MembersPage, Opened, Page,
    PublicRoomsPage, Reacted, Reply, Revised, Unread, Welcome, WelcomeRoom,
};
pub use view::{ChatView, ErrorView, MemberView, MessageContent, MessageView, RoomView};

/// The subprotocol of the native door.
pub const SUBPROTOCOL: &str = "hubbub.v1+json";

#[cfg(test)]
mod tests {
    use hubbub_domain::Code;

    use crate::{CloseCode, Command, event::EVENT_NAMES};

    const REFERENCE: &str = include_str!("../../../docs/protocol.md");

    fn rows() -> impl Iterator<Item = Vec<&'static str>> {
        REFERENCE
            .lines()
            .filter(|line| line.starts_with('|'))
            .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
    }

    fn first_cells(heading: &str) -> Vec<String> {
        let section = REFERENCE.split(heading).nth(1).expect("the section is there");
        section
            .lines()
            .skip_while(|line| !line.starts_with("|---"))
            .skip(1)
            .take_while(|line| line.starts_with('|'))
            .map(|line| line.split('|').nth(1).unwrap_or_default().trim().replace('`', ""))
            .collect()
    }

    #[test]
    fn the_reference_has_every_command_event_and_code() {
        assert_eq!(first_cells("### Commands"), Command::NAMES);
        assert_eq!(first_cells("### Events"), EVENT_NAMES);
        let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(first_cells("### Error codes"), codes);
    }

    #[test]
    fn the_reference_has_every_close_code_with_its_meaning() {
        let known: Vec<Vec<&str>> = rows().collect();
        for (_, number, meaning) in CloseCode::ALL {
            let number = number.to_string();
            assert!(known.contains(&vec![number.as_str(), meaning]), "{number} {meaning}");
        }
    }
}
