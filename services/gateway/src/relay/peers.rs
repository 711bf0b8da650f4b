//! The other nodes: which there are, and the way to each. Read anew when a session id names one that is
//! not known, but not faster than a guesser of ids could make us ask.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
    time::Duration,
};

use hubbub_ephemeral::Nodes;
use hubbub_proto::{
    GRPC_MESSAGE_BYTES_MAX,
    gateway::v1::{
        Asker, CheckRequest, Opened, PollRequest, PollResponse, PostRequest, Refusal,
        UpgradeRequest, UpgradeResponse, relay_service_client::RelayServiceClient, upgrade_request,
        upgrade_response,
    },
};
use hubbub_runtime::grpc::{Channel, GrpcClientConfig, Transport};
use parking_lot::Mutex;
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status, Streaming};

use super::QUEUE_MAX;
use crate::engineio::Refused;

/// The least time between two looks for a node that is not known.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// What is under way for a client lasts as long as both nodes and the client do.
const NO_DEADLINE: Duration = Duration::from_hours(24 * 365);
/// How long a body may take to be taken in, while its session has room for nothing more.
const POST_MAX: Duration = Duration::from_secs(30);

/// How long a node may take to say whether a session is there.
const CHECK_MAX: Duration = Duration::from_secs(5);
/// How long a node may take to say whether it wants a WebSocket.
const OPENING_MAX: Duration = Duration::from_secs(5);

/// Connections to one node, made as they are needed. Each takes as many clients as the internal listener
/// allows on one connection; a session is always on the same.
const LANES: usize = 8;

/// All other nodes.
pub struct Peers {
    nodes: Arc<dyn Nodes>,
    client: GrpcClientConfig,
    known: Mutex<HashMap<String, Peer>>,
    /// When the nodes were last read; held by whoever reads them.
    read_at: tokio::sync::Mutex<Option<Instant>>,
}

/// The way to one other node.
#[derive(Clone)]
pub(crate) struct Peer {
    address: String,
    lanes: Arc<[Transport]>,
}

/// A WebSocket that another node's session may want.
pub(crate) struct Upgrading {
    /// False: it is to be closed.
    pub(crate) wanted: bool,
    pub(crate) owner: (mpsc::Sender<UpgradeRequest>, Streaming<UpgradeResponse>),
}

impl Peers {
    /// `client` says how they are called; its address is each node's own.
    pub fn new(nodes: Arc<dyn Nodes>, client: GrpcClientConfig) -> Self {
        Self { nodes, client, known: Mutex::default(), read_at: tokio::sync::Mutex::default() }
    }

    /// The way to a node; `None` if there is no such node. An error if nobody can say.
    pub(crate) async fn find(&self, node: &str) -> Result<Option<Peer>, Unsure> {
        if let Some(peer) = self.known(node) {
            return Ok(Some(peer));
        }
        let mut read_at = self.read_at.lock().await;
        // Somebody may have read them while we waited.
        if let Some(peer) = self.known(node) {
            return Ok(Some(peer));
        }
        if read_at.is_some_and(|at| at.elapsed() < LOOK_INTERVAL) {
            return Ok(None);
        }
        let nodes = self.nodes.nodes().await.map_err(|error| {
            tracing::warn!(%error, "nobody can say which gateways there are");
            Unsure
        })?;
        *read_at = Some(Instant::now());
        let mut peers = HashMap::new();
        for node in nodes.into_iter().filter(|node| !node.address.is_empty()) {
            let known = self.known(&node.id).filter(|peer| peer.address == node.address);
            let peer = match known {
                Some(peer) => Some(peer),
                None => self.connect(node.address).await,
            };
            peers.extend(peer.map(|peer| (node.id, peer)));
        }
        *self.known.lock() = peers;
        Ok(self.known(node))
    }

    fn known(&self, node: &str) -> Option<Peer> {
        self.known.lock().get(node).cloned()
    }

    /// Nothing is sent before the first call.
    async fn connect(&self, address: String) -> Option<Peer> {
        let config = GrpcClientConfig { address: address.clone(), ..self.client.clone() };
        let mut lanes = Vec::with_capacity(LANES);
        for _ in 0..LANES {
            match Transport::connect(&config).await {
                Ok(transport) => lanes.push(transport),
                Err(error) => {
                    tracing::warn!(%error, "a gateway's internal address is of no use");
                    return None;
                }
            }
        }
        Some(Peer { address, lanes: lanes.into() })
    }
}

/// It cannot be said whether the node exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unsure;

impl Peer {
    /// The way to a session.
    fn client(&self, session_id: &str) -> RelayServiceClient<Channel> {
        let mut hasher = DefaultHasher::new();
        session_id.hash(&mut hasher);
        let lane = usize::try_from(hasher.finish() % LANES as u64).expect("fewer than the lanes");
        RelayServiceClient::new(self.lanes[lane].any())
            .max_decoding_message_size(GRPC_MESSAGE_BYTES_MAX)
            .max_encoding_message_size(GRPC_MESSAGE_BYTES_MAX)
    }

    /// If this is dropped, the client's session ends, as if its poll had been given up there.
    pub(crate) async fn poll(&self, asker: Asker) -> Result<String, Refused> {
        let mut client = self.client(&asker.session_id);
        let request = timed(PollRequest { asker: Some(asker) }, NO_DEADLINE);
        let answer = async {
            let mut answers = client.poll(request).await?.into_inner();
            answers.message().await?.ok_or_else(|| Status::unavailable("a poll without an answer"))
        };
        let PollResponse { refusal, payload } = answer.await.map_err(|status| gone(&status))?;
        refused(refusal).map_or(Ok(payload), Err)
    }

    /// Whether the session may be posted to.
    pub(crate) async fn check(&self, asker: Asker) -> Result<(), Refused> {
        let mut client = self.client(&asker.session_id);
        let request = timed(CheckRequest { asker: Some(asker) }, CHECK_MAX);
        match client.check(request).await {
            Ok(answer) => refused(answer.into_inner().refusal).map_or(Ok(()), Err),
            // A gateway of the release before judges with the body.
            Err(status) if status.code() == Code::Unimplemented => Ok(()),
            Err(status) => Err(gone(&status)),
        }
    }

    pub(crate) async fn post(&self, asker: Asker, payload: String) -> Result<(), Refused> {
        let mut client = self.client(&asker.session_id);
        let request = timed(PostRequest { asker: Some(asker), payload }, POST_MAX);
        let answer = client.post(request).await.map_err(|status| gone(&status))?;
        refused(answer.into_inner().refusal).map_or(Ok(()), Err)
    }

    pub(crate) async fn upgrade(&self, asker: Asker) -> Result<Upgrading, Refused> {
        let mut client = self.client(&asker.session_id);
        let (up, requests) = mpsc::channel(QUEUE_MAX);
        let open = UpgradeRequest { said: Some(upgrade_request::Said::Open(asker)) };
        up.try_send(open).expect("the queue is new");
        let request = timed(ReceiverStream::new(requests), NO_DEADLINE);
        let opening = async {
            let mut down = client.upgrade(request).await?.into_inner();
            let first = down.message().await?.and_then(|first| first.said);
            Ok::<_, Status>((first, down))
        };
        let opening = tokio::time::timeout(OPENING_MAX, opening).await;
        let (first, down) = opening
            .unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer")))
            .map_err(|status| gone(&status))?;
        let Some(upgrade_response::Said::Opened(Opened { refusal, wanted })) = first else {
            return Err(Refused::BadRequest);
        };
        refused(refusal).map_or(Ok(Upgrading { wanted, owner: (up, down) }), Err)
    }
}

fn timed<T>(message: T, deadline: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(deadline);
    request
}

/// A node that cannot be reached has no sessions: the client is to begin anew, at once.
fn gone(status: &Status) -> Refused {
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented => {
            tracing::warn!(%status, "another gateway does not take what is handed on to it");
        }
        _ => tracing::debug!(%status, "another gateway cannot be reached"),
    }
    Refused::SessionUnknown
}

fn refused(refusal: i32) -> Option<Refused> {
    match Refusal::try_from(refusal) {
        Ok(Refusal::Unspecified) => None,
        Ok(Refusal::SessionUnknown) => Some(Refused::SessionUnknown),
        Ok(Refusal::Forbidden) => Some(Refused::Forbidden),
        Ok(Refusal::BadRequest) | Err(_) => Some(Refused::BadRequest),
    }
}
