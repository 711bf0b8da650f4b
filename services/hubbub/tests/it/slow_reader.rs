//! A client that stops reading while its room is busy.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use hubbub_client_protocol::{Command, Event, Hello, Request, RequestId};
use hubbub_testkit::{Client, Cluster, eventually, token};
use tokio::net::TcpSocket;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

use crate::workload::unlimited;

/// Sixteen kilobytes each: together far more than sockets and an outbox hold.
const MESSAGES: u64 = 900;
const PATIENCE: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn is_bounded_disturbs_nobody_and_continues_where_it_was() {
    let cluster = Cluster::start(unlimited()).await.expect("a cluster");
    let urls = cluster.urls();
    let gateway = &cluster.gateways[0];
    let alice = Client::start("alice", token("alice"), vec![urls[1].clone()]);
    let room = alice.open_direct("bob").await;
    let brisk = Client::start("bob", token("bob"), vec![urls[0].clone()]);
    brisk.seen(room, hubbub_domain::Rev(0), PATIENCE).await;
    let mut slow = connect_slowly(&gateway.address(), &token("bob")).await;
    let resident_before = gateway.metric("process_resident_memory_bytes").await.expect("a metric");

    let text = "\u{1F980}".repeat(4_000);
    for _ in 0..MESSAGES {
        alice.send(room, &text).await;
    }
    alice.settled(PATIENCE).await;
    // The other session of the same user, on the same gateway, has it all meanwhile.
    brisk.seen(room, hubbub_domain::Rev(MESSAGES), PATIENCE).await;
    eventually(PATIENCE, || async {
        gateway.metric("hubbub_gateway_fell_behind_total").await.unwrap_or(0.0) > 0.0
    })
    .await;
    let resident = gateway.metric("process_resident_memory_bytes").await.expect("a metric");
    let grown = resident - resident_before;
    println!("the gateway grew by {:.1} MB", grown / 1e6);
    assert!(grown < 64e6, "bounded, with all the messages being {} MB", MESSAGES * 16 / 1_000);

    let mut expected = 1;
    while expected <= MESSAGES {
        let message = tokio::time::timeout(PATIENCE, slow.next()).await.expect("in time");
        let Message::Text(json) = message.expect("open").expect("whole") else { continue };
        if let Ok(Event::Message(message)) = serde_json::from_str::<Event>(&json) {
            assert_eq!(message.rev.0, expected, "no gap, no duplicate");
            expected += 1;
        }
    }
}

/// A connection whose kernel buffers little for it, welcomed.
async fn connect_slowly(address: &str, token: &str) -> WebSocketStream<tokio::net::TcpStream> {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a small buffer");
    let stream = socket.connect(address.parse().expect("an address")).await.expect("connected");
    let mut request =
        format!("ws://{address}/v1/connect").into_client_request().expect("a request");
    let bearer = format!("Bearer {token}").parse().expect("a header");
    request.headers_mut().insert("authorization", bearer);
    let (mut socket, _) = client_async(request, stream).await.expect("upgraded");
    let hello = Command::Hello(Hello::default());
    let hello = Request { id: RequestId::Number(1), command: hello }.encode();
    socket.send(Message::text(hello)).await.expect("sent");
    let welcome = socket.next().await.expect("an answer").expect("whole");
    assert!(welcome.to_string().contains("\"epoch\""), "{welcome}");
    socket
}
