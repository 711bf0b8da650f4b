//! WebSocket close codes. The hundreds say what a client should do: 4000–4499 mean "come back",
//! 4500–4999 mean "do not, until something changed".

/// Why the server closed a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// The node is going away at once.
    GoingAway,
    /// The client took nothing for the write time-out.
    TooSlow,
    /// The client kept on sending beyond its rate.
    Rate,
    /// The client was asked to move and has not.
    Moved,
    /// The client answered no ping.
    Silent,
    /// The cluster could not welcome the client just now.
    TryAgain,
    /// No valid token in time, or the token expired.
    Unauthenticated,
    /// The token was taken back.
    Revoked,
    /// The user is banned.
    Banned,
    /// The client broke the protocol; the reason says how.
    Protocol,
    /// The user has too many connections.
    TooManyConnections,
    /// Another service of the deployment wants it so.
    Service(ServiceCode),
}

/// A code in the ranges that are left to services of the deployment: 4400–4499 (come back) and
/// 4900–4999 (do not). What it means is between them and their clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServiceCode(u16);

impl ServiceCode {
    /// Where nothing more exact is said.
    pub const DEFAULT: Self = Self(4900);

    /// `None` outside of the two ranges.
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            4400..=4499 | 4900..=4999 => Some(Self(code)),
            _ => None,
        }
    }
}

/// What a service's code means where the service does not say.
const SERVICE_MEANING: &str = "disconnected by a service";

impl CloseCode {
    /// The one table of hubbub's own: code, number, what it means for a client.
    pub const ALL: [(Self, u16, &'static str); 11] = [
        (Self::GoingAway, 4000, "the node is going away; reconnect"),
        (Self::Silent, 4002, "no answer to a ping; reconnect"),
        (
            Self::TryAgain,
            4003,
            "the cluster could not welcome you just now; reconnect with a delay",
        ),
        (Self::TooSlow, 4008, "nothing was read for the write time-out; reconnect and resume"),
        (Self::Rate, 4009, "too many requests beyond the rate; reconnect with a delay"),
        (Self::Moved, 4012, "asked to move; reconnect to another node"),
        (Self::Unauthenticated, 4501, "no valid token in time, or it expired; get another token"),
        (Self::Revoked, 4503, "the token was taken back; log in again"),
        (Self::Banned, 4504, "the user is banned"),
        (Self::Protocol, 4505, "the protocol was broken; the reason says how"),
        (Self::TooManyConnections, 4509, "too many connections of this user; close one first"),
    ];

    /// The number on the wire.
    pub fn code(self) -> u16 {
        self.row().0
    }

    /// What the code means, for the close frame when there is nothing more exact to say.
    pub fn meaning(self) -> &'static str {
        self.row().1
    }

    /// Whether the client should reconnect by itself.
    pub fn come_back(self) -> bool {
        self.code() < 4500
    }

    fn row(self) -> (u16, &'static str) {
        if let Self::Service(ServiceCode(code)) = self {
            return (code, SERVICE_MEANING);
        }
        let row = Self::ALL.into_iter().find(|row| row.0 == self);
        let (_, code, meaning) = row.expect("the table holds every code, as a test shows");
        (code, meaning)
    }
}

#[cfg(test)]
mod tests {
    use super::{CloseCode, ServiceCode};

    #[test]
    fn the_table_is_sorted_and_in_range() {
        let codes: Vec<u16> = CloseCode::ALL.iter().map(|row| row.1).collect();
        assert!(codes.is_sorted());
        assert!(codes.iter().all(|code| (4000..5000).contains(code)));
        for (code, number, meaning) in CloseCode::ALL {
            assert_eq!((code.code(), code.meaning()), (number, meaning));
            assert!(meaning.len() <= 123, "a close reason has at most 123 bytes (RFC 6455 5.5)");
        }
    }

    #[test]
    fn services_have_ranges_of_their_own() {
        let codes = (4000..5000).filter_map(ServiceCode::new);
        let codes: Vec<_> = codes.map(CloseCode::Service).collect();
        assert_eq!(codes.len(), 200);
        assert!(codes.iter().all(|code| !CloseCode::ALL.iter().any(|row| row.1 == code.code())));
        let numbers = |come_back: bool| {
            let some = codes.iter().filter(move |code| code.come_back() == come_back);
            some.map(|code| code.code()).collect::<Vec<_>>()
        };
        assert_eq!(numbers(true), (4400..4500).collect::<Vec<_>>());
        assert_eq!(numbers(false), (4900..5000).collect::<Vec<_>>());
        assert_eq!([1000, 3999, 4000, 4503, 5000].map(ServiceCode::new), [None; 5]);
        assert_eq!(ServiceCode::new(4900), Some(ServiceCode::DEFAULT));
    }
}
