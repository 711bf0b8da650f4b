//! The floor: a message is read, one frame is made of it, and written to every member's socket, one
//! `write()` each. No users, no store, no HTTP: whatever does more costs more. (With bursts a server that
//! puts several messages into one write is cheaper than this.)

use std::{
    collections::HashMap,
    io::{ErrorKind, Read as _, Write as _},
    net::SocketAddr,
};

use anyhow::{Context as _, Result, ensure};
use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};

use crate::frame;

const DOOR: Token = Token(usize::MAX);
const EVENTS_MAX: usize = 1_024;
const BUFFER_BYTES: usize = 64 * 1024;

/// Serves until it is killed.
pub(crate) fn serve(port: u16) -> Result<()> {
    let mut poll = Poll::new()?;
    let mut door = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port)))?;
    poll.registry().register(&mut door, DOOR, Interest::READABLE)?;
    let mut floor = Floor { buffer: vec![0; BUFFER_BYTES], ..Floor::default() };
    let mut events = Events::with_capacity(EVENTS_MAX);
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            polled => polled?,
        }
        for event in &events {
            match event.token() {
                DOOR => floor.accept(&door, &poll)?,
                Token(member) => floor.read(member)?,
            }
        }
    }
}

#[derive(Default)]
struct Floor {
    /// Never taken out: a floor lives as long as its clients.
    clients: Vec<Client>,
    rooms: HashMap<String, Room>,
    /// What is read passes through it.
    buffer: Vec<u8>,
}

struct Client {
    stream: TcpStream,
    rest: Vec<u8>,
}

#[derive(Default)]
struct Room {
    members: Vec<usize>,
    seq: u64,
}

impl Floor {
    fn accept(&mut self, door: &TcpListener, poll: &Poll) -> Result<()> {
        loop {
            let mut stream = match door.accept() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                accepted => accepted?.0,
            };
            stream.set_nodelay(true)?;
            let token = Token(self.clients.len());
            poll.registry().register(&mut stream, token, Interest::READABLE)?;
            self.clients.push(Client { stream, rest: Vec::new() });
        }
    }

    fn read(&mut self, client: usize) -> Result<()> {
        loop {
            let read = match self.clients[client].stream.read(&mut self.buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // Gone; it is written to no more than the others are after the end of a run.
                Ok(0) | Err(_) => return Ok(()),
                Ok(read) => read,
            };
            self.clients[client].rest.extend(&self.buffer[..read]);
        }
        while let Some(first) = frame::first(&self.clients[client].rest)? {
            let rest = &mut self.clients[client].rest;
            let mut text = rest[first.payload.clone()].to_vec();
            rest.drain(..first.payload.end);
            frame::unmask(first.mask.context("a client's frame has a mask")?, &mut text);
            self.hear(client, std::str::from_utf8(&text)?)?;
        }
        Ok(())
    }

    fn hear(&mut self, client: usize, text: &str) -> Result<()> {
        if let Some(rooms) = text.strip_prefix("rooms ") {
            for room in rooms.split(' ') {
                self.rooms.entry(room.to_owned()).or_default().members.push(client);
            }
            return self.write(client, "welcome");
        }
        let (id, room, body) = fields(text).context("neither rooms nor a message")?;
        let room = self.rooms.get_mut(room).context("a room without members")?;
        room.seq += 1;
        let seq = room.seq;
        let event = format!(
            r#"{{"type":"message","room":"{FILL}","seq":{seq},"rev":{seq},"message_id":"{FILL}","sender":"user-1","client_id":"{id}","created_at":"2026-01-01T00:00:00.000001Z",{body}"#
        );
        let mut bytes = Vec::new();
        frame::append(frame::TEXT, event.as_bytes(), &mut bytes);
        for member in &room.members {
            write(&mut self.clients[*member].stream, &bytes)?;
        }
        self.write(client, &format!(r#"{{"re":{id},"ok":{{"seq":{seq}}}}}"#))
    }

    fn write(&mut self, client: usize, text: &str) -> Result<()> {
        let mut bytes = Vec::new();
        frame::append(frame::TEXT, text.as_bytes(), &mut bytes);
        write(&mut self.clients[client].stream, &bytes)
    }
}

/// As long as the ids of the real thing.
const FILL: &str = "00000000-0000-0000-0000-000000000000";

/// Id, room, and the text from the body on, of a message as the native door takes it.
fn fields(text: &str) -> Option<(&str, &str, &str)> {
    let (id, rest) = text.strip_prefix(r#"{"id":"#)?.split_once(',')?;
    let (_, rest) = rest.split_once(r#""room":""#)?;
    let (room, rest) = rest.split_once('"')?;
    Some((id, room, &rest[rest.find(r#""body":"#)?..]))
}

fn write(stream: &mut TcpStream, bytes: &[u8]) -> Result<()> {
    let written = stream.write(bytes).context("a client takes nothing more")?;
    ensure!(written == bytes.len(), "a client takes nothing more");
    Ok(())
}
