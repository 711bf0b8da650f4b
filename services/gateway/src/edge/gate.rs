//! What every request passes before the router: whether its client may have one more open, whether its
//! page may ask, and, if it asks for a WebSocket, whether its address may try and there is room for one
//! more session now. The session itself is charged where it is admitted, by the door.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{StatusCode, header::UPGRADE},
    middleware::Next,
    response::Response,
};
use hubbub_domain::{Code, Fault};
use hubbub_runtime::shares::Share;

use super::{
    Admission, ClientAddress, Connection, Origins, TrustedProxies,
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
        Ok(connection) => {
            let response = next.run(request).await;
            // A request of a proxy's connection is counted for its client until here.
            drop(connection);
            response
        }
        Err((reason, fault)) => {
            metrics::refused(reason);
            refuse(status(reason), &fault)
        }
    }
}

const fn status(reason: Refused) -> StatusCode {
    match reason {
        Refused::AddressRate | Refused::AddressFull => StatusCode::TOO_MANY_REQUESTS,
        Refused::Origin => StatusCode::FORBIDDEN,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl Gate {
    fn check(&self, request: &mut Request) -> Result<Connection, (Refused, Fault)> {
        let extensions = request.extensions();
        let known = (extensions.get::<Connection>(), extensions.get::<ClientAddress>());
        let (Some(connection), Some(&client)) = known else {
            let fault = Fault::new(Code::Internal, "the request did not come through the edge");
            return Err((Refused::BadRequest, fault));
        };
        let mut connection = connection.clone();
        if self.proxies.trusts(connection.peer().ip()) {
            let place = self.admission.holdings.enter(client.0);
            connection =
                connection.of_client(place.map_err(|fault| (Refused::AddressFull, fault))?);
            request.extensions_mut().insert(connection.clone());
        }
        self.origins
            .check(request.headers(), request.uri())
            .map_err(|fault| (Refused::Origin, fault))?;
        if request.headers().contains_key(UPGRADE) {
            connection
                .pay(&self.admission, client)
                .map_err(|fault| (Refused::AddressRate, fault))?;
            self.admission.room_for_session().map_err(|fault| (Refused::SessionRate, fault))?;
        }
        Ok(connection)
    }
}

/// What a door charges for a session that begins without a WebSocket: the client's address, then the
/// node; and a place among the sessions of that address.
pub(crate) fn admit_polling(
    extensions: &axum::http::Extensions,
    admission: &Admission,
) -> Result<Share, Fault> {
    let known = (extensions.get::<Connection>(), extensions.get::<ClientAddress>());
    let (Some(connection), Some(&client)) = known else {
        return Err(Fault::new(Code::Internal, "the request did not come through the edge"));
    };
    connection.pay(admission, client)?;
    let place = admission.holdings.session(client.0)?;
    admission.admit_session()?;
    Ok(place)
}
