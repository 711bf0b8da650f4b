//! Content negotiation: which of the prepared encodings a client takes (RFC 9110, section 12.5.3).

use axum::http::{HeaderMap, header::ACCEPT_ENCODING};

/// An encoding in which files are prepared, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Brotli,
    Gzip,
}

impl Encoding {
    pub(super) const ALL: [Self; 2] = [Self::Brotli, Self::Gzip];

    /// The name in `Content-Encoding`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// How the prepared file's name ends, behind that of the file itself.
    pub(super) const fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
        }
    }

    /// Whether the client takes this encoding. A weight of zero means that it does not; `*` is not
    /// read, as browsers name what they take.
    pub(super) fn is_accepted(self, headers: &HeaderMap) -> bool {
        let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(|line| line.split(',')).any(|item| {
            let mut parts = item.split(';').map(str::trim);
            parts.next().is_some_and(|name| name.eq_ignore_ascii_case(self.name()))
                && !parts.any(is_zero_weight)
        })
    }
}

fn is_zero_weight(parameter: &str) -> bool {
    let weight = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="));
    weight.is_some_and(|weight| weight.trim().parse() == Ok(0.0_f32))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header::ACCEPT_ENCODING};

    use super::Encoding;

    fn accepted(text: &'static str) -> Vec<Encoding> {
        let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(text))]);
        Encoding::ALL.into_iter().filter(|encoding| encoding.is_accepted(&headers)).collect()
    }

    #[test]
    fn a_weight_of_zero_refuses_an_encoding() {
        assert_eq!(accepted("gzip, deflate, br"), Encoding::ALL);
        assert_eq!(accepted("gzip;q=0.5, br;q=0"), [Encoding::Gzip]);
        assert_eq!(accepted("GZIP ; q=0.000"), []);
        assert_eq!(accepted("identity, brx"), []);
    }
}
