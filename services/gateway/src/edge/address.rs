//! Whose request it is. Behind proxies the client's address is what the outermost proxy that we
//! trust saw; what stands further left in the header is what the client wants us to believe.

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use hubbub_domain::{Code, Fault};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::refuse;

/// The address of the client, as far as it can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Response> {
        parts.extensions.get().copied().ok_or_else(|| {
            let fault = Fault::new(Code::Internal, "the request did not come through the edge");
            refuse(StatusCode::INTERNAL_SERVER_ERROR, &fault).into_response()
        })
    }
}

/// The header in which proxies name the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressHeader {
    /// `X-Forwarded-For: client, proxy`.
    #[default]
    XForwardedFor,
    /// `Forwarded: for=client, for=proxy` (RFC 7239).
    Forwarded,
}

/// A network in CIDR notation, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map(Self)
            .map_err(|_| format!("{text:?} is neither a network such as 10.0.0.0/8 nor an address"))
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.0.to_string()
    }
}

/// The proxies whose word is believed, and where they say it.
#[derive(Clone, Debug)]
pub struct TrustedProxies {
    networks: Vec<Network>,
    header: AddressHeader,
}

impl TrustedProxies {
    pub const fn new(networks: Vec<Network>, header: AddressHeader) -> Self {
        Self { networks, header }
    }

    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.0.contains(&address))
    }

    /// The right-most address that is not one of ours; where the chain cannot be read any further,
    /// the last one that could.
    pub fn client_address(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let mut address = peer.to_canonical();
        let mut hops = None;
        while self.trusts(address) {
            let hops = hops.get_or_insert_with(|| self.hops(headers));
            let Some(before) = hops.pop().and_then(|hop| parse_hop(&hop)) else { break };
            address = before.to_canonical();
        }
        ClientAddress(address)
    }

    /// What the header names, the nearest hop last.
    fn hops<'a>(&self, headers: &'a HeaderMap) -> Vec<Cow<'a, str>> {
        let values = |name| headers.get_all(name).into_iter().map(|value| value.to_str());
        match self.header {
            // A value that is not text still is a hop: one that cannot be read.
            AddressHeader::XForwardedFor => values("x-forwarded-for")
                .flat_map(|value| value.unwrap_or_default().split(',').map(Cow::from))
                .collect(),
            AddressHeader::Forwarded => values("forwarded")
                .flat_map(|value| split_unquoted(value.unwrap_or_default(), ','))
                .map(|element| forwarded_for(element).into())
                .collect(),
        }
    }
}

/// The `for` parameter of an element of `Forwarded`, without its quotes.
fn forwarded_for(element: &str) -> &str {
    split_unquoted(element, ';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))
        .map_or("", |(_, value)| value.trim().trim_matches('"'))
}

fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}

/// An address, with or without a port, with or without the brackets of IPv6.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    bare.parse().ok().or_else(|| hop.parse().ok().map(|address: SocketAddr| address.ip()))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName};

    use super::{AddressHeader, TrustedProxies};

    fn seen(header: AddressHeader, peer: &str, values: &[&str]) -> String {
        let name = match header {
            AddressHeader::XForwardedFor => "x-forwarded-for",
            AddressHeader::Forwarded => "forwarded",
        };
        let headers: HeaderMap = values
            .iter()
            .map(|value| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        let networks = ["10.0.0.0/8", "192.0.2.7", "fd00::/8"].map(|text| text.parse().unwrap());
        let proxies = TrustedProxies::new(networks.into(), header);
        proxies.client_address(peer.parse().unwrap(), &headers).0.to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let seen = |peer, values: &[&str]| seen(AddressHeader::XForwardedFor, peer, values);
        assert_eq!(seen("198.51.100.1", &["203.0.113.9"]), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen("::ffff:10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["1.1.1.1, 203.0.113.9, 192.0.2.7"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["1.1.1.1", "203.0.113.9:1234"]), "203.0.113.9");
        assert_eq!(seen("fd00::1", &["[2001:db8::1]:80"]), "2001:db8::1");
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn an_unreadable_hop_ends_the_chain() {
        let seen = |values: &[&str]| seen(AddressHeader::XForwardedFor, "10.0.0.1", values);
        assert_eq!(seen(&["203.0.113.9, unknown"]), "10.0.0.1");
        assert_eq!(seen(&["203.0.113.9, unknown, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(seen(&["203.0.113.9,"]), "10.0.0.1");
        assert_eq!(seen(&["203.0.113.9", "é"]), "10.0.0.1");
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_writes_it() {
        let seen = |values: &[&str]| seen(AddressHeader::Forwarded, "10.0.0.1", values);
        assert_eq!(seen(&["for=203.0.113.9;proto=https, for=10.0.0.2"]), "203.0.113.9");
        assert_eq!(seen(&[r#"proto=https; For="[2001:db8::1]:4711""#]), "2001:db8::1");
        assert_eq!(seen(&[r#"for="203.0.113.9, for=1.1.1.1""#]), "10.0.0.1");
        assert_eq!(seen(&["for=_hidden, by=10.0.0.1"]), "10.0.0.1");
    }

    #[test]
    fn networks_say_what_is_wrong_with_them() {
        let error = "10.0.0.0/33".parse::<super::Network>().unwrap_err();
        assert!(error.contains("10.0.0.0/33"), "{error}");
    }
}
