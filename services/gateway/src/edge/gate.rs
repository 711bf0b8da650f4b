//! What every request passes before the router: who sent it, whether its page may, and, if it asks
//! for a session, whether there is room for one more now.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{StatusCode, header::UPGRADE},
    middleware::Next,
    response::Response,
};
use hubbub_domain::{Code, Fault};

use super::{
    Admission, Connection, Origins, TrustedProxies,
    metrics::{self, Refused},
    refuse,
};

/// The rules of the gate.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) proxies: TrustedProxies,
    pub(super) origins: Origins,
    pub(super) admission: Arc<Admission>,
}

/// The gate as a middleware.
pub(super) async fn pass(
    State(gate): State<Arc<Gate>>,
    mut request: Request,
    next: Next,
) -> Response {
    match gate.check(&mut request) {
        Ok(()) => next.run(request).await,
        Err((reason, fault)) => {
            metrics::refused(reason);
            refuse(status(reason), &fault)
        }
    }
}

const fn status(reason: Refused) -> StatusCode {
    match reason {
        Refused::AddressRate => StatusCode::TOO_MANY_REQUESTS,
        Refused::Origin => StatusCode::FORBIDDEN,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl Gate {
    fn check(&self, request: &mut Request) -> Result<(), (Refused, Fault)> {
        let Some(peer) = request.extensions().get().map(Connection::peer) else {
            let fault = Fault::new(Code::Internal, "the request did not come through the edge");
            return Err((Refused::BadRequest, fault));
        };
        let client = self.proxies.client_address(peer.ip(), request.headers());
        request.extensions_mut().insert(client);
        self.origins
            .check(request.headers(), request.uri())
            .map_err(|fault| (Refused::Origin, fault))?;
        if !request.headers().contains_key(UPGRADE) {
            return Ok(());
        }
        // Direct clients paid for their connection when it was accepted.
        if self.proxies.trusts(peer.ip()) {
            self.admission
                .admit_address(client.0)
                .map_err(|fault| (Refused::AddressRate, fault))?;
        }
        self.admission.admit_session().map_err(|fault| (Refused::SessionRate, fault))
    }
}
