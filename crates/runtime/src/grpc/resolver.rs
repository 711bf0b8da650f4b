//! From `host:port, host:port` to socket addresses, again and again.
//!
//! A name that does not resolve for the moment keeps the addresses it had: an outage of DNS must not
//! become an outage of everything else.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use super::TransportError;

/// The names of a service and what they last resolved to.
pub(super) struct Resolver {
    names: Vec<Name>,
    timeout: Duration,
}

struct Name {
    host: String,
    port: u16,
    last: Vec<SocketAddr>,
}

impl Resolver {
    pub(super) fn parse(text: &str, timeout: Duration) -> Result<Self, TransportError> {
        let names = text
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(Name::parse)
            .collect::<Result<Vec<_>, _>>()?;
        if names.is_empty() {
            return Err(TransportError::NoAddress);
        }
        Ok(Self { names, timeout })
    }

    /// Whether asking again can give another answer.
    pub(super) fn is_static(&self) -> bool {
        self.names.iter().all(|name| name.host.parse::<std::net::IpAddr>().is_ok())
    }

    /// Every address of every name.
    pub(super) async fn resolve(&mut self) -> BTreeSet<SocketAddr> {
        let mut all = BTreeSet::new();
        for name in &mut self.names {
            name.resolve(self.timeout).await;
            all.extend(name.last.iter().copied());
        }
        all
    }
}

impl Name {
    fn parse(text: &str) -> Result<Self, TransportError> {
        let bad = || TransportError::Address(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
        let port = port.parse().map_err(|_| bad())?;
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() || host.contains('/') {
            return Err(bad());
        }
        Ok(Self { host: host.to_owned(), port, last: Vec::new() })
    }

    async fn resolve(&mut self, timeout: Duration) {
        let lookup = tokio::net::lookup_host((self.host.as_str(), self.port));
        match tokio::time::timeout(timeout, lookup).await {
            Ok(Ok(addresses)) => self.last = addresses.collect(),
            Ok(Err(error)) => tracing::warn!(host = self.host, %error, "the name does not resolve"),
            Err(_) => tracing::warn!(host = self.host, "resolving the name took too long"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Resolver;

    fn parse(text: &str) -> Result<Resolver, super::TransportError> {
        Resolver::parse(text, Duration::from_secs(1))
    }

    #[tokio::test]
    async fn reads_lists_of_addresses() {
        let mut resolver = parse("127.0.0.1:7000, [::1]:7001,").expect("valid");
        assert!(resolver.is_static());
        let addresses = resolver.resolve().await;
        let expected = ["127.0.0.1:7000", "[::1]:7001"].map(|a| a.parse().expect("valid"));
        assert_eq!(addresses, expected.into());
    }

    #[test]
    fn refuses_what_is_no_address() {
        for text in ["", " , ", "history", "history:", ":7000", "history:70000", "http://history:1"]
        {
            assert!(parse(text).is_err(), "{text:?}");
        }
        assert!(!parse("history:7000").expect("valid").is_static());
    }
}
