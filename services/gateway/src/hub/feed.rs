//! Reading the bus: one task decodes every envelope once and hands it to the room or the user it
//! concerns. It never waits for anything but the bus.

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
use tokio::sync::mpsc;

use super::{Encoded, Hub, encoded::Live};
use crate::{metrics, users::Users};

/// Runs until the bus ends the feed.
pub(crate) async fn run(mut feed: mpsc::Receiver<Delivery>, hub: Arc<Hub>, users: Arc<Users>) {
    while let Some(delivery) = feed.recv().await {
        match delivery {
            Delivery::Message { topic, payload } => {
                if let Err(fault) = dispatch(&hub, &users, &topic, payload) {
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
                hub.resync_soon();
                users.check_soon();
            }
        }
    }
}

fn dispatch(
    hub: &Arc<Hub>,
    users: &Arc<Users>,
    topic: &Topic,
    payload: Bytes,
) -> Result<(), Fault> {
    let envelope = Envelope::decode(payload)
        .map_err(|_| Fault::bad_request("the envelope is not an Envelope"))?;
    match (topic, envelope.event) {
        (Topic::Room(room), Some(Event::Changes(changes))) => hub.changed(*room, changes),
        (Topic::Room(room), Some(Event::RoomUpdated(updated))) => {
            users.room_updated(*room, updated.room.unwrap_or_default())
        }
        (Topic::Room(room), Some(Event::ReceiptsMoved(moved))) => {
            users.receipts_moved(*room, &moved)
        }
        (Topic::User(user), Some(Event::MembershipChanged(change))) => {
            users.membership_changed(user, change)
        }
        (Topic::User(user), Some(Event::ChatChanged(change))) => users.chat_changed(user, &change),
        (Topic::User(user), Some(Event::SessionsRevoked(revoked))) => {
            users.sessions_revoked(user, revoked);
            Ok(())
        }
        (Topic::User(user), Some(Event::ContactChanged(changed))) => {
            users.contact_changed(user, &changed)
        }
        // A newer version of another role may tell what this one does not know.
        _ => Ok(()),
    }
}

impl Hub {
    fn changed(self: &Arc<Self>, room: RoomId, changes: RoomChanges) -> Result<(), Fault> {
        let Some(entry) = self.get(room) else { return Ok(()) };
        metrics::changes_received(changes.changes.len());
        let changes = changes.changes.into_iter().map(|change| decode(room, change));
        self.offer(&entry, changes.collect::<Result<_, _>>()?);
        Ok(())
    }
}

fn decode(room: RoomId, mut change: wire::Change) -> Result<Live, Fault> {
    let traceparent = std::mem::take(&mut change.traceparent);
    let change = Change::try_from(change)?;
    let trace = (!traceparent.is_empty() && trace::enabled()).then(|| {
        let span = tracing::info_span!("deliver", %room, rev = change.rev.0);
        Arc::new(trace::span_from(&traceparent, span))
    });
    Ok(Live { change: Encoded::new(room, change), trace, measured: false })
}
