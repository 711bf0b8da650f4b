//! Where a gateway is, as people write it: a WebSocket URL, the URL of the site, or a bare host.

use std::{fmt, net::IpAddr, str::FromStr};

use reqwest::Url;

/// The path that every client connects to. A pasted URL may have it already.
const CONNECT: &str = "/v1/connect";

/// The address of a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Host, port and the path before `/v1`, without a slash at its end.
    place: String,
    secure: bool,
}

impl Address {
    /// `ws://host:8080/v1/connect`
    pub(crate) fn connect(&self) -> String {
        format!("{self}{CONNECT}")
    }

    /// `http://host:8080`, for requests below `/v1`.
    pub(crate) fn base(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.place)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.secure { "wss" } else { "ws" }, self.place)
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let text = text.trim();
        let (secure, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (is_secure(scheme).ok_or(BadAddress)?, rest),
            None => (!is_near(text), text),
        };
        // The same parser as the HTTP client's, so that both go to the same host.
        let url = Url::parse(&format!("http{}://{rest}", if secure { "s" } else { "" }));
        let url = url.map_err(|_| BadAddress)?;
        let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        let host = url.host_str().filter(|host| plain && !host.is_empty()).ok_or(BadAddress)?;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix(CONNECT).unwrap_or(path);
        Ok(Self { place: format!("{host}{port}{path}"), secure })
    }
}

fn is_secure(scheme: &str) -> Option<bool> {
    match scheme.to_ascii_lowercase().as_str() {
        "ws" | "http" => Some(false),
        "wss" | "https" => Some(true),
        _ => None,
    }
}

/// Without a scheme, TLS is for names of the internet: an address of a host, `localhost`, and a name
/// without a dot are of this machine or network.
fn is_near(text: &str) -> bool {
    let authority = text.split('/').next().unwrap_or(text);
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.split(':').next().unwrap_or(authority),
    };
    host.parse::<IpAddr>().is_ok() || !host.trim_end_matches('.').contains('.')
}

/// The text names no gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is not ws://, wss://, http:// or https:// with a host, nor a bare host such as chat.example.org"
)]
pub(crate) struct BadAddress;

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn every_way_to_write_it_leads_to_the_gateway() {
        for (text, connect, base) in [
            ("ws://127.0.0.1:8080", "ws://127.0.0.1:8080/v1/connect", "http://127.0.0.1:8080"),
            ("http://127.0.0.1:8080/", "ws://127.0.0.1:8080/v1/connect", "http://127.0.0.1:8080"),
            (
                "wss://Chat.Example.org/",
                "wss://chat.example.org/v1/connect",
                "https://chat.example.org",
            ),
            ("https://x.org/chat/", "wss://x.org/chat/v1/connect", "https://x.org/chat"),
            ("HTTPS://x.org:8443", "wss://x.org:8443/v1/connect", "https://x.org:8443"),
            ("ws://h:1/v1/connect", "ws://h:1/v1/connect", "http://h:1"),
            ("chat.example.org", "wss://chat.example.org/v1/connect", "https://chat.example.org"),
            (
                "chat.example.org:8443",
                "wss://chat.example.org:8443/v1/connect",
                "https://chat.example.org:8443",
            ),
            ("localhost", "ws://localhost/v1/connect", "http://localhost"),
            ("localhost:8080", "ws://localhost:8080/v1/connect", "http://localhost:8080"),
            ("gateway:8080", "ws://gateway:8080/v1/connect", "http://gateway:8080"),
            ("192.168.1.5:8080", "ws://192.168.1.5:8080/v1/connect", "http://192.168.1.5:8080"),
            ("[::1]:8080", "ws://[::1]:8080/v1/connect", "http://[::1]:8080"),
        ] {
            let address: Address = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(
                (address.connect(), address.base()),
                (connect.into(), base.into()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_names_no_gateway_is_refused() {
        for text in ["", "ftp://x", "ws://", "http://", "ws://u:p@h", "https://h/?token=x", "a b"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
