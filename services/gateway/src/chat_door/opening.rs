//! What a client brings along when it connects to `/chat`, and what follows from it: who it is, which
//! rooms it enters at once, and whether it continues where it was.

use std::collections::HashMap;

use hubbub_client_protocol::{
    Resume,
    chat::{Offset, Pid, RoomMark},
};
use hubbub_domain::{Fault, Rev, RoomId, UserId};
use serde_json::{Map, Value};

/// What is read from `auth` and from the handshake's query; `auth` wins.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) token: Option<String>,
    pub(super) room: Option<RoomId>,
    /// The socket hears its own messages.
    pub(super) echo: bool,
    /// The client takes offsets and can be recovered.
    pub(super) recovery: bool,
    pub(super) pid: Option<String>,
    pub(super) offset: Option<String>,
}

impl Wish {
    pub(super) fn read<'a>(
        auth: &Map<String, Value>,
        query: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Self, Fault> {
        let wish = |name: &str| match auth.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(Value::Bool(flag)) => Some(u8::from(*flag).to_string()),
            _ => query(name).map(str::to_owned),
        };
        let given = |name: &str| auth.get(name).and_then(Value::as_str).map(str::to_owned);
        let room = wish("room").filter(|room| !room.is_empty());
        Ok(Self {
            token: wish("token").filter(|token| !token.is_empty()),
            room: room.map(|room| room.parse()).transpose()?,
            echo: wish("echo").is_none_or(|echo| echo != "0"),
            recovery: match wish("recovery").as_deref() {
                Some(wish) => wish != "0",
                None => !query("t").is_some_and(is_unix_time),
            },
            pid: given("pid"),
            offset: given("offset"),
        })
    }

    /// What the client can continue, if it says so in a form that can be this user's.
    pub(super) fn continuation(&self, user: &UserId) -> Option<(Pid, Offset)> {
        let pid = Pid::accept(self.pid.as_deref()?, user)?;
        let offset = Offset::parse(self.offset.as_deref()?)?;
        self.recovery.then_some((pid, offset))
    }
}

/// The Python client marks its requests with the time in seconds and decimals. It knows no recovery,
/// and its handlers take as many arguments as they were written for: an offset would be one too many.
fn is_unix_time(mark: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    mark.split_once('.')
        .is_some_and(|(seconds, rest)| seconds.len() >= 10 && digits(seconds) && digits(rest))
}

/// The rooms of an offset among those the user is a member of, in the order of entering. What they
/// have left meanwhile is left out. `None` when it cannot be said which rooms are meant.
pub(super) fn rooms_of(
    offset: &Offset,
    memberships: impl Iterator<Item = RoomId>,
) -> Option<Vec<(RoomId, Rev)>> {
    let wanted: HashMap<RoomMark, Rev> = offset.0.iter().copied().collect();
    let mut found: HashMap<RoomMark, RoomId> = HashMap::new();
    for room in memberships {
        let mark = RoomMark::from(room);
        if wanted.contains_key(&mark) && found.insert(mark, room).is_some() {
            return None;
        }
    }
    let mut rooms = Vec::with_capacity(found.len());
    for (mark, rev) in &offset.0 {
        if let Some(room) = found.remove(mark) {
            rooms.push((room, *rev));
        }
    }
    Some(rooms)
}

/// What the core is to resume.
pub(super) fn resume(pid: &Pid, rooms: &[(RoomId, Rev)]) -> Resume {
    Resume { epoch: pid.epoch().to_owned(), rooms: rooms.iter().copied().collect() }
}

#[cfg(test)]
mod tests {
    use hubbub_client_protocol::chat::{Offset, Pid};
    use hubbub_domain::{Rev, RoomId, UserId};
    use serde_json::{Map, Value, json};

    use super::{Wish, rooms_of};

    fn wish(auth: &Value, query: &'static [(&'static str, &'static str)]) -> Wish {
        let none = Map::new();
        let find = |name: &str| query.iter().find(|(known, _)| *known == name).map(|(_, it)| *it);
        Wish::read(auth.as_object().unwrap_or(&none), find).expect("readable")
    }

    #[test]
    fn auth_wins_over_the_query() {
        let both = wish(&json!({"token": "a", "echo": 0}), &[("token", "b"), ("echo", "1")]);
        assert_eq!((both.token.as_deref(), both.echo), (Some("a"), false));
        let old = wish(&Value::Null, &[("token", "b"), ("room", "")]);
        assert_eq!((old.token.as_deref(), old.room, old.echo), (Some("b"), None, true));
        let room = Wish::read(json!({"room": "x"}).as_object().expect("an object"), |_| None);
        assert_eq!(room.expect_err("not a room").message, "room must be a UUID");
    }

    #[test]
    fn who_would_stumble_over_offsets_gets_none() {
        assert!(wish(&Value::Null, &[("t", "Pbx5Yz1.0")]).recovery);
        assert!(wish(&Value::Null, &[("t", "k2v9x1ab")]).recovery);
        assert!(!wish(&Value::Null, &[("t", "1763722800.123456")]).recovery);
        assert!(wish(&json!({"recovery": 1}), &[("t", "1763722800.123456")]).recovery);
        assert!(!wish(&json!({"recovery": false}), &[]).recovery);
    }

    #[test]
    fn only_what_is_whole_can_be_continued() {
        let alice = UserId::parse("alice").expect("valid");
        let pid = Pid::new("e", &alice, "AAAAAAAAAAAAAAAAAAAA");
        let whole = wish(&json!({"pid": pid.as_str(), "offset": "@"}), &[]);
        assert_eq!(whole.continuation(&alice), Some((pid.clone(), Offset::default())));
        assert_eq!(whole.continuation(&UserId::parse("bob").expect("valid")), None);
        for auth in
            [json!({"pid": pid.as_str()}), json!({"offset": "@"}), json!({"pid": 1, "offset": "@"})]
        {
            assert_eq!(wish(&auth, &[]).continuation(&alice), None);
        }
    }

    #[test]
    fn rooms_are_found_among_the_users_own() {
        let rooms: Vec<RoomId> = (0..4).map(|_| RoomId::generate()).collect();
        let offset = Offset(vec![(rooms[2].into(), Rev(7)), (rooms[0].into(), Rev(9))]);
        let found = rooms_of(&offset, rooms.iter().copied());
        assert_eq!(found, Some(vec![(rooms[2], Rev(7)), (rooms[0], Rev(9))]));
        let found = rooms_of(&offset, rooms[..2].iter().copied());
        assert_eq!(found, Some(vec![(rooms[0], Rev(9))]), "the other was left");
        let twice = rooms.iter().chain(&rooms).copied();
        assert_eq!(rooms_of(&offset, twice), None);
    }
}
