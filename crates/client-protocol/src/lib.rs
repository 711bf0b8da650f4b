//! What a client sees: commands, replies, events, error and close codes, as the native door
//! (`hubbub.v1+json`) spells them; the packets of Engine.IO 4 ([`engineio`]) and Socket.IO 5
//! ([`socketio`]), and the vocabularies of its namespaces, [`chat`] and [`lobby`]. Pure: text in,
//! values out, and back.
//!
//! The reference for people is `docs/protocol.md`; the tests here compare the two.

pub mod chat;
mod close;
mod command;
pub mod engineio;
mod event;
pub mod lobby;
pub mod moment;
mod people;
mod presence;
mod reply;
pub mod socketio;
pub mod unicode;
mod view;

pub use close::{CloseCode, ServiceCode};
pub use command::{
    Chats, Command, CreateRoom, Delete, Delivered, Edit, Edits, Hello, History, Invite, Join,
    Leave, Members, OpenDirect, Ping, PublicRooms, React, Read, Receipts, Refresh, Remove, Request,
    RequestError, RequestId, Resume, Send, SetRole, UpdateChat, UpdateRoom, parse_body,
    parse_fields,
};
pub use event::Event;
pub use people::{
    AcceptContact, Audience, Block, Blocks, ContactState, ContactView, Contacts, ContactsPage,
    DeclineContact, GrantView, Logout, LogoutEverywhere, Me, MeView, Profiles, RemoveContact,
    RequestContact, SearchUsers, Standing, Unblock, UpdateMe, UserKind, UserView, UsersPage,
};
pub use presence::{PresenceState, PresenceView, PushedView, Typing, Watch, Watched};
pub use reply::{
    Appended, ChatsPage, Created, EditsPage, Expiry, Invited, Limits, MembersPage, Opened, Page,
    PublicRoomsPage, Reacted, ReceiptsView, Reply, Revised, Unread, VersionView, Welcome,
    WelcomeRoom,
};
pub use view::{ChatView, ErrorView, MemberView, MessageContent, MessageView, RoomView};

/// The subprotocol of the native door.
pub const SUBPROTOCOL: &str = "hubbub.v1+json";

#[cfg(test)]
mod tests {
    use hubbub_domain::Code;

    use crate::{CloseCode, Command, chat, event::EVENT_NAMES, lobby};

    const REFERENCE: &str = include_str!("../../../docs/protocol.md");
    const SOCKETIO: &str = include_str!("../../../docs/socketio.md");
    const ASYNCAPI: &str = include_str!("../../../docs/asyncapi.yaml");

    fn rows() -> impl Iterator<Item = Vec<&'static str>> {
        REFERENCE
            .lines()
            .filter(|line| line.starts_with('|'))
            .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
    }

    fn first_cells(page: &str, heading: &str) -> Vec<String> {
        let section = page.split(heading).nth(1).expect("the section is there");
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
        assert_eq!(first_cells(REFERENCE, "### Commands"), Command::NAMES);
        assert_eq!(first_cells(REFERENCE, "### Events"), EVENT_NAMES);
        let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(first_cells(REFERENCE, "### Error codes"), codes);
    }

    #[test]
    fn the_reference_has_every_close_code_with_its_meaning() {
        let known: Vec<Vec<&str>> = rows().collect();
        for (_, number, meaning) in CloseCode::ALL {
            let number = number.to_string();
            assert!(known.contains(&vec![number.as_str(), meaning]), "{number} {meaning}");
        }
    }

    #[test]
    fn the_page_of_socketio_has_every_event() {
        let cells = |heading| first_cells(SOCKETIO, heading);
        assert_eq!(cells("### Events of a client in `/chat`"), chat::Asked::NAMES);
        assert_eq!(cells("### Events to a client in `/chat`"), chat::Told::NAMES);
        assert_eq!(cells("### Events of a guest"), lobby::Asked::NAMES);
        assert_eq!(cells("### Events to a guest"), lobby::Told::NAMES);
    }

    /// The names of the messages whose keys begin with `group.`, in their order.
    fn messages(group: &str) -> Vec<&'static str> {
        let section = ASYNCAPI.split("\ncomponents:\n").nth(1).expect("there are components");
        let lines: Vec<&str> = section.lines().collect();
        let key = format!("    {group}.");
        let of_group = lines.windows(2).filter(|pair| pair[0].starts_with(&key));
        of_group.filter_map(|pair| pair[1].strip_prefix("      name: ")).collect()
    }

    #[test]
    fn the_asyncapi_document_has_every_message() {
        assert_eq!(messages("native_command"), Command::NAMES);
        assert_eq!(messages("native_event"), EVENT_NAMES);
        assert_eq!(messages("chat_asked"), chat::Asked::NAMES);
        assert_eq!(messages("chat_told"), chat::Told::NAMES);
        assert_eq!(messages("lobby_asked"), lobby::Asked::NAMES);
        assert_eq!(messages("lobby_told"), lobby::Told::NAMES);
        // Each is defined once, is in its channel, and belongs to an operation.
        let components = ASYNCAPI.matches("      name: ").count();
        assert_eq!(ASYNCAPI.matches("'#/components/messages/").count(), components);
        assert_eq!(ASYNCAPI.matches("- $ref: '#/channels/").count(), components);
    }
}
