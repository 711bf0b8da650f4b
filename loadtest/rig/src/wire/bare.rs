//! What the `floor` speaks: the frames and texts of the native door without its HTTP and without its users.

use super::{Heard, Member, Outgoing, Step, Upgrade, Wire, native::Native};

pub(crate) struct Bare;

impl Wire for Bare {
    fn upgrade(&self, _member: &Member) -> Option<Upgrade> {
        None
    }

    /// Whoever comes says which rooms they are in.
    fn greeting(&self, member: &Member) -> Vec<Step> {
        vec![Step { say: Some(format!("rooms {}", member.rooms.join(" "))), until: "welcome" }]
    }

    fn send(&self, message: &Outgoing<'_>, out: &mut Vec<u8>) {
        Native.send(message, out);
    }

    fn hear<'a>(&self, text: &'a [u8]) -> Heard<'a> {
        Native.hear(text)
    }
}
