//! How far a client of `/chat` has come, in a text that the stock client keeps for us: the last
//! argument of an event, if it is a text and the server gave a `pid`, is handed back on reconnecting.
//!
//! An offset names every entered room with the last revision that was told of it, so that it alone,
//! on any node, says what was missed (`docs/adr/0012-recovery-over-socketio.md`). Rooms stand in
//! the order in which they were entered, each as eight letters of its id and its revision.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use hubbub_domain::{Rev, RoomId, UserId};
use uuid::Uuid;

/// The part of a room's id that tells it from the user's other rooms: its last six bytes, which are
/// random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RoomMark([u8; MARK_BYTES]);

const MARK_BYTES: usize = 6;
const MARK_CHARS: usize = 8;

impl From<RoomId> for RoomMark {
    fn from(room: RoomId) -> Self {
        let mut mark = [0; MARK_BYTES];
        mark.copy_from_slice(&room.as_uuid().as_bytes()[16 - MARK_BYTES..]);
        Self(mark)
    }
}

impl fmt::Display for RoomMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = [0; MARK_CHARS];
        let written = BASE64.encode_slice(self.0, &mut chars).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&chars[..written]).map_err(|_| fmt::Error)?)
    }
}

/// The entered rooms and how far each was told, the room entered last at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offset(pub Vec<(RoomMark, Rev)>);

impl Offset {
    /// Rooms an offset can name. A client that has entered more cannot be recovered.
    pub const ROOMS_MAX: usize = 64;
    /// What a client is given that has entered too many rooms.
    pub const NONE: &'static str = "-";

    /// What an offset of these rooms is written as. It has nothing in it that JSON would escape.
    pub fn write(
        rooms: impl IntoIterator<Item = (RoomMark, Rev)>,
        f: &mut impl fmt::Write,
    ) -> fmt::Result {
        f.write_char('@')?;
        for (number, (mark, rev)) in rooms.into_iter().enumerate() {
            if number > 0 {
                f.write_char(',')?;
            }
            write!(f, "{mark}")?;
            write_base36(f, rev.0)?;
        }
        Ok(())
    }

    /// Reads what a client handed back. `None` when it says nothing, or not in this form.
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix('@')?;
        if body.is_empty() {
            return Some(Self::default());
        }
        let entries: Option<Vec<_>> =
            body.split(',').take(Self::ROOMS_MAX + 1).map(parse_entry).collect();
        entries.filter(|entries| entries.len() <= Self::ROOMS_MAX).map(Self)
    }
}

fn parse_entry(text: &str) -> Option<(RoomMark, Rev)> {
    let (mark, rev) = text.split_at_checked(MARK_CHARS)?;
    let mut bytes = [0; MARK_BYTES];
    let decoded = BASE64.decode_slice(mark, &mut bytes).ok()?;
    let well_formed = decoded == MARK_BYTES && rev.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let rev = u64::from_str_radix(rev, 36).ok().filter(|_| well_formed)?;
    Some((RoomMark(bytes), Rev(rev)))
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Self::write(self.0.iter().copied(), f)
    }
}

fn write_base36(f: &mut impl fmt::Write, mut number: u64) -> fmt::Result {
    let mut digits = [0_u8; 13];
    let mut at = digits.len();
    loop {
        at -= 1;
        let digit = u8::try_from(number % 36).expect("less than 36");
        digits[at] = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
        number /= 36;
        if number == 0 {
            break;
        }
    }
    f.write_str(std::str::from_utf8(&digits[at..]).expect("digits are ASCII"))
}

/// The private id by which a client comes back: which history it knows, whose it is, and the socket's id,
/// which it keeps. It is no secret and gives no right: the token does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pid(String);

impl Pid {
    /// Bytes of what a client may hand back.
    const BYTES_MAX: usize = 256;

    /// Bytes of a socket's id.
    const SOCKET_BYTES: std::ops::RangeInclusive<usize> = 16..=32;

    /// A client that begins anew, in a socket with this id (letters, digits, `-` and `_`).
    pub fn new(epoch: &str, user: &UserId, socket: &str) -> Self {
        Self(format!("{epoch}~{}{socket}", Self::mark(user)))
    }

    /// What a client handed back, if it can be this user's.
    pub fn accept(text: &str, user: &UserId) -> Option<Self> {
        let (_, rest) = text.split_once('~').filter(|_| text.len() <= Self::BYTES_MAX)?;
        let socket = rest.strip_prefix(&Self::mark(user))?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let well_formed = Self::SOCKET_BYTES.contains(&socket.len()) && socket.bytes().all(plain);
        well_formed.then(|| Self(text.to_owned()))
    }

    /// The id of the socket that began it.
    pub fn socket(&self) -> &str {
        let own = self.0.split_once('~').and_then(|(_, rest)| rest.get(MARK_CHARS..));
        own.unwrap_or_default()
    }

    /// The epoch whose revisions the client knows.
    pub fn epoch(&self) -> &str {
        self.0.split('~').next().unwrap_or_default()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn mark(user: &UserId) -> String {
        let named = Uuid::new_v5(&Uuid::NAMESPACE_OID, user.as_str().as_bytes());
        BASE64.encode(&named.as_bytes()[..MARK_BYTES])
    }
}

#[cfg(test)]
mod tests {
    use hubbub_domain::{Rev, RoomId, UserId};
    use proptest::prelude::*;

    use super::{Offset, Pid, RoomMark};

    proptest! {
        #[test]
        fn what_is_written_reads_back(revs in prop::collection::vec(any::<u64>(), 0..=Offset::ROOMS_MAX)) {
            let rooms = revs.into_iter().map(|rev| (RoomMark::from(RoomId::generate()), Rev(rev)));
            let offset = Offset(rooms.collect());
            prop_assert_eq!(Offset::parse(&offset.to_string()), Some(offset));
        }

        #[test]
        fn nothing_panics(text in "@?.{0,80}") {
            if let Some(offset) = Offset::parse(&text) {
                prop_assert!(offset.0.len() <= Offset::ROOMS_MAX);
            }
        }
    }

    #[test]
    fn too_many_rooms_are_none() {
        let room = (RoomMark::from(RoomId::generate()), Rev(1));
        let offset = Offset(vec![room; Offset::ROOMS_MAX + 1]);
        assert_eq!(Offset::parse(&offset.to_string()), None);
        assert_eq!(Offset::parse(Offset::NONE), None);
        assert_eq!(Offset::parse(""), None);
        assert_eq!(Offset::parse("@"), Some(Offset::default()));
    }

    #[test]
    fn a_pid_is_one_users_and_says_of_which_epoch() {
        let [alice, bob] = ["alice", "bob"].map(|name| UserId::parse(name).expect("valid"));
        let pid = Pid::new("e1", &alice, "socket-of-20-letters");
        assert_eq!(Pid::accept(pid.as_str(), &alice), Some(pid.clone()));
        assert_eq!(pid.socket(), "socket-of-20-letters");
        assert_eq!(Pid::accept(&pid.as_str().replace("-letters", ""), &alice), None);
        assert_eq!(pid.epoch(), "e1");
        assert_eq!(Pid::accept(pid.as_str(), &bob), None);
        assert_eq!(Pid::accept(&format!("{}\"", pid.as_str()), &alice), None);
        assert_eq!(Pid::accept(&format!("{}{}", pid.as_str(), "x".repeat(256)), &alice), None);
    }
}
