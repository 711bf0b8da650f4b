//! The ways between the processes of a cluster, each with a proxy of its own if asked for: so the
//! network between any two of them can fail while all others are well.

use anyhow::Result;

use super::NetworkKind;
use crate::ChaosProxy;

/// Every way, by who goes it: `gateway-1` to `history-2`, to `postgres`, to `redis`; `clients` to
/// `gateway-1`. Empty when the processes reach each other directly.
pub struct Network {
    kind: NetworkKind,
    ways: Vec<Way>,
}

/// A way, and what stands on it.
pub struct Way {
    pub from: String,
    pub to: String,
    pub proxy: ChaosProxy,
}

impl Network {
    pub(super) fn new(kind: NetworkKind) -> Self {
        Self { kind, ways: Vec::new() }
    }

    pub fn ways(&self) -> &[Way] {
        &self.ways
    }

    /// The proxy on a way.
    pub fn proxy(&self, from: &str, to: &str) -> Option<&ChaosProxy> {
        let way = self.ways.iter().find(|way| way.from == from && way.to == to)?;
        Some(&way.proxy)
    }

    /// Ends all conditions on all ways.
    pub fn heal(&self) {
        for way in &self.ways {
            way.proxy.heal();
        }
    }

    /// The port that `from` uses to get to `to`, which listens on `port`.
    pub(super) async fn open(&mut self, from: &str, to: &str, port: u16) -> Result<u16> {
        if self.kind == NetworkKind::Direct {
            return Ok(port);
        }
        let proxy = ChaosProxy::start(format!("127.0.0.1:{port}")).await?;
        let port = proxy.port();
        self.ways.push(Way { from: from.to_owned(), to: to.to_owned(), proxy });
        Ok(port)
    }

    pub(super) fn port(&self, from: &str, to: &str) -> Option<u16> {
        self.proxy(from, to).map(ChaosProxy::port)
    }
}
