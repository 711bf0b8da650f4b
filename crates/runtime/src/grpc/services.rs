//! The gRPC services of one listener, under their names: what is served and what reflection lists come
//! from the same list.

use std::convert::Infallible;

use axum::response::IntoResponse;
use http::Request;
use tonic::{body::Body, server::NamedService, service::Routes};
use tower::Service;

/// Every listener of [`serve`](super::serve) has these too.
const EVERYWHERE: [&str; 2] = ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"];

/// Services that are served together.
#[derive(Clone, Debug, Default)]
pub struct Services {
    routes: Routes,
    names: Vec<&'static str>,
}

impl Services {
    /// One service.
    pub fn of<S>(service: S) -> Self
    where
        S: Service<Request<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        Self { routes: Routes::new(service), names: vec![S::NAME] }
    }

    /// These and those. A service must not be in both.
    pub fn and(self, others: Self) -> Self {
        let Self { routes, mut names } = self;
        names.extend(others.names);
        // A router has one answer for unknown methods, and both bring the same.
        let others = others.routes.into_axum_router().reset_fallback();
        Self { routes: routes.into_axum_router().merge(others).into(), names }
    }

    /// The routes, with server reflection that lists these services and no others. `descriptors` is an
    /// encoded `FileDescriptorSet` that has all of them.
    pub fn with_reflection(self, descriptors: &'static [u8]) -> Routes {
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(descriptors)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
        let names = EVERYWHERE.iter().chain(&self.names);
        let v1 = names
            .fold(reflection, |reflection, name| reflection.with_service_name(*name))
            .build_v1()
            .expect("descriptors come from our own build");
        self.routes.add_service(v1)
    }
}

impl From<Services> for Routes {
    fn from(services: Services) -> Self {
        services.routes
    }
}
