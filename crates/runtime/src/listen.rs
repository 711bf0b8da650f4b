//! Accepting connections: no error ends it.

use std::{io, time::Duration};

use tokio::net::{TcpListener, TcpStream};

/// How long accepting rests after an error that will not pass at once (no more file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The next connection.
pub(crate) async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // A socket that refuses the option works, only slower.
                drop(stream.set_nodelay(true));
                return stream;
            }
            Err(error) if of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections for the moment");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The client was gone before it was accepted; the listener is well.
fn of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
