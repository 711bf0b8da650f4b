//! A client of the native door that keeps a log of everything it did and saw, for the
//! [`checker`](crate::checker). It comes back by itself, to the next gateway of its list, resumes, and
//! sends again what was not acknowledged: what a careful client of a product does.
//!
//! It stands on another WebSocket implementation than the gateway's own.

mod driver;

use std::{sync::Arc, time::Duration};

use hubbub_client_protocol::{Command, ErrorView, History, OpenDirect, Opened, Page};
use hubbub_domain::{Body, ClientId, MessageId, Rev, RoomId, UserId};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::Instant,
};

use crate::{
    checker::{ClientLog, Entry},
    eventually,
};
use driver::{Driver, Order};

/// How long a call may take, outages of the test included.
const CALL_PATIENCE: Duration = Duration::from_mins(1);
/// Orders that wait for the driver. At the bound the test waits.
const ORDERS_MAX: usize = 1_024;

/// A client and its task, which ends when the client is dropped.
pub struct Client {
    user: UserId,
    orders: mpsc::Sender<Order>,
    shared: Arc<Shared>,
    driver: JoinHandle<()>,
}

/// What the driver tells.
pub(crate) struct Shared {
    pub(crate) log: Mutex<ClientLog>,
    pub(crate) unacked: Mutex<usize>,
    pub(crate) connections: Mutex<u64>,
}

impl Client {
    /// A client of `user` (whose token is `token`) that uses the gateways in turn, the first first.
    pub fn start(user: &str, token: impl Into<String>, urls: Vec<String>) -> Self {
        let user = UserId::parse(user).expect("a user id");
        let shared = Arc::new(Shared {
            log: Mutex::new(ClientLog::new(user.clone())),
            unacked: Mutex::new(0),
            connections: Mutex::new(0),
        });
        let (orders, receiver) = mpsc::channel(ORDERS_MAX);
        let driver = Driver::new(token.into(), urls, receiver, Arc::clone(&shared));
        Self { user, orders, shared, driver: tokio::spawn(driver.run()) }
    }

    pub const fn user(&self) -> &UserId {
        &self.user
    }

    /// Sends a text, as often as it takes; the id it goes by.
    pub async fn send(&self, room: RoomId, text: &str) -> ClientId {
        let client_id = ClientId::parse(&MessageId::generate().to_string()).expect("a UUID");
        self.send_as(room, client_id.clone(), text).await;
        client_id
    }

    /// Sends a text under an id of the caller's choice.
    pub async fn send_as(&self, room: RoomId, client_id: ClientId, text: &str) {
        *self.shared.unacked.lock() += 1;
        let entry = Entry::Sent {
            at: Instant::now(),
            room,
            client_id: client_id.clone(),
            text: text.into(),
        };
        self.shared.log.lock().entries.push(entry);
        let order = Order::Send { room, client_id, body: Body::text(text) };
        self.orders.send(order).await.expect("the driver runs as long as its client");
    }

    /// Any other request; repeated on the next connection when one breaks before the answer.
    pub async fn call<T: DeserializeOwned>(&self, command: Command) -> Result<T, ErrorView> {
        let (answer, outcome) = oneshot::channel();
        self.orders
            .send(Order::Call { command, answer })
            .await
            .expect("the driver runs as long as its client");
        let outcome = tokio::time::timeout(CALL_PATIENCE, outcome).await.expect("answered in time");
        let value: Value = outcome.expect("the driver answers every call")?;
        Ok(serde_json::from_value(value).expect("an answer of that kind"))
    }

    /// The direct room with somebody.
    pub async fn open_direct(&self, peer: &str) -> RoomId {
        let peer = UserId::parse(peer).expect("a user id");
        let opened: Opened =
            self.call(Command::OpenDirect(OpenDirect { peer })).await.expect("opened");
        opened.room.room
    }

    /// Breaks the connection off; the client comes back to the next gateway of its list.
    pub async fn break_off(&self) {
        self.orders.send(Order::BreakOff).await.expect("the driver runs as long as its client");
    }

    /// Reads nothing for a while, and sends nothing: a slow reader.
    pub async fn stand_still(&self, duration: Duration) {
        let order = Order::StandStill(duration);
        self.orders.send(order).await.expect("the driver runs as long as its client");
    }

    /// Asks for a page of a room; what it shows is in the log, so that the checker can say whether it
    /// should have been shown.
    pub async fn look(&self, history: History) -> Result<Page, ErrorView> {
        let page: Page = self.call(Command::History(history)).await?;
        self.shared.log.lock().shown(page.messages.clone());
        Ok(page)
    }

    /// Sees to it that the client is connected to the first gateway of its list.
    pub async fn go_home(&self) {
        self.orders.send(Order::GoHome).await.expect("the driver runs as long as its client");
    }

    /// Waits until everything sent is acknowledged or refused.
    pub async fn settled(&self, deadline: Duration) {
        eventually(deadline, || async { *self.shared.unacked.lock() == 0 }).await;
    }

    /// Waits until the room's events up to `rev` have arrived.
    pub async fn seen(&self, room: RoomId, rev: Rev, deadline: Duration) {
        eventually(deadline, || async { self.shared.log.lock().revs.get(&room) >= Some(&rev) })
            .await;
    }

    /// The last revision seen of a room.
    pub fn rev(&self, room: RoomId) -> Option<Rev> {
        self.shared.log.lock().revs.get(&room).copied()
    }

    /// Connections made so far.
    pub fn connections(&self) -> u64 {
        *self.shared.connections.lock()
    }

    /// Messages sent and not yet answered for good.
    pub fn unacked(&self) -> usize {
        *self.shared.unacked.lock()
    }

    /// The log so far, which begins anew.
    pub fn take_log(&self) -> ClientLog {
        self.shared.log.lock().take()
    }

    pub fn log(&self) -> ClientLog {
        self.shared.log.lock().clone()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
