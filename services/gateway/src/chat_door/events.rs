//! What a client of `/chat` asks for, carried out by the core as for every door, and answered in the
//! words of this one.

use hubbub_client_protocol::{
    Chats, Command, History, Join, OpenDirect, PublicRooms, Read, Reply, Send, Typing, Watch,
    chat::{
        Asked, ChatRecord, HistoryAsked, Message, OpenedRoom, Posted, Posting, Present,
        PublicRoomList, ReadSoFar, Refreshed, RoomEntered, RoomLeft, Told, WatchedUsers,
    },
};
use hubbub_domain::{ClientId, Code, Fault, Head, Rev, RoomId, UserId, limits};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{answer::Answer, codec, seat::Seat};
use crate::metrics;

impl Seat {
    /// Carries out one event and sees to its answer.
    pub(super) async fn hear(&self, name: &str, args: Vec<Value>, answer: Answer) {
        match Asked::parse(name, args) {
            Err(fault) => {
                let admitted = self.note_rate(self.core.rates.admit_other(self.caller.id()));
                answer.give(admitted.and(Err(fault)));
            }
            Ok(Asked::Post(posting)) => self.post(posting, answer).await,
            Ok(asked) => answer.give(self.carry_out(asked).await),
        }
    }

    async fn carry_out(&self, asked: Asked) -> Result<Value, Fault> {
        match asked {
            Asked::Post(_) => Err(defect("a message is handed over")),
            Asked::Typing(on) => self.typing(on).await,
            Asked::Watch(watch) => self.watch(watch).await,
            Asked::Enter(room) => self.enter(room).await,
            Asked::Leave(room) => self.leave(room),
            Asked::History(asked) => self.history(asked).await,
            Asked::OpenRoom(receiver) => self.open_room(receiver).await,
            Asked::ChatRecord(chats) => self.chat_record(chats).await,
            Asked::Read(read) => self.read(read).await,
            Asked::Edit(edit) => self.done(Command::Edit(edit)).await,
            Asked::Delete(delete) => self.done(Command::Delete(delete)).await,
            Asked::React(react) => self.done(Command::React(react)).await,
            Asked::PublicRooms(rooms) => self.public_rooms(rooms).await,
            Asked::Refresh(refresh) => self.refresh(&refresh.token).await,
            Asked::Limits => self.limits(),
        }
    }

    /// Hands a message over; it is answered when it is stored.
    async fn post(&self, posting: Posting, answer: Answer) {
        let Posting { room, client_id, body } = posting;
        let room = match self.room(room) {
            Ok(room) => room,
            Err(fault) => return answer.give(Err(fault)),
        };
        let client_id = client_id.unwrap_or_else(new_client_id);
        let command = Command::Send(Send { room, client_id: client_id.clone(), body });
        if let Err(fault) = self.admit(&command) {
            return answer.give(Err(fault));
        }
        let Command::Send(send) = command else { return };
        if !self.echo {
            self.trail.note_own(client_id.clone());
        }
        let done = Box::new(move |outcome: Result<crate::backends::Appended, Fault>| {
            count("send", outcome.as_ref().err());
            answer.give(outcome.map(|appended| json!(Posted::new(&appended.into(), client_id))));
        });
        self.core.submit(&self.caller, send, done).await;
    }

    /// A request of the core with its own answer.
    async fn done(&self, command: Command) -> Result<Value, Fault> {
        self.execute(command).await.and_then(|reply| to_json(&reply))
    }

    async fn execute(&self, command: Command) -> Result<Reply, Fault> {
        self.admit(&command)?;
        let name = command.name();
        let outcome = self.core.execute(&self.caller, command).await;
        count(name, outcome.as_ref().err());
        outcome
    }

    /// Counts a command against its user's rate.
    fn admit(&self, command: &Command) -> Result<(), Fault> {
        self.note_rate(self.core.rates.admit(self.caller.id(), command))
    }

    async fn history(&self, asked: HistoryAsked) -> Result<Value, Fault> {
        let HistoryAsked { room, last_time, before_seq, limit } = asked;
        let room = self.room(room)?;
        let history = History {
            room,
            before_seq,
            after_seq: None,
            around_seq: None,
            before_time: last_time,
            limit,
        };
        let Reply::Page(page) = self.execute(Command::History(history)).await? else {
            return Err(defect("history was answered with something else"));
        };
        let messages: Vec<Message> = page.messages.into_iter().map(Message::from).collect();
        let value = to_json(&messages)?;
        self.session.outbox().reply(codec::frame(&Told::History(messages), None));
        Ok(value)
    }

    async fn open_room(&self, receiver: UserId) -> Result<Value, Fault> {
        let open = OpenDirect { peer: receiver.clone() };
        let Reply::Opened(opened) = self.execute(Command::OpenDirect(open)).await? else {
            return Err(defect("open_direct was answered with something else"));
        };
        to_json(&OpenedRoom::new(&opened, receiver))
    }

    async fn chat_record(&self, mut chats: Chats) -> Result<Value, Fault> {
        chats.limit.get_or_insert(limits::PAGE_MAX);
        let Reply::Chats(page) = self.execute(Command::Chats(chats)).await? else {
            return Err(defect("chats was answered with something else"));
        };
        let records: Vec<ChatRecord> = page.chats.into_iter().map(ChatRecord::from).collect();
        to_json(&records)
    }

    async fn read(&self, read: Read) -> Result<Value, Fault> {
        let Reply::Unread(unread) = self.execute(Command::Read(read)).await? else {
            return Err(defect("read was answered with something else"));
        };
        to_json(&ReadSoFar { unread: unread.unread, last_read_seq: unread.last_read_seq })
    }

    /// Tells the others in the room entered last. An indicator that cannot be told just now is no error
    /// for the person who types: the client says it again.
    async fn typing(&self, on: bool) -> Result<Value, Fault> {
        let room = self.room(None)?;
        match self.done(Command::Typing(Typing { room, on })).await {
            Err(fault) if fault.code.retryable() => Ok(json!({})),
            outcome => outcome,
        }
    }

    async fn watch(&self, watch: Watch) -> Result<Value, Fault> {
        let Reply::Watched(watched) = self.execute(Command::Watch(watch)).await? else {
            return Err(defect("watch was answered with something else"));
        };
        let users: Vec<Present> = watched.users.into_iter().map(Present::from).collect();
        to_json(&WatchedUsers { users })
    }

    async fn public_rooms(&self, rooms: PublicRooms) -> Result<Value, Fault> {
        let Reply::PublicRooms(page) = self.execute(Command::PublicRooms(rooms)).await? else {
            return Err(defect("public_rooms was answered with something else"));
        };
        to_json(&PublicRoomList { rooms: page.rooms, next_cursor: page.next_cursor })
    }

    /// Has the room's stream come to this socket. A public room is joined.
    async fn enter(&self, room: RoomId) -> Result<Value, Fault> {
        self.note_rate(self.core.rates.admit_other(self.caller.id()))?;
        if self.session.follows(room) {
            self.trail.enter(room, Rev::ZERO);
            self.tell_entered();
            return to_json(&RoomEntered { ok: true, room, seq: None });
        }
        self.trail.retain(|room| self.session.follows(room));
        let rooms_max = self.core.config.hub.rooms_per_session_max;
        if self.trail.len() >= rooms_max {
            let range = format!("a socket enters at most {rooms_max} rooms");
            return Err(Fault::new(Code::LimitReached, range));
        }
        let head = match self.follow(room).await {
            Err(fault) if fault.code == Code::NotFound => {
                self.core.execute(&self.caller, Command::Join(Join { room })).await?;
                self.follow(room).await?
            }
            outcome => outcome?,
        };
        to_json(&RoomEntered { ok: true, room, seq: Some(head.seq) })
    }

    async fn follow(&self, room: RoomId) -> Result<Head, Fault> {
        let begin = |head: Head| {
            self.trail.retain(|known| known != room);
            self.trail.enter(room, head.rev);
            self.tell_entered();
        };
        self.core.enter(&self.caller, &self.session, (room, begin)).await
    }

    fn leave(&self, room: RoomId) -> Result<Value, Fault> {
        self.note_rate(self.core.rates.admit_other(self.caller.id()))?;
        self.core.hub.unfollow(&self.session, room);
        self.trail.retain(|known| known != room);
        self.tell_entered();
        to_json(&RoomLeft { ok: true, room })
    }

    /// The room that is meant: the one named, or else the one entered last.
    fn room(&self, named: Option<RoomId>) -> Result<RoomId, Fault> {
        named
            .or_else(|| self.trail.current())
            .ok_or_else(|| Fault::bad_request("no room is named, and none was entered"))
    }

    fn limits(&self) -> Result<Value, Fault> {
        self.note_rate(self.core.rates.admit_other(self.caller.id()))?;
        to_json(&self.core.limits())
    }

    async fn refresh(&self, token: &str) -> Result<Value, Fault> {
        self.note_rate(self.core.rates.admit_other(self.caller.id()))?;
        let claims = self.verifier.verify(token).await?;
        if claims.sub != *self.caller.id() {
            return Err(Fault::new(Code::Unauthenticated, "the token is another user's"));
        }
        self.session.stand_on(&claims);
        *self.expiry.lock() = self.core.expiry_of(&claims);
        self.socket.vouch(token);
        to_json(&Refreshed { expires_at: claims.expires_at })
    }
}

fn defect(text: &'static str) -> Fault {
    Fault::new(Code::Internal, text)
}

/// Nobody else names a message so; a repetition is another message.
fn new_client_id() -> ClientId {
    ClientId::parse(&Uuid::now_v7().to_string()).expect("a UUID is short and printable")
}

fn to_json(value: &impl Serialize) -> Result<Value, Fault> {
    serde_json::to_value(value).map_err(|_| defect("an answer that is not JSON"))
}

fn count(command: &'static str, fault: Option<&Fault>) {
    metrics::request(command, fault.map_or("ok", |fault| fault.code.as_str()));
}
