//! A published key set (RFC 7517) read into keys.
//!
//! Keys of a kind, use or algorithm that is not for us are passed over one by one, so that an issuer
//! may publish newer kinds beside those we know. Symmetric keys are never taken from a key set.

use jsonwebtoken::{
    DecodingKey,
    jwk::{AlgorithmParameters, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    Algorithm,
    key::{Key, check_parameters},
};

/// Keys in a set at the most; a larger set is refused as a whole.
pub(crate) const KEYS_MAX: usize = 32;

/// Why a document is not a key set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JwksError {
    #[error("it is not a JSON object with an array `keys`")]
    Shape,
    #[error("it has more than {KEYS_MAX} keys")]
    TooMany,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// The keys of `document` that tokens may be checked with under the `allowed` algorithms. Two keys
/// of one id are both kept: which of them made a signature is found by trying.
pub(crate) fn parse(document: &[u8], allowed: &[Algorithm]) -> Result<Vec<Key>, JwksError> {
    let document: Document = serde_json::from_slice(document).map_err(|_| JwksError::Shape)?;
    if document.keys.len() > KEYS_MAX {
        return Err(JwksError::TooMany);
    }
    Ok(document.keys.into_iter().filter_map(|key| usable(key, allowed)).collect())
}

fn usable(key: Value, allowed: &[Algorithm]) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(key).ok()?;
    let algorithm = algorithm_of(&jwk).filter(|algorithm| allowed.contains(algorithm))?;
    let for_signatures = jwk.common.public_key_use.as_ref().is_none_or(is_signature)
        && jwk
            .common
            .key_operations
            .as_ref()
            .is_none_or(|all| all.contains(&KeyOperations::Verify));
    if !for_signatures || check_parameters(&jwk.algorithm, algorithm).is_err() {
        return None;
    }
    let decoding = DecodingKey::from_jwk(&jwk).ok()?;
    Some(Key { id: jwk.common.key_id, algorithm, decoding })
}

fn is_signature(key_use: &PublicKeyUse) -> bool {
    *key_use == PublicKeyUse::Signature
}

/// The algorithm a key is for: by its type, and not against what it says itself.
fn algorithm_of(jwk: &Jwk) -> Option<Algorithm> {
    let (algorithm, named) = match jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::Rs256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(_) => (Algorithm::Es256, KeyAlgorithm::ES256),
        AlgorithmParameters::OctetKeyPair(_) => (Algorithm::EdDsa, KeyAlgorithm::EdDSA),
        AlgorithmParameters::OctetKey(_) | _ => return None,
    };
    jwk.common.key_algorithm.is_none_or(|says| says == named).then_some(algorithm)
}
