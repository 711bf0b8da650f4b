//! Typing within one process.

use std::time::Duration;

use async_trait::async_trait;
use hubbub_domain::{RoomId, UserId};
use tokio::time::Instant;

use super::{Local, expiring::Expiring};
use crate::{EphemeralError, TYPISTS_MAX, Typing, Typist};

/// Of one room: users and their devices.
pub(super) type Typists = Expiring<(UserId, String), ()>;

#[async_trait]
impl Typing for Local {
    async fn typing(
        &self,
        room: RoomId,
        (user, device): (&UserId, &str),
        ttl: Duration,
    ) -> Result<(), EphemeralError> {
        let who = (user.clone(), device.to_owned());
        self.typing.lock().entry(room).or_default().insert(who, (), ttl);
        Ok(())
    }

    async fn not_typing(
        &self,
        room: RoomId,
        (user, device): (&UserId, &str),
    ) -> Result<(), EphemeralError> {
        let mut rooms = self.typing.lock();
        if let Some(typists) = rooms.get_mut(&room) {
            typists.remove(&(user.clone(), device.to_owned()));
        }
        rooms.retain(|_, typists| typists.iter().next().is_some());
        Ok(())
    }

    async fn typists(&self, room: RoomId) -> Result<Vec<Typist>, EphemeralError> {
        let rooms = self.typing.lock();
        let Some(typists) = rooms.get(&room) else { return Ok(Vec::new()) };
        let mut latest: Vec<_> = typists.iter().map(|(who, it)| (it.ends, who)).collect();
        latest.sort_unstable_by(|one, other| other.cmp(one));
        latest.truncate(TYPISTS_MAX);
        let now = Instant::now();
        let typist = |(ends, (user, device)): (Instant, &(UserId, String))| Typist {
            user: user.clone(),
            device: device.clone(),
            remaining: ends.saturating_duration_since(now),
        };
        Ok(latest.into_iter().map(typist).collect())
    }
}
