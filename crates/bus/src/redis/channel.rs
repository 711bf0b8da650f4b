//! The names of channels: `hubbub:{b17}:room:…`.
//!
//! The part in braces is what Redis Cluster hashes to find the slot. It is one of 1,024 buckets
//! computed from the topic, so that no user id, braces in it or not, chooses its own slot.

use std::sync::Arc;

use crc16::{State, XMODEM};

use crate::Topic;

const BUCKETS: u16 = 1_024;
const SLOTS: u16 = 16_384;

/// A Redis Cluster hash slot.
pub(super) type Slot = u16;

/// Writes and reads the names under one prefix.
#[derive(Clone)]
pub(super) struct Channels {
    start: Arc<str>,
}

impl Channels {
    pub(super) fn new(prefix: &str) -> Self {
        Self { start: format!("{prefix}:{{b").into() }
    }

    pub(super) fn name(&self, topic: &Topic) -> String {
        let topic = topic.to_string();
        format!("{}{}}}:{topic}", self.start, bucket(&topic))
    }

    pub(super) fn topic(&self, name: &[u8]) -> Option<Topic> {
        let name = std::str::from_utf8(name).ok()?;
        let (_, topic) = name.strip_prefix(self.start.as_ref())?.split_once("}:")?;
        topic.parse().ok()
    }
}

/// The slot of a topic's channel: CRC16 (XMODEM) of what is in the braces, as the specification of
/// Redis Cluster says ("Hash tags").
pub(super) fn slot(topic: &Topic) -> Slot {
    let tag = format!("b{}", bucket(&topic.to_string()));
    State::<XMODEM>::calculate(tag.as_bytes()) % SLOTS
}

fn bucket(topic: &str) -> u16 {
    State::<XMODEM>::calculate(topic.as_bytes()) % BUCKETS
}

#[cfg(test)]
mod tests {
    use hubbub_domain::{RoomId, UserId};

    use super::Channels;
    use crate::Topic;

    #[test]
    fn names_read_back_whatever_the_user_id_has() {
        let channels = Channels::new("hub");
        for id in ["alice", "{b1}:room:x", "}:user:bob", "ü:{}"] {
            let topic = Topic::User(UserId::parse(id).unwrap());
            assert_eq!(channels.topic(channels.name(&topic).as_bytes()), Some(topic));
        }
        for topic in [Topic::Room(RoomId::generate()), Topic::Lobby] {
            assert_eq!(channels.topic(channels.name(&topic).as_bytes()), Some(topic));
        }
        assert_eq!(channels.topic(b"hub:{b1}:else:x"), None);
        assert_eq!(channels.topic(b"other:{b1}:user:alice"), None);
    }
}
