//! A whole hubbub as real processes: gateways, room and history services on a private Postgres and
//! Redis, each on a port of its own that it keeps when it is started again.

mod admin;
mod network;
mod node;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

pub use admin::{Admin, sample};
use anyhow::Result;
use hubbub_auth::{Minter, NewToken, Secret, Verifier};
use hubbub_domain::{Clock as _, SystemClock, UserId};
pub use network::{Network, Way};
pub use node::Node;
use node::{INTERNAL_LISTEN, NodeCommand};
use tempfile::TempDir;

use crate::{Postgres, Redis, Replicated, free_port, silence};

/// What tokens of a cluster are signed with, HS256.
pub const SECRET: &str = "a secret that only the tests of a cluster share";
/// The token with which the roles of such a cluster call each other (`grpc.token`).
pub const GRPC_TOKEN: &str = "a token that the roles share";

/// How many of each role.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// The `hubbub` binary.
    pub binary: PathBuf,
    pub gateways: usize,
    pub rooms: usize,
    pub histories: usize,
    /// None, unless told: then only tokens made with [`SECRET`] say who people are.
    pub identities: usize,
    /// Gateways that are ready to be started: see [`Cluster::spares`].
    pub spares: usize,
    /// Settings for every process, over the cluster's own: `HUBBUB_…` names and values.
    pub settings: Vec<(String, String)>,
    pub network: NetworkKind,
    /// Postgres has a standby, behind an address that follows the primary: see [`Cluster::replicated`].
    pub replicated: bool,
}

/// How the processes of a cluster reach each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NetworkKind {
    #[default]
    Direct,
    /// Through a proxy on every way, the clients' included: see [`Network`].
    Proxied,
}

impl ClusterOptions {
    /// Two of each role, with the defaults of a product.
    pub fn two_of_each(binary: impl Into<PathBuf>) -> Self {
        let (binary, settings, network) = (binary.into(), Vec::new(), NetworkKind::Direct);
        let identities = 0;
        Self {
            binary,
            gateways: 2,
            rooms: 2,
            histories: 2,
            identities,
            spares: 0,
            settings,
            network,
            replicated: false,
        }
    }

    /// Gives Postgres a standby.
    #[must_use]
    pub fn replicated(mut self) -> Self {
        self.replicated = true;
        self
    }

    /// Puts a chaos proxy on every way.
    #[must_use]
    pub fn proxied(mut self) -> Self {
        self.network = NetworkKind::Proxied;
        self
    }

    /// Lets people register and log in.
    #[must_use]
    pub fn with_identities(mut self, identities: usize) -> Self {
        self.identities = identities;
        self
    }

    /// Rate limits that no test reaches.
    #[must_use]
    pub fn without_rate_limits(self) -> Self {
        const LIMITS: [&str; 10] = [
            "HUBBUB_GATEWAY__USERS__SENDS_PER_SECOND",
            "HUBBUB_GATEWAY__USERS__SENDS_BURST",
            "HUBBUB_GATEWAY__USERS__REQUESTS_PER_SECOND",
            "HUBBUB_GATEWAY__USERS__REQUESTS_BURST",
            "HUBBUB_GATEWAY__USERS__OPENINGS_PER_SECOND",
            "HUBBUB_GATEWAY__USERS__OPENINGS_BURST",
            "HUBBUB_GATEWAY__USERS__ROOMS_MADE_BURST",
            "HUBBUB_GATEWAY__USERS__PEOPLE_ADDED_BURST",
            "HUBBUB_GATEWAY__EDGE__CONNECTS_PER_ADDRESS_PER_SECOND",
            "HUBBUB_GATEWAY__EDGE__HANDSHAKES_PER_ADDRESS_MAX",
        ];
        LIMITS.iter().fold(self, |options, name| options.with(name, "100000"))
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_string()));
        self
    }
}

/// A running cluster. Everything ends when it is dropped.
pub struct Cluster {
    pub gateways: Vec<Node>,
    /// Further gateways, which [`Node::start_again`] starts.
    pub spares: Vec<Node>,
    pub rooms: Vec<Node>,
    pub histories: Vec<Node>,
    pub identities: Vec<Node>,
    /// The first primary.
    pub postgres: Arc<Postgres>,
    /// The servers that fail over, if there is more than one.
    pub replicated: Option<Replicated>,
    pub redis: Redis,
    pub network: Network,
    database: String,
    /// Kept until everything has ended.
    #[expect(dead_code, reason = "its value is its end")]
    scratch: TempDir,
}

impl Cluster {
    pub async fn start(options: ClusterOptions) -> Result<Self> {
        let scratch = tempfile::Builder::new().prefix("hubbub-cluster-").tempdir()?;
        let postgres = Arc::new(Postgres::start_durable().await?);
        let redis = Redis::start().await?;
        let mut database = postgres.database().await?;
        let mut postgres_port = postgres.port();
        let mut replicated = None;
        if options.replicated {
            let servers = Replicated::behind(Arc::clone(&postgres)).await?;
            (database, postgres_port) = (servers.following(&database), servers.port());
            replicated = Some(servers);
        }
        let mut settings = vec![
            ("HUBBUB_AUTH__SECRET".to_owned(), SECRET.to_owned()),
            ("HUBBUB_GRPC__TOKEN".to_owned(), GRPC_TOKEN.to_owned()),
        ];
        settings.extend(options.settings.clone());
        let stores = [
            Store {
                name: "postgres",
                setting: "DATABASE_URL",
                port: postgres_port,
                url: &database,
            },
            Store { name: "redis", setting: "REDIS_URL", port: redis.port(), url: &redis.url() },
        ];
        let network = Network::new(options.network);
        let mut plan =
            Plan { options: &options, settings, stores, scratch: scratch.path(), network };

        let mut histories = plan.nodes("history", options.histories, &[]).await?;
        start_all(&mut histories).await?;
        let history = ("HUBBUB_GRPC__HISTORY", &histories[..]);
        let mut rooms = plan.nodes("room", options.rooms, &[history]).await?;
        let to_rooms = ("HUBBUB_GRPC__ROOM", &rooms[..]);
        let mut identities = plan.nodes("identity", options.identities, &[to_rooms]).await?;
        // Room and identity call each other.
        for room in &mut rooms {
            let identity = ("HUBBUB_GRPC__IDENTITY", &identities[..]);
            let addresses = plan.addresses(&room.name, identity).await?;
            room.command.settings.extend(addresses);
        }
        start_all(&mut rooms).await?;
        start_all(&mut identities).await?;
        let room = ("HUBBUB_GRPC__ROOM", &rooms[..]);
        let identity = ("HUBBUB_GRPC__IDENTITY", &identities[..]);
        let gateways = options.gateways + options.spares;
        let mut gateways = plan.nodes("gateway", gateways, &[history, room, identity]).await?;
        let spares = gateways.split_off(options.gateways);
        start_all(&mut gateways).await?;
        let mut network = plan.network;
        for gateway in gateways.iter().chain(&spares) {
            network.open("clients", &gateway.name, gateway.port).await?;
        }
        Ok(Self {
            gateways,
            spares,
            rooms,
            histories,
            identities,
            postgres,
            replicated,
            redis,
            network,
            database,
            scratch,
        })
    }

    /// Where each gateway takes clients: `ws://127.0.0.1:…`.
    pub fn urls(&self) -> Vec<String> {
        let port = |node: &Node| self.network.port("clients", &node.name).unwrap_or(node.port);
        self.gateways.iter().map(|node| format!("ws://127.0.0.1:{}", port(node))).collect()
    }

    /// The database that room and history share.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Every process, gateways first.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        let services = self.rooms.iter().chain(&self.histories).chain(&self.identities);
        self.gateways.iter().chain(services)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in self.nodes().chain(&self.spares) {
            // A spare that was never started has none.
            if let Ok(log) = node.log() {
                silence::assert_kept(node.name(), &log);
            }
        }
    }
}

/// What a gateway put together in the test's own process checks such tokens with.
pub fn verifier() -> Verifier {
    let config = hubbub_auth::Config { secret: Secret::new(SECRET), ..Default::default() };
    Verifier::new(&config, Arc::new(SystemClock)).expect("the secret is long enough")
}

/// A token for a user of a cluster started here, good for an hour.
pub fn token(user: &str) -> String {
    token_for(user, Duration::from_hours(1))
}

/// A token with a lifetime.
pub fn token_for(user: &str, lifetime: Duration) -> String {
    let minter = Minter::hs256(&Secret::new(SECRET), "hubbub", "hubbub").expect("long enough");
    let user = UserId::parse(user).expect("a user id");
    minter.mint(&NewToken::new(&user, SystemClock.now(), lifetime)).expect("signed")
}

struct Plan<'a> {
    options: &'a ClusterOptions,
    settings: Vec<(String, String)>,
    stores: [Store<'a>; 2],
    scratch: &'a Path,
    network: Network,
}

/// What all roles stand on.
struct Store<'a> {
    name: &'static str,
    setting: &'static str,
    port: u16,
    url: &'a str,
}

/// The setting that names the processes of a role, and these.
type Peers<'a> = (&'static str, &'a [Node]);

impl Plan<'_> {
    async fn nodes(
        &mut self,
        role: &'static str,
        count: usize,
        peers: &[Peers<'_>],
    ) -> Result<Vec<Node>> {
        let mut nodes = Vec::new();
        for number in 1..=count {
            nodes.push(self.node(role, number, peers).await?);
        }
        Ok(nodes)
    }

    async fn node(
        &mut self,
        role: &'static str,
        number: usize,
        peers: &[Peers<'_>],
    ) -> Result<Node> {
        let name = format!("{role}-{number}");
        let (port, admin) = (free_port(), free_port());
        let mut settings = listeners(role, port, admin);
        for store in &self.stores {
            let port = self.network.open(&name, store.name, store.port).await?;
            let url = store.url.replace(&format!(":{}", store.port), &format!(":{port}"));
            settings.push((store.setting.to_owned(), url));
        }
        for peers in peers {
            settings.extend(self.addresses(&name, *peers).await?);
        }
        settings.extend(self.settings.clone());
        let log = self.scratch.join(format!("{name}.log"));
        let command = NodeCommand { binary: self.options.binary.clone(), role, settings, log };
        Ok(Node { name, command, port, admin: Admin::at(admin), process: None })
    }
}

impl Plan<'_> {
    /// The setting by which a process finds others; none when there are none.
    async fn addresses(
        &mut self,
        name: &str,
        (setting, nodes): Peers<'_>,
    ) -> Result<Option<(String, String)>> {
        let mut addresses = Vec::new();
        for node in nodes {
            let port = self.network.open(name, &node.name, node.port).await?;
            addresses.push(format!("127.0.0.1:{port}"));
        }
        Ok((!addresses.is_empty()).then(|| (setting.to_owned(), addresses.join(","))))
    }
}

/// Where a process listens.
fn listeners(role: &str, port: u16, admin: u16) -> Vec<(String, String)> {
    let listen = match role {
        "gateway" => "HUBBUB_GATEWAY__EDGE__LISTEN",
        "room" => "HUBBUB_ROOM__LISTEN",
        "identity" => "HUBBUB_IDENTITY__LISTEN",
        _ => "HUBBUB_HISTORY__LISTEN",
    };
    let mut settings = vec![
        (listen.to_owned(), format!("127.0.0.1:{port}")),
        ("HUBBUB_ADMIN__LISTEN".to_owned(), format!("127.0.0.1:{admin}")),
    ];
    if role == "gateway" {
        // Gateways find each other, and hand on what belongs to another.
        let internal = format!("127.0.0.1:{}", free_port());
        settings.push((INTERNAL_LISTEN.to_owned(), internal));
    }
    settings
}

async fn start_all(nodes: &mut [Node]) -> Result<()> {
    for node in nodes.iter_mut() {
        node.spawn()?;
    }
    for node in nodes {
        node.wait_ready().await?;
    }
    Ok(())
}
