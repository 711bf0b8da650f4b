//! A client in a namespace, for those who have something to say to it.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use hubbub_client_protocol::socketio::{Args, Head};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::oneshot;

use super::frames;
use crate::{
    engineio::Outgoing,
    session::{Closing, Outbox},
};

/// Of the id: 15 bytes are 20 characters.
const ID_BYTES: usize = 15;

/// Cheap to clone. Saying something after the client left does nothing.
#[derive(Clone, Debug)]
pub struct Socket(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: String,
    namespace: &'static str,
    outgoing: Outgoing,
    /// The client is in, or about to be told so.
    inside: AtomicBool,
    /// [`Socket::disconnect`] was called, and the session's task has not seen it.
    leaving: AtomicBool,
    calls_max: usize,
    calls: Mutex<Calls>,
}

/// Events of ours that are to be answered.
#[derive(Debug, Default)]
struct Calls {
    last_id: u64,
    open: HashMap<u64, oneshot::Sender<Args>>,
}

/// Why an event of ours got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error("the client did not answer in time")]
    TimedOut,
    #[error("the client is gone")]
    Gone,
    #[error("too many answers of this client are awaited")]
    TooMany,
}

impl Socket {
    pub(super) fn new(namespace: &'static str, outgoing: Outgoing, calls_max: usize) -> Self {
        let random: [u8; ID_BYTES] = rand::random();
        let id = URL_SAFE_NO_PAD.encode(random);
        Self::with_id(id, (namespace, outgoing, calls_max))
    }

    fn with_id(
        id: String,
        (namespace, outgoing, calls_max): (&'static str, Outgoing, usize),
    ) -> Self {
        Self(Arc::new(Inner {
            id,
            namespace,
            outgoing,
            inside: AtomicBool::new(true),
            leaving: AtomicBool::new(false),
            calls_max,
            calls: Mutex::default(),
        }))
    }

    /// The same client by the id of the socket that it continues. For a client that is not let in yet.
    pub fn known_as(&self, id: &str) -> Self {
        let Inner { namespace, outgoing, calls_max, .. } = &*self.0;
        Self::with_id(id.to_owned(), (namespace, outgoing.clone(), *calls_max))
    }

    /// Public: other clients may be told it. It opens nothing.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    pub fn namespace(&self) -> &'static str {
        self.0.namespace
    }

    /// Emits an event; `args` serializes as a list. A client that leaves twice the bound of its outbox
    /// waiting is given up as too slow.
    pub fn emit(&self, name: &str, args: &(impl Serialize + ?Sized)) {
        self.emit_with(name, args, &[]);
    }

    /// With attachments, whose places among the arguments are those of
    /// [`placeholder_for`](super::placeholder_for) their numbers.
    pub fn emit_with(&self, name: &str, args: &(impl Serialize + ?Sized), attachments: &[Bytes]) {
        self.send(frames::event_frames(self.0.namespace, name, args, attachments));
    }

    /// Sends what [`event_frames`](super::event_frames) made for everybody in this namespace.
    pub fn send(&self, frames: Bytes) {
        if self.0.inside.load(Ordering::Acquire) {
            self.0.outgoing.send(frames);
        }
    }

    /// As [`send`](Self::send), for what may be lost: a client with too much waiting goes without.
    pub(crate) fn offer(&self, frames: Bytes) {
        if self.0.inside.load(Ordering::Acquire) {
            let _taken = self.outbox().offer(&[frames.into()]);
        }
    }

    /// Emits an event and waits for the client's answer.
    pub async fn call(
        &self,
        name: &str,
        args: &(impl Serialize + ?Sized),
        timeout: Duration,
    ) -> Result<Args, CallError> {
        let (answer, answered) = oneshot::channel();
        let id = self.0.open_call(answer)?;
        let _closed = CallGuard { socket: &self.0, id };
        let head = Head { id: Some(id), ..Head::of(self.0.namespace) };
        self.send(frames::event(&head, name, args, &[]));
        match tokio::time::timeout(timeout, answered).await {
            Ok(Ok(args)) => Ok(args),
            Ok(Err(_)) => Err(CallError::Gone),
            Err(_) => Err(CallError::TimedOut),
        }
    }

    /// Takes the client out of this namespace, for good: stock clients do not come back by themselves.
    pub fn disconnect(&self) {
        self.0.leaving.store(true, Ordering::Release);
        self.0.outgoing.outbox().nudge();
    }

    /// Ends the whole connection, with all its namespaces. Stock clients come back where the code says
    /// so.
    pub(crate) fn close(&self, closing: impl Into<Closing>) {
        self.0.outgoing.close(closing);
    }

    /// The connection's requests may carry this token from now on, which belongs to its user.
    pub fn vouch(&self, token: &str) {
        self.0.outgoing.vouch(token);
    }

    /// Shared by all namespaces of the connection: for a session of the core, which follows rooms.
    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        self.0.outgoing.outbox()
    }

    pub(super) fn outgoing(&self) -> &Outgoing {
        &self.0.outgoing
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.0.leaving.load(Ordering::Acquire)
    }

    /// Nothing is said to it from here on, and nothing answered.
    pub(super) fn leave(&self) {
        self.0.inside.store(false, Ordering::Release);
        self.0.calls.lock().open = HashMap::new();
    }

    /// The client answered a call.
    pub(super) fn answered(&self, id: u64, args: Args) {
        if let Some(call) = self.0.calls.lock().open.remove(&id) {
            // Whoever waited may have given up.
            let _given_up = call.send(args);
        }
    }
}

impl Inner {
    fn open_call(&self, answer: oneshot::Sender<Args>) -> Result<u64, CallError> {
        if !self.inside.load(Ordering::Acquire) {
            return Err(CallError::Gone);
        }
        let mut calls = self.calls.lock();
        if calls.open.len() >= self.calls_max {
            return Err(CallError::TooMany);
        }
        calls.last_id += 1;
        let id = calls.last_id;
        calls.open.insert(id, answer);
        Ok(id)
    }
}

/// Forgets the call, however it ends.
struct CallGuard<'a> {
    socket: &'a Inner,
    id: u64,
}

impl Drop for CallGuard<'_> {
    fn drop(&mut self) {
        self.socket.calls.lock().open.remove(&self.id);
    }
}
