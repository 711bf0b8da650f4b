//! The kinds of faults: the whole list that hubbub is held against, by name.

use std::fmt;

/// A kind of fault; whom it hits is drawn when it is scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Process(Role, Blow),
    Redis(Redis),
    Postgres(Postgres),
    Network(Network),
    /// History's answers are held until the callers' deadlines are over: committed, and not answered.
    DeadlineAfterCommit,
    /// All connections of a gateway's clients are reset at once.
    ReconnectStorm,
    SlowReaders,
    /// Every process is restarted, one after the other, with another version if there is one.
    RollingRestart,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Role {
    Gateway,
    Room,
    History,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Blow {
    /// SIGKILL.
    Kill,
    /// SIGSTOP, and SIGCONT later.
    Pause,
    /// SIGTERM.
    Drain,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Redis {
    /// Killed, and gone for a while.
    Down,
    /// Killed and started again at once, empty.
    Restarted,
    Paused,
    SubscribersKilled,
    ClientsKilled,
    /// Subscribers for whom anything waits are thrown out.
    BuffersOverflow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Postgres {
    /// Told to end, and gone for a while.
    Restarted,
    /// Killed, and gone for a while.
    Crashed,
    BackendsTerminated,
    /// Terminated when the commit is durable and not yet answered.
    TerminatedAtCommit,
    /// Every connection of the pools waits for a locked table.
    PoolExhausted,
    /// The server has no slot for another connection, and nobody has one.
    SlotsExhausted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Network {
    Latency,
    Held,
    SilentUp,
    SilentDown,
    CutUp,
    CutDown,
    Refused,
    Reset,
    HalfClose,
}

impl Kind {
    pub(crate) const ALL: [Self; 34] = [
        Self::Process(Role::Gateway, Blow::Kill),
        Self::Process(Role::Gateway, Blow::Pause),
        Self::Process(Role::Gateway, Blow::Drain),
        Self::Process(Role::Room, Blow::Kill),
        Self::Process(Role::Room, Blow::Pause),
        Self::Process(Role::Room, Blow::Drain),
        Self::Process(Role::History, Blow::Kill),
        Self::Process(Role::History, Blow::Pause),
        Self::Process(Role::History, Blow::Drain),
        Self::Redis(Redis::Down),
        Self::Redis(Redis::Restarted),
        Self::Redis(Redis::Paused),
        Self::Redis(Redis::SubscribersKilled),
        Self::Redis(Redis::ClientsKilled),
        Self::Redis(Redis::BuffersOverflow),
        Self::Postgres(Postgres::Restarted),
        Self::Postgres(Postgres::Crashed),
        Self::Postgres(Postgres::BackendsTerminated),
        Self::Postgres(Postgres::TerminatedAtCommit),
        Self::Postgres(Postgres::PoolExhausted),
        Self::Postgres(Postgres::SlotsExhausted),
        Self::Network(Network::Latency),
        Self::Network(Network::Held),
        Self::Network(Network::SilentUp),
        Self::Network(Network::SilentDown),
        Self::Network(Network::CutUp),
        Self::Network(Network::CutDown),
        Self::Network(Network::Refused),
        Self::Network(Network::Reset),
        Self::Network(Network::HalfClose),
        Self::DeadlineAfterCommit,
        Self::ReconnectStorm,
        Self::SlowReaders,
        Self::RollingRestart,
    ];

    /// Those that take their time come last, when two begin together.
    pub(crate) fn haste(self) -> u8 {
        match self {
            Self::RollingRestart => 3,
            Self::Process(_, Blow::Drain) => 2,
            Self::Postgres(Postgres::PoolExhausted | Postgres::SlotsExhausted) => 1,
            _ => 0,
        }
    }

    /// Whether two of them in one round would only undo each other: the second would find nothing left
    /// to hit.
    pub(crate) fn clashes(self, other: Self) -> bool {
        use Kind::{Postgres, Process, ReconnectStorm, Redis, RollingRestart, SlowReaders};
        match (self, other) {
            // A process that is started needs everything else to be ready.
            (RollingRestart, one) | (one, RollingRestart) => {
                !matches!(one, ReconnectStorm | SlowReaders)
            }
            (Redis(_), Redis(_)) | (Postgres(_), Postgres(_)) => true,
            (Process(one, _), Process(two, _)) => one == two,
            (one, two) => one == two,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(role, blow) => write!(f, "{} {}", role.name(), blow.name()),
            Self::Redis(redis) => f.write_str(redis.name()),
            Self::Postgres(postgres) => f.write_str(postgres.name()),
            Self::Network(network) => write!(f, "network: {}", network.name()),
            Self::DeadlineAfterCommit => f.write_str("deadline over after the commit"),
            Self::ReconnectStorm => f.write_str("reconnect storm"),
            Self::SlowReaders => f.write_str("slow readers"),
            Self::RollingRestart => f.write_str("rolling restart"),
        }
    }
}

impl Role {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Room => "room",
            Self::History => "history",
        }
    }
}

impl Blow {
    const fn name(self) -> &'static str {
        match self {
            Self::Kill => "killed (-9)",
            Self::Pause => "stopped (SIGSTOP)",
            Self::Drain => "drained (SIGTERM)",
        }
    }
}

impl Redis {
    const fn name(self) -> &'static str {
        match self {
            Self::Down => "Redis killed, gone for a while",
            Self::Restarted => "Redis killed, back at once, empty",
            Self::Paused => "Redis paused",
            Self::SubscribersKilled => "Redis: subscribers killed",
            Self::ClientsKilled => "Redis: other clients killed",
            Self::BuffersOverflow => "Redis: output buffers overflow",
        }
    }
}

impl Postgres {
    const fn name(self) -> &'static str {
        match self {
            Self::Restarted => "Postgres restarted",
            Self::Crashed => "Postgres crashed (-9)",
            Self::BackendsTerminated => "Postgres: backends terminated",
            Self::TerminatedAtCommit => "Postgres: terminated at COMMIT",
            Self::PoolExhausted => "Postgres: pools exhausted",
            Self::SlotsExhausted => "Postgres: no connection slots",
        }
    }
}

impl Network {
    const fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Held => "everything held",
            Self::SilentUp => "silence towards the server",
            Self::SilentDown => "silence from the server",
            Self::CutUp => "cut at a byte, towards the server",
            Self::CutDown => "cut at a byte, from the server",
            Self::Refused => "connections refused",
            Self::Reset => "RST",
            Self::HalfClose => "half-close",
        }
    }
}
