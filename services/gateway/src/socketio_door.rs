//! The Socket.IO door put together: the engine at `/socket.io/`, `/chat` on it, the lobby where there
//! is to be one, and the examples that show both.

use std::sync::Arc;

use axum::Router;
use hubbub_auth::Verifier;
use hubbub_bus::{Bus, BusError, Subscriber};
use hubbub_ephemeral::Ephemeral;
use hubbub_runtime::lifecycle::Lifecycle;

use crate::{
    chat_door::{self, ChatDoor},
    config::Config,
    core::Core,
    edge::ConnectionCaps,
    engineio::{Engine, Host},
    examples,
    lobby::{self, Lobby, LobbyDoor},
    socketio::{Namespace, SocketIo},
    upkeep::until_drained,
};

/// What stands behind the door whether anybody comes or not.
pub(crate) struct Behind {
    lobby: Option<(Arc<Lobby>, Subscriber)>,
}

impl Behind {
    pub(crate) async fn open(
        config: &Config,
        standalone: bool,
        bus: Arc<dyn Bus>,
        ephemeral: Arc<dyn Ephemeral>,
    ) -> Result<Self, BusError> {
        if !config.socketio.enabled || !config.lobby.enabled.is_on(standalone) {
            return Ok(Self { lobby: None });
        }
        let text_chars_max = config.session.text_chars_max;
        let lobby = Lobby::open(config.lobby.clone(), text_chars_max, bus, ephemeral).await?;
        Ok(Self { lobby: Some(lobby) })
    }

    /// Lets clients in. What the lobby needs runs in `support`.
    pub(crate) fn door(
        self,
        core: &Arc<Core>,
        (verifier, caps): (Verifier, ConnectionCaps),
        host: Host,
        support: &Lifecycle,
    ) -> Engine<SocketIo> {
        let chat = ChatDoor { core: Arc::clone(core), verifier, caps };
        let mut namespaces: Vec<(&'static str, Arc<dyn Namespace>)> =
            vec![(chat_door::NAMESPACE, Arc::new(chat))];
        if let Some((lobby, subscriber)) = self.lobby {
            let Subscriber { subscriptions, feed } = subscriber;
            let listening = Arc::clone(&lobby);
            until_drained(support, "lobby", async move {
                // Held: the subscription ends with it.
                let _subscriptions = subscriptions;
                listening.listen(feed).await;
            });
            until_drained(support, "lobby names", Arc::clone(&lobby).hold_names());
            until_drained(support, "silent guests", Arc::clone(&lobby).see_off_the_silent());
            namespaces.push((lobby::NAMESPACE, Arc::new(LobbyDoor(lobby))));
        }
        let config = &core.config.socketio;
        let protocol = SocketIo::new(config.protocol.clone(), namespaces);
        Engine::new(config.engine.clone(), host, protocol)
    }
}

/// All addresses of the door.
pub(crate) fn router(engine: &Engine<SocketIo>, with_examples: bool) -> Router {
    let router = engine.router("/socket.io/").merge(examples::client());
    if with_examples { router.merge(examples::pages()) } else { router }
}
