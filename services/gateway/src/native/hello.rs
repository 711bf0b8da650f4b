//! The first exchange: who the client is, and `welcome`. Nothing is asked of other services before
//! the client's token was verified; the connection's time-out bounds all of it.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use hubbub_auth::{AuthError, Claims};
use hubbub_client_protocol::{CloseCode, Command, Hello, Reply, Request, RequestError, RequestId};
use hubbub_domain::{Code, Fault};

use super::{
    NativeDoor,
    codec::{self, NativeCodec, broken},
};
use crate::{
    core::{Caller, Opening, Plan, WelcomeHead},
    edge::ConnectionGuard,
    session::{Ending, Expiry, Incoming, Reading, Session, Wire},
    ws::encode,
};

/// A client that was welcomed; the answer to its `hello` waits in its outbox.
pub(super) struct Admitted {
    pub(super) caller: Caller,
    pub(super) session: Arc<Session>,
    pub(super) plan: Plan,
    pub(super) expiry: Expiry,
    pub(super) heartbeat: Heartbeat,
    /// Counts the connection as one of its user's.
    pub(super) guard: ConnectionGuard,
}

/// How the client is asked whether it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heartbeat {
    /// By a ping of WebSocket.
    Frame,
    /// By an event `ping`.
    Event,
}

/// Reads `hello` and answers it. `token` came with the upgrade: it is judged before anything is
/// waited for.
pub(super) async fn greet(
    door: &NativeDoor,
    wire: &mut Wire,
    token: Option<String>,
) -> Result<Admitted, Ending> {
    let early = match token {
        Some(token) => Some(verify(door, &token).await?),
        None => None,
    };
    let (id, hello) = read_hello(wire).await?;
    let claims = match (hello.token, early) {
        (Some(token), _) => verify(door, &token).await?,
        (None, Some(claims)) => claims,
        (None, None) => return Err(unauthenticated("no token was given")),
    };
    let guard = door
        .caps
        .enter(&claims.sub)
        .map_err(|fault| Ending::Code(CloseCode::TooManyConnections, fault.message))?;
    // Only now: what is refused before costs nobody the chance to come in.
    let admitted = door.admission.admit_session();
    admitted.map_err(|fault| Ending::Code(CloseCode::TryAgain, fault.message))?;
    let heartbeat = if hello.heartbeat { Heartbeat::Event } else { Heartbeat::Frame };
    let opening =
        Opening::plain(&NativeCodec, door.core.config.session.outbox_bytes_max, hello.resume);
    let welcomed = door.core.welcome(&claims.sub, opening).await;
    let mut welcomed = welcomed.map_err(|fault| {
        tracing::debug!(%fault, "a client could not be welcomed");
        wire.push(codec::answer(&id, &Err(fault.clone())));
        let code = match fault.code {
            Code::LimitReached => CloseCode::TooManyConnections,
            _ => CloseCode::TryAgain,
        };
        Ending::Code(code, fault.message)
    })?;
    let welcome = welcomed.message(WelcomeHead {
        session: uuid::Uuid::now_v7().to_string(),
        expires_at: claims.expires_at,
        heartbeat_ms: whole_ms(door.core.config.session.ping_interval),
        limits: door.core.limits(),
    });
    welcomed.session.stand_on(&claims);
    let answer = codec::answer(&id, &Ok(Reply::Welcome(Box::new(welcome))));
    welcomed.session.outbox().reply(answer);
    Ok(Admitted {
        caller: welcomed.caller,
        session: welcomed.session,
        plan: welcomed.plan,
        expiry: door.core.expiry_of(&claims),
        heartbeat,
        guard,
    })
}

async fn verify(door: &NativeDoor, token: &str) -> Result<Claims, Ending> {
    door.verifier.verify(token).await.map_err(|error| refusal(&error))
}

/// A token that does not hold closes with 4501, with 4503 when it was taken back, with 4504 when its user is banned; what cannot be asked
/// at the moment means "try again".
pub(super) fn refusal(error: &AuthError) -> Ending {
    match error {
        error if error.passing() => Ending::Code(CloseCode::TryAgain, error.to_string().into()),
        AuthError::Banned => Ending::Code(CloseCode::Banned, error.to_string().into()),
        AuthError::Revoked => Ending::Code(CloseCode::Revoked, error.to_string().into()),
        _ => Ending::Code(CloseCode::Unauthenticated, error.to_string().into()),
    }
}

fn unauthenticated(reason: &'static str) -> Ending {
    Ending::Code(CloseCode::Unauthenticated, reason.into())
}

async fn read_hello(wire: &mut Wire) -> Result<(RequestId, Hello), Ending> {
    loop {
        // One answer at a time: nothing more is read before the client has taken it.
        let reading = if wire.has_pending() { Reading::Paused } else { Reading::Open };
        wire.ready(reading).await?;
        wire.flush()?;
        if wire.has_pending() {
            continue;
        }
        let (mut text, mut pong) = (None, None);
        wire.read(|incoming| {
            match incoming {
                Incoming::Text(hello) => text = Some(Ok(hello.to_owned())),
                Incoming::Binary(_) => {
                    text = Some(Err(Fault::bad_request("binary messages are not understood")));
                }
                Incoming::Ping(payload) => pong = Some(encode::pong(payload)),
            }
            ControlFlow::Break(())
        })?;
        if let Some(pong) = pong {
            wire.push(pong);
        }
        match text {
            Some(Ok(text)) => {
                if let ControlFlow::Break(hello) = first_request(wire, &text)? {
                    return Ok(hello);
                }
            }
            Some(Err(fault)) => return Err(broken(&mut |frame| wire.push(frame), fault)),
            None => {}
        }
        wire.flush()?;
    }
}

/// Breaks with `hello`; anything else is answered.
fn first_request(wire: &mut Wire, text: &str) -> Result<ControlFlow<(RequestId, Hello)>, Ending> {
    match Request::parse(text) {
        Ok(Request { id, command: Command::Hello(hello) }) => {
            return Ok(ControlFlow::Break((id, hello)));
        }
        Ok(Request { id, .. }) => {
            wire.push(codec::answer(&id, &Err(Fault::bad_request("say hello first"))));
        }
        Err(RequestError { id: Some(id), fault }) => wire.push(codec::answer(&id, &Err(fault))),
        Err(RequestError { id: None, fault }) => {
            return Err(broken(&mut |frame| wire.push(frame), fault));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
