//! Cursors: a place in an order, opaque to the caller. Inside is the message that names the place;
//! a cursor that does not hold together is refused, never read as the first page.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hubbub_domain::Fault;
use hubbub_proto::{history::v1::Rank, parse_room_id, parse_user_id, room::v1 as wire};
use prost::Message;

use crate::store::MemberPlace;

/// Longer than any of ours.
const CURSOR_BYTES_MAX: usize = 4_096;

fn foreign() -> Fault {
    Fault::bad_request("cursor is not one of ours")
}

fn write(message: &impl Message) -> String {
    URL_SAFE_NO_PAD.encode(message.encode_to_vec())
}

/// `None` for the empty cursor of the first page.
fn read<M: Message + Default>(cursor: &str) -> Result<Option<M>, Fault> {
    if cursor.is_empty() {
        return Ok(None);
    }
    if cursor.len() > CURSOR_BYTES_MAX {
        return Err(foreign());
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| foreign())?;
    M::decode(bytes.as_slice()).map(Some).map_err(|_| foreign())
}

/// The place of the last chatRecord of a page.
pub(crate) fn write_rank(rank: &Rank) -> String {
    write(rank)
}

pub(crate) fn read_rank(cursor: &str) -> Result<Option<Rank>, Fault> {
    let Some(rank) = read::<Rank>(cursor)? else { return Ok(None) };
    parse_room_id(&rank.room_id).map_err(|_| foreign())?;
    let moment = rank.active_at.ok_or_else(foreign)?;
    if moment.seconds < 0 || !(0..1_000_000_000).contains(&moment.nanos) {
        return Err(foreign());
    }
    Ok(Some(rank))
}

/// The place of the last member of a page.
pub(crate) fn write_member(place: &MemberPlace) -> String {
    let role = wire::Role::from(place.role).into();
    write(&wire::Member { user_id: place.user.to_string(), role, joined_at: None })
}

pub(crate) fn read_member(cursor: &str) -> Result<Option<MemberPlace>, Fault> {
    let Some(member) = read::<wire::Member>(cursor)? else { return Ok(None) };
    let user = parse_user_id(&member.user_id).map_err(|_| foreign())?;
    let role = member.role().to_domain().map_err(|_| foreign())?;
    Ok(Some(MemberPlace { role, user }))
}

/// The folded name and the id of the last room of a page.
pub(crate) fn write_room((name, room): &(String, hubbub_domain::RoomId)) -> String {
    let (name, room_id) = (name.clone(), room.to_string());
    write(&wire::Room { name, room_id, ..wire::Room::default() })
}

pub(crate) fn read_room(cursor: &str) -> Result<Option<(String, hubbub_domain::RoomId)>, Fault> {
    let Some(room) = read::<wire::Room>(cursor)? else { return Ok(None) };
    let id = parse_room_id(&room.room_id).map_err(|_| foreign())?;
    if room.name.contains('\0') {
        return Err(foreign());
    }
    Ok(Some((room.name, id)))
}

#[cfg(test)]
mod tests {
    use hubbub_domain::{Role, RoomId, Timestamp, UserId};
    use hubbub_proto::{history::v1::Rank, timestamp};
    use proptest::prelude::*;

    use super::{read_member, read_rank, read_room, write_member, write_rank, write_room};
    use crate::store::MemberPlace;

    #[test]
    fn cursors_come_back() {
        let place =
            MemberPlace { role: Role::Admin, user: UserId::parse("älice").expect("valid") };
        assert_eq!(read_member(&write_member(&place)), Ok(Some(place)));
        let place = ("lobby".to_owned(), RoomId::generate());
        assert_eq!(read_room(&write_room(&place)), Ok(Some(place)));
        let rank = Rank {
            active_at: Some(timestamp(Timestamp::from_micros(1_700_000_000_000_001))),
            room_id: RoomId::generate().to_string(),
        };
        assert_eq!(read_rank(&write_rank(&rank)), Ok(Some(rank)));
        assert_eq!(read_rank(""), Ok(None));
    }

    proptest! {
        #[test]
        fn what_is_not_ours_is_refused_or_harmless(cursor in "[A-Za-z0-9_-]{1,80}|.{1,40}") {
            // Whatever it is, it never panics and is never taken for the first page.
            prop_assert_ne!(read_rank(&cursor), Ok(None));
            prop_assert_ne!(read_member(&cursor), Ok(None));
            prop_assert_ne!(read_room(&cursor), Ok(None));
        }
    }
}
