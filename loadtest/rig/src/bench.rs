//! What every scenario is given, and what it can start with it.

use std::path::PathBuf;

use hubbub_testkit::ClusterOptions;

/// The same for all scenarios of a run.
#[derive(Clone, Debug)]
pub(crate) struct Bench {
    /// The `hubbub` binary, a release build unless it is a smoke run.
    pub(crate) hubbub: PathBuf,
    pub(crate) peers: Peers,
    pub(crate) rounds: usize,
    pub(crate) scale: Scale,
}

/// The servers we are compared with; one that is not built is left out, and the report says so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peers {
    /// The folder of the Node server, with its `node_modules`.
    pub(crate) socketio_node: Option<PathBuf>,
    /// The program of the socketioxide server.
    pub(crate) socketioxide: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    Full,
    /// Seconds, on any build: that the rig works, not what the server does.
    Smoke,
}

impl Bench {
    /// `full` in a full run, `smoke` in a smoke run.
    pub(crate) fn scaled<T>(&self, full: T, smoke: T) -> T {
        match self.scale {
            Scale::Full => full,
            Scale::Smoke => smoke,
        }
    }

    /// One process of each role, which nothing slows down but its own work: the limits on users and
    /// addresses are for people, and the rig is one address.
    pub(crate) fn cluster(&self) -> ClusterOptions {
        let mut options = ClusterOptions::two_of_each(&self.hubbub);
        (options.gateways, options.rooms, options.histories) = (1, 1, 1);
        for (name, value) in UNLIMITED {
            options = options.with(name, value);
        }
        options
    }
}

const UNLIMITED: [(&str, &str); 17] = [
    ("HUBBUB_GATEWAY__USERS__SENDS_PER_SECOND", "1000000"),
    ("HUBBUB_GATEWAY__USERS__SENDS_BURST", "1000000"),
    ("HUBBUB_GATEWAY__USERS__REQUESTS_PER_SECOND", "1000000"),
    ("HUBBUB_GATEWAY__USERS__REQUESTS_BURST", "1000000"),
    ("HUBBUB_GATEWAY__USERS__ROOMS_MADE_BURST", "1000000"),
    ("HUBBUB_GATEWAY__USERS__PEOPLE_ADDED_BURST", "1000000"),
    ("HUBBUB_GATEWAY__EDGE__CONNECTS_PER_ADDRESS_PER_SECOND", "1000000"),
    ("HUBBUB_GATEWAY__EDGE__CONNECTIONS_PER_ADDRESS_MAX", "1000000"),
    ("HUBBUB_GATEWAY__EDGE__HTTP_PER_ADDRESS_MAX", "1000000"),
    ("HUBBUB_GATEWAY__EDGE__HANDSHAKES_PER_ADDRESS_MAX", "1000000"),
    ("HUBBUB_GATEWAY__USERS__OPENINGS_PER_SECOND", "1000000"),
    ("HUBBUB_GATEWAY__USERS__OPENINGS_BURST", "1000000"),
    ("HUBBUB_GATEWAY__EDGE__CONNECTS_PER_SECOND", "1000000"),
    ("HUBBUB_GATEWAY__EDGE__CONNECTS_BURST", "1000000"),
    ("HUBBUB_GATEWAY__DRAIN__NOTICE", "0s"),
    ("HUBBUB_GATEWAY__DRAIN__WINDOW", "1s"),
    ("RUST_LOG", "warn"),
];
