//! What a client may do: come in with a token, join rooms, and talk in those it has joined.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use jsonwebtoken::{DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Value, json};
use socketioxide::extract::{AckSender, Data, Extension, SocketRef, State};
use uuid::Uuid;

use crate::{Adapter, lines::Lines, store::Message};

/// Set before the server listens: the lines need the server that the door is given to.
pub type Opened = Arc<OnceLock<Door>>;

/// What every connection shares.
pub struct Door {
    pub key: DecodingKey,
    pub expected: Validation,
    pub lines: Lines,
}

#[derive(Deserialize)]
pub struct Credentials {
    token: String,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

/// Who is at the other end of a socket.
#[derive(Clone)]
struct User(Arc<str>);

#[derive(Debug)]
pub struct Unauthenticated;

impl fmt::Display for Unauthenticated {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("unauthenticated")
    }
}

/// Lets in whoever has a token. What a socket may say is set here: the library tells the client that it is in
/// before the handler of the connection has run, and drops what it says in between.
pub async fn authenticate(
    socket: SocketRef<Adapter>,
    Data(credentials): Data<Credentials>,
    State(door): State<Opened>,
) -> Result<(), Unauthenticated> {
    let door = door.get().ok_or(Unauthenticated)?;
    let token = jsonwebtoken::decode::<Claims>(&credentials.token, &door.key, &door.expected)
        .map_err(|_| Unauthenticated)?;
    socket.extensions.insert(User(token.claims.sub.into()));
    socket.on("join-room", join);
    socket.on("chatMessage", say);
    Ok(())
}

/// Everything is done already.
pub async fn welcome() {}

#[derive(Deserialize)]
struct Join {
    room: String,
}

async fn join(socket: SocketRef<Adapter>, Data(join): Data<Join>, ack: AckSender<Adapter>) {
    let room = json!({ "room": join.room });
    socket.join(join.room);
    // Whoever asked may be gone.
    ack.send(&room).ok();
}

#[derive(Deserialize)]
struct Say {
    room: Uuid,
    client_id: String,
    body: Value,
}

async fn say(
    socket: SocketRef<Adapter>,
    Data(say): Data<Say>,
    Extension(user): Extension<User>,
    State(door): State<Opened>,
    ack: AckSender<Adapter>,
) {
    let room = say.room.to_string();
    // What is not a room of the sender is not told apart from what does not exist.
    if !socket.rooms().iter().any(|joined| *joined == room) {
        ack.send(&json!({ "error": "not_found" })).ok();
        return;
    }
    let Some(door) = door.get() else { return };
    door.lines.enqueue(Message::new(say.room, user.0, say.client_id, say.body), ack).await;
}
