//! Requests about who is there and who types.

use hubbub_client_protocol::{Reply, Typing, Watch};
use hubbub_domain::{Fault, RoomId};

use super::{Caller, Core, messages::may_post};
use crate::backends::Membership;

impl Core {
    pub(super) async fn typing(&self, caller: &Caller, typing: &Typing) -> Result<Reply, Fault> {
        let Typing { room, on } = *typing;
        let who = (caller.id(), caller.device());
        if !on {
            self.typing.end(room, who);
        } else if self.typing.is_news(room, who) {
            let Some(membership) = self.standing_of_fleeting(caller, room).await? else {
                return Ok(Reply::Done {});
            };
            may_post(&membership)?;
            self.typing.begin(room, who).await?;
        }
        Ok(Reply::Done {})
    }

    /// Admits a word that is coalesced before it is counted, and looks up its sender's standing. `None`:
    /// the user is too fast. Such a word is dropped and never refused, as a later one says more.
    pub(super) async fn standing_of_fleeting(
        &self,
        caller: &Caller,
        room: RoomId,
    ) -> Result<Option<Membership>, Fault> {
        if self.rates.admit_other(caller.id()).is_err() {
            return Ok(None);
        }
        self.membership(caller, room).await.map(Some)
    }

    pub(super) async fn watch(&self, caller: &Caller, watch: Watch) -> Result<Reply, Fault> {
        if watch.users.len() <= self.config.presence.watched_max {
            self.check_known(&watch.users).await?;
        }
        let watched = match caller {
            Caller::Session { session, .. } => self.presences.watch(session, watch.users).await,
            Caller::Request { user, .. } => self.presences.look_up(user, watch.users).await,
        };
        watched.map(Reply::Watched)
    }
}
