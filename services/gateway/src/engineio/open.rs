//! Handshakes: a session begins, with a poll's answer or with a WebSocket.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts as _,
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use hubbub_client_protocol::engineio::Handshake;
use hubbub_domain::{Code, Fault};
use hubbub_runtime::shares::Share;
use tokio::{sync::mpsc, time::Instant};

use super::{
    Engine,
    answer::{self, Refused},
    connection::Transport,
    heart::Heart,
    http::{Asked, Inner, WEBSOCKET, in_query},
    older,
    polling::Polling,
    protocol::{Opening, Outgoing, Protocol, Request},
    registry::{Credentials, Entry, Way, new_sid},
    session::Task,
    wire::{Carrier, Wire},
};
use crate::{
    edge::{ClientAddress, admit_polling, refuse},
    metrics, native,
    session::Outbox,
    ws::{Socket, Upgrade, encode},
};

/// Requests of one session that wait for its task. At the bound they wait in their own tasks.
const ASKS_MAX: usize = 4;

impl<P: Protocol> Engine<P> {
    pub(super) fn open_polling(&self, parts: &Parts, asked: Asked) -> Response {
        let request = match known(parts, asked.query) {
            Ok(request) => request,
            Err(refused) => return refused.into_response(),
        };
        let admitted = admit_polling(&parts.extensions, &self.0.host.admission);
        match admitted.and_then(|place| self.begin_polling(request, place)) {
            Ok(open) => answer::payload(open),
            Err(fault) if fault.code == Code::RateLimited => {
                refuse(StatusCode::TOO_MANY_REQUESTS, &fault)
            }
            Err(fault) => refuse(StatusCode::SERVICE_UNAVAILABLE, &fault),
        }
    }

    fn begin_polling(&self, request: Request, of_address: Share) -> Result<String, Fault> {
        let at = Instant::now();
        let (asks_in, asks) = mpsc::channel(ASKS_MAX);
        let transport = Transport::Polling(Box::new(Polling::new(asks)));
        let mut task = self.session(request, Way::Polling(asks_in), transport, at)?;
        task.of_address = Some(of_address);
        let open = self.handshake(&task.place.sid, &[WEBSOCKET]);
        self.0.host.tasks.spawn(task.run());
        Ok(open)
    }

    pub(super) async fn open_websocket(
        &self,
        parts: &mut Parts,
        asked: Asked,
    ) -> Result<Response, Response> {
        let upgrade =
            Upgrade::from_request_parts(parts, &()).await.map_err(IntoResponse::into_response)?;
        let request = known(parts, asked.query).map_err(Refused::into_response)?;
        let admitted = self.0.host.admission.admit_session();
        admitted.map_err(|fault| refuse(StatusCode::SERVICE_UNAVAILABLE, &fault))?;
        let (response, pending) = upgrade.accept(&[]);
        let engine = self.clone();
        self.0.host.tasks.spawn(async move {
            let Ok(socket) = pending.socket().await else { return };
            engine.begin_websocket(socket, request);
        });
        Ok(response)
    }

    /// A client that knows Engine.IO 3 only: it is told in its own words.
    pub(super) async fn refuse_older(
        &self,
        parts: &mut Parts,
        transport: &str,
    ) -> Result<Response, Response> {
        if transport != WEBSOCKET {
            return Ok(older::refused_poll());
        }
        let upgrade =
            Upgrade::from_request_parts(parts, &()).await.map_err(IntoResponse::into_response)?;
        let (response, pending) = upgrade.accept(&[]);
        self.0.host.tasks.spawn(async move {
            let Ok(socket) = pending.socket().await else { return };
            older::refuse(socket).await;
        });
        Ok(response)
    }

    /// The session is a task of its own: what the upgrade needed is given back before the long wait.
    fn begin_websocket(&self, socket: Socket, request: Request) {
        let at = Instant::now();
        let wire = Wire::new(Carrier::Near(socket), self.0.config.payload_bytes_max);
        match self.session(request, Way::WebSocket, Transport::WebSocket(wire), at) {
            Ok(task) => {
                let open = self.handshake(&task.place.sid, &[]);
                task.outgoing.reply(encode::text(&open));
                self.0.host.tasks.spawn(task.run());
            }
            Err(fault) => tracing::debug!(%fault, "a session was refused"),
        }
    }

    /// A session that has not begun. The task's protocol says nothing before the handshake is sent.
    fn session(
        &self,
        request: Request,
        way: Way,
        transport: Transport,
        at: Instant,
    ) -> Result<Box<Task<P::Session>>, Fault> {
        let Inner { config, protocol, host, registry, budget, .. } = &*self.0;
        let outbox = Arc::new(Outbox::new(config.outbox_bytes_max));
        let tokens = request.bearer.as_deref().into_iter().chain(in_query(&request.query));
        let credentials = Arc::new(Credentials::new(tokens));
        let entry =
            Entry { outbox: Arc::clone(&outbox), credentials: Arc::clone(&credentials), way };
        let sid = new_sid(&host.node);
        let place = registry
            .enter(&sid, entry, config.sessions_max)
            .ok_or_else(|| Fault::unavailable("too many sessions on this node"))?;
        metrics::engine_sessions(registry.len());
        let outgoing = Outgoing { outbox, credentials };
        let opening = Opening {
            outgoing: outgoing.clone(),
            request: Arc::new(request),
            at,
            admission: Arc::clone(&host.admission),
        };
        Ok(Box::new(Task {
            config: Arc::clone(config),
            protocol: protocol.open(opening),
            outgoing,
            transport,
            held: budget.share(),
            heart: Heart::new(at, config.ping_interval, config.ping_timeout),
            place,
            of_address: None,
            tasks: host.tasks.clone(),
            abort: host.abort.clone(),
        }))
    }

    fn handshake(&self, sid: &str, upgrades: &[&str]) -> String {
        let config = &self.0.config;
        let whole_ms =
            |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Handshake {
            sid,
            upgrades,
            ping_interval: whole_ms(config.ping_interval),
            ping_timeout: whole_ms(config.ping_timeout),
            max_payload: config.payload_bytes_max,
        }
        .encode()
    }
}

/// What is kept of the handshake's request.
fn known(parts: &Parts, query: Vec<(String, String)>) -> Result<Request, Refused> {
    // The listener's gate puts it there.
    let address = parts.extensions.get::<ClientAddress>();
    let address = address.ok_or(Refused::BadRequest)?.0;
    let ours = ["EIO", "transport", "b64"];
    let mut query: Vec<_> =
        query.into_iter().filter(|(name, _)| !ours.contains(&&**name)).collect();
    // It stays as long as the session, and mostly nothing is left of it.
    query.shrink_to_fit();
    Ok(Request { query, bearer: native::bearer(&parts.headers).map(str::to_owned), address })
}
