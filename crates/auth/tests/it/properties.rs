//! Whatever the bytes: an answer, never a panic, and never a pass.

use hubbub_auth::Verifier;
use proptest::prelude::*;

use crate::support::{base64url, by_secret, good_claims, hs256, hs256_texts};

/// Without a key set the verifier never waits, so one poll is enough.
fn passes(verifier: &Verifier, token: &str) -> bool {
    let mut future = std::pin::pin!(verifier.verify(token));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(answer) => answer.is_ok(),
        std::task::Poll::Pending => panic!("it waited"),
    }
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}") {
        prop_assert!(!passes(&by_secret(), &text));
    }

    #[test]
    fn any_three_parts_are_answered(
        header in prop::collection::vec(any::<u8>(), 0..80),
        claims in prop::collection::vec(any::<u8>(), 0..80),
        signature in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let token = [header, claims, signature].map(base64url).join(".");
        prop_assert!(!passes(&by_secret(), &token));
    }

    #[test]
    fn any_signed_claims_are_answered(header in "[\\x20-\\x7e]{0,60}", claims in "\\PC{0,120}") {
        let verifier = by_secret();
        let odd_header = hs256_texts(&header, &good_claims().to_string());
        let odd_claims = hs256_texts(r#"{"alg":"HS256"}"#, &claims);
        prop_assert!(!passes(&verifier, &odd_header));
        prop_assert!(!passes(&verifier, &odd_claims));
    }

    #[test]
    fn one_changed_byte_is_noticed(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
        let token = hs256(&good_claims());
        let at = at.index(token.len());
        let changed = format!("{}{to}{}", &token[..at], &token[at + 1..]);
        prop_assert_eq!(passes(&by_secret(), &changed), changed == token);
    }
}
