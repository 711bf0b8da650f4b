//! What handlers take from a request, refused with our own errors when it is wrong.

use axum::{
    extract::{
        FromRequest, FromRequestParts, RawPathParams, Request, path::ErrorKind,
        rejection::PathRejection,
    },
    http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE, request::Parts},
    response::{IntoResponse as _, Response},
};
use hubbub_auth::AuthError;
use hubbub_client_protocol::{parse_body, predicate, read};
use hubbub_domain::{Code, Fault};
use serde::de::DeserializeOwned;

use super::{Refused, RestDoor};
use crate::{
    core::Caller,
    edge::{Untaken, take_body},
    grants::Grant,
    native::bearer,
};

impl FromRequestParts<RestDoor> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, door: &RestDoor) -> Result<Self, Response> {
        let Some(token) = bearer(&parts.headers) else {
            return Err(Refused(AuthError::NoToken.into()).into_response());
        };
        let claims = door.verifier.verify(token).await;
        let claims =
            claims.map_err(|error| not_this_token(Refused(error.into()).into_response()))?;
        let grant = std::sync::Arc::new(Grant::of(&claims));
        Ok(Self::Request { user: claims.sub, grant })
    }
}

/// Tells a token that does not hold from one that is missing (RFC 6750 section 3.1).
fn not_this_token(mut response: Response) -> Response {
    if response.status() == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// A JSON body, whatever its content type says.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<RestDoor> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, door: &RestDoor) -> Result<Self, Refused> {
        let bytes_max = door.core.config.session.frame_bytes_max;
        let bytes = take_body(request.into_body(), bytes_max).await;
        let bytes = bytes.map_err(|untaken| match untaken {
            Untaken::TooLarge => {
                Fault::new(Code::TooLarge, format!("the body has more than {bytes_max} bytes"))
            }
            Untaken::Broke => Fault::bad_request("the body broke off"),
        })?;
        let text =
            std::str::from_utf8(&bytes).map_err(|_| Fault::bad_request("the body is not UTF-8"))?;
        Ok(Self(parse_body(text)?))
    }
}

/// Path parameters.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<RestDoor> for Path<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, door: &RestDoor) -> Result<Self, Refused> {
        match axum::extract::Path::<T>::from_request_parts(parts, door).await {
            Ok(path) => Ok(Self(path.0)),
            Err(PathRejection::FailedToDeserializePathParams(failed)) => {
                let params = RawPathParams::from_request_parts(parts, door).await.ok();
                let names = params.iter().flat_map(|params| params.iter().map(|(name, _)| name));
                Err(Fault::bad_request(in_words(failed.kind(), &names.collect::<Vec<_>>())).into())
            }
            Err(_) => Err(Fault::bad_request("the path is not valid").into()),
        }
    }
}

/// Which of the path's parameters is wrong, and why.
fn in_words(kind: &ErrorKind, names: &[&str]) -> String {
    const NUMBER: &str = "must be a whole number, 0 or more, in range";
    let name = |index: usize| names.get(index).copied().unwrap_or("the path");
    let (name, problem) = match kind {
        ErrorKind::ParseErrorAtKey { key, .. } => (key.as_str(), NUMBER.into()),
        ErrorKind::ParseErrorAtIndex { index, .. } => (name(*index), NUMBER.into()),
        ErrorKind::ParseError { .. } => (name(0), NUMBER.into()),
        ErrorKind::InvalidUtf8InPathParam { key } => (key.as_str(), "must be UTF-8".into()),
        ErrorKind::DeserializeError { key, message, .. } => (key.as_str(), predicate(message)),
        // Only one parameter: the deserializer does not say which.
        ErrorKind::Message(message) => (name(0), predicate(message)),
        _ => ("the path", "is not valid".into()),
    };
    format!("`{name}` {problem}")
}

/// Query parameters.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<RestDoor> for Query<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _door: &RestDoor) -> Result<Self, Refused> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes());
        Ok(Self(read(serde_urlencoded::Deserializer::new(pairs), "the query")?))
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::path::ErrorKind;

    use super::in_words;

    #[test]
    fn a_path_parameter_is_named() {
        let flaw = "flaw: must be a UUID".to_owned();
        let at_index =
            ErrorKind::ParseErrorAtIndex { index: 1, value: "x".to_owned(), expected_type: "u64" };
        let names = ["room", "seq"];
        assert_eq!(in_words(&ErrorKind::Message(flaw), &names), "`room` must be a UUID");
        let number = "`seq` must be a whole number, 0 or more, in range";
        assert_eq!(in_words(&at_index, &names), number);
        let unsupported = ErrorKind::UnsupportedType { name: "alloc::vec::Vec<u8>" };
        assert_eq!(in_words(&unsupported, &names), "`the path` is not valid");
    }
}
