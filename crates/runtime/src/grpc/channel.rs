//! What generated clients are made on: a way to one server, remote or in this process.
//!
//! A call gets the default deadline unless it has its own, and carries the trace context and the
//! service token. The deadline covers everything: connecting, waiting, and reading the answer.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Response, header::AUTHORIZATION};
use tonic::{Status, body::Body};
use tower::Service;

use super::{
    GrpcClientConfig,
    address::Address,
    call::Calls,
    deadline::{self, DeadlineBody},
};
use crate::{config::Secret, trace};

/// For one call or many: `HistoryServiceClient::new(transport.pick(key))`. Cheap to make and clone.
#[derive(Clone)]
pub struct Channel {
    target: Target,
    outgoing: Arc<Outgoing>,
}

#[derive(Clone)]
pub(super) enum Target {
    Local(Calls),
    Remote(Arc<Address>),
    /// No address is known.
    Nowhere,
}

/// What every call of a transport carries.
pub(super) struct Outgoing {
    timeout: Duration,
    authorization: Option<HeaderValue>,
}

impl Channel {
    pub(super) fn new(target: Target, outgoing: Arc<Outgoing>) -> Self {
        Self { target, outgoing }
    }

    /// Whether both lead to the same server.
    pub fn leads_where(&self, other: &Self) -> bool {
        match (&self.target, &other.target) {
            (Target::Remote(one), Target::Remote(other)) => Arc::ptr_eq(one, other),
            (Target::Local(_), Target::Local(_)) => true,
            _ => false,
        }
    }

    /// Over a call that lasts an answer came: the server is as well as if it had answered a call.
    pub fn note_answer(&self) {
        if let Target::Remote(address) = &self.target {
            address.ejection.succeeded();
        }
    }

    /// Over a call that lasts an answer did not come in time: counts as when a call's deadline passes.
    pub fn note_timeout(&self) {
        self.target.timed_out();
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let timeout = self.outgoing.prepare(request.headers_mut());
        let target = self.target.clone();
        Box::pin(async move {
            let mut deadline = Box::pin(tokio::time::sleep(timeout));
            let response = tokio::select! {
                biased; // An answer that is there counts, however late.
                response = target.send(request) => response?,
                () = &mut deadline => {
                    target.timed_out();
                    return Err(deadline::exceeded());
                }
            };
            Ok(response.map(|body| Body::new(DeadlineBody::new(body, deadline))))
        })
    }
}

impl Target {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, Status> {
        match self {
            Self::Local(calls) => {
                let Ok(response) = calls.clone().call(request).await;
                Ok(response)
            }
            Self::Remote(address) => address.send(request).await,
            Self::Nowhere => Err(Status::unavailable("no address of the service is known yet")),
        }
    }

    fn timed_out(&self) {
        if let Self::Remote(address) = self {
            address.failed();
        }
    }
}

impl Outgoing {
    pub(super) fn new(config: &GrpcClientConfig) -> Self {
        Self { timeout: config.call_timeout, authorization: bearer(&config.token) }
    }

    /// Completes the headers of a call and says how long it may take.
    fn prepare(&self, headers: &mut HeaderMap) -> Duration {
        let timeout = deadline::of(headers).unwrap_or_else(|| {
            deadline::set(headers, self.timeout);
            self.timeout
        });
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        trace::inject(headers);
        timeout
    }
}

fn bearer(token: &Secret) -> Option<HeaderValue> {
    if !token.is_set() {
        return None;
    }
    // A token that cannot be a header value is refused when it is configured; see `Transport`.
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose())).ok()?;
    value.set_sensitive(true);
    Some(value)
}
