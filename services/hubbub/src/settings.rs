//! Every setting of every role, as one document: `hubbub.default.toml` holds them all, with defaults.
//!
//! The parts of a role are its own crate's; what several roles share (addresses, the service token,
//! the databases) stands once and is handed to each of them here.

mod check;
pub(crate) mod command;
mod show;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use hubbub_runtime::{
    config::{ConfigError, Secret, Sources, duration},
    grpc::{GrpcClientConfig, GrpcServerConfig, TlsConfig},
    telemetry::TelemetryConfig,
};
use serde::Deserialize;

pub(crate) use hubbub_runtime::config::Loaded;

use crate::{dev_secret, failure::Failure};

/// The one place where defaults are written down.
pub(crate) const DEFAULTS: &str = include_str!("../hubbub.default.toml");

/// Plain names that people, and platforms, set.
const ALIASES: [(&str, &str); 3] = [
    ("DATABASE_URL", "database.url"),
    ("REDIS_URL", "bus.urls"),
    ("RUST_LOG", "telemetry.log_filter"),
];

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) standalone: Standalone,
    pub(crate) shutdown: Shutdown,
    pub(crate) admin: Admin,
    pub(crate) telemetry: TelemetryConfig,
    pub(crate) auth: hubbub_auth::Config,
    pub(crate) database: Database,
    bus: hubbub_bus::Config,
    pub(crate) grpc: Grpc,
    gateway: hubbub_gateway::Config,
    room: hubbub_room::Config,
    history: hubbub_history::Config,
    identity: hubbub_identity::Config,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Standalone {
    pub(crate) data_dir: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shutdown {
    #[serde(with = "duration")]
    pub(crate) drain_timeout: Duration,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Admin {
    listen: String,
    #[serde(with = "duration")]
    pub(crate) probe_interval: Duration,
    #[serde(with = "duration")]
    pub(crate) probe_timeout: Duration,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Database {
    pub(crate) url: Secret,
    pub(crate) migrate_on_start: bool,
}

/// How the roles find and treat each other.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grpc {
    token: Secret,
    room: String,
    history: String,
    identity: String,
    tls: TlsConfig,
    server: GrpcServerConfig,
    client: GrpcClientConfig,
}

impl Settings {
    pub(crate) fn load(
        file: Option<PathBuf>,
        env: Vec<(String, String)>,
    ) -> Result<Loaded<Self>, ConfigError> {
        let sources = Sources { defaults: DEFAULTS, file, env, aliases: &ALIASES };
        hubbub_runtime::config::load(&sources)
    }

    /// A standalone process without any key uses one of its own.
    pub(crate) fn with_dev_secret(mut self) -> Result<Self, Failure> {
        if self.has_no_key() {
            let secret = dev_secret::find_or_make(&self.standalone.data_dir)?;
            self.auth.secret = hubbub_auth::Secret::new(secret);
        }
        Ok(self)
    }

    /// The same for a client, which creates nothing: it finds the key of a standalone process of this
    /// directory, or says what to do.
    pub(crate) fn with_found_dev_secret(mut self) -> Result<Self, Failure> {
        if self.has_no_key() {
            let data_dir = &self.standalone.data_dir;
            let Some(secret) = dev_secret::find(data_dir)? else {
                return Err(Failure::Other(anyhow::anyhow!(
                    "there is no token: {} does not exist. Use --login, --register, --guest or --token \
                     (HUBBUB_TOKEN), set auth.secret (HUBBUB_AUTH__SECRET), or start this in the directory \
                     of the standalone process",
                    dev_secret::path(data_dir).display(),
                )));
            };
            self.auth.secret = hubbub_auth::Secret::new(secret);
        }
        Ok(self)
    }

    pub(crate) fn has_no_key(&self) -> bool {
        !self.auth.names_keys()
    }

    /// How the identity service runs here. Its tokens are those that gateways accept.
    pub(crate) fn identity(&self) -> hubbub_identity::Config {
        let mut identity = self.identity.clone();
        identity.database = self.database_url(&identity.database, "identity.db");
        identity.postgres.migrate_on_start = self.database.migrate_on_start;
        identity.grpc = self.server();
        identity.issuer.clone_from(&self.auth.issuer);
        identity.audience.clone_from(&self.auth.audience);
        identity
    }

    /// How the gateway runs here.
    pub(crate) fn gateway(&self) -> hubbub_gateway::Config {
        let mut gateway = self.gateway.clone();
        gateway.internal.server = self.server();
        gateway.internal.client = self.client("");
        let (room, reactions) = (&self.room, self.history.reactions);
        gateway.elsewhere = hubbub_gateway::Elsewhere {
            group_members: room.group_members_max,
            receipts_told_members: room.receipts_members_max,
            receipts_asked_members: room.receipts_asked_members_max,
            slow_mode_seconds: room.slow_mode_seconds_max,
            reactions_per_message: reactions.per_message_max,
            emoji_per_message: reactions.emoji_max,
            reactions_per_user: reactions.per_user_max,
        };
        gateway
    }

    /// How the history service runs here.
    pub(crate) fn history(&self) -> hubbub_history::Config {
        let mut history = self.history.clone();
        history.database = self.database_url(&history.database, "history.db");
        history.postgres.migrate_on_start = self.database.migrate_on_start;
        history.grpc = self.server();
        history
    }

    /// How the room service runs here.
    pub(crate) fn room(&self) -> hubbub_room::Config {
        let mut room = self.room.clone();
        room.database = self.database_url(&room.database, "room.db");
        room.postgres.migrate_on_start = self.database.migrate_on_start;
        room.grpc = self.server();
        room
    }

    /// Its own address, else the one for all, else a file.
    fn database_url(&self, own: &Secret, file: &str) -> Secret {
        if own.is_set() {
            return own.clone();
        }
        if self.database.url.is_set() {
            return self.database.url.clone();
        }
        let path = self.standalone.data_dir.join(file);
        Secret::new(format!("sqlite:{}", path.display()))
    }

    pub(crate) fn data_dir(&self) -> &Path {
        &self.standalone.data_dir
    }

    /// How the bus is reached.
    pub(crate) fn bus(&self) -> hubbub_bus::Config {
        let mut bus = self.bus.clone();
        // TOML has no word for "none".
        bus.ca_file = bus.ca_file.filter(|path| !path.as_os_str().is_empty());
        bus
    }

    /// How the ephemeral state is reached: where the bus is.
    pub(crate) fn ephemeral(&self) -> hubbub_ephemeral::Config {
        let bus = self.bus();
        hubbub_ephemeral::Config {
            urls: bus.urls,
            prefix: bus.prefix,
            ca_file: bus.ca_file,
            connect_timeout: Duration::from_millis(bus.connect_timeout_ms),
            command_timeout: Duration::from_millis(bus.command_timeout_ms),
        }
    }

    /// How every role serves the others.
    pub(crate) fn server(&self) -> GrpcServerConfig {
        let Grpc { token, tls, server, .. } = self.grpc.clone();
        GrpcServerConfig { token, tls, ..server }
    }

    /// The way to the room service.
    pub(crate) fn to_room(&self) -> GrpcClientConfig {
        self.client(&self.grpc.room)
    }

    /// The way to the history service.
    pub(crate) fn to_history(&self) -> GrpcClientConfig {
        self.client(&self.grpc.history)
    }

    /// The way to the identity service, if there is to be one.
    pub(crate) fn to_identity(&self) -> Option<GrpcClientConfig> {
        (!self.grpc.identity.is_empty()).then(|| self.client(&self.grpc.identity))
    }

    fn client(&self, address: &str) -> GrpcClientConfig {
        let Grpc { token, tls, client, .. } = self.grpc.clone();
        GrpcClientConfig { address: address.to_owned(), token, tls, ..client }
    }
}

impl Admin {
    /// Where operators' tools ask; `None` when nobody shall.
    pub(crate) fn address(&self) -> Result<Option<SocketAddr>, Failure> {
        if self.listen.is_empty() {
            return Ok(None);
        }
        let address = self.listen.parse();
        address.map(Some).map_err(|_| Failure::config("admin.listen is not an address and a port"))
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use toml::{Table, Value};

    use super::{DEFAULTS, Settings};

    fn defaults() -> Settings {
        Settings::load(None, Vec::new()).expect("the defaults are good").settings
    }

    /// Set from elsewhere in the document, for every role alike.
    const SHARED: [&str; 13] = [
        "grpc.client.address",
        "grpc.client.tls",
        "grpc.client.token",
        "grpc.server.tls",
        "grpc.server.token",
        "history.grpc",
        "history.postgres.migrate_on_start",
        "identity.audience",
        "identity.grpc",
        "identity.issuer",
        "identity.postgres.migrate_on_start",
        "room.grpc",
        "room.postgres.migrate_on_start",
    ];

    /// Every key of `table` that the document lacks.
    fn missing(table: &Table, documented: &Table, path: &str) -> Vec<String> {
        let mut keys = Vec::new();
        for (name, value) in table {
            let key = format!("{path}.{name}");
            match (value, documented.get(name)) {
                _ if SHARED.contains(&key.as_str()) => {}
                (Value::Table(inner), Some(Value::Table(documented))) => {
                    keys.extend(missing(inner, documented, &key));
                }
                (_, Some(_)) => {}
                (_, None) => keys.push(key),
            }
        }
        keys
    }

    fn assert_documented<T: Serialize>(config: &T, path: &str) {
        let document: Table = DEFAULTS.parse().expect("TOML");
        let section = path.split('.').fold(&document, |table, name| {
            table[name].as_table().expect("a section of the document")
        });
        let table = Table::try_from(config).expect("a table");
        assert_eq!(missing(&table, section, path), Vec::<String>::new(), "not in the document");
    }

    #[test]
    fn every_setting_of_every_role_is_documented() {
        let settings = defaults();
        assert_documented(&settings.telemetry, "telemetry");
        assert_documented(&settings.bus, "bus");
        assert_documented(&settings.grpc.tls, "grpc.tls");
        assert_documented(&settings.grpc.server, "grpc.server");
        assert_documented(&settings.grpc.client, "grpc.client");
        assert_documented(&settings.gateway, "gateway");
        assert_documented(&settings.room, "room");
        assert_documented(&settings.history, "history");
        assert_documented(&settings.identity, "identity");
    }

    fn assert_default<T: Default + PartialEq + std::fmt::Debug>(config: &T) {
        assert_eq!(*config, T::default());
    }

    #[test]
    fn the_document_says_what_the_crates_say() {
        let mut settings = defaults();
        assert_default(&settings.telemetry);
        assert_default(&settings.bus());
        assert_default(&settings.grpc.tls);
        assert_default(&settings.grpc.server);
        assert_default(&settings.grpc.client);
        // A crate cannot know where its data goes, nor whom it may listen to.
        settings.history.database = hubbub_history::Config::default().database;
        assert_default(&settings.history);
        settings.identity.database = hubbub_identity::Config::default().database;
        assert_default(&settings.identity);
        settings.room.database = hubbub_room::Config::default().database;
        assert_default(&settings.room);
        settings.gateway.edge.listen = hubbub_gateway::Config::default().edge.listen;
        assert_default(&settings.gateway);
    }
}
