//! What is wrong with settings that are well formed: judged for the role that will use them, before
//! anything is opened.

use std::net::SocketAddr;

use hubbub_runtime::config::{ConfigError, Problem};

use super::Settings;
use crate::{cli::Role, failure::Failure};

impl Settings {
    /// Every problem that can be found without a network.
    pub(crate) fn check(&self, role: Role) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        self.check_common(&mut problems);
        if matches!(role, Role::Gateway | Role::Standalone) {
            if let Err(text) = self.gateway.validate() {
                problems.push(Problem::sentence(format_args!("gateway.{text}")));
            }
            self.check_keys(role, &mut problems);
            if role == Role::Standalone {
                self.check_internal(&mut problems);
            }
        }
        if role == Role::Standalone
            && self.gateway().internal.is_on()
            && let Err(error) = self.server().tls.validate()
        {
            problems.push(Problem::sentence(format_args!("grpc.tls.{error}")));
        }
        if role != Role::Standalone {
            self.check_cluster(role, &mut problems);
        }
        if problems.is_empty() { Ok(()) } else { Err(ConfigError::new(problems)) }
    }

    fn check_common(&self, problems: &mut Vec<Problem>) {
        if let Err(error) = self.telemetry.validate() {
            problems.push(Problem::sentence(error));
        }
        if let Err(Failure::Config(error)) = self.admin.address() {
            problems.extend(error.problems);
        }
        if self.admin.probe_interval.is_zero() {
            problems.push(Problem::new("admin.probe_interval", "is 0"));
        }
        // Nothing is connected by this: it reads the addresses and the certificate.
        if !self.bus.urls.is_empty()
            && let Err(error) = hubbub_bus::connect(&self.bus())
        {
            problems.push(Problem::sentence(format_args!("bus: {error}")));
        }
        if let Err(text) = self.history().validate() {
            problems.push(Problem::sentence(format_args!("history: {text}")));
        }
        if let Err(text) = self.room().validate() {
            problems.push(Problem::sentence(format_args!("room: {text}")));
        }
        if let Err(text) = self.identity().validate() {
            problems.push(Problem::sentence(format_args!("identity: {text}")));
        }
    }

    /// Only a standalone process may make a key of its own.
    fn check_keys(&self, role: Role, problems: &mut Vec<Problem>) {
        if self.has_no_key() {
            if role != Role::Standalone && self.to_identity().is_none() {
                let text = "is not set, nor are auth.public_key_files, auth.jwks_url and \
                            grpc.identity: there is no key to verify tokens with";
                problems.push(Problem::new("auth.secret", text));
            }
            return;
        }
        let clock = std::sync::Arc::new(hubbub_domain::SystemClock);
        if let Err(error) = hubbub_auth::Verifier::new(&self.auth, clock) {
            problems.push(Problem::sentence(error));
        }
    }

    /// The internal listener of a standalone process serves every role, to everyone who reaches it and
    /// shows the token.
    fn check_internal(&self, problems: &mut Vec<Problem>) {
        let internal = self.gateway().internal;
        let Ok(listen) = internal.listen.parse::<SocketAddr>() else { return };
        if !listen.ip().is_loopback() && !internal.server.token.is_set() {
            let text = "is not set, and gateway.internal.listen is not a loopback address: everyone on the \
                        network could act as any user";
            problems.push(Problem::new("grpc.token", text));
        }
        if let Err(error) = internal.server.tls.validate() {
            problems.push(Problem::sentence(format_args!("grpc.tls.{error}")));
        }
    }

    /// Roles in processes of their own share Postgres and Redis, and must find each other.
    fn check_cluster(&self, role: Role, problems: &mut Vec<Problem>) {
        if let Err(error) = self.server().tls.validate() {
            problems.push(Problem::sentence(format_args!("grpc.tls.{error}")));
        }
        if self.bus.urls.is_empty() {
            problems.push(Problem::new("bus.urls", "is not set (or REDIS_URL)"));
        }
        let store = match role {
            Role::Room => Some(self.room().database),
            Role::History => Some(self.history().database),
            Role::Identity => Some(self.identity().database),
            Role::Gateway | Role::Standalone => None,
        };
        if store.is_some_and(|url| !url.expose().starts_with("postgres")) {
            let text = "is not postgres://… (or DATABASE_URL): SQLite is for standalone";
            problems.push(Problem::new("database.url", text));
        }
        if matches!(role, Role::Gateway | Role::Identity)
            && let Err(error) = self.to_room().validate()
        {
            problems.push(Problem::sentence(format_args!("grpc.room: {error}")));
        }
        if role == Role::Gateway
            && let Some(Err(error)) = self.to_identity().map(|identity| identity.validate())
        {
            problems.push(Problem::sentence(format_args!("grpc.identity: {error}")));
        }
        if matches!(role, Role::Gateway | Role::Room)
            && let Err(error) = self.to_history().validate()
        {
            problems.push(Problem::sentence(format_args!("grpc.history: {error}")));
        }
    }
}
