//! A small gRPC service with every kind of behaviour, servers of it, and a client.

use std::{
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::Request;
use hubbub_runtime::{
    grpc::{self, Channel, GrpcClientConfig, GrpcServerConfig, Transport},
    lifecycle::Lifecycle,
    trace,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tonic::{Response, Status, body::Body, server::UnaryService, service::Routes};
use tonic_prost::ProstCodec;
use tower::Service;

/// No test waits longer than this for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until the condition holds.
pub(crate) async fn eventually<F: Future<Output = bool>>(mut condition: impl FnMut() -> F) {
    let holds = async {
        while !condition().await {
            // The condition is asked again and again, until the time-out below.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, holds).await.expect("the condition never held");
}

/// What a server does is decided by the method that is called.
#[derive(Clone)]
pub(crate) struct Behaviour {
    /// What `Name` answers.
    pub(crate) name: &'static str,
    /// `Gated` takes a permit before it answers.
    pub(crate) gate: Arc<Semaphore>,
    /// `Gated` adds one when it begins.
    pub(crate) begun: Arc<Semaphore>,
}

impl Behaviour {
    pub(crate) fn new(name: &'static str) -> Self {
        let [gate, begun] = [(), ()].map(|()| Arc::new(Semaphore::new(0)));
        Self { name, gate, begun }
    }

    pub(crate) fn routes(&self) -> Routes {
        let router = axum::Router::new().route_service("/test.Test/{method}", self.clone());
        Routes::from(router)
    }

    async fn answer(self, method: &str) -> Result<String, Status> {
        match method {
            "Name" => Ok(self.name.to_owned()),
            "Traceparent" => Ok(trace::current_traceparent()),
            "Unavailable" => Err(Status::unavailable("no store")),
            "Panic" => panic!("on purpose"),
            "Never" => std::future::pending().await,
            "Gated" => {
                self.begun.add_permits(1);
                self.gate.acquire().await.expect("never closed").forget();
                Ok("through the gate".to_owned())
            }
            _ => Err(Status::unimplemented("no such method")),
        }
    }
}

impl Service<Request<axum::body::Body>> for Behaviour {
    type Response = http::Response<Body>;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<axum::body::Body>) -> Self::Future {
        let method = Method {
            behaviour: self.clone(),
            name: request.uri().path().rsplit('/').next().unwrap_or_default().to_owned(),
        };
        Box::pin(async move {
            let mut server = tonic::server::Grpc::new(ProstCodec::<String, String>::default());
            Ok(server.unary(method, request).await)
        })
    }
}

struct Method {
    behaviour: Behaviour,
    name: String,
}

impl UnaryService<String> for Method {
    type Response = String;
    type Future = BoxFuture<'static, Result<Response<String>, Status>>;

    fn call(&mut self, _: tonic::Request<String>) -> Self::Future {
        let behaviour = self.behaviour.clone();
        let name = self.name.clone();
        Box::pin(async move { behaviour.answer(&name).await.map(Response::new) })
    }
}

/// A server of the service on a loopback port.
pub(crate) struct TestServer {
    pub(crate) behaviour: Behaviour,
    pub(crate) address: SocketAddr,
    pub(crate) lifecycle: Lifecycle,
}

impl TestServer {
    pub(crate) async fn start(name: &'static str) -> Self {
        Self::start_with(name, &GrpcServerConfig::default()).await
    }

    pub(crate) async fn start_with(name: &'static str, config: &GrpcServerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self::on(listener, name, config)
    }

    /// Once more on the port of a server that was killed.
    pub(crate) async fn return_of(dead: &Self) -> Self {
        let listener = TcpListener::bind(dead.address).await.expect("the port is free again");
        Self::on(listener, dead.behaviour.name, &GrpcServerConfig::default())
    }

    fn on(listener: TcpListener, name: &'static str, config: &GrpcServerConfig) -> Self {
        let behaviour = Behaviour::new(name);
        let address = listener.local_addr().expect("bound");
        let lifecycle = Lifecycle::new(PATIENCE);
        let serving = grpc::serve(listener, behaviour.routes(), config, &lifecycle);
        lifecycle.spawn("grpc", serving);
        Self { behaviour, address, lifecycle }
    }

    /// Cuts every connection and closes the port.
    pub(crate) async fn kill(&self) {
        self.lifecycle.drain_all();
        self.lifecycle.abort.cancel();
        self.lifecycle.wait().await.expect("no task failed");
    }
}

pub(crate) fn client_config(servers: &[&TestServer]) -> GrpcClientConfig {
    let addresses = servers.iter().map(|server| server.address.to_string()).collect::<Vec<_>>();
    GrpcClientConfig {
        address: addresses.join(","),
        ejection_min: Duration::from_millis(20),
        ejection_max: Duration::from_millis(100),
        ..GrpcClientConfig::default()
    }
}

pub(crate) async fn connect(servers: &[&TestServer]) -> Transport {
    Transport::connect(&client_config(servers)).await.expect("valid addresses")
}

/// Calls a method of the test service.
pub(crate) async fn call(channel: Channel, method: &str) -> Result<String, Status> {
    call_with(channel, method, tonic::Request::new(String::new())).await
}

pub(crate) async fn call_with(
    channel: Channel,
    method: &str,
    request: tonic::Request<String>,
) -> Result<String, Status> {
    let path = format!("/test.Test/{method}").parse().expect("a path");
    let codec = ProstCodec::<String, String>::default();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await?;
    client.unary(request, path, codec).await.map(Response::into_inner)
}
