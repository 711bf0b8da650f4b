//! Requests about who is there and who types.

use hubbub_client_protocol::{Reply, Typing, Watch};
use hubbub_domain::Fault;

use super::{Caller, Core, messages::may_post};

impl Core {
    pub(super) async fn typing(&self, caller: &Caller, typing: &Typing) -> Result<Reply, Fault> {
        let Typing { room, on } = *typing;
        may_post(&self.membership(caller, room).await?)?;
        if on {
            self.typing.begin(room, caller.id()).await?;
        } else {
            self.typing.end(room, caller.id());
        }
        Ok(Reply::Done {})
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
