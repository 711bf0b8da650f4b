//! Which pages may talk to us. A browser names the page's origin in every WebSocket handshake and
//! every request that crosses origins; what sends none is not a browser, and is let through.
//! CORS headers follow from the same list, so the two cannot disagree.

use std::{sync::Arc, time::Duration};

use axum::http::{
    HeaderMap, HeaderValue, Method, Uri,
    header::{HOST, ORIGIN, RETRY_AFTER},
    uri::Authority,
};
use hubbub_domain::{Code, Fault};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// How long a browser may remember the answer to a preflight.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_mins(10);
/// How much of a refused origin is repeated to whoever sent it.
const NAMED_CHARS_MAX: usize = 200;

/// The origins that are let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins {
    any: bool,
    same_host: bool,
    exact: Vec<String>,
    /// All origins of these: an extension of Firefox has another host in every browser.
    schemes: Vec<String>,
}

/// An entry of the list that no origin could match.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an origin (scheme, host and port, without a slash at the end: \
     https://chat.example.org), nor same-host, nor *"
)]
pub struct InvalidOrigin(String);

/// Origins without a host: of sandboxed frames and most local files, and of local files in some browsers.
const WITHOUT_HOST: [&str; 2] = ["null", "file://"];

impl Origins {
    /// Reads a list of origins, `same-host` and `*`. `scheme://*` are all origins of a scheme other than those
    /// of the web.
    pub fn parse(entries: &[String]) -> Result<Self, InvalidOrigin> {
        let mut origins =
            Self { any: false, same_host: false, exact: Vec::new(), schemes: Vec::new() };
        for entry in entries {
            match entry.as_str() {
                "*" => origins.any = true,
                "same-host" => origins.same_host = true,
                origin => match (whole_scheme(origin), authority(origin)) {
                    (Some(scheme), _) => origins.schemes.push(scheme.to_ascii_lowercase()),
                    (None, Some(_)) => origins.exact.push(origin.to_ascii_lowercase()),
                    (None, None) if WITHOUT_HOST.contains(&origin) => {
                        origins.exact.push(origin.to_owned());
                    }
                    (None, None) => return Err(InvalidOrigin(entry.clone())),
                },
            }
        }
        Ok(origins)
    }

    /// Refuses a request whose origin is not let in; the fault names it.
    pub fn check(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), Fault> {
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else { return Ok(()) };
        if origins.next().is_none() && self.allows(origin, headers, uri) {
            return Ok(());
        }
        let named: String =
            String::from_utf8_lossy(origin.as_bytes()).chars().take(NAMED_CHARS_MAX).collect();
        Err(Fault::new(Code::Forbidden, format!("origin {named:?} is not allowed here")))
    }

    fn allows(&self, origin: &HeaderValue, headers: &HeaderMap, uri: &Uri) -> bool {
        if self.any {
            return true;
        }
        let Ok(origin) = origin.to_str() else { return false };
        self.exact.iter().any(|exact| exact.eq_ignore_ascii_case(origin))
            || authority(origin).is_some_and(|(scheme, _)| self.has_scheme(scheme))
            || (self.same_host && is_same_host(origin, headers, uri))
    }

    fn has_scheme(&self, scheme: &str) -> bool {
        self.schemes.iter().any(|known| known.eq_ignore_ascii_case(scheme))
    }

    /// The answers to preflights, and the headers that let a page read what it asked for.
    pub fn cors(&self) -> CorsLayer {
        let origins = Arc::new(self.clone());
        let allowed = AllowOrigin::predicate(move |origin, request| {
            origins.allows(origin, &request.headers, &request.uri)
        });
        CorsLayer::new()
            .allow_origin(allowed)
            // Cookies go with requests only from origins that were named, never from all.
            .allow_credentials(!self.any)
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            // Tracing, error reporting and applications add headers of their own. What a header means is
            // judged where it is read; the list would keep nothing out that the origin lets in.
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers([RETRY_AFTER])
            .max_age(PREFLIGHT_MAX_AGE)
    }
}

/// Scheme, host and port of `https://host:port`, and nothing else.
fn authority(origin: &str) -> Option<(&str, Authority)> {
    let (scheme, authority) = origin.split_once("://")?;
    let authority: Authority = authority.parse().ok()?;
    let whole = !authority.as_str().contains(['@', '*']);
    (is_scheme(scheme) && whole).then_some((scheme, authority))
}

/// RFC 3986 section 3.1: `chrome-extension` is one, too.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// The scheme of `scheme://*`. For the web it would be next to `*`, which is said so if it is meant.
fn whole_scheme(entry: &str) -> Option<&str> {
    let scheme = entry.strip_suffix("://*").filter(|scheme| is_scheme(scheme))?;
    (!["http", "https"].iter().any(|web| web.eq_ignore_ascii_case(scheme))).then_some(scheme)
}

/// Whether the page comes from the host it talks to. Scheme and default ports do not count: a proxy
/// may have taken TLS off.
fn is_same_host(origin: &str, headers: &HeaderMap, uri: &Uri) -> bool {
    let Some((scheme, page)) = authority(origin) else { return false };
    let host =
        headers.get(HOST).and_then(|host| host.to_str().ok()).and_then(|host| host.parse().ok());
    let Some(host) = host.or_else(|| uri.authority().cloned()) else { return false };
    let default = match scheme {
        "http" => Some(80),
        "https" => Some(443),
        // The host of an extension is its id, not a name in the DNS.
        _ => return false,
    };
    let port = |authority: &Authority| authority.port_u16().or(default);
    page.host().eq_ignore_ascii_case(host.host()) && port(&page) == port(&host)
}

#[cfg(test)]
mod tests {
    use axum::http::{
        HeaderMap, HeaderValue, Uri,
        header::{HOST, ORIGIN},
    };

    use super::Origins;

    fn allows(entries: &[&str], origin: &str, host: &str) -> bool {
        let entries: Vec<String> = entries.iter().map(|&entry| entry.into()).collect();
        let headers = HeaderMap::from_iter([
            (ORIGIN, HeaderValue::from_str(origin).unwrap()),
            (HOST, HeaderValue::from_str(host).unwrap()),
        ]);
        Origins::parse(&entries).unwrap().check(&headers, &Uri::from_static("/")).is_ok()
    }

    #[test]
    fn the_same_host_whatever_the_scheme() {
        let same = |origin, host| allows(&["same-host"], origin, host);
        assert!(same("https://chat.example", "chat.example"));
        assert!(same("https://chat.example", "chat.example:443"));
        assert!(same("http://Chat.example:8080", "chat.example:8080"));
        assert!(same("http://[::1]:8080", "[::1]:8080"));
        assert!(!same("https://chat.example:8443", "chat.example"));
        assert!(!same("https://evil.example", "chat.example"));
        assert!(!same("https://chat.example.evil.example", "chat.example"));
        assert!(!same("https://chat.example@evil.example", "chat.example"));
        assert!(!same("null", "chat.example"));
    }

    #[test]
    fn named_origins_match_exactly() {
        let listed = |origin| allows(&["https://a.example"], origin, "b.example");
        assert!(listed("https://a.example"));
        for origin in ["http://a.example", "https://a.example:444", "https://a.example/", "null"] {
            assert!(!listed(origin), "{origin}");
        }
        assert!(!listed("https://b.example"), "same-host was not named");
        assert!(allows(&["*"], "null", "b.example"));
    }

    #[test]
    fn extensions_editors_and_local_files_are_let_in_where_they_are_listed() {
        const CHROME: &str = "chrome-extension://mhjfbmdgcfjbbpaeojofohoefgiehjai";
        const FIREFOX: &str = "moz-extension://c1b9a9a0-0d35-4b5c-8a52-0f8a1f1c2b3d";
        const EDITOR: &str = "vscode-webview://0g1h2i3j";
        for origin in [CHROME, FIREFOX, EDITOR, "null", "file://", "capacitor://localhost"] {
            assert!(allows(&[origin], origin, "chat.example"), "{origin}");
            assert!(
                !allows(&["same-host", "https://a.example"], origin, "chat.example"),
                "{origin}"
            );
        }
        assert!(allows(&["moz-extension://*"], FIREFOX, "chat.example"));
        assert!(allows(&["vscode-webview://*"], EDITOR, "chat.example"));
        assert!(!allows(&["moz-extension://*"], CHROME, "chat.example"));
        assert!(!allows(&["moz-extension://*"], "moz-extension://", "chat.example"));
        assert!(!allows(&["same-host"], "moz-extension://chat.example", "chat.example"));
        let entries =
            ["https://*", "http://*", "HTTPS://*", "*://*", "moz-extension://*/x", "file:///a"];
        for entry in entries {
            assert!(Origins::parse(&[entry.into()]).is_err(), "{entry}");
        }
    }

    #[test]
    fn what_could_never_match_is_refused() {
        for entry in ["https://a.example/", "a.example", "https://", "", "https://u@a.example"] {
            assert!(Origins::parse(&[entry.into()]).is_err(), "{entry}");
        }
    }

    #[test]
    fn a_refusal_names_the_origin() {
        let headers =
            HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static("https://evil.example"))]);
        let origins = Origins::parse(&[]).unwrap();
        let fault = origins.check(&headers, &Uri::from_static("/")).unwrap_err();
        assert!(fault.message.contains("https://evil.example"));
        assert_eq!(origins.check(&HeaderMap::new(), &Uri::from_static("/")), Ok(()));
    }
}
