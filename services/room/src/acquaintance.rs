//! Who may see whether somebody is online: what the watched user decided, and for most people whether
//! the two are contacts or the watched one has written to the watcher.

use hubbub_domain::{Fault, RoomId, UserId};
use hubbub_proto::{
    GRPC_MESSAGE_BYTES_MAX, fault_from_status,
    history::v1::{CheckSendersRequest, RoomSender, history_service_client::HistoryServiceClient},
    identity::v1::Visibility,
};

use crate::rooms::Rooms;

type Pair = (UserId, UserId);

impl Rooms {
    /// Whether the first of each pair may see the second.
    pub(crate) async fn acquainted(&self, pairs: &[Pair]) -> Result<Vec<bool>, Fault> {
        let Some(visibilities) = self.people().visibility(pairs).await? else {
            return self.sharing(pairs).await;
        };
        let of = |wanted: Visibility| -> (Vec<usize>, Vec<Pair>) {
            let places = visibilities.iter().enumerate();
            let places = places.filter(|(_, visibility)| **visibility == wanted);
            places.map(|(place, _)| (place, pairs[place].clone())).unzip()
        };
        let mut seen: Vec<bool> =
            visibilities.iter().map(|visibility| *visibility == Visibility::Always).collect();
        let (shared_places, shared) = of(Visibility::IfShared);
        let (written_places, written) = of(Visibility::IfWritten);
        let (shared, written) = tokio::try_join!(self.sharing(&shared), self.written(&written))?;
        let conditional = shared_places.into_iter().zip(shared);
        for (place, holds) in conditional.chain(written_places.into_iter().zip(written)) {
            seen[place] = holds;
        }
        Ok(seen)
    }

    /// Whether the two share a room while neither blocks the other.
    async fn sharing(&self, pairs: &[Pair]) -> Result<Vec<bool>, Fault> {
        let mut sharing = vec![false; pairs.len()];
        if !pairs.is_empty() {
            for place in self.store().acquainted(pairs).await? {
                sharing[place] = true;
            }
        }
        Ok(sharing)
    }

    /// Whether the second has written to the first, in their direct room.
    async fn written(&self, pairs: &[Pair]) -> Result<Vec<bool>, Fault> {
        let mut written = vec![false; pairs.len()];
        if pairs.is_empty() {
            return Ok(written);
        }
        let rooms = self.store().direct_rooms(pairs).await?;
        if rooms.is_empty() {
            return Ok(written);
        }
        let sender = |(place, room): &(usize, RoomId)| RoomSender {
            room_id: room.to_string(),
            user_id: pairs[*place].1.to_string(),
        };
        let mut request = tonic::Request::new(CheckSendersRequest {
            senders: rooms.iter().map(sender).collect(),
        });
        request.set_timeout(self.history_timeout());
        let mut history = HistoryServiceClient::new(self.history().any())
            .max_decoding_message_size(GRPC_MESSAGE_BYTES_MAX)
            .max_encoding_message_size(GRPC_MESSAGE_BYTES_MAX);
        let asking = tokio::time::timeout(self.history_timeout(), history.check_senders(request));
        let answer = asking
            .await
            .map_err(|_| Fault::unavailable("the history service took too long"))?
            .map_err(|status| fault_from_status(&status))?;
        for ((place, _), wrote) in rooms.into_iter().zip(answer.into_inner().wrote) {
            written[place] = wrote;
        }
        Ok(written)
    }
}
