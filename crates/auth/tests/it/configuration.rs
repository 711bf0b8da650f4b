//! Settings that must be refused at the start, with a text that says which one.

use std::{fs, sync::Arc};

use hubbub_auth::{Algorithm, Config, Minter, Secret, Verifier};

use crate::support::{SECRET, StoppedClock, config, key_path, key_text};

fn refusal(config: &Config) -> String {
    Verifier::new(config, Arc::new(StoppedClock)).expect_err("it must be refused").to_string()
}

#[test]
fn a_verifier_needs_keys_an_issuer_and_an_audience() {
    assert!(refusal(&config()).contains("no keys"));
    let with_secret = || Config { secret: Secret::new(SECRET), ..config() };
    assert!(
        refusal(&Config { issuer: String::new(), ..with_secret() }).contains("issuer is empty")
    );
    assert!(refusal(&Config { audience: String::new(), ..with_secret() }).contains("audience"));
}

#[test]
fn a_short_secret_is_refused() {
    let short = Secret::new(&SECRET[1..]);
    assert!(refusal(&Config { secret: short.clone(), ..config() }).contains("fewer than 32 bytes"));
    assert!(Minter::hs256(&short, "issuer", "chat").is_err());
}

#[test]
fn unfit_key_files_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let written = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("written");
        path
    };
    let certificate = key_text("rsa.public.pem").replace("PUBLIC KEY", "CERTIFICATE");
    let two = key_text("rsa.public.pem") + &key_text("ed25519.private.pem");
    for (path, part) in [
        (key_path("rsa1024.public.pem"), "2048"),
        (key_path("p384.public.pem"), "none of Ed25519"),
        (key_path("rsa.private.pem"), "private key"),
        (key_path("ed25519.private.pem"), "private key"),
        (key_path("absent.pem"), "cannot read"),
        (written("empty.pem", ""), "no PEM public key"),
        (
            written("noise.pem", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
            "none",
        ),
        (written("certificate.pem", &certificate), "none of Ed25519"),
        (written("two.pem", &two), "private key"),
    ] {
        let refusal = refusal(&Config { public_key_files: vec![path.clone()], ..config() });
        assert!(refusal.contains(part), "{path:?}: {refusal}");
    }
    let both = written("both.pem", &(key_text("rsa.public.pem") + &key_text("p256.public.pem")));
    let several = Config { public_key_files: vec![both], ..config() };
    assert!(Verifier::new(&several, Arc::new(StoppedClock)).is_ok());
}

#[test]
fn key_sets_come_over_https_or_from_this_machine() {
    for url in [
        "http://example.org/keys",
        "http://127.0.0.1.example.org/keys",
        "http://localhost.example.org/keys",
        "http://10.0.0.1/keys",
        "ftp://127.0.0.1/keys",
        "file:///etc/passwd",
        "https://user:word@example.org/keys",
        "not an address",
    ] {
        assert!(
            refusal(&Config { jwks_url: url.into(), ..config() }).contains("jwks_url"),
            "{url}"
        );
    }
    for url in ["https://example.org/keys", "http://127.0.0.1:1/keys", "http://[::1]:1/keys"] {
        let config = Config { jwks_url: url.into(), ..config() };
        assert!(Verifier::new(&config, Arc::new(StoppedClock)).is_ok(), "{url}");
    }
    let shared = Config {
        jwks_url: "https://example.org/keys".into(),
        jwks_algorithms: vec![Algorithm::Hs256],
        ..config()
    };
    assert!(refusal(&shared).contains("HS256"));
}

#[test]
fn nothing_prints_a_key() {
    let config = Config { secret: Secret::new(SECRET), ..config() };
    let verifier = Verifier::new(&config, Arc::new(StoppedClock)).expect("right settings");
    let minter = Minter::hs256(&config.secret, "issuer", "chat").expect("long enough");
    let printed = format!("{config:?} {verifier:?} {minter:?} {:?}", config.secret);
    assert!(!printed.contains(&SECRET[..8]), "{printed}");
    let bytes = format!("{:?}", &SECRET.as_bytes()[..4]);
    assert!(!printed.contains(bytes.trim_matches(['[', ']'])), "{printed}");
}
