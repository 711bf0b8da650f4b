//! What a client sees: commands, replies, events, error and close codes, as the native door
//! (`hubbub.v1+json`) spells them; the packets of Engine.IO 4 ([`engineio`]) and Socket.IO 5
//! ([`socketio`]), and the vocabularies of its namespaces, [`chat`] and [`lobby`]. Pure: text in,
//! values out, and back.
//!
//! The reference for people is `docs/protocol.md`; the tests here compare the two.

#[cfg(test)]
mod asyncapi;
pub mod chat;
mod close;
mod command;
pub mod engineio;
mod event;
pub mod lobby;
pub mod moment;
mod people;
mod presence;
mod reading;
mod reply;
mod request;
pub mod socketio;
pub mod unicode;
mod view;

pub use close::{CloseCode, ServiceCode};
pub use command::{
    Chats, Command, CreateRoom, Delete, Delivered, Edit, Edits, Hello, History, Invite, Join,
    Leave, Members, OpenDirect, Ping, PublicRooms, React, Read, Receipts, Refresh, Remove, Resume,
    Send, SetRole, UpdateChat, UpdateRoom,
};
pub use event::Event;
pub use people::{
    AcceptContact, Audience, Block, Blocks, ContactState, ContactView, Contacts, ContactsPage,
    DeclineContact, GrantView, Logout, LogoutEverywhere, Me, MeView, Profiles, RemoveContact,
    RequestContact, SearchUsers, Standing, Unblock, UpdateMe, UserKind, UserView, UsersPage,
};
pub use presence::{PresenceState, PresenceView, PushedView, Typing, Watch, Watched};
pub use reading::{parse_body, parse_document, parse_value, predicate, read};
pub use reply::{
    Appended, ChatsPage, Created, EditsPage, Empty, Expiry, Invited, Limits, MembersPage, Opened,
    Page, PublicRoomsPage, Reacted, ReceiptsView, Reply, Revised, RoomNow, Unread, VersionView,
    Welcome, WelcomeRoom,
};
pub use request::{Request, RequestError, RequestId};
pub use view::{ChatView, ErrorBody, ErrorView, MemberView, MessageContent, MessageView, RoomView};

/// The subprotocol of the native door.
pub const SUBPROTOCOL: &str = "hubbub.v1+json";

#[cfg(test)]
mod tests {
    use hubbub_domain::Code;

    use crate::{CloseCode, Command, asyncapi, chat, event::EVENT_NAMES, lobby};

    const REFERENCE: &str = include_str!("../../../docs/protocol.md");
    const SOCKETIO: &str = include_str!("../../../docs/socketio.md");

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

    /// The names of the messages of an operation's side, in the order of the vocabulary.
    fn messages(group: &str) -> Vec<String> {
        let document = asyncapi::document();
        let messages = document["components"]["messages"].as_object().expect("messages");
        let of_group = messages.iter().filter(|(key, _)| key.starts_with(&format!("{group}.")));
        of_group
            .map(|(_, message)| message["name"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    fn sorted(names: &[&'static str]) -> Vec<String> {
        let mut names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        names.sort_by_key(|name| name.replace([' ', '-'], "_"));
        names
    }

    #[test]
    fn the_asyncapi_document_has_every_message() {
        assert_eq!(messages("native_command"), sorted(Command::NAMES));
        assert_eq!(messages("native_answer"), sorted(Command::NAMES));
        assert_eq!(messages("native_event"), sorted(&EVENT_NAMES));
        assert_eq!(messages("chat_asked"), sorted(&chat::Asked::NAMES));
        assert_eq!(messages("chat_told"), sorted(chat::Told::NAMES));
        assert_eq!(messages("lobby_asked"), sorted(&lobby::Asked::NAMES));
        assert_eq!(messages("lobby_told"), sorted(&lobby::Told::NAMES));
    }

    /// The fields of `limits` that the table of limits names, in its order.
    #[test]
    fn the_reference_has_every_limit() {
        let section = REFERENCE.split("## Limits").nth(1).expect("the section is there");
        let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
        let cells = rows.filter_map(|row| row.split('|').nth(2));
        let mut named: Vec<&str> = cells
            .flat_map(|cell| cell.split(','))
            .map(|name| name.trim().trim_matches('`'))
            .collect();
        named.sort_unstable();
        let document = asyncapi::document();
        let limits = &document["components"]["schemas"]["Limits"]["properties"];
        let mut fields: Vec<&str> =
            limits.as_object().expect("fields").keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(named, fields);
    }
}
