//! The gRPC face for other services (`hubbub.presence.v1`): who is there, and words to those who are.
//! Any gateway answers for all: presence is the cluster's, and what is to be said goes over the bus.

use std::{sync::Arc, time::Instant};

use hubbub_bus::{Bus, Publication, Topic};
use hubbub_client_protocol::{CloseCode, ServiceCode, unicode};
use hubbub_domain::{Code, Fault, RoomId, UserId};
use hubbub_ephemeral::{Availability, Presence};
use hubbub_proto::{
    GRPC_MESSAGE_BYTES_MAX,
    bus::v1::{DisconnectRequested, Envelope, envelope::Event},
    presence::v1::{
        self as wire, BatchGetPresenceRequest, BatchGetPresenceResponse, DisconnectUserRequest,
        DisconnectUserResponse, GetPresenceRequest, GetPresenceResponse, Push, PushToRoomRequest,
        PushToRoomResponse, PushToUserRequest, PushToUserResponse,
        presence_service_server::{PresenceService, PresenceServiceServer},
    },
    status_from_fault, timestamp,
};
use prost::Message as _;
use serde_json::Value;
use tonic::{Request, Response, Status};

use super::Presences;
use crate::metrics;

/// Users asked about in one call.
const USERS_MAX: usize = 1_000;
/// Bytes of a close reason (RFC 6455, section 5.5).
const REASON_BYTES_MAX: usize = 123;
const NAME_BYTES_MAX: usize = 64;
const PAYLOAD_BYTES_MAX: usize = 16 * 1024;
const PUSH_ID_BYTES_MAX: usize = 64;

type Answer<T> = Result<Response<T>, Status>;

/// Where other services ask.
pub(crate) struct Desk {
    presences: Arc<Presences>,
    bus: Arc<dyn Bus>,
}

impl Desk {
    /// As tonic serves it, behind the token and the certificates of the internal listener.
    pub(crate) fn service(
        presences: Arc<Presences>,
        bus: Arc<dyn Bus>,
    ) -> PresenceServiceServer<Self> {
        PresenceServiceServer::new(Self { presences, bus })
            .max_decoding_message_size(GRPC_MESSAGE_BYTES_MAX)
            .max_encoding_message_size(GRPC_MESSAGE_BYTES_MAX)
    }

    async fn get(&self, user_ids: Vec<String>) -> Result<Vec<wire::Presence>, Fault> {
        if user_ids.len() > USERS_MAX {
            let text = format!("user_ids has more than {USERS_MAX} entries");
            return Err(Fault::new(Code::LimitReached, text));
        }
        let users = user_ids.iter().map(|id| UserId::parse(id)).collect::<Result<Vec<_>, _>>()?;
        let known = self.presences.read(&users).await.map_err(|error| {
            tracing::debug!(%error, "presence cannot be answered");
            Fault::unavailable("nobody can say just now who is online")
        })?;
        let known: std::collections::HashMap<&UserId, &Presence> =
            known.iter().map(|presence| (&presence.user, presence)).collect();
        Ok(users.iter().map(|user| view(user, known.get(user).copied())).collect())
    }

    async fn disconnect(&self, request: DisconnectUserRequest) -> Result<(), Fault> {
        let DisconnectUserRequest { user_id, close_code, reason } = request;
        let user = UserId::parse(&user_id)?;
        let code = match close_code {
            0 => ServiceCode::DEFAULT,
            code => u16::try_from(code).ok().and_then(ServiceCode::new).ok_or_else(|| {
                Fault::bad_request("close_code is neither in 4400 to 4499 nor in 4900 to 4999")
            })?,
        };
        if reason.len() > REASON_BYTES_MAX {
            let text = format!("reason has more than {REASON_BYTES_MAX} bytes");
            return Err(Fault::bad_request(text));
        }
        let code = CloseCode::Service(code);
        let reason = if reason.is_empty() { code.meaning().to_owned() } else { reason };
        let wanted = DisconnectRequested { user_id, close_code: u32::from(code.code()), reason };
        self.tell(Topic::User(user), Event::DisconnectRequested(wanted)).await
    }

    async fn push(&self, topic: Topic, push: Option<Push>) -> Result<(), Fault> {
        self.tell(topic, Event::Push(checked(push)?)).await
    }

    async fn tell(&self, topic: Topic, event: Event) -> Result<(), Fault> {
        let payload = Envelope { event: Some(event) }.encode_to_vec().into();
        let told = self.bus.publish(&[Publication { topic, payload }]).await;
        told.map_err(|error| {
            tracing::debug!(%error, "the gateways could not be told");
            Fault::unavailable("the gateways cannot be told just now")
        })
    }
}

/// A push that clients can read; without a payload it is null.
fn checked(push: Option<Push>) -> Result<Push, Fault> {
    let mut push = push.ok_or_else(|| Fault::bad_request("push is missing"))?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    if !(1..=NAME_BYTES_MAX).contains(&push.name.len()) || !push.name.bytes().all(plain) {
        let text = "push.name is not 1 to 64 of letters, digits, '.', '_', ':' and '-'";
        return Err(Fault::bad_request(text));
    }
    if push.push_id.len() > PUSH_ID_BYTES_MAX {
        let text = format!("push.push_id has more than {PUSH_ID_BYTES_MAX} bytes");
        return Err(Fault::bad_request(text));
    }
    if push.payload_json.len() > PAYLOAD_BYTES_MAX {
        let text = format!("push.payload_json has more than {PAYLOAD_BYTES_MAX} bytes");
        return Err(Fault::new(Code::TooLarge, text));
    }
    if push.payload_json.is_empty() {
        "null".clone_into(&mut push.payload_json);
    }
    // As gateways read it: a depth beyond theirs is refused here.
    if serde_json::from_str::<Value>(&push.payload_json).is_err() {
        let payload = unicode::value(&push.payload_json);
        let payload = payload.map_err(|error| {
            Fault::bad_request(format!("push.payload_json is not JSON: {error}"))
        })?;
        // Half a character became U+FFFD.
        push.payload_json = payload.to_string();
    }
    Ok(push)
}

fn view(user: &UserId, presence: Option<&Presence>) -> wire::Presence {
    let state = match presence.map(|presence| presence.availability) {
        Some(Availability::Online) => wire::PresenceState::Online,
        Some(Availability::Away) => wire::PresenceState::Away,
        Some(Availability::Offline) => wire::PresenceState::Offline,
        None => wire::PresenceState::Unknown,
    };
    wire::Presence {
        user_id: user.to_string(),
        state: state.into(),
        version: presence.map_or(0, |presence| presence.version),
        last_seen: presence.and_then(|presence| presence.last_seen).map(timestamp),
    }
}

/// Makes a call's answer, and counts it.
fn answer<T>(call: &'static str, begun: Instant, outcome: Result<T, Fault>) -> Answer<T> {
    metrics::service_call(call, outcome.as_ref().err(), begun.elapsed());
    outcome.map(Response::new).map_err(|fault| status_from_fault(&fault))
}

#[tonic::async_trait]
impl PresenceService for Desk {
    async fn get_presence(
        &self,
        request: Request<GetPresenceRequest>,
    ) -> Answer<GetPresenceResponse> {
        let begun = Instant::now();
        let got = self.get(vec![request.into_inner().user_id]).await;
        let one = got.map(|mut one| GetPresenceResponse { presence: one.pop() });
        answer("get_presence", begun, one)
    }

    async fn batch_get_presence(
        &self,
        request: Request<BatchGetPresenceRequest>,
    ) -> Answer<BatchGetPresenceResponse> {
        let begun = Instant::now();
        let got = self.get(request.into_inner().user_ids).await;
        let all = got.map(|presences| BatchGetPresenceResponse { presences });
        answer("batch_get_presence", begun, all)
    }

    async fn disconnect_user(
        &self,
        request: Request<DisconnectUserRequest>,
    ) -> Answer<DisconnectUserResponse> {
        let begun = Instant::now();
        let told = self.disconnect(request.into_inner()).await;
        answer("disconnect_user", begun, told.map(|()| DisconnectUserResponse {}))
    }

    async fn push_to_user(
        &self,
        request: Request<PushToUserRequest>,
    ) -> Answer<PushToUserResponse> {
        let begun = Instant::now();
        let PushToUserRequest { user_id, push } = request.into_inner();
        let told = async { self.push(Topic::User(UserId::parse(&user_id)?), push).await };
        answer("push_to_user", begun, told.await.map(|()| PushToUserResponse {}))
    }

    async fn push_to_room(
        &self,
        request: Request<PushToRoomRequest>,
    ) -> Answer<PushToRoomResponse> {
        let begun = Instant::now();
        let PushToRoomRequest { room_id, push } = request.into_inner();
        let told = async { self.push(Topic::Room(room_id.parse::<RoomId>()?), push).await };
        answer("push_to_room", begun, told.await.map(|()| PushToRoomResponse {}))
    }
}

#[cfg(test)]
mod tests {
    use hubbub_proto::presence::v1::Push;

    use super::checked;

    fn push(name: &str, payload: &str, push_id: &str) -> Push {
        let (name, payload_json) = (name.to_owned(), payload.to_owned());
        Push { name, payload_json, push_id: push_id.to_owned() }
    }

    #[test]
    fn a_push_is_something_clients_can_read() {
        let good = push("order.paid:2", r#"{"n":1}"#, "7");
        assert_eq!(checked(Some(good.clone())), Ok(good));
        let half = checked(Some(push("x", r#"{"text":"\ud83d"}"#, ""))).expect("good");
        assert_eq!(half.payload_json, "{\"text\":\"\u{fffd}\"}");
        let empty = checked(Some(push("x", "", ""))).expect("good");
        assert_eq!(empty.payload_json, "null");
        let long = format!("\"{}\"", "x".repeat(16 * 1024));
        let deep = "[".repeat(1_000) + &"]".repeat(1_000);
        for (bad, field) in [
            (None, "push is missing"),
            (Some(push("", "1", "")), "push.name"),
            (Some(push("a b", "1", "")), "push.name"),
            (Some(push(&"n".repeat(65), "1", "")), "push.name"),
            (Some(push("ü", "1", "")), "push.name"),
            (Some(push("x", "{", "")), "push.payload_json"),
            (Some(push("x", "1 2", "")), "push.payload_json"),
            (Some(push("x", &long, "")), "push.payload_json"),
            (Some(push("x", &deep, "")), "push.payload_json"),
            (Some(push("x", "1", &"i".repeat(65))), "push.push_id"),
        ] {
            let fault = checked(bad).expect_err(field);
            assert!(fault.message.contains(field), "{fault}");
        }
    }
}
