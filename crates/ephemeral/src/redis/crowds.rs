//! Crowds in Redis: a sorted set for each room, by the time each of it ends.

use std::time::Duration;

use async_trait::async_trait;
use futures::future::try_join_all;
use hubbub_domain::RoomId;
use redis::Script;

use super::{Redis, link::millis};
use crate::{Crowd, Crowds, EphemeralError};

/// People in one script, so that no call keeps Redis busy for long.
const USERS_PER_CALL: usize = 250;

impl Redis {
    fn crowd_key(&self, room: RoomId) -> String {
        self.key(&room.to_string(), "crowd")
    }

    /// One script for some people of each room, all at once.
    async fn on_crowds(
        &self,
        script: &Script,
        crowds: &[Crowd],
        time_ms: u64,
    ) -> Result<(), EphemeralError> {
        let mut calls = Vec::new();
        for Crowd { room, users } in crowds {
            for users in users.chunks(USERS_PER_CALL) {
                let mut call = script.prepare_invoke();
                call.key(self.crowd_key(*room)).arg(time_ms);
                for user in users {
                    call.arg(user.as_str());
                }
                calls.push(call);
            }
        }
        try_join_all(calls.iter().map(|call| self.link.invoke::<()>(call))).await?;
        Ok(())
    }
}

#[async_trait]
impl Crowds for Redis {
    async fn gather(&self, crowds: &[Crowd], ttl: Duration) -> Result<(), EphemeralError> {
        self.on_crowds(&self.scripts.crowd_gather, crowds, millis(ttl)).await
    }

    async fn scatter(&self, crowds: &[Crowd], within: Duration) -> Result<(), EphemeralError> {
        let within = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        self.on_crowds(&self.scripts.crowd_scatter, crowds, within).await
    }

    async fn crowd_sizes(&self, rooms: &[RoomId]) -> Result<Vec<u64>, EphemeralError> {
        let calls: Vec<_> = rooms
            .iter()
            .map(|room| {
                let mut call = self.scripts.crowd_size.prepare_invoke();
                call.key(self.crowd_key(*room));
                call
            })
            .collect();
        try_join_all(calls.iter().map(|call| self.link.invoke::<u64>(call))).await
    }
}
