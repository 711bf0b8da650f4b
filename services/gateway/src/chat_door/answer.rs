//! What an event of a client comes to: its acknowledgement, if one was asked for, and an `error` event
//! when it was refused.

use hubbub_client_protocol::chat::{Refused, Told};
use hubbub_domain::Fault;
use serde_json::Value;

use super::codec;
use crate::socketio::{Ack, Socket};

pub(super) struct Answer {
    pub(super) socket: Socket,
    /// The client's event.
    pub(super) event: String,
    pub(super) ack: Option<Ack>,
}

impl Answer {
    pub(super) fn give(self, outcome: Result<Value, Fault>) {
        let Self { socket, event, ack } = self;
        match outcome {
            Ok(value) => {
                if let Some(ack) = ack {
                    ack.send(&[value]);
                }
            }
            Err(fault) => {
                socket.outbox().reply(codec::frame(&Told::refusal(&fault, &event), None));
                if let Some(ack) = ack {
                    ack.send(&[Refused::from(&fault)]);
                }
            }
        }
    }
}
