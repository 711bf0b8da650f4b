//! Typing in Redis: a sorted set for each room, by the time it ends.

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
        user: &UserId,
        ttl: Duration,
    ) -> Result<(), EphemeralError> {
        let mut call = self.scripts.typing_begin.prepare_invoke();
        call.key(self.typing_key(room)).arg(user.as_str()).arg(millis(ttl));
        self.link.invoke(&call).await
    }

    async fn not_typing(&self, room: RoomId, user: &UserId) -> Result<(), EphemeralError> {
        let mut call = self.scripts.typing_end.prepare_invoke();
        call.key(self.typing_key(room)).arg(user.as_str());
        self.link.invoke(&call).await
    }

    async fn typists(&self, room: RoomId) -> Result<Vec<Typist>, EphemeralError> {
        let mut call = self.scripts.typists.prepare_invoke();
        call.key(self.typing_key(room)).arg(TYPISTS_MAX);
        let found: Vec<(String, u64)> = self.link.invoke(&call).await?;
        let typist = |(user, remaining_ms): (String, u64)| {
            let remaining = Duration::from_millis(remaining_ms);
            Some(Typist { user: UserId::parse(&user).ok()?, remaining })
        };
        Ok(found.into_iter().filter_map(typist).collect())
    }
}
