//! Keys that the cluster signs its own tokens with: Ed25519, made here, and published as a key set.

use std::fmt;

use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::error::KeyError;

/// A private key, with the id under which its public half is published.
#[derive(Clone)]
pub struct SigningKey {
    pkcs8: Vec<u8>,
    public: String,
    id: String,
}

impl SigningKey {
    pub fn generate() -> Result<Self, KeyError> {
        let made = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new());
        Self::from_pkcs8(made.map_err(|_| KeyError::NotMade)?.as_ref())
    }

    /// A key as it was kept: PKCS #8 in DER (RFC 8410 section 7).
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let pair =
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| KeyError::NotEd25519)?;
        let public = URL_SAFE_NO_PAD.encode(pair.public_key());
        // The key's thumbprint (RFC 7638, RFC 8037 appendix A.3): the members in order of their names.
        let described = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{public}"}}"#);
        let thumbprint = digest::digest(&digest::SHA256, described.as_bytes());
        Ok(Self { pkcs8: der.to_vec(), public, id: URL_SAFE_NO_PAD.encode(thumbprint) })
    }

    /// The private key itself, to be kept where only its owner reads.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// What tokens name it by (`kid`).
    pub fn id(&self) -> &str {
        &self.id
    }

    fn published(&self) -> Value {
        json!({
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
            "kid": self.id, "x": self.public,
        })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The public halves as a JWK set (RFC 7517 section 5).
pub fn key_set<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> Vec<u8> {
    let keys: Vec<Value> = keys.into_iter().map(SigningKey::published).collect();
    serde_json::to_vec(&json!({ "keys": keys })).expect("text keys only")
}

#[cfg(test)]
mod tests {
    use super::SigningKey;

    #[test]
    fn a_key_is_kept_and_found_again_and_never_shown() {
        let key = SigningKey::generate().unwrap();
        let again = SigningKey::from_pkcs8(key.pkcs8()).unwrap();
        assert_eq!(key.id(), again.id());
        assert_eq!(format!("{key:?}"), format!("SigningKey {{ id: {:?}, .. }}", key.id()));
        assert!(SigningKey::from_pkcs8(b"none").is_err());
    }
}
