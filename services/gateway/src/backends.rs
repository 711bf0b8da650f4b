//! The services behind the gateway, as it calls them: typed requests in, domain values or a `Fault`
//! out. Only calls that may be repeated are retried, each time on another healthy instance.

/// A call that may be sent again: tried on another healthy instance while its deadline allows.
macro_rules! repeatable {
    ($self:ident, $client:expr, $method:ident, $request:expr) => {
        hubbub_runtime::grpc::retry_idempotent($self.retry, || {
            let mut client = $client;
            let request = $request.clone();
            async move { client.$method(request).await }
        })
        .await
        .map_err(|status| hubbub_proto::fault_from_status(&status))?
        .into_inner()
    };
}

/// A call that must not be sent again by itself.
macro_rules! once {
    ($client:expr, $method:ident, $request:expr) => {
        $client
            .$method($request)
            .await
            .map_err(|status| hubbub_proto::fault_from_status(&status))?
            .into_inner()
    };
}

mod append;
mod history;
mod identity;
mod room;

use hubbub_domain::RoomId;
use hubbub_proto::{
    GRPC_MESSAGE_BYTES_MAX, history::v1::history_service_client::HistoryServiceClient,
    room::v1::room_service_client::RoomServiceClient,
};
use hubbub_runtime::grpc::{Channel, RetryPolicy, Transport};

use crate::grants::Grants;
pub(crate) use append::AppendWay;
pub(crate) use history::{
    Anchor, Appended, Changes, Entry, Heads, Marker, PageRequest, RoomHead, Standing,
    another_epoch, malformed, room_head,
};
pub(crate) use room::{Membership, Memberships};

/// Handles on the room and history services.
#[derive(Clone)]
pub(crate) struct Backends {
    room: Transport,
    history: Transport,
    identity: Option<Grants>,
    retry: RetryPolicy,
}

impl Backends {
    pub(crate) const fn new(room: Transport, history: Transport, retry: RetryPolicy) -> Self {
        Self { room, history, identity: None, retry }
    }

    /// The room service, on any healthy instance.
    pub(crate) fn room(&self) -> RoomServiceClient<Channel> {
        RoomServiceClient::new(self.room.any())
            .max_decoding_message_size(GRPC_MESSAGE_BYTES_MAX)
            .max_encoding_message_size(GRPC_MESSAGE_BYTES_MAX)
    }

    /// The history service, on the instance that this key prefers while it is healthy.
    pub(crate) fn history(&self, key: u128) -> HistoryServiceClient<Channel> {
        Self::history_over(self.history.pick(key))
    }

    fn history_any(&self) -> HistoryServiceClient<Channel> {
        Self::history_over(self.history.any())
    }

    fn history_over(channel: Channel) -> HistoryServiceClient<Channel> {
        HistoryServiceClient::new(channel)
            .max_decoding_message_size(GRPC_MESSAGE_BYTES_MAX)
            .max_encoding_message_size(GRPC_MESSAGE_BYTES_MAX)
    }
}

/// Which lane, and so which history instance, a room belongs to: the same on every gateway.
pub(crate) fn lane_of(room: RoomId, lanes: usize) -> usize {
    let bits = room.as_uuid().as_u128();
    let mixed = (bits ^ (bits >> 64)).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
    usize::try_from((mixed >> 64) % lanes as u128).expect("smaller than a usize")
}
