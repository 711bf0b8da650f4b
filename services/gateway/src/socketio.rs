//! Socket.IO 5 over the engine: namespaces, events, answers both ways, binary attachments.
//!
//! What a namespace does is its own matter: [`Namespace::connect`] lets a client in and names its
//! [`Participant`], which then hears the client's events one after the other, in the order they were
//! sent. What is said to a client goes through its [`Socket`], or, when many are told the same, as
//! bytes made once ([`event_frames`]) into the outboxes of all.
//!
//! A client's packets are executed one at a time, over all of its namespaces; while too many wait,
//! nothing more is read from it.

mod config;
mod frames;
mod namespace;
mod session;
mod socket;

use std::{collections::BTreeMap, sync::Arc};

pub use config::Config;
pub use frames::event_frames;
pub use hubbub_client_protocol::socketio::{Args, Event, placeholder_for};
pub use namespace::{Ack, Admitted, Connect, Departure, Namespace, Participant, Refusal};
pub use socket::{CallError, Socket};

use crate::engineio::{Opening, Protocol};
use session::SocketSession;

/// The protocol as the engine sees it: the namespaces there are.
pub struct SocketIo {
    config: Config,
    namespaces: Arc<BTreeMap<&'static str, Arc<dyn Namespace>>>,
}

impl SocketIo {
    /// The names begin with a slash; `/` is the main one.
    pub fn new(
        config: Config,
        namespaces: impl IntoIterator<Item = (&'static str, Arc<dyn Namespace>)>,
    ) -> Self {
        Self { config, namespaces: Arc::new(namespaces.into_iter().collect()) }
    }
}

impl Protocol for SocketIo {
    type Session = SocketSession;

    fn open(&self, opening: Opening) -> SocketSession {
        SocketSession::new(&self.config, Arc::clone(&self.namespaces), opening)
    }
}
