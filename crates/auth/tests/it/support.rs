//! Tokens of any shape, signed for real, and a clock that stands still.

use std::{path::PathBuf, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hubbub_auth::{AuthError, Claims, Config, Secret, Verifier};
use hubbub_domain::{Clock, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

pub(crate) const NOW: i64 = 1_700_000_000;
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A clock that always says [`NOW`].
pub(crate) struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(NOW * 1_000_000)
    }
}

pub(crate) fn key_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/keys").join(name)
}

pub(crate) fn key_text(name: &str) -> String {
    std::fs::read_to_string(key_path(name)).expect("the key is in the repository")
}

pub(crate) fn config() -> Config {
    Config { issuer: "issuer".into(), audience: "chat".into(), ..Config::default() }
}

/// A verifier of HS256 tokens.
pub(crate) fn by_secret() -> Verifier {
    verifier(&Config { secret: Secret::new(SECRET), ..config() })
}

/// A verifier of tokens made with the private half of a public key file.
pub(crate) fn by_public_key(name: &str) -> Verifier {
    verifier(&Config { public_key_files: vec![key_path(name)], ..config() })
}

pub(crate) fn verifier(config: &Config) -> Verifier {
    Verifier::new(config, Arc::new(StoppedClock)).expect("the settings are right")
}

/// Claims that pass.
pub(crate) fn good_claims() -> Value {
    json!({"iss": "issuer", "aud": "chat", "sub": "alice", "exp": NOW + 60})
}

/// Good claims, with some replaced; `null` takes one away.
pub(crate) fn claims_with(changes: Value) -> Value {
    let mut claims = good_claims();
    let Value::Object(changes) = changes else { panic!("changes are an object") };
    for (name, value) in changes {
        if value.is_null() {
            claims.as_object_mut().expect("an object").remove(&name);
        } else {
            claims[name] = value;
        }
    }
    claims
}

pub(crate) fn base64url(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// A token of exactly these texts, signed.
pub(crate) fn signed(
    header: &str,
    claims: &str,
    algorithm: Algorithm,
    key: &EncodingKey,
) -> String {
    let message = format!("{}.{}", base64url(header), base64url(claims));
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).expect("the key signs");
    format!("{message}.{signature}")
}

/// An HS256 token under [`SECRET`] with these header and claims texts.
pub(crate) fn hs256_texts(header: &str, claims: &str) -> String {
    signed(header, claims, Algorithm::HS256, &EncodingKey::from_secret(SECRET.as_bytes()))
}

/// An HS256 token under [`SECRET`] with these claims.
pub(crate) fn hs256(claims: &Value) -> String {
    hs256_texts(r#"{"alg":"HS256","typ":"JWT"}"#, &claims.to_string())
}

/// What the HS256 verifier says of a token.
pub(crate) async fn judged(token: &str) -> Result<Claims, AuthError> {
    by_secret().verify(token).await
}
