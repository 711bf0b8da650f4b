//! What the bus is told: one publication per room, with contiguous changes in order.

use bytes::Bytes;
use hubbub_bus::{Publication, Topic};
use hubbub_domain::{Change, RoomId};
use hubbub_proto::{
    bus::v1::{Envelope, RoomChanges, envelope},
    epoch_tag,
    history::v1 as wire,
};
use prost::Message as _;
use uuid::Uuid;

/// A change and the trace it belongs to.
pub(crate) struct Traced {
    pub room: RoomId,
    pub change: Change,
    /// Empty when it is not traced.
    pub traceparent: String,
}

/// One publication per room, in the order in which the rooms first appear; the changes of a room
/// keep their order.
pub(crate) fn publications(
    epoch: Uuid,
    changes: impl IntoIterator<Item = Traced>,
) -> Vec<Publication> {
    let epoch_tag = epoch_tag(&epoch.to_string());
    let mut rooms: Vec<(RoomId, Vec<wire::Change>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for Traced { room, change, traceparent } in changes {
        let place = *places.entry(room).or_insert_with(|| {
            rooms.push((room, Vec::new()));
            rooms.len() - 1
        });
        rooms[place].1.push(wire::Change { traceparent, ..change.into() });
    }
    let publication = |(room, changes): (RoomId, _)| {
        let changes = RoomChanges { room_id: room.to_string(), changes, epoch_tag };
        let envelope = Envelope { event: Some(envelope::Event::Changes(changes)) };
        let payload = Bytes::from(envelope.encode_to_vec());
        Publication { topic: Topic::Room(room), payload }
    };
    rooms.into_iter().map(publication).collect()
}
