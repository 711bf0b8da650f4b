//! What a simulated client is told, and what it makes of it. Two things are judged on the spot,
//! because only now is it known when they happened: that nothing follows one's own departure, and
//! that answers are true.

use std::{
    collections::{BTreeSet, hash_map},
    time::Duration,
};

use bytes::Bytes;
use hubbub_client_protocol::{
    Appended, Command, ErrorView, Event, MessageContent, MessageView, Page,
};
use hubbub_domain::{Rev, RoomId, SystemNotice};
use hubbub_testkit::checker::Entry;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep};

use super::{Broken, Client, Talk};
use crate::core::Welcomed;

/// Before a send that was refused for the moment is sent again.
const RETRY: Duration = Duration::from_millis(100);

#[derive(Deserialize)]
struct Answer<'a> {
    re: u64,
    #[serde(borrow)]
    ok: Option<&'a RawValue>,
    error: Option<ErrorView>,
}

impl Client {
    /// The answer to hello. Rooms that are not in it are no longer ours: what was known of them is
    /// forgotten.
    pub(super) fn welcomed(&mut self, welcomed: &mut Welcomed, gateway: usize) {
        let (name, count) = (&self.name, welcomed.rooms.len());
        self.around.trace.note(format_args!("{name} comes to {gateway}: {count} rooms"));
        self.diary.lock().log.welcomed(&welcomed.rooms, count);
        self.departed.clear();
        self.epoch.clone_from(&welcomed.epoch);
    }

    /// Everything begins anew at the next welcome.
    pub(super) fn forget(&mut self) {
        let mut diary = self.diary.lock();
        let rooms: BTreeSet<RoomId> = diary.log.revs.keys().copied().collect();
        for room in rooms {
            diary.log.heard(Event::Left { room });
        }
    }

    pub(super) async fn hear(&mut self, talk: &mut Talk, frame: &Bytes) -> Result<(), Broken> {
        if self.dice.chance(0.1) {
            self.dice.pause(0..30).await;
        }
        if frame.starts_with(b"{\"re\"") {
            let answer: Answer<'_> = serde_json::from_slice(frame).expect("an answer");
            return self.answered(talk, answer).await;
        }
        let event: Event = serde_json::from_slice(frame).expect("an event");
        self.told(frame, event);
        Ok(())
    }

    fn told(&mut self, frame: &Bytes, event: Event) {
        match &event {
            Event::Message(message) => {
                self.saw(frame, message.room, message.rev);
                self.must_be_allowed(message.room, message.rev);
                self.note_departure(message);
            }
            Event::Edited { room, rev, .. } | Event::Reacted { room, rev, .. } => {
                self.saw(frame, *room, *rev);
                self.must_be_allowed(*room, *rev);
            }
            Event::Epoch { epoch } => self.epoch.clone_from(epoch),
            Event::Reset { room, rev, .. } => {
                self.around.trace.note(format_args!("{} begins {room} at {rev}", self.name));
                self.must_be_allowed(*room, *rev);
                self.departed.remove(room);
            }
            Event::Joined(joined) => {
                let (room, rev) = (joined.room, joined.rev);
                self.around.trace.note(format_args!("{} joins {room} at {rev}", self.name));
                self.departed.remove(&room);
            }
            Event::Left { room } => {
                self.around.trace.note(format_args!("{} is out of {room}", self.name));
                self.departed.remove(room);
            }
            _ => {}
        }
        self.diary.lock().log.heard(event);
    }

    /// Whoever saw their own departure sees nothing after it, unless they were let in again since.
    fn must_be_allowed(&self, room: RoomId, rev: Rev) {
        let Some(departure) = self.departed.get(&room) else { return };
        let store = self.around.backend.store.lock();
        if rev > *departure && !store.was_readmitted(&self.user, room, *departure) {
            let name = &self.name;
            let what = format!("{name} left {room} at rev {departure} and was given rev {rev}");
            self.around.trace.breach(what);
        }
    }

    fn note_departure(&mut self, message: &MessageView) {
        let MessageContent::System(
            SystemNotice::Left { user } | SystemNotice::Removed { user, .. },
        ) = &message.content
        else {
            return;
        };
        if *user == self.user {
            self.departed.insert(message.room, message.rev);
        }
    }

    async fn answered(&mut self, talk: &mut Talk, answer: Answer<'_>) -> Result<(), Broken> {
        let Some(command) = talk.asked.remove(&answer.re) else { return Ok(()) };
        talk.waiting_since = (!talk.asked.is_empty()).then(Instant::now);
        let outcome = match (answer.ok, answer.error) {
            (Some(ok), _) => Ok(ok),
            (None, Some(error)) => Err(error),
            (None, None) => unreachable!("an answer says one or the other"),
        };
        match (command, outcome) {
            (Command::Send(send), Ok(ok)) => {
                let (at, appended) = (Instant::now(), parsed::<Appended>(ok));
                let (room, client_id) = (send.room, send.client_id);
                self.last_said = Some((room, appended.seq));
                self.settle(Entry::Acked { at, room, client_id, appended });
            }
            (Command::Send(send), Err(error)) if error.retryable => {
                sleep(RETRY).await;
                if self.unacked.contains(&send) {
                    self.ask(talk, Command::Send(send));
                }
            }
            (Command::Send(send), Err(error)) => {
                self.settle(Entry::Refused { client_id: send.client_id, error });
            }
            (Command::History(history), Ok(ok)) => {
                let page: Page = parsed(ok);
                self.shown(history.room, page);
            }
            _ => {}
        }
        Ok(())
    }

    /// A page of a room that was not followed begins the view of it.
    fn shown(&mut self, room: RoomId, page: Page) {
        let mut diary = self.diary.lock();
        let log = &mut diary.log;
        if let hash_map::Entry::Vacant(view) = log.revs.entry(room) {
            view.insert(page.rev);
            log.entries.push(Entry::Begun { room, rev: page.rev });
        }
        log.shown(page.messages);
    }

    fn settle(&mut self, entry: Entry) {
        let (Entry::Acked { client_id, .. } | Entry::Refused { client_id, .. }) = &entry else {
            return;
        };
        let before = self.unacked.len();
        self.unacked.retain(|send| send.client_id != *client_id);
        let mut diary = self.diary.lock();
        diary.unacked -= before - self.unacked.len();
        self.around.trace.note(format_args!("{} has {client_id} settled", self.name));
        diary.log.entries.push(entry);
    }
}

fn parsed<T: DeserializeOwned>(json: &RawValue) -> T {
    serde_json::from_str(json.get()).expect("an answer of that kind")
}
