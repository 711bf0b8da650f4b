//! Requests of sessions that exist: handed to the session's task, here or on the node that has it.

use axum::{
    extract::FromRequestParts as _,
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use hubbub_domain::Fault;
use hubbub_proto::gateway::v1::Asker;
use tokio::sync::{mpsc, oneshot};

use super::{
    Engine,
    answer::Refused,
    polling::Ask,
    protocol::Protocol,
    registry::{Way, node_of},
    wire::Carrier,
};
use crate::{
    edge::refuse,
    metrics,
    relay::{self, Peer, Upgrading},
    session::{Ending, Wire},
    ws::{PendingSocket, Upgrade},
};

/// Bodies that are read for a session of another node before that node was asked.
const UNCHECKED_BYTES_MAX: u64 = 16 * 1024;

/// Where a session is.
pub(super) enum Owner {
    /// Here, if anywhere.
    Here,
    There(Peer),
}

impl<P: Protocol> Engine<P> {
    /// Which node has the session. What nobody can say is refused, to be tried again.
    pub(super) async fn owner(&self, sid: &str) -> Result<Owner, Response> {
        let host = &self.0.host;
        let (Some(peers), Some(node)) = (&host.peers, node_of(sid)) else { return Ok(Owner::Here) };
        if node == host.node {
            return Ok(Owner::Here);
        }
        match peers.find(node).await {
            Ok(Some(peer)) => Ok(Owner::There(peer)),
            Ok(None) => Err(Refused::SessionUnknown.into_response()),
            Err(_) => {
                let fault = Fault::unavailable("the session's node cannot be looked up just now");
                Err(refuse(StatusCode::SERVICE_UNAVAILABLE, &fault))
            }
        }
    }

    pub(super) async fn poll(&self, owner: Owner, asker: Asker) -> Result<String, Refused> {
        match owner {
            Owner::Here => self.poll_here(&asker.session_id, &asker.tokens).await,
            Owner::There(peer) => {
                metrics::engine_handed_on("poll");
                peer.poll(asker).await
            }
        }
    }

    /// Whether a session may be posted to, before its body is read. Another node is asked if the body is
    /// large; else it judges with the body, which costs one call less.
    pub(super) async fn check_post(
        &self,
        (owner, asker): (&Owner, &Asker),
        body_bytes: Option<u64>,
    ) -> Result<(), Refused> {
        let small = body_bytes.is_some_and(|bytes| bytes <= UNCHECKED_BYTES_MAX);
        match owner {
            Owner::Here => self.check_here(&asker.session_id, &asker.tokens),
            Owner::There(_) if small => Ok(()),
            Owner::There(peer) => peer.check(asker.clone()).await,
        }
    }

    pub(crate) fn check_here(&self, sid: &str, tokens: &[String]) -> Result<(), Refused> {
        self.polling(sid, tokens).map(drop)
    }

    pub(super) async fn post(
        &self,
        owner: Owner,
        asker: Asker,
        body: String,
    ) -> Result<(), Refused> {
        match owner {
            Owner::Here => self.post_here(&asker.session_id, &asker.tokens, body).await,
            Owner::There(peer) => {
                metrics::engine_handed_on("post");
                peer.post(asker, body).await
            }
        }
    }

    /// A WebSocket for a session that polls. Where it may not take over, it is closed, which is how
    /// the reference server says so.
    pub(super) async fn upgrade(
        &self,
        parts: &mut Parts,
        owner: Owner,
        asker: Asker,
    ) -> Result<Response, Response> {
        let upgrade =
            Upgrade::from_request_parts(parts, &()).await.map_err(IntoResponse::into_response)?;
        let tasks = &self.0.host.tasks;
        match owner {
            Owner::Here => {
                let wanted = self.upgrade_here(&asker.session_id, &asker.tokens).await;
                let wanted = wanted.map_err(Refused::into_response)?;
                let (response, pending) = upgrade.accept(&[]);
                tasks.spawn(hand_over(pending, wanted));
                Ok(response)
            }
            Owner::There(peer) => {
                metrics::engine_handed_on("upgrade");
                let upgrading = peer.upgrade(asker).await.map_err(Refused::into_response)?;
                let (response, pending) = upgrade.accept(&[]);
                tasks.spawn(self.clone().carry(pending, upgrading));
                Ok(response)
            }
        }
    }

    /// Carries a WebSocket for the node that has its session.
    async fn carry(self, pending: PendingSocket, upgrading: Upgrading) {
        let Ok(socket) = pending.socket().await else { return };
        let config = &self.0.config;
        let wire = Wire::new(socket, config.payload_bytes_max);
        if !upgrading.wanted {
            return wire.close(Ending::Done).await;
        }
        let leaving = self.0.leaving.clone();
        let allowance = relay::Allowance {
            write_timeout: config.write_timeout,
            message_timeout: config.message_timeout,
            held: self.0.budget.share(),
        };
        relay::pump(wire, upgrading.owner, allowance, leaving).await;
    }

    pub(crate) async fn poll_here(&self, sid: &str, tokens: &[String]) -> Result<String, Refused> {
        let session = self.polling(sid, tokens)?;
        let (answer, answered) = oneshot::channel();
        session.send(Ask::Poll(answer)).await.map_err(|_| Refused::SessionUnknown)?;
        answered.await.map_err(|_| Refused::SessionUnknown)?
    }

    pub(crate) async fn post_here(
        &self,
        sid: &str,
        tokens: &[String],
        body: String,
    ) -> Result<(), Refused> {
        let session = self.polling(sid, tokens)?;
        let (answer, answered) = oneshot::channel();
        session.send(Ask::Post { body, answer }).await.map_err(|_| Refused::SessionUnknown)?;
        answered.await.map_err(|_| Refused::SessionUnknown)?
    }

    /// The session's wish for a WebSocket, which is then to be sent; `None`: it wants none.
    pub(crate) async fn upgrade_here(
        &self,
        sid: &str,
        tokens: &[String],
    ) -> Result<Option<oneshot::Sender<Carrier>>, Refused> {
        let Way::Polling(session) = self.reach(sid, tokens)? else { return Ok(None) };
        let (give, socket) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let asked = session.send(Ask::Upgrade { socket, answer }).await;
        // A session that is gone answers no.
        let wanted = asked.is_ok() && answered.await.unwrap_or(false);
        Ok(wanted.then_some(give))
    }

    fn polling(&self, sid: &str, tokens: &[String]) -> Result<mpsc::Sender<Ask>, Refused> {
        match self.reach(sid, tokens)? {
            Way::Polling(session) => Ok(session),
            Way::WebSocket => Err(Refused::BadRequest),
        }
    }

    /// The way to a session of this node, for a request that may be its client's.
    fn reach(&self, sid: &str, tokens: &[String]) -> Result<Way, Refused> {
        let entry = self.0.registry.get(sid).ok_or(Refused::SessionUnknown)?;
        if !entry.credentials.admit(tokens.iter().map(String::as_str)) {
            metrics::engine_foreign_request();
            return Err(Refused::Forbidden);
        }
        Ok(entry.way)
    }
}

async fn hand_over(pending: PendingSocket, to: Option<oneshot::Sender<Carrier>>) {
    let Ok(socket) = pending.socket().await else { return };
    let unwanted = match to {
        Some(session) => session.send(Carrier::Near(socket)).err(),
        None => Some(Carrier::Near(socket)),
    };
    if let Some(Carrier::Near(socket)) = unwanted {
        // Nothing is read from it.
        Wire::new(socket, 0).close(Ending::Done).await;
    }
}
