//! Limits on trying, counted in the store and so over all instances: logins per name and per
//! address, new people per address. A name that is tried is kept only as a hash: people type their
//! passwords into the wrong field.

use std::{net::IpAddr, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hubbub_domain::{Code, Fault, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::{
    config::AttemptsConfig,
    store::{Attempt, Store},
};

/// Whence a request comes: an address, or of IPv6 the network that one customer has.
#[derive(Clone, Debug)]
pub(crate) struct Origin(String);

impl Origin {
    /// Empty for callers who are no gateway.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, Fault> {
        if text.is_empty() {
            return Ok(None);
        }
        let address: IpAddr =
            text.parse().map_err(|_| Fault::bad_request("client_address is no IP address"))?;
        Ok(Some(Self(match address.to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let network = address.to_bits() >> 64;
                format!("{network:016x}::/64")
            }
        })))
    }
}

/// The limits, on a store.
pub(crate) struct Attempts<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) config: &'a AttemptsConfig,
    pub(crate) now: Timestamp,
}

impl Attempts<'_> {
    /// Before a password is looked at.
    pub(crate) async fn login(&self, folded: &str, origin: Option<&Origin>) -> Result<(), Fault> {
        let AttemptsConfig { address_burst, address_every, name_burst, name_every, .. } =
            self.config;
        if let Some(Origin(origin)) = origin {
            let key = format!("login:{origin}");
            self.count(&key, (address_burst.get(), *address_every), "logins from your address")
                .await?;
        }
        let key = name_key(folded);
        self.count(&key, (name_burst.get(), *name_every), "logins with this name").await
    }

    /// After the right password: its owner's own mistakes do not count.
    pub(crate) async fn logged_in(&self, folded: &str) -> Result<(), Fault> {
        Ok(self.store.forgive(&name_key(folded)).await?)
    }

    pub(crate) async fn newcomer(&self, origin: Option<&Origin>) -> Result<(), Fault> {
        let AttemptsConfig { new_burst, new_every, .. } = self.config;
        let Some(Origin(origin)) = origin else { return Ok(()) };
        let key = format!("new:{origin}");
        self.count(&key, (new_burst.get(), *new_every), "new people from your address").await
    }

    async fn count(
        &self,
        key: &str,
        (burst, every): (u32, Duration),
        what: &'static str,
    ) -> Result<(), Fault> {
        let attempt = Attempt { key, burst, every, at: self.now };
        match self.store.attempt(&attempt).await? {
            None => Ok(()),
            Some(wait) => {
                Err(Fault::new(Code::RateLimited, format!("too many {what}")).retry_after(wait))
            }
        }
    }
}

fn name_key(folded: &str) -> String {
    format!("name:{}", URL_SAFE_NO_PAD.encode(Sha256::digest(folded.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::Origin;

    #[test]
    fn one_customer_is_one_origin() {
        let origin = |text| Origin::parse(text).unwrap().unwrap().0;
        assert_eq!(origin("192.0.2.7"), origin("::ffff:192.0.2.7"));
        assert_eq!(origin("2001:db8:1:2::1"), origin("2001:db8:1:2:ffff::9"));
        assert_ne!(origin("2001:db8:1:2::1"), origin("2001:db8:1:3::1"));
        assert!(Origin::parse("").unwrap().is_none());
        assert!(Origin::parse("localhost").is_err());
    }
}
