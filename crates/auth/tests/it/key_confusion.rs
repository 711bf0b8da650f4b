//! The algorithm belongs to the key: no header makes a key serve another one (RFC 8725 section 2.1).

use hubbub_auth::{AuthError, Config, Secret};
use jsonwebtoken::{Algorithm, EncodingKey};

use crate::support::{
    SECRET, by_public_key, config, good_claims, hs256, judged, key_path, key_text, signed, verifier,
};

/// Public key file, algorithm, and the private key that fits.
fn pairs() -> [(&'static str, Algorithm, EncodingKey); 4] {
    let rsa =
        || EncodingKey::from_rsa_pem(key_text("rsa.private.pem").as_bytes()).expect("an RSA key");
    let ec =
        EncodingKey::from_ec_pem(key_text("p256.private.pem").as_bytes()).expect("a P-256 key");
    let ed = EncodingKey::from_ed_pem(key_text("ed25519.private.pem").as_bytes())
        .expect("an Ed25519 key");
    [
        ("rsa.public.pem", Algorithm::RS256, rsa()),
        ("rsa.public.pkcs1.pem", Algorithm::RS256, rsa()),
        ("p256.public.pem", Algorithm::ES256, ec),
        ("ed25519.public.pem", Algorithm::EdDSA, ed),
    ]
}

fn header(algorithm: Algorithm) -> String {
    format!(r#"{{"alg":"{algorithm:?}"}}"#)
}

#[tokio::test]
async fn each_kind_of_public_key_verifies_its_own_tokens_and_no_others() {
    let claims = good_claims().to_string();
    for (file, algorithm, _) in &pairs() {
        let verifier = by_public_key(file);
        for (_, signed_with, key) in &pairs() {
            let token = signed(&header(*signed_with), &claims, *signed_with, key);
            let passes = verifier.verify(&token).await.is_ok();
            assert_eq!(passes, algorithm == signed_with, "{file} {signed_with:?}");
        }
    }
}

#[tokio::test]
async fn a_public_key_is_never_a_shared_secret() {
    let claims = good_claims().to_string();
    for (file, ..) in &pairs() {
        let verifier = by_public_key(file);
        let text = key_text(file);
        let der: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
        for secret in [text.as_str(), text.trim_end(), der.as_str()] {
            for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let key = EncodingKey::from_secret(secret.as_bytes());
                let token = signed(&header(algorithm), &claims, algorithm, &key);
                assert_eq!(verifier.verify(&token).await, Err(AuthError::UnknownKey), "{file}");
            }
        }
    }
}

#[tokio::test]
async fn related_algorithms_are_not_accepted() {
    let claims = good_claims().to_string();
    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let token = signed(&header(algorithm), &claims, algorithm, &secret);
        assert_eq!(judged(&token).await, Err(AuthError::UnknownKey), "{algorithm:?}");
    }
    let [(file, _, rsa), ..] = pairs();
    for algorithm in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS512] {
        let token = signed(&header(algorithm), &claims, algorithm, &rsa);
        let answer = by_public_key(file).verify(&token).await;
        assert_eq!(answer, Err(AuthError::UnknownKey), "{algorithm:?}");
    }
    // The header says HS256 and the signature is another algorithm's, of the same secret.
    let lying = signed(&header(Algorithm::HS256), &claims, Algorithm::HS512, &secret);
    assert_eq!(judged(&lying).await, Err(AuthError::Signature));
}

#[tokio::test]
async fn another_key_of_the_same_kind_does_not_fit() {
    let other = EncodingKey::from_ed_pem(key_text("ed25519.other.private.pem").as_bytes())
        .expect("an Ed25519 key");
    let token =
        signed(&header(Algorithm::EdDSA), &good_claims().to_string(), Algorithm::EdDSA, &other);
    let answer = by_public_key("ed25519.public.pem").verify(&token).await;
    assert_eq!(answer, Err(AuthError::Signature));
}

#[tokio::test]
async fn several_sources_stand_side_by_side() {
    let all = Config {
        secret: Secret::new(SECRET),
        public_key_files: vec![key_path("rsa.public.pem"), key_path("ed25519.public.pem")],
        ..config()
    };
    let verifier = verifier(&all);
    assert!(verifier.verify(&hs256(&good_claims())).await.is_ok());
    let claims = good_claims().to_string();
    for (file, algorithm, key) in &pairs() {
        let token = signed(&header(*algorithm), &claims, *algorithm, key);
        let expected = *algorithm != Algorithm::ES256;
        assert_eq!(verifier.verify(&token).await.is_ok(), expected, "{file}");
    }
}
