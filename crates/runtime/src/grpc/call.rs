//! What happens to every call on the server's side, whether it came over a socket or from the same
//! process: token, admission, trace, deadline, and one line in the metrics, however it ends.
//!
//! A full server refuses at once (`unavailable`) instead of queueing: the caller has other servers,
//! and a queue only turns an overload into time-outs. A panic ends its call, not the process.

use std::{convert::Infallible, panic::AssertUnwindSafe, sync::Arc, task, time::Duration};

use futures::{FutureExt as _, future::BoxFuture};
use http::{HeaderMap, Request, Response, header::AUTHORIZATION};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use tonic::{Status, body::Body, service::Routes};
use tower::{Layer, Service};
use tracing::{Instrument as _, Span};

use super::{GrpcServerConfig, connection::Proven, deadline, metrics::ServedCall};
use crate::{config::Secret, trace};

/// Probes carry no token and must be answered by a full server.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// Asks which services there are; answered where the settings allow it.
const REFLECTION: &str = "/grpc.reflection.";

/// Puts [`Calls`] around routes.
#[derive(Clone)]
pub(super) struct CallLayer {
    rules: Arc<Rules>,
}

impl CallLayer {
    pub(super) fn new(config: &GrpcServerConfig) -> Self {
        let rules = Rules {
            token: config.token.clone(),
            permits: Semaphore::new(config.concurrency_max),
            timeout: config.call_timeout,
            reflection: config.reflection,
        };
        Self { rules: Arc::new(rules) }
    }
}

impl Layer<Routes> for CallLayer {
    type Service = Calls;

    fn layer(&self, routes: Routes) -> Calls {
        Calls { routes, rules: Arc::clone(&self.rules) }
    }
}

/// Routes behind the rules every call is subject to.
#[derive(Clone)]
pub(super) struct Calls {
    routes: Routes,
    rules: Arc<Rules>,
}

impl Service<Request<Body>> for Calls {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> task::Poll<Result<(), Infallible>> {
        task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Self { routes, rules } = self.clone();
        let served = ServedCall::begun(request.uri().path());
        let span = server_span(&request);
        let answered = async move {
            let response = rules.answer(routes, request).await.unwrap_or_else(Status::into_http);
            served.ended(&response);
            Ok(response)
        };
        Box::pin(answered.instrument(span))
    }
}

struct Rules {
    token: Secret,
    permits: Semaphore,
    timeout: Duration,
    reflection: bool,
}

impl Rules {
    async fn answer(
        &self,
        routes: Routes,
        request: Request<Body>,
    ) -> Result<Response<Body>, Status> {
        let trusted = self.check_token(request.headers());
        if trusted.is_ok()
            && let Some(proven) = request.extensions().get::<Proven>()
        {
            proven.prove();
        }
        if request.uri().path().starts_with(HEALTH) {
            return self.run(routes, request).await;
        }
        trusted?;
        if !self.reflection && request.uri().path().starts_with(REFLECTION) {
            return Err(Status::unimplemented("reflection is off here"));
        }
        let _permit = self
            .permits
            .try_acquire()
            .map_err(|_| Status::unavailable("more calls at once than this server takes"))?;
        self.run(routes, request).await
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Status> {
        if !self.token.is_set() {
            return Ok(());
        }
        let given = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
            .unwrap_or_default();
        if bool::from(given.ct_eq(self.token.expose().as_bytes())) {
            Ok(())
        } else {
            Err(Status::unauthenticated("the service token is missing or wrong"))
        }
    }

    async fn run(
        &self,
        mut routes: Routes,
        request: Request<Body>,
    ) -> Result<Response<Body>, Status> {
        let timeout = deadline::of(request.headers()).map_or(self.timeout, |t| t.min(self.timeout));
        let call = AssertUnwindSafe(routes.call(request)).catch_unwind();
        match tokio::time::timeout(timeout, call).await {
            Ok(Ok(Ok(response))) => Ok(response),
            Ok(Err(_panic)) => Err(Status::internal("a defect of ours; it was logged")),
            Err(_elapsed) => Err(deadline::exceeded()),
        }
    }
}

/// A span for the call, continued from the caller's. None while nothing is recorded.
fn server_span(request: &Request<Body>) -> Span {
    if !trace::enabled() {
        return Span::none();
    }
    let method = request.uri().path().trim_start_matches('/');
    let span = tracing::info_span!("grpc", otel.name = method, otel.kind = "server");
    trace::set_parent_from(&span, request.headers());
    span
}
