//! Reading the bus: one task decodes every envelope once and hands it to the room, the user or those
//! watching whom it concerns. It never waits for anything but the bus.

use std::sync::Arc;

use bytes::Bytes;
use hubbub_bus::{Delivery, Topic};
use hubbub_domain::{Change, Fault, RoomId};
use hubbub_proto::{
    bus::v1::{Envelope, RoomChanges, envelope::Event},
    history::v1 as wire,
};
use hubbub_runtime::trace;
use prost::Message as _;
use smallvec::SmallVec;
use tokio::sync::mpsc;

use super::{Encoded, Epoch, Hub, encoded::Live};
use crate::{crowds::Crowds, metrics, presence::Presences, typing::Typing, users::Users};

/// Whom the bus has something to tell.
pub(crate) struct Listeners {
    pub(crate) hub: Arc<Hub>,
    pub(crate) users: Arc<Users>,
    pub(crate) typing: Arc<Typing>,
    pub(crate) presences: Arc<Presences>,
    pub(crate) crowds: Arc<Crowds>,
}

/// Runs until the bus ends the feed.
pub(crate) async fn run(mut feed: mpsc::Receiver<Delivery>, listeners: Listeners) {
    while let Some(delivery) = feed.recv().await {
        match delivery {
            Delivery::Message { topic, payload } => {
                if let Err(fault) = listeners.dispatch(&topic, payload) {
                    metrics::envelope_refused();
                    tracing::warn!(%topic, %fault, "an envelope that cannot be read");
                }
            }
            Delivery::Interrupted => {
                metrics::bus_interrupted();
                tracing::warn!("the bus was interrupted; live events may be late");
            }
            Delivery::Resumed => {
                tracing::info!("the bus resumed; comparing heads");
                listeners.hub.resync_soon();
                listeners.users.check_soon();
                listeners.presences.recover();
                listeners.crowds.recover();
            }
        }
    }
}

impl Listeners {
    fn dispatch(&self, topic: &Topic, payload: Bytes) -> Result<(), Fault> {
        let envelope = Envelope::decode(payload)
            .map_err(|_| Fault::bad_request("the envelope is not an Envelope"))?;
        match (topic, envelope.event) {
            (Topic::Room(room), Some(Event::Changes(changes))) => {
                let posts = changes.changes.iter().filter_map(|change| match &change.kind {
                    Some(wire::change::Kind::Posted(message)) => Some(message.sender_id.clone()),
                    _ => None,
                });
                let senders: SmallVec<[String; 4]> = posts.collect();
                self.hub.changed(*room, changes)?;
                senders.iter().for_each(|sender| self.typing.posted(*room, sender));
                Ok(())
            }
            (Topic::Room(room), Some(Event::RoomUpdated(updated))) => {
                self.users.room_updated(*room, updated.room.unwrap_or_default())
            }
            (Topic::Room(room), Some(Event::Typing(typing))) => self.typing.heard(*room, &typing),
            (Topic::Room(room), Some(Event::ReceiptsMoved(moved))) => {
                self.users.receipts_moved(*room, &moved)
            }
            (Topic::User(user), Some(Event::MembershipChanged(change))) => {
                self.users.membership_changed(user, change)
            }
            (Topic::User(user), Some(Event::ChatChanged(change))) => {
                self.users.chat_changed(user, &change)
            }
            (Topic::User(user), Some(Event::SessionsRevoked(revoked))) => {
                self.users.sessions_revoked(user, revoked);
                Ok(())
            }
            (Topic::User(user), Some(Event::ContactChanged(changed))) => {
                self.users.contact_changed(user, &changed)
            }
            (Topic::Room(room), Some(Event::CrowdWanted(wanted))) => {
                self.crowds.wanted(*room, &wanted);
                Ok(())
            }
            (Topic::User(user), Some(Event::DisconnectRequested(wanted))) => {
                self.users.disconnect(user, wanted)
            }
            (Topic::User(user), Some(Event::Push(push))) => self.users.pushed_to_user(user, push),
            (Topic::Room(room), Some(Event::Push(push))) => self.users.pushed_to_room(*room, push),
            (Topic::Presence(user), Some(Event::PresenceChanged(told))) => {
                self.presences.heard(user, &told);
                Ok(())
            }
            (Topic::Presence(_), Some(Event::BlockChanged(changed))) => {
                self.presences.block_changed(&changed)
            }
            // A newer version of another role may tell what this one does not know.
            _ => Ok(()),
        }
    }
}

impl Hub {
    fn changed(self: &Arc<Self>, room: RoomId, changes: RoomChanges) -> Result<(), Fault> {
        let Some(entry) = self.get(room) else { return Ok(()) };
        metrics::changes_received(changes.changes.len());
        let place = (room, Epoch::of_tag(changes.epoch_tag));
        let changes = changes.changes.into_iter().map(|change| decode(place, change));
        self.offer(&entry, changes.collect::<Result<_, _>>()?);
        Ok(())
    }
}

fn decode(place: (RoomId, Epoch), mut change: wire::Change) -> Result<Live, Fault> {
    let traceparent = std::mem::take(&mut change.traceparent);
    let change = Change::try_from(change)?;
    let trace = (!traceparent.is_empty() && trace::enabled()).then(|| {
        let span = tracing::info_span!("deliver", room = %place.0, rev = change.rev.0);
        Arc::new(trace::span_from(&traceparent, span))
    });
    Ok(Live { change: Encoded::new(place, change), trace, measured: false })
}
