//! A service of yours that calls hubbub over gRPC (`docs/grpc.md`): it opens the room of two people, says
//! something there twice under one id, and reads it back.
//!
//! ```text
//! HUBBUB_ROOM=http://127.0.0.1:7102 HUBBUB_HISTORY=http://127.0.0.1:7103 HUBBUB_GRPC_TOKEN=… \
//!   cargo run -p hubbub-proto --example call
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it got")]

use std::{env, error::Error, time::Duration};

use hubbub_proto::{
    fault_from_status,
    history::v1::{
        AppendRequest, Body, GetPageRequest, NewMessage, append_result::Result as Place,
        history_service_client::HistoryServiceClient, new_message::Content,
    },
    room::v1::{OpenDirectRequest, room_service_client::RoomServiceClient},
};
use tonic::{Request, transport::Endpoint};

/// A caller that waits for ever holds its own callers up for ever.
const DEADLINE: Duration = Duration::from_secs(5);

#[expect(clippy::disallowed_methods, reason = "an example has no other configuration")]
#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let room = env::var("HUBBUB_ROOM").unwrap_or("http://127.0.0.1:7102".into());
    let history = env::var("HUBBUB_HISTORY").unwrap_or("http://127.0.0.1:7103".into());
    let token = env::var("HUBBUB_GRPC_TOKEN").unwrap_or_default();
    let text = converse(room, history, &token).await?;
    println!("the newest message of the room: {text}");
    Ok(())
}

/// What was said, as the history service has it.
pub(crate) async fn converse(
    room: String,
    history: String,
    token: &str,
) -> Result<String, Box<dyn Error>> {
    let mut rooms = RoomServiceClient::new(Endpoint::from_shared(room)?.connect().await?);
    let mut histories = HistoryServiceClient::new(Endpoint::from_shared(history)?.connect().await?);

    let ask =
        OpenDirectRequest { actor_id: "alice".into(), peer_id: "bob".into(), find_only: false };
    let opened = rooms.open_direct(with_token(ask, token)?).await?.into_inner();
    let room_id = opened.room.ok_or("a room")?.room_id;

    let body = Body { text: "the parcel has left".into(), ..Body::default() };
    let message = NewMessage {
        room_id: room_id.clone(),
        sender_id: "alice".into(),
        // Derived from what happened, so that a repetition is the same message.
        client_id: "parcel-4711-left".into(),
        content: Some(Content::Body(body)),
        ..NewMessage::default()
    };
    let append = AppendRequest { messages: vec![message] };
    // Whatever goes wrong for the moment: the same request again, as often as it takes.
    let mut appended = histories.append(with_token(append.clone(), token)?).await;
    if appended.as_ref().is_err_and(|status| fault_from_status(status).code.retryable()) {
        appended = histories.append(with_token(append, token)?).await;
    }
    let results = appended?.into_inner().results;
    let place = match results.into_iter().next().and_then(|entry| entry.result) {
        Some(Place::Appended(place)) => place,
        Some(Place::Refusal(refusal)) => return Err(refusal.message.into()),
        None => return Err("an answer without a result".into()),
    };
    println!("seq {} rev {} duplicate {}", place.seq, place.rev, place.duplicate);

    let ask = GetPageRequest { room_id, limit: 1, ..GetPageRequest::default() };
    let page = histories.get_page(with_token(ask, token)?).await?.into_inner();
    let newest = page.messages.into_iter().next().ok_or("the message")?;
    match newest.content {
        Some(hubbub_proto::history::v1::message::Content::Body(body)) => Ok(body.text),
        _ => Err("the newest message is another one".into()),
    }
}

/// A request with its deadline, and the secret that the services share.
fn with_token<T>(message: T, token: &str) -> Result<Request<T>, Box<dyn Error>> {
    let mut request = Request::new(message);
    request.set_timeout(DEADLINE);
    if !token.is_empty() {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse()?);
    }
    Ok(request)
}
