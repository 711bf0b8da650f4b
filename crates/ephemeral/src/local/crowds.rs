//! Crowds within one process.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use hubbub_domain::{RoomId, UserId};
use tokio::time::Instant;

use super::Local;
use crate::{Crowd, Crowds, EphemeralError};

/// When each of a room ends.
pub(super) type Ends = HashMap<UserId, Instant>;

#[async_trait]
impl Crowds for Local {
    async fn gather(&self, crowds: &[Crowd], ttl: Duration) -> Result<(), EphemeralError> {
        let mut rooms = self.crowds.lock();
        let ends = Instant::now() + ttl;
        for Crowd { room, users } in crowds {
            let people = rooms.entry(*room).or_default();
            for user in users {
                let known = people.entry(user.clone()).or_insert(ends);
                *known = ends.max(*known);
            }
        }
        forget_ended(&mut rooms);
        Ok(())
    }

    async fn scatter(&self, crowds: &[Crowd], within: Duration) -> Result<(), EphemeralError> {
        let mut rooms = self.crowds.lock();
        let ends = Instant::now() + within;
        for Crowd { room, users } in crowds {
            let Some(people) = rooms.get_mut(room) else { continue };
            for user in users {
                if let Some(known) = people.get_mut(user) {
                    *known = ends.min(*known);
                }
            }
        }
        forget_ended(&mut rooms);
        Ok(())
    }

    async fn crowd_sizes(&self, rooms: &[RoomId]) -> Result<Vec<u64>, EphemeralError> {
        let mut known = self.crowds.lock();
        forget_ended(&mut known);
        let size = |room| known.get(room).map_or(0, |people: &Ends| people.len() as u64);
        Ok(rooms.iter().map(size).collect())
    }
}

fn forget_ended(rooms: &mut HashMap<RoomId, Ends>) {
    let now = Instant::now();
    rooms.retain(|_, people| {
        people.retain(|_, ends| *ends > now);
        !people.is_empty()
    });
}
