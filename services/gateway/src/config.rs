//! The gateway's settings. Every bound says what happens when it is reached.

mod append;
mod elsewhere;
mod presence;

use std::{num::NonZeroU32, time::Duration};

use hubbub_domain::limits;
use hubbub_runtime::config::duration;
use serde::{Deserialize, Serialize};

pub(crate) use append::AppenderConfig;
pub use elsewhere::Elsewhere;
pub(crate) use presence::{PresenceConfig, TypingConfig};

use crate::{edge, engineio, internal, lobby, rebalance, socketio, web};

const fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("more than zero")
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The listener, and who may connect.
    pub edge: edge::Config,
    pub session: SessionConfig,
    pub users: UsersConfig,
    pub hub: HubConfig,
    pub append: AppenderConfig,
    pub presence: PresenceConfig,
    pub typing: TypingConfig,
    pub drain: DrainConfig,
    pub registry: RegistryConfig,
    pub rebalance: RebalanceConfig,
    /// The Socket.IO door.
    pub socketio: SocketIoConfig,
    /// The public room for guests behind it.
    pub lobby: lobby::Config,
    /// Whether the pages of `examples/socketio` are served under `/examples/`.
    pub examples: Switch,
    /// The web client at `/`.
    pub web: web::Config,
    /// The listener for the other gateways.
    pub internal: internal::Config,
    /// What the other services hold clients to.
    #[serde(skip)]
    pub elsewhere: Elsewhere,
}

/// What `hello` takes for each room that is resumed: the id, the longest `rev`, quotes, a colon and a
/// comma, and as much again for the spaces and line breaks that a client may write between them.
const RESUMED_ROOM_BYTES: usize = 96;
/// What it takes besides: the token, the epoch, an `id`.
const HELLO_BYTES: usize = hubbub_auth::TOKEN_BYTES_MAX + 4 * 1024;

impl Config {
    /// Bytes of a native client's first frame: it must have room for every room that a session follows,
    /// and so follows from their number. While it arrives it counts as its address' unfinished data.
    pub(crate) const fn hello_bytes_max(&self) -> usize {
        let resumed = self.hub.rooms_per_session_max.saturating_mul(RESUMED_ROOM_BYTES);
        let hello = resumed.saturating_add(HELLO_BYTES);
        if hello > self.session.frame_bytes_max { hello } else { self.session.frame_bytes_max }
    }

    /// What can be judged without a network.
    pub fn validate(&self) -> Result<(), String> {
        edge::Origins::parse(&self.edge.allowed_origins)
            .map_err(|error| format!("edge.allowed_origins: {error}"))?;
        self.internal.validate()?;
        self.validate_bounds()?;
        if self.registry.renew_interval.is_zero()
            || self.registry.ttl < 2 * self.registry.renew_interval
        {
            return Err("registry: ttl is not twice renew_interval at least".to_owned());
        }
        rebalance::validate(&self.rebalance).map_err(|text| format!("rebalance: {text}"))?;
        self.validate_presence()
    }

    /// Bounds that may not be set beyond those of the other side.
    fn validate_bounds(&self) -> Result<(), String> {
        let (session, append) = (&self.session, &self.append);
        for (name, value, max) in [
            ("session.text_chars_max", session.text_chars_max, limits::TEXT_CHARS_MAX),
            ("append.batch_max", append.batch_max, 1_024),
            ("typing.typists_max", self.typing.typists_max, hubbub_ephemeral::TYPISTS_MAX),
        ] {
            if !(1..=max).contains(&value) {
                return Err(format!("{name} is not in 1 to {max}"));
            }
        }
        Ok(())
    }

    fn validate_presence(&self) -> Result<(), String> {
        let Self { presence, typing, .. } = self;
        let intervals = [
            ("presence.renew_interval", presence.renew_interval),
            ("presence.expiry_interval", presence.expiry_interval),
            ("presence.look_interval", presence.look_interval),
            ("typing.told_every", typing.told_every),
        ];
        if let Some((name, _)) = intervals.iter().find(|(_, interval)| interval.is_zero()) {
            return Err(format!("{name} is 0"));
        }
        if presence.ttl < 2 * presence.renew_interval {
            return Err("presence.ttl is less than two of presence.renew_interval".to_owned());
        }
        if typing.ttl < 2 * typing.told_every {
            return Err("typing.ttl is less than two of typing.told_every".to_owned());
        }
        Ok(())
    }
}

/// On, off, or what suits the way the gateway runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// On when all roles run in one process, off in a cluster.
    #[default]
    Auto,
    On,
    Off,
}

impl Switch {
    /// Whether it is on, if all roles run in one process or not.
    pub const fn is_on(self, standalone: bool) -> bool {
        match self {
            Self::Auto => standalone,
            Self::On => true,
            Self::Off => false,
        }
    }
}

/// The door at `/socket.io/`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SocketIoConfig {
    /// Whether there is one.
    pub enabled: bool,
    pub engine: engineio::Config,
    pub protocol: socketio::Config,
}

impl Default for SocketIoConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            engine: engineio::Config::default(),
            protocol: socketio::Config::default(),
        }
    }
}

/// What one client may do and how long it may take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionConfig {
    /// Characters of a message's text, at most 4,000. Over it: `too_large`.
    pub text_chars_max: usize,
    /// Bytes of a frame (summed over its fragments). Over it: closed with 1009.
    pub frame_bytes_max: usize,
    /// How long a client may take to send a valid token and `hello`. Then: closed with 4501.
    #[serde(with = "duration")]
    pub hello_timeout: Duration,
    /// How often a client is pinged.
    #[serde(with = "duration")]
    pub ping_interval: Duration,
    /// How long it may be silent after a ping. Then: closed with 4002.
    #[serde(with = "duration")]
    pub ping_timeout: Duration,
    /// How long it may take nothing of what waits for it. Then: closed with 4008.
    #[serde(with = "duration")]
    pub write_timeout: Duration,
    /// How long a message may take to arrive, from its first byte to its last. Then: closed with 4505.
    #[serde(with = "duration")]
    pub message_timeout: Duration,
    /// How long before a token expires the client is told.
    #[serde(with = "duration")]
    pub expiry_notice: Duration,
    /// Bytes that may wait for one client. Over it a room falls behind and is caught up later.
    pub outbox_bytes_max: usize,
    /// Requests read ahead of the one at work. At the bound nothing more is read from the socket.
    pub requests_queued_max: usize,
    /// Refusals for speed in a row before a client is closed with 4009.
    pub rate_refusals_max: u32,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            text_chars_max: hubbub_domain::limits::TEXT_CHARS_MAX,
            frame_bytes_max: 64 * 1024,
            hello_timeout: Duration::from_secs(5),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            write_timeout: Duration::from_secs(30),
            message_timeout: Duration::from_mins(1),
            expiry_notice: Duration::from_mins(1),
            outbox_bytes_max: 1024 * 1024,
            requests_queued_max: 64,
            rate_refusals_max: 1_000,
        }
    }
}

/// What one user may do, and how the cache of memberships is kept true.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UsersConfig {
    /// Messages of one user. Over it: `rate_limited`.
    pub sends_per_second: NonZeroU32,
    pub sends_burst: NonZeroU32,
    /// Other requests of one user. Over it: `rate_limited`.
    pub requests_per_second: NonZeroU32,
    pub requests_burst: NonZeroU32,
    /// Sessions of one user that begin, over any door; every 200 rooms that one looks into count as one
    /// more. Over it: `rate_limited`, and closed with 4003.
    pub openings_per_second: NonZeroU32,
    pub openings_burst: NonZeroU32,
    /// Rooms that one user makes, direct rooms among them. Over it: `rate_limited`.
    pub rooms_made_per_hour: NonZeroU32,
    pub rooms_made_burst: NonZeroU32,
    /// People whom one user adds to rooms. Over it: `rate_limited`.
    pub people_added_per_hour: NonZeroU32,
    pub people_added_burst: NonZeroU32,
    /// Within what time delivery markers are stored, of each user and room the newest.
    #[serde(with = "duration")]
    pub delivered_interval: Duration,
    /// How often versions of membership lists are compared, whatever the bus says.
    #[serde(with = "duration")]
    pub check_interval: Duration,
    /// How long a user's entry is kept after the last session ended.
    #[serde(with = "duration")]
    pub idle_user_kept: Duration,
    /// The pause before something that failed is tried again.
    #[serde(with = "duration")]
    pub retry: Duration,
}

impl Default for UsersConfig {
    fn default() -> Self {
        Self {
            sends_per_second: at_least_one(10),
            sends_burst: at_least_one(20),
            requests_per_second: at_least_one(20),
            requests_burst: at_least_one(100),
            openings_per_second: at_least_one(2),
            openings_burst: at_least_one(120),
            rooms_made_per_hour: at_least_one(120),
            rooms_made_burst: at_least_one(50),
            people_added_per_hour: at_least_one(1_200),
            people_added_burst: at_least_one(1_000),
            delivered_interval: Duration::from_secs(1),
            check_interval: Duration::from_secs(15),
            idle_user_kept: Duration::from_secs(30),
            retry: Duration::from_millis(500),
        }
    }
}

/// How rooms are followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HubConfig {
    /// Rooms one session follows live. Over it the least active one is given up.
    pub rooms_per_session_max: usize,
    /// How long a missing change is waited for before it is fetched.
    #[serde(with = "duration")]
    pub gap_hold: Duration,
    /// Changes a session is caught up with one by one. Over it: `reset` and the newest page.
    pub catch_up_max: u64,
    /// The pause before a failed fetch is tried again.
    #[serde(with = "duration")]
    pub catch_up_retry: Duration,
    /// How often all heads are compared, whatever the bus says (jittered by a quarter).
    #[serde(with = "duration")]
    pub resync_interval: Duration,
    /// How long a room is kept subscribed after its last follower left.
    #[serde(with = "duration")]
    pub idle_room_kept: Duration,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            rooms_per_session_max: 2_000,
            gap_hold: Duration::from_millis(30),
            catch_up_max: 1_000,
            catch_up_retry: Duration::from_millis(250),
            resync_interval: Duration::from_mins(1),
            idle_room_kept: Duration::from_secs(30),
        }
    }
}

/// How the gateway goes away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DrainConfig {
    /// How long after readiness is off new connections are still taken, for load balancers to notice.
    #[serde(with = "duration")]
    pub notice: Duration,
    /// Over how long the sessions are asked to move.
    #[serde(with = "duration")]
    pub window: Duration,
    /// How long a session that was asked may take. Then: closed with 4012.
    #[serde(with = "duration")]
    pub patience: Duration,
}

impl Default for DrainConfig {
    fn default() -> Self {
        Self {
            notice: Duration::from_secs(1),
            window: Duration::from_secs(10),
            patience: Duration::from_secs(3),
        }
    }
}

/// How gateways know of each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistryConfig {
    /// How often a gateway says that it is there, and how many sessions it holds.
    #[serde(with = "duration")]
    pub renew_interval: Duration,
    /// How long that holds without being said again.
    #[serde(with = "duration")]
    pub ttl: Duration,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self { renew_interval: Duration::from_secs(2), ttl: Duration::from_secs(10) }
    }
}

/// How sessions move to gateways that hold fewer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RebalanceConfig {
    /// Off: sessions stay until they end by themselves.
    pub enabled: bool,
    /// How often the numbers of sessions are compared.
    #[serde(with = "duration")]
    pub interval: Duration,
    /// How long the same gateways must have been there, and this one too full, before anybody is asked.
    #[serde(with = "duration")]
    pub hold: Duration,
    /// It begins above so many times the mean …
    pub begin_ratio: f64,
    /// … and ends below so many times.
    pub end_ratio: f64,
    /// Nor does it begin with fewer sessions than this above the mean.
    pub excess_min: u64,
    /// The share of a gateway's sessions that is asked in a second, at most 0.01.
    pub share_per_second: f64,
}

impl Default for RebalanceConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: Duration::from_secs(2),
            hold: Duration::from_secs(30),
            begin_ratio: 1.1,
            end_ratio: 1.03,
            excess_min: 20,
            share_per_second: 0.01,
        }
    }
}
