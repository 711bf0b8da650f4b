//! gRPC on both sides of a call: [`serve`] for servers, [`Transport`] for clients.
//!
//! Every call has a deadline, carries the trace context, is counted by method and code, and is
//! refused at once (never queued) when the server is full. A client spreads its calls over all
//! healthy addresses of a service, or is true to one address per key; [`Transport::local`] calls a
//! server in the same process through the same layers, without a socket.

mod address;
mod call;
mod channel;
mod config;
mod connection;
mod connector;
mod deadline;
mod ejection;
mod metrics;
mod rendezvous;
mod resend;
mod resolver;
mod retry;
mod server;
mod services;
mod tls;
mod transport;

pub(crate) use metrics::describe as describe_metrics;

pub use channel::Channel;
pub use config::{GrpcClientConfig, GrpcServerConfig};
pub use retry::{RetryPolicy, retry_idempotent};
pub use server::{ServeError, serve};
pub use services::Services;
pub use tls::{TlsConfig, TlsError};
pub use transport::{Transport, TransportError};
