//! The lobby as a namespace: who comes, what they emit, and that they go.

use std::sync::Arc;

use async_trait::async_trait;
use hubbub_client_protocol::{
    chat::{ConnectRefused, Refused},
    lobby::{Guest, Told},
};
use hubbub_domain::Fault;

use super::{Lobby, guests::Seat, tell};
use crate::socketio::{
    Ack, Admitted, Connect, Departure, Event, Namespace, Participant, Refusal, Socket,
};

/// The namespace.
pub(crate) struct LobbyDoor(pub(crate) Arc<Lobby>);

/// A guest.
struct Visitor {
    lobby: Arc<Lobby>,
    seat: Arc<Seat>,
}

#[async_trait]
impl Namespace for LobbyDoor {
    async fn connect(&self, connect: Connect) -> Result<Admitted, Refusal> {
        let (socket, address) = (connect.socket, connect.request.address);
        let name = self.0.random_name(socket.id()).await.map_err(|fault| refusal(&fault))?;
        let guest = Guest { name, color: Guest::color(rand::random()) };
        let limiter = self.0.allowances.begin(address);
        let seat = Arc::new(Seat::new(socket.clone(), guest, (address, limiter)));
        let visitor = Visitor { lobby: Arc::clone(&self.0), seat };
        Ok(Admitted { socket, participant: Arc::new(visitor), pid: None })
    }
}

#[async_trait]
impl Participant for Visitor {
    async fn opened(&self) {
        self.lobby.opened(&self.seat).await;
    }

    async fn event(&self, event: Event, ack: Option<Ack>) {
        let name = event.name.clone();
        match self.lobby.event(&self.seat, event).await {
            Ok(answer) => {
                if let Some(ack) = ack {
                    ack.send(&[answer]);
                }
            }
            Err(fault) => refuse(&self.seat.socket, &fault, (&name, ack)),
        }
    }

    async fn closed(&self, _departure: Departure) {
        self.lobby.closed(&self.seat).await;
    }
}

fn refuse(socket: &Socket, fault: &Fault, (event, ack): (&str, Option<Ack>)) {
    tell(socket, Told::refusal(fault, event));
    if let Some(ack) = ack {
        ack.send(&[Refused::from(fault)]);
    }
}

fn refusal(fault: &Fault) -> Refusal {
    Refusal {
        message: fault.message.to_string(),
        data: serde_json::to_value(ConnectRefused::from(fault)).ok(),
    }
}
