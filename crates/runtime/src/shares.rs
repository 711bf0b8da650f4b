//! What each client address holds of something bounded: connections, handshakes, bytes that wait.
//!
//! Two bounds hold at once, that of the process and that of one address, so that one address cannot use
//! up what is there for all. Addresses that hold nothing take no memory.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use parking_lot::Mutex;

/// Whose share it is. A household or a host has a /64 of IPv6 for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressGroup {
    V4([u8; 4]),
    V6(u64),
}

impl AddressGroup {
    /// The group of an address; IPv4 in the spelling of IPv6 is IPv4.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let network = u64::try_from(address.to_bits() >> 64).expect("64 bits are left");
                Self::V6(network)
            }
        }
    }
}

/// How much of something there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// For all addresses together.
    pub total: usize,
    /// For one of them.
    pub per_address: usize,
}

/// Which bound was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    Address,
    Total,
}

/// Counts shares. Clones count together.
#[derive(Clone, Debug)]
pub struct Shares(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bounds: Bounds,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    total: usize,
    by_group: HashMap<AddressGroup, usize>,
}

impl Shares {
    pub fn new(bounds: Bounds) -> Self {
        Self(Arc::new(Inner { bounds, held: Mutex::default() }))
    }

    /// A share of `amount`, until it is dropped.
    pub fn take(&self, address: IpAddr, amount: usize) -> Result<Share, Full> {
        let mut share = self.nothing(address);
        share.grow(amount).map(|()| share)
    }

    /// A share that holds nothing yet.
    pub fn nothing(&self, address: IpAddr) -> Share {
        Share { shares: self.clone(), group: AddressGroup::of(address), amount: 0 }
    }

    /// What all addresses hold.
    pub fn total(&self) -> usize {
        self.0.held.lock().total
    }

    fn add(&self, group: AddressGroup, amount: usize) -> Result<(), Full> {
        let Bounds { total, per_address } = self.0.bounds;
        let mut held = self.0.held.lock();
        if amount > total.saturating_sub(held.total) {
            return Err(Full::Total);
        }
        let own = held.by_group.get(&group).copied().unwrap_or(0);
        if amount > per_address.saturating_sub(own) {
            return Err(Full::Address);
        }
        held.total += amount;
        held.by_group.insert(group, own + amount);
        Ok(())
    }

    fn subtract(&self, group: AddressGroup, amount: usize) {
        let mut held = self.0.held.lock();
        held.total -= amount;
        if let Some(own) = held.by_group.get_mut(&group) {
            *own -= amount;
            if *own == 0 {
                held.by_group.remove(&group);
            }
        }
        // A crowd that has gone leaves no room behind.
        if held.by_group.len() < held.by_group.capacity() / 8 {
            held.by_group.shrink_to_fit();
        }
    }
}

/// What one holder has, given back when dropped.
#[derive(Debug)]
pub struct Share {
    shares: Shares,
    group: AddressGroup,
    amount: usize,
}

impl Share {
    /// More by `amount`; at a bound nothing changes.
    pub fn grow(&mut self, amount: usize) -> Result<(), Full> {
        if amount > 0 {
            self.shares.add(self.group, amount)?;
            self.amount += amount;
        }
        Ok(())
    }

    /// As much as `amount` from now on; at a bound nothing changes.
    pub fn set(&mut self, amount: usize) -> Result<(), Full> {
        if amount > self.amount {
            return self.grow(amount - self.amount);
        }
        if amount < self.amount {
            self.shares.subtract(self.group, self.amount - amount);
            self.amount = amount;
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.amount > 0 {
            self.shares.subtract(self.group, self.amount);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Bounds, Full, Shares};

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn both_bounds_hold_and_what_is_given_back_is_there_again() {
        let shares = Shares::new(Bounds { total: 10, per_address: 6 });
        let first = shares.take(address("192.0.2.1"), 6).unwrap();
        let mapped = address("::ffff:192.0.2.1");
        assert_eq!(shares.take(mapped, 1).unwrap_err(), Full::Address);
        let mut second = shares.take(address("192.0.2.2"), 4).unwrap();
        assert_eq!(second.grow(1), Err(Full::Total));
        assert_eq!(second.set(1), Ok(()));
        assert_eq!(shares.total(), 7);
        drop(first);
        assert_eq!(second.set(6), Ok(()));
        assert_eq!(second.set(7), Err(Full::Address));
        drop(second);
        let held = shares.0.held.lock();
        assert_eq!((held.total, held.by_group.len()), (0, 0), "nobody is remembered");
    }

    #[test]
    fn a_network_of_ipv6_is_one_holder() {
        let shares = Shares::new(Bounds { total: 10, per_address: 1 });
        let _one = shares.take(address("2001:db8::1"), 1).unwrap();
        assert_eq!(shares.take(address("2001:db8::ffff:2"), 1).unwrap_err(), Full::Address);
        assert!(shares.take(address("2001:db8:0:1::1"), 1).is_ok());
    }
}
