//! Keys that tokens are checked with. A key carries the one algorithm it may be used for, and that
//! is settled when the key is read, before any token is seen (RFC 8725 section 3.1).

use std::fmt;

use jsonwebtoken::{
    DecodingKey,
    jwk::{AlgorithmParameters, Jwk},
};
use serde::Deserialize;

use crate::error::KeyError;

/// The signature algorithms that are ever accepted (RFC 7518 section 3.1, RFC 8037 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    #[serde(rename = "HS256")]
    Hs256,
    #[serde(rename = "EdDSA")]
    EdDsa,
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "RS256")]
    Rs256,
}

impl Algorithm {
    pub(crate) const fn wire(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
        }
    }
}

/// A key to verify with.
pub(crate) struct Key {
    /// Only keys of a key set have one. It helps to choose among keys and proves nothing.
    pub(crate) id: Option<String>,
    pub(crate) algorithm: Algorithm,
    pub(crate) decoding: DecodingKey,
}

impl Key {
    pub(crate) fn from_secret(secret: &[u8]) -> Self {
        Self { id: None, algorithm: Algorithm::Hs256, decoding: DecodingKey::from_secret(secret) }
    }

    /// Whether a token with this header may be tried against this key.
    pub(crate) fn fits(&self, algorithm: jsonwebtoken::Algorithm, id: Option<&str>) -> bool {
        let id_fits = match (&self.id, id) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        };
        id_fits && self.algorithm.wire() == algorithm
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// Every public key of a PEM text.
pub(crate) fn from_pem(text: &str) -> Result<Vec<Key>, KeyError> {
    let keys: Vec<Key> = pem_blocks(text).map(from_pem_block).collect::<Result<_, _>>()?;
    if keys.is_empty() { Err(KeyError::NoKey) } else { Ok(keys) }
}

/// The text from each `-----BEGIN` up to the next one.
fn pem_blocks(text: &str) -> impl Iterator<Item = &str> {
    let starts: Vec<usize> = text.match_indices("-----BEGIN").map(|(at, _)| at).collect();
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([text.len()]).collect();
    starts.into_iter().zip(ends).map(|(start, end)| &text[start..end])
}

fn from_pem_block(block: &str) -> Result<Key, KeyError> {
    match block.lines().next().map(str::trim_end) {
        Some("-----BEGIN PUBLIC KEY-----" | "-----BEGIN RSA PUBLIC KEY-----") => {}
        Some(label) if label.contains("PRIVATE") => return Err(KeyError::Private),
        _ => return Err(KeyError::Kind),
    }
    let pem = block.as_bytes();
    let (algorithm, decoding) = if let Ok(key) = DecodingKey::from_ed_pem(pem) {
        (Algorithm::EdDsa, key)
    } else if let Ok(key) = DecodingKey::from_ec_pem(pem) {
        (Algorithm::Es256, key)
    } else if let Ok(key) = DecodingKey::from_rsa_pem(pem) {
        (Algorithm::Rs256, key)
    } else {
        return Err(KeyError::Kind);
    };
    let described =
        Jwk::from_decoding_key(&decoding, Some(algorithm.wire())).map_err(|_| KeyError::Kind)?;
    check_parameters(&described.algorithm, algorithm)?;
    Ok(Key { id: None, algorithm, decoding })
}

/// That a key's numbers are of its algorithm's curve and of sufficient size.
pub(crate) fn check_parameters(
    parameters: &AlgorithmParameters,
    algorithm: Algorithm,
) -> Result<(), KeyError> {
    use jsonwebtoken::jwk::EllipticCurve;
    const COORDINATE_CHARS: usize = 43; // 32 bytes in base64url
    match (parameters, algorithm) {
        (AlgorithmParameters::OctetKeyPair(key), Algorithm::EdDsa)
            if key.curve == EllipticCurve::Ed25519 && key.x.len() == COORDINATE_CHARS =>
        {
            Ok(())
        }
        (AlgorithmParameters::EllipticCurve(key), Algorithm::Es256)
            if key.curve == EllipticCurve::P256
                && key.x.len() == COORDINATE_CHARS
                && key.y.len() == COORDINATE_CHARS =>
        {
            Ok(())
        }
        (AlgorithmParameters::RSA(key), Algorithm::Rs256) => {
            if (2_048..=8_192).contains(&modulus_bits(&key.n)) {
                Ok(())
            } else {
                Err(KeyError::RsaSize)
            }
        }
        _ => Err(KeyError::Kind),
    }
}

/// Bits of an unsigned big-endian number in base64url; 0 when it is not one.
fn modulus_bits(text: &str) -> usize {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(text) else { return 0 };
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    match bytes.get(zeros) {
        Some(top) => (bytes.len() - zeros) * 8 - top.leading_zeros() as usize,
        None => 0,
    }
}
