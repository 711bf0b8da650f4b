//! An issuer's key set: rotation, outage, floods, and documents that are not what they should be.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use hubbub_auth::{Algorithm as Ours, AuthError, Config, Verifier};
use jsonwebtoken::{Algorithm, EncodingKey, jwk::Jwk};
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::support::{SECRET, base64url, config, good_claims, key_text, signed, verifier};

/// An issuer on a port of this machine, whose answer can be changed. Dropping it closes the port.
struct Issuer {
    url: String,
    answer: watch::Sender<Answer>,
    reads: Arc<AtomicU64>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
enum Answer {
    Keys(Vec<Value>),
    Text(String),
    Status(StatusCode),
    Moved(String),
    Never,
}

#[derive(Clone)]
struct Shown {
    answer: watch::Receiver<Answer>,
    reads: Arc<AtomicU64>,
}

impl Issuer {
    async fn start(answer: Answer) -> Self {
        let (sender, receiver) = watch::channel(answer);
        let reads = Arc::new(AtomicU64::new(0));
        let shown = Shown { answer: receiver, reads: Arc::clone(&reads) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/keys", listener.local_addr().expect("bound"));
        let routes = Router::new().route("/keys", get(show)).with_state(shown);
        let server = tokio::spawn(async move {
            axum::serve(listener, routes).await.expect("it serves");
        });
        Self { url, answer: sender, reads, server }
    }

    fn now_answers(&self, answer: Answer) {
        self.answer.send_replace(answer);
    }

    fn reads(&self) -> u64 {
        self.reads.load(Ordering::SeqCst)
    }

    /// Settings whose cooldown never keeps a test waiting.
    fn eager(&self) -> Config {
        Config { jwks_url: self.url.clone(), jwks_cooldown_ms: 0, jwks_timeout_ms: 500, ..config() }
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn show(State(shown): State<Shown>) -> axum::response::Response {
    shown.reads.fetch_add(1, Ordering::SeqCst);
    let answer = shown.answer.borrow().clone();
    match answer {
        Answer::Keys(keys) => json!({"keys": keys}).to_string().into_response(),
        Answer::Text(text) => text.into_response(),
        Answer::Status(status) => status.into_response(),
        Answer::Moved(to) => (StatusCode::FOUND, [("location", to)]).into_response(),
        Answer::Never => std::future::pending().await,
    }
}

fn ed25519(file: &str) -> EncodingKey {
    EncodingKey::from_ed_pem(key_text(file).as_bytes()).expect("an Ed25519 key")
}

/// The public half of an Ed25519 key as the issuer publishes it.
fn published(file: &str, id: &str) -> Value {
    let mut jwk = Jwk::from_encoding_key(&ed25519(file), Algorithm::EdDSA).expect("a public half");
    jwk.common.key_id = Some(id.to_owned());
    serde_json::to_value(jwk).expect("JSON")
}

const FIRST: &str = "ed25519.private.pem";
const SECOND: &str = "ed25519.other.private.pem";

fn token(file: &str, id: &str) -> String {
    let header = json!({"alg": "EdDSA", "kid": id}).to_string();
    signed(&header, &good_claims().to_string(), Algorithm::EdDSA, &ed25519(file))
}

#[tokio::test]
async fn a_new_key_is_found_and_a_withdrawn_one_ends() {
    let issuer = Issuer::start(Answer::Keys(vec![published(FIRST, "k1")])).await;
    let verifier = verifier(&issuer.eager());
    assert!(verifier.verify(&token(FIRST, "k1")).await.is_ok());
    assert!(verifier.verify(&token(FIRST, "k1")).await.is_ok());
    assert_eq!(issuer.reads(), 1, "a known key asks nobody");

    issuer.now_answers(Answer::Keys(vec![published(SECOND, "k2")]));
    assert!(verifier.verify(&token(SECOND, "k2")).await.is_ok());
    assert_eq!(verifier.verify(&token(FIRST, "k1")).await, Err(AuthError::UnknownKey));
}

#[tokio::test]
async fn a_bad_signature_under_a_known_key_asks_nobody() {
    let issuer = Issuer::start(Answer::Keys(vec![published(FIRST, "k1")])).await;
    let verifier = verifier(&issuer.eager());
    assert!(verifier.verify(&token(FIRST, "k1")).await.is_ok());
    assert_eq!(verifier.verify(&token(SECOND, "k1")).await, Err(AuthError::Signature));
    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    let hs256 = signed(r#"{"alg":"HS256"}"#, "{}", Algorithm::HS256, &secret);
    assert_eq!(verifier.verify(&hs256).await, Err(AuthError::UnknownKey));
    assert_eq!(issuer.reads(), 1);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_reads_the_set_once() {
    let issuer = Issuer::start(Answer::Keys(vec![published(FIRST, "k1")])).await;
    let verifier = verifier(&Config { jwks_cooldown_ms: 600_000, ..issuer.eager() });
    let flood = (0..200).map(|n| {
        let verifier = verifier.clone();
        async move { verifier.verify(&token(SECOND, &format!("made-up-{n}"))).await }
    });
    let tasks: Vec<_> = flood.map(tokio::spawn).collect();
    for task in tasks {
        assert_eq!(task.await.expect("no panic"), Err(AuthError::UnknownKey));
    }
    assert_eq!(issuer.reads(), 1);
    assert!(verifier.verify(&token(FIRST, "k1")).await.is_ok());
}

#[tokio::test]
async fn a_silent_issuer_keeps_nobody_waiting_in_line() {
    let issuer = Issuer::start(Answer::Never).await;
    let verifier = verifier(&issuer.eager());
    let asked = Instant::now();
    let callers = (0..50).map(|_| {
        let verifier = verifier.clone();
        tokio::spawn(async move { verifier.verify(&token(FIRST, "k1")).await })
    });
    let callers: Vec<_> = callers.collect();
    for caller in callers {
        assert_eq!(caller.await.expect("no panic"), Err(AuthError::KeysUnavailable));
    }
    assert!(issuer.reads() <= 2, "one read serves all who wait");
    assert!(asked.elapsed() < Duration::from_secs(5), "two time-outs and no more");
}

#[tokio::test]
async fn old_keys_hold_while_the_issuer_fails() {
    let issuer = Issuer::start(Answer::Keys(vec![published(FIRST, "k1")])).await;
    let verifier = verifier(&issuer.eager());
    assert!(verifier.verify(&token(FIRST, "k1")).await.is_ok());
    for answer in [
        Answer::Status(StatusCode::INTERNAL_SERVER_ERROR),
        Answer::Status(StatusCode::NO_CONTENT),
        Answer::Text("<html>".to_owned()),
        Answer::Text("[]".to_owned()),
        Answer::Text(" ".repeat(300_000)),
        Answer::Keys(vec![published(SECOND, "k2"); 33]),
        Answer::Moved(issuer.url.replace("/keys", "/elsewhere")),
        Answer::Never,
    ] {
        issuer.now_answers(answer);
        let asked = Instant::now();
        assert_eq!(verifier.verify(&token(SECOND, "k2")).await, Err(AuthError::UnknownKey));
        assert!(asked.elapsed() < Duration::from_secs(5), "the time-out holds");
        assert!(verifier.verify(&token(FIRST, "k1")).await.is_ok());
    }
    assert_eq!(issuer.reads(), 9, "each was asked for once");
}

#[tokio::test]
async fn an_issuer_that_never_answered_is_an_outage() {
    let issuer = Issuer::start(Answer::Status(StatusCode::BAD_GATEWAY)).await;
    let verifier = verifier(&issuer.eager());
    let refused = verifier.verify(&token(FIRST, "k1")).await.expect_err("no keys yet");
    assert_eq!(refused, AuthError::KeysUnavailable);
    let fault = hubbub_domain::Fault::from(refused);
    assert_eq!(fault.code, hubbub_domain::Code::Unavailable);
    issuer.now_answers(Answer::Keys(vec![published(FIRST, "k1")]));
    assert!(verifier.verify(&token(FIRST, "k1")).await.is_ok());
}

#[tokio::test]
async fn two_keys_of_one_id_are_both_tried() {
    let both = vec![published(FIRST, "same"), published(SECOND, "same")];
    let issuer = Issuer::start(Answer::Keys(both)).await;
    let verifier = verifier(&issuer.eager());
    assert!(verifier.verify(&token(FIRST, "same")).await.is_ok());
    assert!(verifier.verify(&token(SECOND, "same")).await.is_ok());
    let no_id = signed(
        r#"{"alg":"EdDSA"}"#,
        &good_claims().to_string(),
        Algorithm::EdDSA,
        &ed25519(SECOND),
    );
    assert!(verifier.verify(&no_id).await.is_ok());
}

#[tokio::test]
async fn keys_that_are_not_for_this_are_passed_over() {
    let with = |name: &str, value: Value| {
        let mut key = published(SECOND, "k2");
        key[name] = value;
        key
    };
    let shared = json!({"kty": "oct", "kid": "k2", "alg": "HS256", "k": base64url(SECRET)});
    let unusable = [
        with("use", json!("enc")),
        with("key_ops", json!(["sign"])),
        with("alg", json!("RS256")),
        with("alg", json!("none")),
        with("crv", json!("Ed448")),
        with("crv", json!("P-256")),
        with("x", json!("AAAA")),
        with("kty", json!("AKP")),
        with("kty", json!("RSA")),
        json!({"kty": "RSA", "kid": "k2", "n": base64url([0xff; 128]), "e": "AQAB"}),
        json!({"kty": "EC", "kid": "k2", "crv": "P-384", "x": "AAAA", "y": "AAAA"}),
        shared.clone(),
        json!(7),
        json!({}),
    ];
    let header = json!({"alg": "HS256", "kid": "k2"}).to_string();
    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    let by_secret = signed(&header, &good_claims().to_string(), Algorithm::HS256, &secret);
    for key in unusable {
        let keys = vec![key.clone(), published(FIRST, "k1")];
        let issuer = Issuer::start(Answer::Keys(keys)).await;
        let verifier = verifier(&issuer.eager());
        assert!(verifier.verify(&token(FIRST, "k1")).await.is_ok(), "{key}");
        assert_eq!(
            verifier.verify(&token(SECOND, "k2")).await,
            Err(AuthError::UnknownKey),
            "{key}"
        );
        assert_eq!(verifier.verify(&by_secret).await, Err(AuthError::UnknownKey), "{key}");
    }
}

#[tokio::test]
async fn only_configured_algorithms_are_taken_from_the_set() {
    let issuer = Issuer::start(Answer::Keys(vec![published(FIRST, "k1")])).await;
    let only_rsa = Config { jwks_algorithms: vec![Ours::Rs256], ..issuer.eager() };
    let refused = verifier(&only_rsa).verify(&token(FIRST, "k1")).await;
    assert_eq!(refused, Err(AuthError::UnknownKey));
    assert_eq!(issuer.reads(), 0, "no key for EdDSA is looked for");
}

#[tokio::test]
async fn every_kind_of_public_key_works_from_the_set() {
    let rsa = EncodingKey::from_rsa_pem(key_text("rsa.private.pem").as_bytes()).expect("RSA");
    let ec = EncodingKey::from_ec_pem(key_text("p256.private.pem").as_bytes()).expect("P-256");
    for (algorithm, key) in [(Algorithm::RS256, rsa), (Algorithm::ES256, ec)] {
        let jwk = Jwk::from_encoding_key(&key, algorithm).expect("a public half");
        let jwk = serde_json::to_value(jwk).expect("JSON");
        let issuer = Issuer::start(Answer::Keys(vec![jwk])).await;
        let header = format!(r#"{{"alg":"{algorithm:?}","kid":"any"}}"#);
        let token = signed(&header, &good_claims().to_string(), algorithm, &key);
        assert!(verifier(&issuer.eager()).verify(&token).await.is_ok(), "{algorithm:?}");
    }
}

#[tokio::test]
async fn the_set_is_read_in_the_background() {
    let issuer = Issuer::start(Answer::Keys(vec![published(FIRST, "k1")])).await;
    let verifier = verifier(&Config { jwks_refresh_seconds: 1, ..issuer.eager() });
    let stop = CancellationToken::new();
    let task = tokio::spawn(verifier.clone().keep_fresh(stop.clone()));
    until(|| issuer.reads() >= 1).await;
    issuer.now_answers(Answer::Keys(Vec::new()));
    let withdrawn = issuer.reads() + 2;
    until(|| issuer.reads() >= withdrawn).await;
    assert_eq!(verifier.verify(&token(FIRST, "k1")).await, Err(AuthError::UnknownKey));
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(2), task).await.expect("it ends").expect("no panic");
    without_key_set_it_waits_for_the_end().await;
}

async fn without_key_set_it_waits_for_the_end() {
    let stop = CancellationToken::new();
    let verifier: Verifier = crate::support::by_secret();
    let task = tokio::spawn(verifier.keep_fresh(stop.clone()));
    assert!(!task.is_finished());
    stop.cancel();
    task.await.expect("no panic");
}

async fn until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "it did not come true in time");
        // Polling with a deadline: the condition is what is waited for, not the time.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
