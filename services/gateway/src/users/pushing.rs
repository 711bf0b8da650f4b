//! What other services want of those who are connected here: to be told something, or to go.

use hubbub_client_protocol::{CloseCode, Event, PushedView, ServiceCode};
use hubbub_domain::{Fault, RoomId, UserId};
use hubbub_proto::{bus::v1::DisconnectRequested, presence::v1::Push};

use super::Users;
use crate::{
    metrics,
    session::{Closing, offer_all},
};

impl Users {
    /// A service tells a user something.
    pub(crate) fn pushed_to_user(&self, user: &UserId, push: Push) -> Result<(), Fault> {
        let Some(user) = self.get(user) else { return Ok(()) };
        let event = event(None, push)?;
        metrics::pushes_dropped(offer_all(&user.sessions(), &event));
        Ok(())
    }

    /// A service tells everybody something who follows a room.
    pub(crate) fn pushed_to_room(&self, room: RoomId, push: Push) -> Result<(), Fault> {
        let event = event(Some(room), push)?;
        metrics::pushes_dropped(offer_all(&self.hub.audience(room), &event));
        Ok(())
    }

    /// A service wants the user's connections closed.
    pub(crate) fn disconnect(
        &self,
        user: &UserId,
        wanted: DisconnectRequested,
    ) -> Result<(), Fault> {
        let Some(user) = self.get(user) else { return Ok(()) };
        let code = u16::try_from(wanted.close_code).ok().and_then(ServiceCode::new);
        let code = code.ok_or_else(|| Fault::bad_request("close_code is not a service's"))?;
        let closing = Closing { code: CloseCode::Service(code), reason: wanted.reason.into() };
        for session in user.sessions() {
            metrics::session_disconnected();
            session.outbox().close(closing.clone());
        }
        Ok(())
    }
}

fn event(room: Option<RoomId>, push: Push) -> Result<Event, Fault> {
    let Push { name, payload_json, push_id } = push;
    let payload = serde_json::from_str(&payload_json)
        .map_err(|_| Fault::bad_request("payload_json is not JSON"))?;
    let push_id = (!push_id.is_empty()).then_some(push_id);
    Ok(Event::Pushed(Box::new(PushedView { room, name, payload, push_id })))
}
