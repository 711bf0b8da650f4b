//! What handlers take from a request, refused with our own errors when it is wrong.

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::request::Parts,
};
use hubbub_auth::AuthError;
use hubbub_client_protocol::parse_body;
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
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, door: &RestDoor) -> Result<Self, Refused> {
        let token = bearer(&parts.headers).ok_or_else(|| Fault::from(AuthError::NoToken))?;
        let claims = door.verifier.verify(token).await.map_err(Fault::from)?;
        let grant = std::sync::Arc::new(Grant::of(&claims));
        Ok(Self::Request { user: claims.sub, grant })
    }
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
            Err(rejection) => Err(Fault::bad_request(rejection.body_text()).into()),
        }
    }
}

/// Query parameters.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<RestDoor> for Query<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, door: &RestDoor) -> Result<Self, Refused> {
        match axum::extract::Query::<T>::from_request_parts(parts, door).await {
            Ok(query) => Ok(Self(query.0)),
            Err(rejection) => Err(Fault::bad_request(rejection.body_text()).into()),
        }
    }
}
