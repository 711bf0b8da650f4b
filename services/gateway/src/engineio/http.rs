//! The requests: handshakes, polls, posts and WebSockets, told apart and checked as the reference
//! server does, and handed to the session they belong to.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, HttpBody as _},
    extract::Query,
    http::{
        HeaderMap, Method,
        header::{CONTENT_LENGTH, CONTENT_TYPE, UPGRADE},
        request::Parts,
    },
    response::{IntoResponse as _, Response},
    routing::any,
};
use hubbub_client_protocol::CloseCode;
use hubbub_proto::gateway::v1::Asker;
use rand::{RngExt as _, seq::SliceRandom as _};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Config,
    answer::{self, Refused},
    budget::Budget,
    hand::Owner,
    older,
    protocol::Protocol,
    registry::Registry,
};
use crate::{
    config::DrainConfig,
    edge::{Admission, Untaken, take_body},
    native,
    relay::Peers,
};

pub(super) const WEBSOCKET: &str = "websocket";
const POLLING: &str = "polling";

/// Serves one protocol at one path. Cheap to clone.
pub struct Engine<P>(pub(super) Arc<Inner<P>>);

impl<P> Clone for Engine<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

pub(super) struct Inner<P> {
    pub(super) config: Arc<Config>,
    pub(super) protocol: P,
    pub(super) host: Host,
    pub(super) registry: Arc<Registry>,
    pub(super) budget: Arc<Budget>,
    /// Nothing is carried for other nodes any more.
    pub(super) leaving: CancellationToken,
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
    /// The other nodes, whose sessions' requests may come here; `None` if there are none.
    pub peers: Option<Arc<Peers>>,
}

/// What every request says.
pub(super) struct Asked {
    pub(super) query: Vec<(String, String)>,
    sid: Option<String>,
    transport: &'static str,
}

impl<P: Protocol> Engine<P> {
    pub fn new(config: Config, host: Host, protocol: P) -> Self {
        let (registry, leaving) = (Arc::default(), host.abort.child_token());
        let budget = Budget::new(config.held_bytes_max);
        let config = Arc::new(config);
        Self(Arc::new(Inner { config, protocol, host, registry, budget, leaving }))
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
        for (number, outbox) in outboxes.into_iter().enumerate() {
            if number > 0 {
                let pause = pause.mul_f64(rand::rng().random_range(0.5..1.5));
                tokio::time::sleep(pause).await;
            }
            outbox.close(CloseCode::Moved);
        }
        self.0.leaving.cancel();
    }

    async fn answer(&self, request: axum::extract::Request) -> Result<Response, Response> {
        let (mut parts, body) = request.into_parts();
        if parts.method == Method::OPTIONS {
            return Ok(answer::nothing());
        }
        let asked = asked(&parts).map_err(Refused::into_response)?;
        let upgrade = parts.headers.contains_key(UPGRADE);
        let Some(sid) = asked.sid.clone() else {
            match check_handshake(&parts, &asked, upgrade) {
                Err(Refused::ProtocolVersion) if asked.revision() == Some(older::REVISION) => {
                    return self.refuse_older(&mut parts, asked.transport).await;
                }
                checked => checked.map_err(Refused::into_response)?,
            }
            return match asked.transport {
                WEBSOCKET => self.open_websocket(&mut parts, asked).await,
                _ => Ok(self.open_polling(&parts, asked)),
            };
        };
        let tokens = tokens(&parts.headers, &asked.query).map(str::to_owned).collect();
        let asker = Asker { session_id: sid, tokens };
        if (asked.transport == WEBSOCKET) != upgrade {
            return Err(Refused::BadRequest.into_response());
        }
        let owner = self.owner(&asker.session_id).await?;
        if upgrade {
            return self.upgrade(&mut parts, owner, asker).await;
        }
        let answered = match parts.method {
            Method::GET => self.poll(owner, asker).await.map(answer::payload),
            Method::POST => self.take_post(&parts.headers, body, (owner, asker)).await,
            _ => Err(Refused::BadRequest),
        };
        answered.map_err(Refused::into_response)
    }

    /// Nothing is read for a session that is not there, or is another's.
    async fn take_post(
        &self,
        headers: &HeaderMap,
        body: Body,
        (owner, asker): (Owner, Asker),
    ) -> Result<Response, Refused> {
        let bytes = body.size_hint().upper();
        self.check_post((&owner, &asker), bytes).await?;
        let body = self.body(headers, body).await?;
        self.post(owner, asker, body).await.map(|()| answer::posted())
    }

    /// What was posted, if it is not too much.
    async fn body(&self, headers: &HeaderMap, body: Body) -> Result<String, Refused> {
        let max = self.0.config.payload_bytes_max;
        if headers.get(CONTENT_TYPE).is_some_and(|it| it == "application/octet-stream") {
            return Err(Refused::BadRequest);
        }
        let claimed = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        if claimed.and_then(|length| length.parse().ok()).is_some_and(|length: usize| length > max)
        {
            return Err(Refused::TooLarge);
        }
        let body = take_body(body, max).await.map_err(|untaken| match untaken {
            Untaken::TooLarge => Refused::TooLarge,
            Untaken::Broke => Refused::BadRequest,
        })?;
        // As the reference server decodes it.
        Ok(String::from_utf8(body)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }
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
    if asked.revision() == Some("4") { Ok(()) } else { Err(Refused::ProtocolVersion) }
}

impl Asked {
    /// Of Engine.IO.
    fn revision(&self) -> Option<&str> {
        self.query.iter().find(|(name, _)| name == "EIO").map(|(_, it)| &**it)
    }
}

/// The tokens a request carries.
fn tokens<'a>(
    headers: &'a HeaderMap,
    query: &'a [(String, String)],
) -> impl Iterator<Item = &'a str> {
    native::bearer(headers).into_iter().chain(in_query(query))
}

pub(super) fn in_query(query: &[(String, String)]) -> impl Iterator<Item = &str> {
    let names = ["token", "access_token"];
    query.iter().filter(move |(name, _)| names.contains(&&**name)).map(|(_, token)| &**token)
}
