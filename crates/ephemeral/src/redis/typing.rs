//! Typing in Redis: a sorted set for each room, by the time it ends. A member is a user, and behind a
//! tab the device: no id has a control character.

use std::time::Duration;

use async_trait::async_trait;
use hubbub_domain::{RoomId, UserId};

use super::{Redis, link::millis};
use crate::{EphemeralError, TYPISTS_MAX, Typing, Typist};

impl Redis {
    fn typing_key(&self, room: RoomId) -> String {
        self.key(&room.to_string(), "typing")
    }
}

#[async_trait]
impl Typing for Redis {
    async fn typing(
        &self,
        room: RoomId,
        who: (&UserId, &str),
        ttl: Duration,
    ) -> Result<(), EphemeralError> {
        let mut call = self.scripts.typing_begin.prepare_invoke();
        call.key(self.typing_key(room)).arg(member(who)).arg(millis(ttl));
        self.link.invoke(&call).await
    }

    async fn not_typing(&self, room: RoomId, who: (&UserId, &str)) -> Result<(), EphemeralError> {
        let mut call = self.scripts.typing_end.prepare_invoke();
        call.key(self.typing_key(room)).arg(member(who));
        self.link.invoke(&call).await
    }

    async fn typists(&self, room: RoomId) -> Result<Vec<Typist>, EphemeralError> {
        let mut call = self.scripts.typists.prepare_invoke();
        call.key(self.typing_key(room)).arg(TYPISTS_MAX);
        let found: Vec<(String, u64)> = self.link.invoke(&call).await?;
        let typist = |(member, remaining_ms): (String, u64)| {
            let remaining = Duration::from_millis(remaining_ms);
            let (user, device) = member.split_once(DEVICE_BEHIND).unwrap_or((&member, ""));
            Some(Typist { user: UserId::parse(user).ok()?, device: device.to_owned(), remaining })
        };
        Ok(found.into_iter().filter_map(typist).collect())
    }
}

const DEVICE_BEHIND: char = '\t';

fn member((user, device): (&UserId, &str)) -> String {
    if device.is_empty() { user.to_string() } else { format!("{user}{DEVICE_BEHIND}{device}") }
}
