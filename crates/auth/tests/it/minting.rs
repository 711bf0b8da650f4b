//! What the minter makes, the verifier takes.

use std::time::Duration;

use hubbub_auth::{AuthError, Minter, NewToken, Secret};
use hubbub_domain::{Clock, UserId};

use crate::support::{NOW, SECRET, StoppedClock, by_public_key, by_secret, key_text};

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn both_kinds_of_minted_tokens_pass() {
    let secret = Minter::hs256(&Secret::new(SECRET), "issuer", "chat").expect("long enough");
    let pem = Secret::new(key_text("ed25519.private.pem"));
    let private = Minter::ed25519(&pem, "issuer", "chat").expect("a key").with_key_id("k1");
    let user = UserId::parse("bob").expect("an id");
    let now = StoppedClock.now();
    let token =
        NewToken { session: Some("s"), token_id: Some("t"), ..NewToken::new(&user, now, MINUTE) };
    for (minter, verifier) in
        [(secret, by_secret()), (private, by_public_key("ed25519.public.pem"))]
    {
        let minted = minter.mint(&token).expect("signed");
        let claims = verifier.verify(&minted).await.expect("it passes");
        assert_eq!(claims.sub, user);
        assert_eq!(claims.expires_at.as_micros(), (NOW + 60) * 1_000_000);
        assert_eq!((claims.session.as_deref(), claims.token_id.as_deref()), (Some("s"), Some("t")));
    }
}

#[tokio::test]
async fn a_minted_token_is_for_one_audience() {
    let minter = Minter::hs256(&Secret::new(SECRET), "issuer", "elsewhere").expect("long enough");
    let user = UserId::parse("bob").expect("an id");
    let token = minter.mint(&NewToken::new(&user, StoppedClock.now(), MINUTE)).expect("signed");
    assert_eq!(by_secret().verify(&token).await, Err(AuthError::Audience));
}

#[test]
fn only_ed25519_private_keys_mint() {
    for file in ["rsa.private.pem", "p256.private.pem", "ed25519.public.pem"] {
        assert!(Minter::ed25519(&Secret::new(key_text(file)), "i", "a").is_err(), "{file}");
    }
}
