//! What this node's sessions are asked by way of other nodes.

use futures::{StreamExt as _, stream, stream::BoxStream};
use hubbub_proto::{
    GRPC_MESSAGE_BYTES_MAX,
    gateway::v1::{
        Asker, CheckRequest, CheckResponse, Opened, PollRequest, PollResponse, PostRequest,
        PostResponse, Refusal, UpgradeRequest, UpgradeResponse,
        relay_service_server::{RelayService, RelayServiceServer},
        upgrade_request, upgrade_response,
    },
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{FarSocket, QUEUE_MAX};
use crate::engineio::{Carrier, Engine, Protocol, Refused};

/// Serves one engine's sessions to the other nodes.
pub struct Relay<P>(Engine<P>);

impl<P: Protocol> Relay<P> {
    /// As tonic serves it, behind the token and the certificates of the internal listener.
    pub fn service(engine: Engine<P>) -> RelayServiceServer<Self> {
        RelayServiceServer::new(Self(engine))
            .max_decoding_message_size(GRPC_MESSAGE_BYTES_MAX)
            .max_encoding_message_size(GRPC_MESSAGE_BYTES_MAX)
    }
}

#[tonic::async_trait]
impl<P: Protocol> RelayService for Relay<P> {
    type PollStream = BoxStream<'static, Result<PollResponse, Status>>;
    type UpgradeStream = BoxStream<'static, Result<UpgradeResponse, Status>>;

    async fn poll(
        &self,
        request: Request<PollRequest>,
    ) -> Result<Response<Self::PollStream>, Status> {
        let asker = asker(request.into_inner().asker)?;
        let engine = self.0.clone();
        let answer = async move {
            let polled = engine.poll_here(&asker.session_id, &asker.tokens).await;
            Ok(match polled {
                Ok(payload) => PollResponse { refusal: 0, payload },
                Err(refused) => PollResponse { refusal: refusal(refused), payload: String::new() },
            })
        };
        Ok(Response::new(stream::once(answer).boxed()))
    }

    async fn check(
        &self,
        request: Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        let Asker { session_id, tokens } = asker(request.into_inner().asker)?;
        let known = self.0.check_here(&session_id, &tokens);
        Ok(Response::new(CheckResponse { refusal: known.err().map_or(0, refusal) }))
    }

    async fn post(&self, request: Request<PostRequest>) -> Result<Response<PostResponse>, Status> {
        let PostRequest { asker: by, payload } = request.into_inner();
        let Asker { session_id, tokens } = asker(by)?;
        let posted = self.0.post_here(&session_id, &tokens, payload).await;
        Ok(Response::new(PostResponse { refusal: posted.err().map_or(0, refusal) }))
    }

    async fn upgrade(
        &self,
        request: Request<Streaming<UpgradeRequest>>,
    ) -> Result<Response<Self::UpgradeStream>, Status> {
        let mut client = request.into_inner();
        let first = client.message().await?.and_then(|first| first.said);
        let Some(upgrade_request::Said::Open(Asker { session_id, tokens })) = first else {
            return Err(Status::invalid_argument("open comes first"));
        };
        let (opened, carrier) = match self.0.upgrade_here(&session_id, &tokens).await {
            Ok(carrier) => (Opened { refusal: 0, wanted: carrier.is_some() }, carrier),
            Err(refused) => (Opened { refusal: refusal(refused), wanted: false }, None),
        };
        let (outgoing, responses) = mpsc::channel(QUEUE_MAX);
        let said = Some(upgrade_response::Said::Opened(opened));
        outgoing.try_send(Ok(UpgradeResponse { said })).expect("the queue is new");
        if let Some(carrier) = carrier {
            // A session that has ended meanwhile lets it drop, which ends the stream.
            let _ended = carrier.send(Carrier::Far(FarSocket::new(client, outgoing)));
        }
        Ok(Response::new(ReceiverStream::new(responses).boxed()))
    }
}

fn asker(asker: Option<Asker>) -> Result<Asker, Status> {
    asker.ok_or_else(|| Status::invalid_argument("nobody asks"))
}

fn refusal(refused: Refused) -> i32 {
    let refusal = match refused {
        Refused::SessionUnknown => Refusal::SessionUnknown,
        Refused::Forbidden => Refusal::Forbidden,
        _ => Refusal::BadRequest,
    };
    refusal.into()
}
