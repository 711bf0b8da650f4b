//! Instances of the service as a cluster runs them, and the shortest way to call one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hubbub_bus::{Bus, Delivery, Subscriber, Topic};
use hubbub_domain::{Clock, Fault, RoomId, SystemClock};
use hubbub_history::{Config, Server};
use hubbub_proto::{
    bus::v1::{Envelope, RoomChanges, envelope},
    fault_from_status,
    history::v1::{
        self as wire, AppendRequest, Appended, Body, NewMessage, append_result,
        history_service_client::HistoryServiceClient, new_message,
    },
};
use hubbub_runtime::{
    config::Secret,
    grpc::{Channel, GrpcClientConfig, Transport},
    lifecycle::Lifecycle,
};
use hubbub_testkit::Postgres;
use prost::Message as _;
use tokio::sync::OnceCell;

pub(crate) type Client = HistoryServiceClient<Channel>;

/// For whatever ought to happen soon, on a machine that is busy.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A listening instance. Dropped, it stops where it is.
pub(crate) struct Instance {
    pub lifecycle: Lifecycle,
    transport: Transport,
}

impl Instance {
    pub(crate) async fn start(config: Config, bus: Arc<dyn Bus>) -> Self {
        Self::start_at(Arc::new(SystemClock), config, bus).await
    }

    pub(crate) async fn start_at(clock: Arc<dyn Clock>, config: Config, bus: Arc<dyn Bus>) -> Self {
        let lifecycle = Lifecycle::new(Duration::from_secs(10));
        let server = Server::bind(&config, bus, clock, &lifecycle).await.expect("the server binds");
        let config = GrpcClientConfig {
            address: server.local_addr().to_string(),
            call_timeout: Duration::from_secs(15),
            ..GrpcClientConfig::default()
        };
        let transport = Transport::connect(&config).await.expect("an address");
        Self { lifecycle, transport }
    }

    pub(crate) fn client(&self) -> Client {
        HistoryServiceClient::new(self.transport.any())
    }

    /// Ends in an orderly way.
    pub(crate) async fn drain(self) {
        self.lifecycle.drain_all();
        self.lifecycle.wait().await.expect("no task fails");
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.lifecycle.abort.cancel();
        self.lifecycle.drain_all();
    }
}

/// A database of the server that all tests share.
pub(crate) async fn database() -> String {
    static SERVER: OnceCell<Postgres> = OnceCell::const_new();
    let start = || async { Postgres::start().await.expect("Postgres starts") };
    SERVER.get_or_init(start).await.database().await.expect("a database")
}

pub(crate) fn config(database: &str) -> Config {
    Config {
        listen: ([127, 0, 0, 1], 0).into(),
        database: Secret::new(database),
        ..Config::default()
    }
}

/// An instance with a database and an in-process bus of its own.
pub(crate) async fn alone() -> (Instance, Arc<dyn Bus>) {
    let bus = hubbub_bus::local();
    (Instance::start(config(&database().await), bus.clone()).await, bus)
}

pub(crate) fn body(text: &str) -> Body {
    Body { text: text.to_owned(), ..Body::default() }
}

/// A message with a client id of its own.
pub(crate) fn message(room: RoomId, sender: &str, text: &str) -> NewMessage {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NewMessage {
        room_id: room.to_string(),
        sender_id: sender.to_owned(),
        client_id: format!("c{}", NEXT.fetch_add(1, Ordering::Relaxed)),
        content: Some(new_message::Content::Body(body(text))),
        pause_ms: 0,
        traceparent: String::new(),
    }
}

pub(crate) async fn append(
    client: &Client,
    messages: Vec<NewMessage>,
) -> Result<Vec<append_result::Result>, Fault> {
    let answer = client.clone().append(AppendRequest { messages }).await;
    let results = answer.map_err(|status| fault_from_status(&status))?.into_inner().results;
    Ok(results.into_iter().map(|it| it.result.expect("a result")).collect())
}

/// Of each message its `seq` and whether it was known, or why it was refused.
pub(crate) fn told(results: &[append_result::Result]) -> Vec<String> {
    let told = results.iter().map(|result| match result {
        append_result::Result::Appended(it) => format!("{} {}", it.seq, it.duplicate),
        append_result::Result::Refusal(it) => it.code.clone(),
    });
    told.collect()
}

/// Appends one message and returns its place.
pub(crate) async fn append_one(client: &Client, message: NewMessage) -> Result<Appended, Fault> {
    match append(client, vec![message]).await?.remove(0) {
        append_result::Result::Appended(appended) => Ok(appended),
        append_result::Result::Refusal(refusal) => panic!("refused: {refusal:?}"),
    }
}

/// The newest page, up to 100 messages.
pub(crate) async fn newest(client: &Client, room: RoomId) -> wire::GetPageResponse {
    let request =
        wire::GetPageRequest { room_id: room.to_string(), limit: 100, ..Default::default() };
    client.clone().get_page(request).await.expect("a page").into_inner()
}

/// Listens to a room.
pub(crate) async fn listen(bus: &Arc<dyn Bus>, room: RoomId) -> Subscriber {
    let subscriber = bus.subscribe().await.expect("a subscriber");
    subscriber.subscriptions.add(&[Topic::Room(room)]).await.expect("subscribed");
    subscriber
}

/// The changes of the next envelope; interruptions are passed over.
pub(crate) async fn heard(subscriber: &mut Subscriber) -> Vec<wire::Change> {
    envelope(subscriber).await.changes
}

/// Waits for so many changes and returns the epoch tag of the last one.
pub(crate) async fn heard_in(subscriber: &mut Subscriber, changes: usize) -> u64 {
    let mut heard = 0;
    loop {
        let envelope = envelope(subscriber).await;
        heard += envelope.changes.len();
        if heard >= changes {
            return envelope.epoch_tag;
        }
    }
}

async fn envelope(subscriber: &mut Subscriber) -> RoomChanges {
    let next = async {
        loop {
            let Some(delivery) = subscriber.feed.recv().await else { panic!("the feed ended") };
            let Delivery::Message { payload, .. } = delivery else { continue };
            let envelope = Envelope::decode(payload).expect("an envelope");
            let Some(envelope::Event::Changes(changes)) = envelope.event else { continue };
            return changes;
        }
    };
    tokio::time::timeout(SOON, next).await.expect("an envelope comes")
}

/// Waits until the bus says that a loss is over.
pub(crate) async fn resumed(subscriber: &mut Subscriber) {
    let next = async {
        while let Some(delivery) = subscriber.feed.recv().await {
            if matches!(delivery, Delivery::Resumed) {
                return;
            }
        }
        panic!("the feed ended");
    };
    tokio::time::timeout(SOON, next).await.expect("the bus comes back");
}
