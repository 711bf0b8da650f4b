//! Addresses that clients put into their pages, judged as a browser reads them: it takes a backslash for a
//! slash, passes over tabs and line breaks, and resolves what is left against the page's own address.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use url::Url;

/// How many times an address may have been encoded and is still looked through.
const DECODINGS_MAX: usize = 3;
/// Stands for the server that a path belongs to; no address can lead there by chance.
const HERE: &str = "https://here.invalid/";

/// Where an address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Https,
    Http,
    /// A path on the server the page came from.
    Path,
}

impl Link {
    /// `None` for everything else: another scheme, a user in the address, characters that browsers
    /// read differently from what a person sees, and paths that lead to another server.
    pub fn parse(text: &str) -> Option<Self> {
        if text.chars().any(|c| c == '\\' || c.is_control() || c.is_whitespace()) {
            return None;
        }
        if text.starts_with('/') {
            return leads_here(text).then_some(Self::Path);
        }
        let (scheme, rest) = text.split_once("://")?;
        let url = Url::parse(text).ok()?;
        // Browsers pass over further slashes, other programs take them for a path.
        let plain = url.has_host() && url.username().is_empty() && url.password().is_none();
        if rest.starts_with('/') || !plain {
            return None;
        }
        match scheme {
            "https" => Some(Self::Https),
            "http" => Some(Self::Http),
            _ => None,
        }
    }
}

/// Whether a path stays on its server, also for programs on the way that decode it before they look.
fn leads_here(path: &str) -> bool {
    let here = Url::parse(HERE).expect("it is an address");
    let mut path = Cow::Borrowed(path);
    for _ in 0..=DECODINGS_MAX {
        let stays = here
            .join(&path)
            .is_ok_and(|url| url.host_str() == here.host_str() && !url.path().starts_with("//"));
        if !stays {
            return false;
        }
        let decoded = percent_decode_str(&path).decode_utf8_lossy().into_owned();
        if decoded == path {
            return true;
        }
        path = Cow::Owned(decoded);
    }
    // Encoded again and again: nothing good is hidden like that.
    false
}

#[cfg(test)]
mod tests {
    use super::Link;

    #[test]
    fn addresses_and_paths_pass() {
        for (text, link) in [
            ("https://example.org/a.png?s=80#x", Link::Https),
            ("https://bücher.example:8443/é", Link::Https),
            ("http://x/y", Link::Http),
            ("/media/1", Link::Path),
            ("/media//1/../2?next=//else.example", Link::Path),
            ("/a%20b%2Fc.png", Link::Path),
            ("/100%", Link::Path),
        ] {
            assert_eq!(Link::parse(text), Some(link), "{text}");
        }
    }

    #[test]
    fn what_leads_elsewhere_than_it_seems_is_refused() {
        for text in [
            "",
            "media/1",
            "//evil.example",
            "///evil.example",
            r"/\evil.example",
            r"\\evil.example",
            r"/a\b",
            "/\t/evil.example",
            "/\n/evil.example",
            "/.//evil.example",
            "/x/..//evil.example",
            "/%2Fevil.example",
            "/%5cevil.example",
            "/%252fevil.example",
            "/%09/evil.example",
            "/%2e//evil.example",
            "https:evil.example",
            "https:/evil.example",
            "https:///evil.example",
            r"https:\\evil.example",
            r"https://good.example\@evil.example",
            "https://good.example@evil.example/",
            "https://",
            "https://a b",
            "https://a\u{2028}b",
            "javascript:alert(1)",
            "javascript://example.org/%0aalert(1)",
            "data:text/html,x",
            "ftp://example.org/a",
        ] {
            assert_eq!(Link::parse(text), None, "{text:?}");
        }
    }
}
