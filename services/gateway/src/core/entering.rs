//! Entering rooms one by one, for sessions that follow only what they ask for.

use std::sync::Arc;

use hubbub_domain::{Fault, Head, RoomId, Seq};

use super::{Caller, Core};
use crate::{
    backends::Marker,
    hub::{Epoch, Start},
    session::Session,
};

impl Core {
    /// Has a session follow a room from now on, if its user is a member. `begin` is told where the
    /// room stands, before anything of it can follow.
    pub(crate) async fn enter(
        &self,
        caller: &Caller,
        session: &Arc<Session>,
        (room, begin): (RoomId, impl FnOnce(Head) + Send),
    ) -> Result<Head, Fault> {
        self.membership(caller, room).await?;
        self.hub.prepare(&[room]).await;
        let marker = Marker { room, last_read: Seq::ZERO };
        let heads = self.backends.heads(None, &[marker]).await?;
        self.hub.settle(&heads).await?;
        let head = heads.rooms.get(&room).map(|head| head.head).unwrap_or_default();
        begin(head);
        self.hub.follow(session, room, Start::After(head.rev, Epoch::of(&heads.epoch)));
        let left = match caller {
            Caller::Session { user, .. } => user.membership(room).is_none(),
            Caller::Request { .. } => false,
        };
        if left {
            // They left meanwhile, and whoever stopped the room's events came too early.
            self.hub.unfollow(session, room);
            self.membership(caller, room).await?;
        }
        Ok(head)
    }
}
