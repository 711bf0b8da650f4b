//! The requests: handshakes, polls, posts and WebSockets, told apart and checked as the reference
//! server does, and handed to the session they belong to.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{FromRequestParts as _, Query},
    http::{
        HeaderMap, Method, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE, UPGRADE},
        request::Parts,
    },
    response::{IntoResponse as _, Response},
    routing::any,
};
use hubbub_client_protocol::engineio::Handshake;
use hubbub_domain::Fault;
use rand::{RngExt as _, seq::SliceRandom as _};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Config,
    answer::{self, Refused},
    connection::Transport,
    heart::Heart,
    polling::{Ask, Polling},
    protocol::{Opening, Outgoing, Protocol, Request},
    registry::{Credentials, Entry, Registry, Way, new_sid},
    session::Task,
};
use crate::{
    config::DrainConfig,
    edge::{Admission, ClientAddress, refuse},
    metrics, native,
    session::{Ending, Outbox, Wire},
    ws::{PendingSocket, Socket, Upgrade, encode},
};

/// Requests of one session that wait for its task. At the bound they wait in their own tasks.
const ASKS_MAX: usize = 4;
const WEBSOCKET: &str = "websocket";
const POLLING: &str = "polling";

/// Serves one protocol at one path. Cheap to clone.
pub struct Engine<P>(Arc<Inner<P>>);

impl<P> Clone for Engine<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Inner<P> {
    config: Arc<Config>,
    protocol: P,
    host: Host,
    registry: Arc<Registry>,
}

/// What an engine stands on.
pub struct Host {
    /// The node's name: part of every session id.
    pub node: String,
    /// Sessions that begin without an upgrade are admitted here.
    pub admission: Arc<Admission>,
    /// All tasks of sessions.
    pub tasks: TaskTracker,
    /// Everything stops at once.
    pub abort: CancellationToken,
}

/// What every request says.
struct Asked {
    query: Vec<(String, String)>,
    sid: Option<String>,
    transport: &'static str,
}

impl<P: Protocol> Engine<P> {
    pub fn new(config: Config, host: Host, protocol: P) -> Self {
        let registry = Arc::default();
        Self(Arc::new(Inner { config: Arc::new(config), protocol, host, registry }))
    }

    /// Answers every request at `path`.
    pub fn router(&self, path: &str) -> Router {
        let engine = self.clone();
        let answer = any(move |request: axum::extract::Request| {
            let engine = engine.clone();
            async move { engine.answer(request).await.unwrap_or_else(|refused| refused) }
        });
        Router::new().route(path, answer)
    }

    /// Sessions of this node.
    pub fn sessions(&self) -> usize {
        self.0.registry.len()
    }

    /// Ends all sessions, paced over the window and in random order: their clients come back elsewhere.
    pub(crate) async fn move_away(&self, config: &DrainConfig) {
        let mut outboxes = self.0.registry.outboxes();
        outboxes.shuffle(&mut rand::rng());
        let pause = config.window / u32::try_from(outboxes.len().max(1)).unwrap_or(u32::MAX);
        for outbox in outboxes {
            outbox.close(hubbub_client_protocol::CloseCode::Moved);
            let factor = rand::rng().random_range(0.5..1.5);
            tokio::time::sleep(pause.mul_f64(factor)).await;
        }
    }

    async fn answer(&self, request: axum::extract::Request) -> Result<Response, Response> {
        let (mut parts, body) = request.into_parts();
        if parts.method == Method::OPTIONS {
            return Ok(answer::nothing());
        }
        let asked = asked(&parts).map_err(Refused::into_response)?;
        let upgrade = parts.headers.contains_key(UPGRADE);
        match (&asked.sid, asked.transport) {
            (None, transport) => {
                check_handshake(&parts, &asked, upgrade).map_err(Refused::into_response)?;
                if transport == WEBSOCKET {
                    self.open_websocket(&mut parts, asked).await
                } else {
                    self.open_polling(&parts, asked)
                }
            }
            (Some(sid), WEBSOCKET) if upgrade => self.upgrade(&mut parts, &asked, sid).await,
            (Some(sid), _) => {
                let way = self.reach(&parts, &asked, sid).map_err(Refused::into_response)?;
                let Way::Polling(session) = way else {
                    return Err(Refused::BadRequest.into_response());
                };
                if asked.transport != POLLING || upgrade {
                    return Err(Refused::BadRequest.into_response());
                }
                let outcome = match parts.method {
                    Method::GET => poll(&session).await,
                    Method::POST => self.post(&session, &parts.headers, body).await,
                    _ => Err(Refused::BadRequest),
                };
                outcome.map_err(Refused::into_response)
            }
        }
    }

    /// The way to a session of this node, for a request that may be its client's.
    fn reach(&self, parts: &Parts, asked: &Asked, sid: &str) -> Result<Way, Refused> {
        let entry = self.0.registry.get(sid).ok_or(Refused::SessionUnknown)?;
        if !entry.credentials.admit(tokens(&parts.headers, &asked.query)) {
            metrics::engine_foreign_request();
            return Err(Refused::Forbidden);
        }
        Ok(entry.way)
    }

    fn open_polling(&self, parts: &Parts, asked: Asked) -> Result<Response, Response> {
        let at = Instant::now();
        let too_many = |fault: Fault| refuse(StatusCode::SERVICE_UNAVAILABLE, &fault);
        self.0.host.admission.admit_session().map_err(too_many)?;
        let (asks_in, asks) = mpsc::channel(ASKS_MAX);
        let transport = Transport::Polling(Box::new(Polling::new(asks)));
        let request = known(parts, asked.query)?;
        let task = self.session(request, Way::Polling(asks_in), transport, at).map_err(too_many)?;
        let open = self.handshake(&task.place.sid, &[WEBSOCKET]);
        self.0.host.tasks.spawn(task.run());
        Ok(answer::payload(open))
    }

    async fn open_websocket(&self, parts: &mut Parts, asked: Asked) -> Result<Response, Response> {
        let upgrade =
            Upgrade::from_request_parts(parts, &()).await.map_err(|it| it.into_response())?;
        let request = known(parts, asked.query)?;
        let (response, pending) = upgrade.accept(&[]);
        let engine = self.clone();
        self.0.host.tasks.spawn(async move {
            let Ok(socket) = pending.socket().await else { return };
            // A task of its own, as small as the session's future; see the native door.
            engine.clone().0.host.tasks.spawn(engine.serve_websocket(socket, request));
        });
        Ok(response)
    }

    async fn serve_websocket(self, socket: Socket, request: Request) {
        let at = Instant::now();
        let wire = Wire::new(socket, self.0.config.payload_bytes_max);
        match self.session(request, Way::WebSocket, Transport::WebSocket(wire), at) {
            Ok(task) => {
                let open = self.handshake(&task.place.sid, &[]);
                task.outgoing.reply(encode::text(&open));
                drop(self);
                Box::pin(task.run()).await;
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
    ) -> Result<Task<P::Session>, Fault> {
        let Inner { config, protocol, host, registry } = &*self.0;
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
        let opening = Opening { outgoing: outgoing.clone(), request: Arc::new(request), at };
        Ok(Task {
            config: Arc::clone(config),
            protocol: protocol.open(opening),
            outgoing,
            transport,
            heart: Heart::new(at, config.ping_interval, config.ping_timeout),
            place,
            tasks: host.tasks.clone(),
            abort: host.abort.clone(),
        })
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

    async fn post(
        &self,
        session: &mpsc::Sender<Ask>,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response, Refused> {
        let max = self.0.config.payload_bytes_max;
        if headers.get(CONTENT_TYPE).is_some_and(|it| it == "application/octet-stream") {
            return Err(Refused::BadRequest);
        }
        let claimed = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        if claimed.and_then(|length| length.parse().ok()).is_some_and(|length: usize| length > max)
        {
            return Err(Refused::TooLarge);
        }
        let body = to_bytes(body, max).await.map_err(|_| Refused::TooLarge)?;
        let body = String::from_utf8(body.into()).map_err(|_| Refused::BadRequest)?;
        let (answer, answered) = oneshot::channel();
        session.send(Ask::Post { body, answer }).await.map_err(|_| Refused::SessionUnknown)?;
        answered.await.map_err(|_| Refused::SessionUnknown)??;
        Ok(answer::posted())
    }

    /// A WebSocket for a session that polls. Where it may not take over, it is closed, which is how
    /// the reference server says so.
    async fn upgrade(
        &self,
        parts: &mut Parts,
        asked: &Asked,
        sid: &str,
    ) -> Result<Response, Response> {
        let way = self.reach(parts, asked, sid).map_err(Refused::into_response)?;
        let upgrade =
            Upgrade::from_request_parts(parts, &()).await.map_err(|it| it.into_response())?;
        let (give, socket) = oneshot::channel();
        let may = match way {
            Way::Polling(session) => may_upgrade(&session, socket).await,
            Way::WebSocket => false,
        };
        let (response, pending) = upgrade.accept(&[]);
        self.0.host.tasks.spawn(hand_over(pending, may.then_some(give)));
        Ok(response)
    }
}

async fn may_upgrade(session: &mpsc::Sender<Ask>, socket: oneshot::Receiver<Socket>) -> bool {
    let (answer, answered) = oneshot::channel();
    // A session that is gone answers no.
    session.send(Ask::Upgrade { socket, answer }).await.is_ok() && answered.await.unwrap_or(false)
}

async fn hand_over(pending: PendingSocket, to: Option<oneshot::Sender<Socket>>) {
    let Ok(socket) = pending.socket().await else { return };
    let unwanted = match to {
        Some(session) => session.send(socket).err(),
        None => Some(socket),
    };
    if let Some(socket) = unwanted {
        // Nothing is read from it.
        Wire::new(socket, 0).close(Ending::Done).await;
    }
}

async fn poll(session: &mpsc::Sender<Ask>) -> Result<Response, Refused> {
    let (answer, answered) = oneshot::channel();
    session.send(Ask::Poll(answer)).await.map_err(|_| Refused::SessionUnknown)?;
    let payload = answered.await.map_err(|_| Refused::SessionUnknown)??;
    Ok(answer::payload(payload))
}

fn asked(parts: &Parts) -> Result<Asked, Refused> {
    let Query(query) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
        .map_err(|_| Refused::BadRequest)?;
    let value = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, it)| &**it);
    let transport = match value("transport") {
        Some(POLLING) => POLLING,
        Some(WEBSOCKET) => WEBSOCKET,
        _ => return Err(Refused::TransportUnknown),
    };
    let sid = value("sid").filter(|sid| !sid.is_empty()).map(str::to_owned);
    Ok(Asked { query, sid, transport })
}

fn check_handshake(parts: &Parts, asked: &Asked, upgrade: bool) -> Result<(), Refused> {
    if parts.method != Method::GET {
        return Err(Refused::HandshakeMethod);
    }
    if (asked.transport == WEBSOCKET) != upgrade {
        return Err(Refused::BadRequest);
    }
    let version = asked.query.iter().find(|(name, _)| name == "EIO").map(|(_, it)| &**it);
    if version == Some("4") { Ok(()) } else { Err(Refused::ProtocolVersion) }
}

/// What is kept of the handshake's request.
fn known(parts: &Parts, query: Vec<(String, String)>) -> Result<Request, Response> {
    // The listener's gate puts it there.
    let address = parts.extensions.get::<ClientAddress>();
    let address = address.ok_or_else(|| Refused::BadRequest.into_response())?.0;
    let ours = ["EIO", "transport", "b64"];
    let query = query.into_iter().filter(|(name, _)| !ours.contains(&&**name)).collect();
    Ok(Request { query, bearer: native::bearer(&parts.headers).map(str::to_owned), address })
}

/// The tokens a request carries.
fn tokens<'a>(
    headers: &'a HeaderMap,
    query: &'a [(String, String)],
) -> impl Iterator<Item = &'a str> {
    native::bearer(headers).into_iter().chain(in_query(query))
}

fn in_query(query: &[(String, String)]) -> impl Iterator<Item = &str> {
    let names = ["token", "access_token"];
    query.iter().filter(move |(name, _)| names.contains(&&**name)).map(|(_, token)| &**token)
}
