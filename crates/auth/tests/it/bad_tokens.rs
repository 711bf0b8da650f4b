//! Every way a token can be bad that RFC 8725 and RFC 7519 know, one by one. All are signed with
//! the right key unless the signature is the point, so that nothing hides behind a bad signature.

use hubbub_auth::{AuthError, TOKEN_BYTES_MAX};
use hubbub_domain::Timestamp;
use serde_json::json;

use crate::support::{NOW, base64url, claims_with, good_claims, hs256, hs256_texts, judged};

#[tokio::test]
async fn a_good_token_passes() {
    let token = hs256(&claims_with(json!({"jti": "t1", "sid": "s1", "iat": 1.5, "extra": [1]})));
    let claims = judged(&token).await.expect("it is good");
    assert_eq!(claims.sub.as_str(), "alice");
    assert_eq!(claims.expires_at.as_micros(), (NOW + 60) * 1_000_000);
    assert_eq!(claims.token_id.as_deref(), Some("t1"));
    assert_eq!(claims.session.as_deref(), Some("s1"));
}

/// A `NumericDate` with a fraction.
fn seconds(whole: i64) -> f64 {
    f64::from(i32::try_from(whole).expect("before 2038"))
}

#[tokio::test]
async fn a_fraction_of_a_second_counts_in_every_time() {
    for (text, micros) in
        [("1796073600.5", 1_796_073_600_500_000), ("1.7960736e9", 1_796_073_600_000_000)]
    {
        let claims = good_claims().to_string();
        let exp = format!("\"exp\":{}", NOW + 60);
        assert!(claims.contains(&exp), "{claims}");
        let body = claims.replace(&exp, &format!(r#""exp":{text},"nbf":0.25,"iat":1.75"#));
        let claims = judged(&hs256_texts(r#"{"alg":"HS256"}"#, &body)).await.expect(text);
        assert_eq!(claims.expires_at.as_micros(), micros, "{text}");
        assert_eq!(claims.issued_at, Some(Timestamp::from_micros(1_000_000)));
    }
}

#[tokio::test]
async fn times_are_judged_with_leeway_and_without_rounding() {
    let bad = |name| Err(AuthError::Claim(name));
    let cases = [
        (json!({"exp": null}), bad("exp")),
        (json!({"exp": (NOW + 60).to_string()}), bad("exp")),
        (json!({"exp": seconds(NOW) - 4.5}), Ok(())),
        (json!({"exp": seconds(NOW) - 5.5}), Err(AuthError::Expired)),
        (json!({"exp": 1e300}), Ok(())),
        (json!({"exp": -0.5}), bad("exp")),
        (json!({"exp": -1}), bad("exp")),
        (json!({"exp": true}), bad("exp")),
        (json!({"exp": [NOW + 60]}), Err(AuthError::Claims)),
        (json!({"exp": 0}), Err(AuthError::Expired)),
        (json!({"exp": NOW - 5}), Err(AuthError::Expired)),
        (json!({"exp": NOW - 4}), Ok(())),
        (json!({"exp": u64::MAX}), Ok(())),
        (json!({"nbf": NOW + 6}), Err(AuthError::NotYetValid)),
        (json!({"nbf": NOW + 5}), Ok(())),
        (json!({"nbf": "now"}), bad("nbf")),
        (json!({"nbf": -1}), bad("nbf")),
        (json!({"nbf": 0.5}), Ok(())),
        (json!({"nbf": seconds(NOW) + 4.5}), Ok(())),
        (json!({"nbf": seconds(NOW) + 5.5}), Err(AuthError::NotYetValid)),
        (json!({"nbf": u64::MAX}), Err(AuthError::NotYetValid)),
    ];
    for (change, expected) in cases {
        let answer = judged(&hs256(&claims_with(change.clone()))).await;
        assert_eq!(answer.map(|_| ()), expected, "{change}");
    }
}

#[tokio::test]
async fn issuer_and_audience_must_be_ours() {
    let cases = [
        (json!({"iss": "another"}), Err(AuthError::Issuer)),
        (json!({"iss": ""}), Err(AuthError::Issuer)),
        (json!({"iss": "issuer "}), Err(AuthError::Issuer)),
        (json!({"iss": null}), Err(AuthError::Claim("iss"))),
        (json!({"iss": ["issuer"]}), Err(AuthError::Claim("iss"))),
        (json!({"iss": ["another"]}), Err(AuthError::Issuer)),
        (json!({"iss": 7}), Err(AuthError::Claim("iss"))),
        (json!({"aud": "another"}), Err(AuthError::Audience)),
        (json!({"aud": "Chat"}), Err(AuthError::Audience)),
        (json!({"aud": ["another", "third"]}), Err(AuthError::Audience)),
        (json!({"aud": []}), Err(AuthError::Audience)),
        (json!({"aud": null}), Err(AuthError::Claim("aud"))),
        (json!({"aud": 7}), Err(AuthError::Claim("aud"))),
        (json!({"aud": {"chat": true}}), Err(AuthError::Claim("aud"))),
        (json!({"aud": ["another", "chat"]}), Ok(())),
    ];
    for (change, expected) in cases {
        let answer = judged(&hs256(&claims_with(change.clone()))).await;
        assert_eq!(answer.map(|_| ()), expected, "{change}");
    }
}

#[tokio::test]
async fn the_subject_must_be_a_user_id() {
    for sub in [
        json!(null),
        json!(""),
        json!(7),
        json!(["alice"]),
        json!({"id": "alice"}),
        json!("a\u{0}b"),
        json!("x".repeat(129)),
        json!("system"),
    ] {
        let answer = judged(&hs256(&claims_with(json!({"sub": sub})))).await;
        let nested = sub.is_array() || sub.is_object();
        let expected = if nested { AuthError::Claims } else { AuthError::Claim("sub") };
        assert_eq!(answer, Err(expected), "{sub}");
    }
    for name in ["jti", "sid"] {
        let answer = judged(&hs256(&claims_with(json!({name: 7})))).await;
        assert_eq!(answer, Err(AuthError::Claim(name)));
    }
}

#[tokio::test]
async fn a_claim_that_stands_twice_refuses_the_token() {
    let good = good_claims().to_string();
    let body = good.trim_end_matches('}');
    for twice in [r#""sub":"mallory""#, r#""exp":1"#, r#""aud":"chat""#, r#""iss":"issuer""#] {
        let token = hs256_texts(r#"{"alg":"HS256"}"#, &format!("{body},{twice}}}"));
        assert_eq!(judged(&token).await, Err(AuthError::Claims), "{twice}");
    }
    let token = hs256_texts(r#"{"alg":"HS256","alg":"HS256"}"#, &good);
    assert_eq!(judged(&token).await, Err(AuthError::Header));
}

#[tokio::test]
async fn claims_that_are_no_object_are_refused() {
    for text in
        ["", "null", "[]", "7", "\"alice\"", "{", "{\"sub\":\"alice\"", "{} {}", "\u{feff}{}"]
    {
        let token = hs256_texts(r#"{"alg":"HS256"}"#, text);
        let refused = judged(&token).await.expect_err(text);
        assert!(matches!(refused, AuthError::Claims | AuthError::NotAToken), "{text}: {refused}");
    }
    let deep = format!("{}1{}", "[".repeat(1_000), "]".repeat(1_000));
    let token = hs256_texts(r#"{"alg":"HS256"}"#, &format!(r#"{{"x":{deep},"sub":{deep}}}"#));
    assert_eq!(judged(&token).await, Err(AuthError::Claims));
}

#[tokio::test]
async fn no_spelling_of_none_is_an_algorithm() {
    let claims = base64url(good_claims().to_string());
    for none in ["none", "None", "NONE", "nOnE", "null", "", " none", "none\u{0}", "noné"] {
        let header = base64url(json!({"alg": none, "typ": "JWT"}).to_string());
        let unsigned = judged(&format!("{header}.{claims}.")).await;
        assert_eq!(unsigned, Err(AuthError::NotAToken), "{none}");
        let with_something = judged(&format!("{header}.{claims}.AAAA")).await;
        assert_eq!(with_something, Err(AuthError::Header), "{none}");
    }
    for header in
        [r#"{"typ":"JWT"}"#, r#"{"alg":null}"#, r#"{"alg":["HS256"]}"#, r#"{"alg":1}"#, "[]"]
    {
        let token = hs256_texts(header, &good_claims().to_string());
        assert_eq!(judged(&token).await, Err(AuthError::Header), "{header}");
    }
}

#[tokio::test]
async fn the_token_cannot_bring_its_own_key_or_rules() {
    let good = good_claims().to_string();
    let cases = [
        (r#""crit":["exp"]"#, AuthError::HeaderParameter("crit")),
        (r#""crit":[]"#, AuthError::HeaderParameter("crit")),
        (r#""b64":false"#, AuthError::HeaderParameter("b64")),
        (r#""jku":"https://evil.example/keys""#, AuthError::HeaderParameter("jku")),
        (r#""x5u":"https://evil.example/cert""#, AuthError::HeaderParameter("x5u")),
        (r#""x5c":["AAAA"]"#, AuthError::HeaderParameter("x5c")),
        (r#""zip":"DEF""#, AuthError::HeaderParameter("zip")),
        (r#""enc":"A128GCM""#, AuthError::HeaderParameter("enc")),
        (r#""jwk":{"kty":"oct","k":"AAAA"}"#, AuthError::HeaderParameter("jwk")),
        (r#""typ":"logout+jwt""#, AuthError::TokenType),
        (r#""typ":"dpop+jwt""#, AuthError::TokenType),
    ];
    for (parameter, expected) in cases {
        let token = hs256_texts(&format!(r#"{{"alg":"HS256",{parameter}}}"#), &good);
        assert_eq!(judged(&token).await, Err(expected), "{parameter}");
    }
    for typ in ["JWT", "jwt", "at+jwt", "application/at+jwt"] {
        let token = hs256_texts(&json!({"alg": "HS256", "typ": typ}).to_string(), &good);
        assert!(judged(&token).await.is_ok(), "{typ}");
    }
}

#[tokio::test]
async fn a_key_id_opens_no_file_and_asks_no_database() {
    let good = good_claims().to_string();
    for id in ["../../../dev/null", "/etc/passwd", "' OR 1=1 --", "| id", "\u{0}"] {
        let header = json!({"alg": "HS256", "kid": id}).to_string();
        // Our one secret has no id: the id is not looked at, and the signature still counts.
        assert!(judged(&hs256_texts(&header, &good)).await.is_ok(), "{id}");
        let key = jsonwebtoken::EncodingKey::from_secret(&[]);
        let empty = crate::support::signed(&header, &good, jsonwebtoken::Algorithm::HS256, &key);
        assert_eq!(judged(&empty).await, Err(AuthError::Signature), "{id}");
    }
}

#[tokio::test]
async fn a_signature_holds_for_exactly_what_was_signed() {
    let token = hs256(&good_claims());
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("three parts") };
    let others = base64url(claims_with(json!({"sub": "mallory"})).to_string());
    let reordered = base64url(r#"{"typ":"JWT","alg":"HS256"}"#);
    assert_eq!(judged(&format!("{header}.{others}.{signature}")).await, Err(AuthError::Signature));
    assert_eq!(
        judged(&format!("{reordered}.{claims}.{signature}")).await,
        Err(AuthError::Signature)
    );
    for length in 0..signature.len() {
        let cut = judged(&format!("{header}.{claims}.{}", &signature[..length])).await;
        assert!(
            matches!(cut, Err(AuthError::Signature | AuthError::NotAToken)),
            "{length}: {cut:?}"
        );
    }
    // The last character carries unused bits: a second spelling of one signature is refused.
    let last = signature.chars().last().expect("not empty");
    let sibling = char::from(u8::try_from(last).expect("base64url is ASCII") + 1);
    let respelled = format!("{header}.{claims}.{}{sibling}", &signature[..signature.len() - 1]);
    assert!(judged(&respelled).await.is_err());
}

#[tokio::test]
async fn what_is_not_three_base64url_parts_is_not_a_token() {
    let token = hs256(&good_claims());
    assert_eq!(judged("").await, Err(AuthError::NoToken));
    for text in [
        ".".to_owned(),
        "..".to_owned(),
        "a.b".to_owned(),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{token}"),
        format!("{token}.e30.e30"),
        token.replacen('.', "..", 1),
        format!("{token}="),
        format!("{token} "),
        format!(" {token}"),
        format!("{token}\n"),
        format!("Bearer {token}"),
        token.replacen("ey", "e+", 1),
        format!("{token}é"),
        "a.b.\u{0}".to_owned(),
    ] {
        assert_eq!(judged(&text).await, Err(AuthError::NotAToken), "{text:?}");
    }
    for text in ["a.b.c", "e30.e30.e30", "eyI.eyI.eyI", "AAAA.AAAA.AAAA"] {
        assert!(judged(text).await.is_err(), "{text}");
    }
}

#[tokio::test]
async fn a_long_token_is_refused_unseen() {
    let padded = |bytes: usize| hs256(&claims_with(json!({"pad": "x".repeat(bytes)})));
    assert!(judged(&padded(5_900)).await.is_ok());
    assert_eq!(judged(&padded(TOKEN_BYTES_MAX)).await, Err(AuthError::TooLong));
    assert_eq!(judged(&"x".repeat(50_000_000)).await, Err(AuthError::TooLong));
}

#[tokio::test]
async fn refusals_repeat_nothing_of_the_token() {
    let marked = "s3cr3tmark";
    for token in [
        hs256(&claims_with(json!({"iss": marked}))),
        hs256(&claims_with(json!({"exp": marked}))),
        hs256(&claims_with(json!({"sub": format!("{marked}\n")}))),
        hs256_texts(&json!({"alg": marked}).to_string(), "{}"),
        hs256_texts(r#"{"alg":"HS256"}"#, &format!("{{{marked}")),
        format!("{marked}.{marked}.{marked}"),
    ] {
        let refusal = judged(&token).await.expect_err("it is bad");
        assert!(!format!("{refusal} {refusal:?}").contains(marked), "{refusal}");
    }
}
