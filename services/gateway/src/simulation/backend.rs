//! The services behind the simulated gateways: what they have in common, and how what they committed
//! reaches the bus. Their calls are the product's own generated gRPC code, placed on the value, and go
//! wrong as [`Faults`] say.

mod history;
mod rooms;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use hubbub_bus::Topic;
use hubbub_domain::{Change, ClientId, MessageKind, RoomId, SystemNotice, UserId};
use hubbub_proto::{
    bus::v1::{Envelope, MembershipChanged, RoomChanges, envelope::Event},
    history::v1::history_service_server::HistoryServiceServer,
    room::v1::room_service_server::RoomServiceServer,
};
use hubbub_runtime::grpc::{RetryPolicy, Transport};
use parking_lot::Mutex;
use prost::Message as _;
use tonic::service::Routes;

use super::{
    bus::{SimBus, Wires},
    dice::{self, Dice},
    faults::Faults,
    store::Store,
    trace::Trace,
};
use crate::backends::Backends;

pub(super) struct Backend {
    pub(super) store: Mutex<Store>,
    pub(super) bus: SimBus,
    pub(super) faults: Arc<Faults>,
    pub(super) trace: Arc<Trace>,
    /// The history service is of a version that does not know lasting calls.
    old_history: bool,
    wires: Wires,
    /// Held while a room's notices are delivered, so that they keep their order.
    notices: Mutex<BTreeMap<RoomId, Arc<tokio::sync::Mutex<()>>>>,
}

impl Backend {
    pub(super) fn new(wires: Wires, trace: Arc<Trace>) -> Arc<Self> {
        Arc::new(Self {
            store: Mutex::default(),
            bus: SimBus::new(Wires { dice: wires.dice.fork(), ..wires.clone() }),
            faults: Arc::clone(&wires.faults),
            trace,
            old_history: wires.dice.below(4) == 0,
            wires,
            notices: Mutex::default(),
        })
    }

    /// What a gateway calls; no socket, and the layers of every other call.
    pub(super) fn handles(self: &Arc<Self>) -> Backends {
        let rooms = RoomServiceServer::new(rooms::Rooms(Arc::clone(self)));
        let history = HistoryServiceServer::new(history::History(Arc::clone(self)));
        Backends::new(
            Transport::local(Routes::new(rooms)),
            Transport::local(Routes::new(history)),
            RetryPolicy { jitter: dice::jitter(), ..RetryPolicy::default() },
        )
    }

    fn dice(&self) -> &Dice {
        &self.wires.dice
    }

    /// Appends what no client sent, and publishes it.
    pub(super) fn tell(self: &Arc<Self>, room: RoomId, notice: SystemNotice) {
        let (sender, client_id) = self.nobody();
        let kind = MessageKind::System(notice);
        let place = self.store.lock().append(room, (&sender, &client_id), kind);
        let change = Change {
            rev: place.message.rev,
            kind: hubbub_domain::ChangeKind::Posted(Box::new(place.message)),
        };
        self.publish_changes(room, vec![change]);
    }

    fn nobody(&self) -> (UserId, ClientId) {
        let id = format!("n{:x}", self.dice().number());
        (UserId::parse("hubbub").expect("valid"), ClientId::parse(&id).expect("valid"))
    }

    fn publish_changes(self: &Arc<Self>, room: RoomId, changes: Vec<Change>) {
        for change in &changes {
            self.trace.note(format_args!("{room} comes to rev {}", change.rev));
        }
        let epoch_tag = hubbub_proto::epoch_tag(&self.store.lock().epoch());
        let changes = RoomChanges {
            epoch_tag,
            room_id: room.to_string(),
            changes: changes.into_iter().map(Into::into).collect(),
        };
        self.publish(Topic::Room(room), Event::Changes(changes));
    }

    /// After the commit, at some time: another instance may publish what comes later earlier.
    fn publish(self: &Arc<Self>, topic: Topic, event: Event) {
        let swept = self.faults.strike(|rates| rates.swept);
        let payload = Bytes::from(Envelope { event: Some(event) }.encode_to_vec());
        let backend = Arc::clone(self);
        self.wires.tasks.spawn(async move {
            let delay = if swept { 2_000..3_000 } else { 0..6 };
            backend.dice().pause(delay).await;
            backend.bus.publish(&topic, &payload);
        });
    }

    /// A membership that was just committed, as the user's gateways are told of it.
    fn membership_change(&self, user: &UserId, room: RoomId) -> MembershipChanged {
        let store = self.store.lock();
        let membership = rooms::membership(&store, user, room);
        let version = store.version(user);
        self.trace.note(format_args!("{user} v{version} in {room}: {}", membership.is_some()));
        let (user_id, room_id) = (user.to_string(), room.to_string());
        MembershipChanged { user_id, version, room_id, membership }
    }

    /// Tells the user's gateways and, in the room's own order, everybody. Returns when both were
    /// handed over.
    async fn tell_all(
        self: Arc<Self>,
        (user, room): (UserId, RoomId),
        change: MembershipChanged,
        notice: SystemNotice,
    ) {
        self.publish(Topic::User(user), Event::MembershipChanged(change));
        let in_order = Arc::clone(self.notices.lock().entry(room).or_default());
        let _in_order = in_order.lock().await;
        self.dice().pause(0..20).await;
        if self.faults.strike(|rates| rates.swept) {
            self.dice().pause(100..2_000).await;
        }
        self.tell(room, notice);
    }
}
