//! A connection's requests: read ahead up to a bound, carried out one at a time, answered in the
//! outbox.

use std::{collections::VecDeque, ops::ControlFlow, pin::Pin, sync::Arc, time::Instant};

use hubbub_client_protocol::{
    CloseCode, Command, Expiry as ExpiryReply, Refresh, Reply, Request, RequestError, RequestId,
};
use hubbub_domain::{Code, Fault};
use tracing::Instrument as _;

use super::{
    NativeDoor,
    codec::{self, broken},
    connection::Connection,
    hello::refusal,
};
use crate::{
    appender::Done,
    core::{Caller, Core},
    metrics,
    session::{Ending, Incoming},
    ws::encode,
};

type Running = Pin<Box<dyn Future<Output = Work> + Send>>;

#[derive(Default)]
pub(super) struct Requests {
    waiting: VecDeque<Request>,
    running: Option<Running>,
    /// Refusals for speed since a request last passed.
    refused_in_a_row: u32,
}

/// What carrying out a request came to.
pub(super) enum Work {
    Answer {
        id: RequestId,
        command: &'static str,
        outcome: Result<Reply, Fault>,
    },
    /// Handed over; it is answered when it is stored.
    HandedOver,
    /// Something only the connection itself can do.
    Refresh {
        id: RequestId,
        refresh: Refresh,
    },
}

impl Requests {
    /// Requests that wait, the one at work among them.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + usize::from(self.running.is_some())
    }

    /// Begins the next request if none is at work.
    pub(super) fn begin_next(&mut self, door: &NativeDoor, caller: &Caller) {
        if self.running.is_none()
            && let Some(request) = self.waiting.pop_front()
        {
            self.running = Some(begin(door, caller, request));
            if self.waiting.is_empty() {
                self.waiting = VecDeque::new();
            }
        }
    }

    /// Waits for the request at work, if there is one.
    pub(super) async fn at_work(&mut self) -> Work {
        let Some(running) = &mut self.running else { return std::future::pending().await };
        let work = running.as_mut().await;
        self.running = None;
        work
    }
}

fn begin(door: &NativeDoor, caller: &Caller, request: Request) -> Running {
    let (core, caller) = (Arc::clone(&door.core), caller.clone());
    let Request { id, command } = request;
    match command {
        Command::Send(send) => {
            let span = tracing::info_span!("send", room = %send.room);
            let done = answer_later(&caller, id, span.clone());
            let handing_over = async move {
                core.submit(&caller, send, done).await;
                Work::HandedOver
            };
            Box::pin(handing_over.instrument(span))
        }
        Command::Refresh(refresh) => Box::pin(std::future::ready(Work::Refresh { id, refresh })),
        command => {
            let name = command.name();
            let span = tracing::info_span!("request", command = name);
            let executing = async move {
                let outcome = core.execute(&caller, command).await;
                Work::Answer { id, command: name, outcome }
            };
            Box::pin(executing.instrument(span))
        }
    }
}

/// Answers a `send` from the lane that stored it. The span ends with the answer.
fn answer_later(caller: &Caller, id: RequestId, span: tracing::Span) -> Done {
    let begun = Instant::now();
    let session = match caller {
        Caller::Session { session, .. } => Some(Arc::clone(session)),
        Caller::Request { .. } => None,
    };
    Box::new(move |outcome| {
        let _entered = span.enter();
        metrics::send_seconds(begun.elapsed().as_secs_f64());
        let outcome = outcome.map(|appended| Reply::Appended(appended.into()));
        count(SEND, &outcome);
        if let Some(session) = session {
            session.outbox().reply(codec::answer(&id, &outcome));
        }
    })
}

const SEND: &str = "send";

impl Connection {
    /// Reads what has arrived; what is well formed and within the user's rate waits its turn.
    pub(super) fn read(&mut self) -> Result<(), Ending> {
        let Self { wire, requests, caller, session, door, .. } = self;
        let config = &door.core.config.session;
        let mut ending = None;
        wire.read(|incoming| {
            let taken = match incoming {
                Incoming::Ping(payload) => Ok(Some(encode::pong(payload))),
                Incoming::Text(text) => requests.take(text, caller, &door.core),
                Incoming::Binary(_) => {
                    Err(Refused::Broken(Fault::bad_request("binary messages are not understood")))
                }
            };
            match taken {
                Ok(None) => {}
                Ok(Some(answer)) => session.outbox().reply(answer),
                Err(Refused::Broken(fault)) => {
                    ending = Some(broken(&mut |frame| session.outbox().reply(frame), fault));
                }
                Err(Refused::TooFast) => ending = Some(CloseCode::Rate.into()),
            }
            let full = requests.len() >= config.requests_queued_max;
            if ending.is_some() || full {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        match ending {
            Some(ending) => self.close(ending),
            None => Ok(()),
        }
    }

    /// Answers a request that was carried out.
    pub(super) async fn finish(&mut self, work: Work) -> Result<(), Ending> {
        match work {
            Work::HandedOver => {}
            Work::Answer { id, command, outcome } => {
                count(command, &outcome);
                self.session.outbox().reply(codec::answer(&id, &outcome));
            }
            // Boxed: it is rare, and every connection would keep room for it.
            Work::Refresh { id, refresh } => Box::pin(self.refresh(&id, &refresh)).await?,
        }
        Ok(())
    }

    /// Another token for the same user: the connection lives as long as it does.
    async fn refresh(&mut self, id: &RequestId, refresh: &Refresh) -> Result<(), Ending> {
        let claims = self.door.verifier.verify(&refresh.token).await;
        let outcome = match claims {
            Ok(claims) if claims.sub == *self.caller.id() => {
                self.expiry = self.door.core.expiry_of(&claims);
                self.session.stand_on(&claims);
                Ok(Reply::Expiry(ExpiryReply { expires_at: claims.expires_at }))
            }
            Ok(_) => {
                let reason = "the token is another user's";
                return Err(Ending::Code(CloseCode::Unauthenticated, reason.into()));
            }
            Err(error) => {
                let fault = Fault::from(error.clone());
                self.session.outbox().reply(codec::answer(id, &Err(fault)));
                return match refusal(&error) {
                    // The old token still holds; the client may try again.
                    Ending::Code(CloseCode::TryAgain, _) => Ok(()),
                    ending => self.close(ending),
                };
            }
        };
        count("refresh", &outcome);
        self.session.outbox().reply(codec::answer(id, &outcome));
        Ok(())
    }
}

enum Refused {
    /// Nothing that could be answered.
    Broken(Fault),
    /// Too many refusals for speed in a row.
    TooFast,
}

impl Requests {
    /// Queues a request, or gives the answer to one that is refused at once.
    fn take(
        &mut self,
        text: &str,
        caller: &Caller,
        core: &Core,
    ) -> Result<Option<bytes::Bytes>, Refused> {
        let request = match Request::parse(text) {
            Ok(request) => request,
            Err(RequestError { id: Some(id), fault }) => {
                let admitted = core.rates.admit_other(caller.id());
                let fault = match admitted {
                    Ok(()) => {
                        self.refused_in_a_row = 0;
                        fault
                    }
                    Err(too_fast) => self.refuse("malformed", too_fast, core)?,
                };
                return Ok(Some(codec::answer(&id, &Err(fault))));
            }
            Err(RequestError { id: None, fault }) => return Err(Refused::Broken(fault)),
        };
        let name = request.command.name();
        match core.rates.admit(caller.id(), &request.command) {
            Ok(()) => {
                self.refused_in_a_row = 0;
                self.waiting.push_back(request);
                Ok(None)
            }
            Err(too_fast) => {
                let fault = self.refuse(name, too_fast, core)?;
                Ok(Some(codec::answer(&request.id, &Err(fault))))
            }
        }
    }

    /// Counts a refusal for speed. Too many in a row end the connection.
    fn refuse(&mut self, name: &'static str, fault: Fault, core: &Core) -> Result<Fault, Refused> {
        if self.refused_in_a_row >= core.config.session.rate_refusals_max {
            return Err(Refused::TooFast);
        }
        self.refused_in_a_row += 1;
        metrics::request(name, fault.code.as_str());
        Ok(fault)
    }
}

fn count(command: &'static str, outcome: &Result<Reply, Fault>) {
    let code = outcome.as_ref().map_or_else(|fault| fault.code.as_str(), |_| "ok");
    metrics::request(command, code);
    if let Err(fault) = outcome
        && fault.code == Code::Internal
    {
        tracing::error!(command, %fault, "a request failed by a defect of ours");
    }
}
