//! A server for protocol test suites: `/engine.io/` echoes every message; on `/socket.io/` the
//! namespaces `/` and `/custom` greet with `auth` and echo `message` and `message-with-ack`. What the
//! tests here talk to, and what `examples/socketio_fixture.rs` offers to public suites.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::Router;
use hubbub_gateway::{
    edge::{Config, Listener},
    engineio::{self, Broken, Engine, Host, Message, Opening, Outgoing, Protocol, Reason, Session},
    socketio::{
        self, Ack, Admitted, Args, Connect, Departure, Event, Namespace, Participant, Refusal,
        Socket, SocketIo,
    },
};
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const GREETING_AFTER: Duration = Duration::from_millis(20);

/// Suites connect as fast as they can, and some as pages of another host.
pub(crate) fn edge(port: u16) -> Config {
    Config {
        listen: ([127, 0, 0, 1], port).into(),
        connects_per_address_per_second: NonZeroU32::MAX,
        connects_per_second: NonZeroU32::MAX,
        connects_burst: NonZeroU32::MAX,
        allowed_origins: vec!["*".into()],
        ..Config::default()
    }
}

/// What the suites know the server by.
pub(crate) fn engine_config() -> engineio::Config {
    engineio::Config {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        payload_bytes_max: 1_000_000,
        ..engineio::Config::default()
    }
}

pub(crate) fn host(listener: &Listener, tasks: &TaskTracker, abort: &CancellationToken) -> Host {
    Host {
        node: "fixture".to_owned(),
        admission: listener.admission(),
        tasks: tasks.clone(),
        abort: abort.clone(),
        peers: None,
    }
}

/// What the suites know the server by, in the namespaces.
pub(crate) fn socketio_config() -> socketio::Config {
    socketio::Config { connect_timeout: Duration::from_secs(1), ..socketio::Config::default() }
}

pub(crate) fn router(
    (config, protocol): (&engineio::Config, &socketio::Config),
    listener: &Listener,
    tasks: &TaskTracker,
    abort: &CancellationToken,
) -> Router {
    let echo = Engine::new(config.clone(), host(listener, tasks, abort), Echo);
    let socketio = socketio_engine((config, protocol), host(listener, tasks, abort));
    echo.router("/engine.io/").merge(socketio.router("/socket.io/"))
}

pub(crate) fn socketio_engine(
    (config, protocol): (&engineio::Config, &socketio::Config),
    host: Host,
) -> Engine<SocketIo> {
    let greeter: Arc<dyn Namespace> = Arc::new(Greeter);
    let protocol = SocketIo::new(
        protocol.clone(),
        [("/", Arc::clone(&greeter)), ("/custom", greeter), ("/server", Arc::new(Initiative))],
    );
    Engine::new(config.clone(), host, protocol)
}

/// Says every message back.
struct Echo;

struct EchoSession(Outgoing);

impl Protocol for Echo {
    type Session = EchoSession;

    fn open(&self, opening: Opening) -> EchoSession {
        EchoSession(opening.outgoing)
    }
}

impl Session for EchoSession {
    fn message(&mut self, message: Message<'_>) -> Result<(), Broken> {
        match message {
            Message::Text(text) => self.0.text(text),
            Message::Binary(bytes) => self.0.binary(&bytes),
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        false
    }

    async fn work(&mut self) {
        std::future::pending::<()>().await;
    }

    fn look(&mut self) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn tick(&mut self, _now: Instant) -> Result<(), Broken> {
        Ok(())
    }

    fn farewell(&mut self, _come_back: bool) {}

    async fn close(self, _reason: Reason) {}
}

/// Greets with what the client called `auth`, and says messages back.
struct Greeter;

struct Guest {
    socket: Socket,
    auth: Value,
}

#[async_trait]
impl Namespace for Greeter {
    async fn connect(&self, connect: Connect) -> Result<Admitted, Refusal> {
        let auth = Value::Object(connect.auth.unwrap_or_default());
        let socket = connect.socket;
        let participant = Arc::new(Guest { socket: socket.clone(), auth });
        Ok(Admitted { socket, participant, pid: None })
    }
}

#[async_trait]
impl Participant for Guest {
    async fn opened(&self) {
        // Suites wait for one event after the other, and miss the greeting when it arrives in one
        // segment with the packet that lets them in.
        tokio::time::sleep(GREETING_AFTER).await;
        self.socket.emit("auth", &[&self.auth]);
    }

    async fn event(&self, event: Event, ack: Option<Ack>) {
        let Args { values, attachments } = &event.args;
        match (&*event.name, ack) {
            ("message", _) => self.socket.emit_with("message-back", values, attachments),
            ("message-with-ack", Some(ack)) => ack.send_args(&event.args),
            _ => {}
        }
    }

    async fn closed(&self, _departure: Departure) {}
}

/// What a server does of itself: refuses, asks, and shows the door.
struct Initiative;

struct Asked(Socket);

#[async_trait]
impl Namespace for Initiative {
    async fn connect(&self, connect: Connect) -> Result<Admitted, Refusal> {
        if connect.token() != Some("good") {
            let data = Some(serde_json::json!({ "code": "unauthenticated" }));
            return Err(Refusal { message: "a bad token".to_owned(), data });
        }
        let offset = connect.recovery().map(|(pid, offset)| format!("{pid}+{offset}"));
        let pid = offset.or_else(|| Some("private".to_owned()));
        let socket = connect.socket;
        Ok(Admitted { participant: Arc::new(Asked(socket.clone())), socket, pid })
    }
}

#[async_trait]
impl Participant for Asked {
    async fn event(&self, event: Event, ack: Option<Ack>) {
        match (&*event.name, ack) {
            ("ask", Some(ack)) => {
                let answer = self.0.call("question", &[1], Duration::from_secs(5)).await;
                let answer = answer.map_err(|error| error.to_string());
                ack.send(&[answer.map(|args| args.values)]);
            }
            ("leave", _) => self.0.disconnect(),
            _ => {}
        }
    }

    async fn closed(&self, _departure: Departure) {}
}
