//! Free loopback ports for servers that must be told their port before they start.
//!
//! They come from below the range that Linux hands out for outgoing connections and for port 0
//! (32768 and up, `ip_local_port_range`): a port from there could be taken by any connection
//! between our look and the server's bind, or while a server under test is down. Within this
//! process no port is given twice; between processes a random start makes a clash unlikely, and
//! the servers here try again with other ports when one happens.

use std::{collections::HashSet, net::TcpListener};

use parking_lot::Mutex;

static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// A port that nobody listens on now, and that this function will not give again.
pub fn free_port() -> u16 {
    let mut given = GIVEN.lock();
    let given = given.get_or_insert_with(HashSet::new);
    loop {
        let port = rand::random_range(12_000..32_000);
        if !given.contains(&port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            given.insert(port);
            return port;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::free_port;

    #[test]
    fn no_port_is_given_twice() {
        let mut ports: Vec<_> = (0..100).map(|_| free_port()).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 100);
    }
}
