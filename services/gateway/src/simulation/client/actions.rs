//! What a simulated client does of its own accord.

use hubbub_client_protocol::{Command, Edit, History, Invite, Join, Leave, React, Remove, Send};
use hubbub_domain::{Body, ClientId, RoomId, Seq};
use hubbub_testkit::checker::Entry;
use tokio::time::Instant;

use super::{Broken, Client, Talk};

/// Sends under way; a careful client does not pile them up.
const UNACKED_MAX: usize = 6;

impl Client {
    pub(super) async fn act(&mut self, talk: &mut Talk) -> Result<(), Broken> {
        let room = *self.dice.pick(&self.around.rooms);
        match self.dice.below(100) {
            0..50 => self.say(talk, room),
            50..58 => return Err(Broken),
            58..63 => self.stall().await,
            63..70 => self.ask(talk, Command::Join(Join { room })),
            70..75 => self.ask(talk, Command::Leave(Leave { room, for_good: None })),
            75..79 => {
                let users = vec![self.dice.pick(&self.around.users).clone()];
                self.ask(talk, Command::Invite(Invite { room, users }));
            }
            79..83 => {
                let user = self.dice.pick(&self.around.users).clone();
                self.ask(talk, Command::Remove(Remove { room, user }));
            }
            83..88 => self.look(talk, room),
            88..94 => {
                let react = React { room, seq: Seq(1), emoji: "+".into(), on: true };
                self.ask(talk, Command::React(react));
            }
            _ => {
                if let Some((room, seq)) = self.last_said {
                    let body = Body::text(format!("edited by {}", self.user));
                    self.ask(talk, Command::Edit(Edit { room, seq, body }));
                }
            }
        }
        Ok(())
    }

    fn say(&mut self, talk: &mut Talk, room: RoomId) {
        if self.unacked.len() >= UNACKED_MAX {
            return;
        }
        let id = format!("c{:x}", self.dice.number());
        let client_id = ClientId::parse(&id).expect("valid");
        let text = format!("{} says {id}", self.user);
        let send = Send { room, client_id: client_id.clone(), body: Body::text(text.clone()) };
        let entry = Entry::Sent { at: Instant::now(), room, client_id, text };
        let mut diary = self.diary.lock();
        diary.log.entries.push(entry);
        diary.unacked += 1;
        drop(diary);
        self.unacked.push_back(send.clone());
        let twice = self.dice.chance(0.1);
        self.ask(talk, Command::Send(send.clone()));
        if twice {
            // It did not wait for the answer.
            self.ask(talk, Command::Send(send));
        }
    }

    /// Reads nothing for a while.
    async fn stall(&self) {
        self.around.trace.note(format_args!("{} stops reading", self.name));
        self.dice.pause(100..6_000).await;
    }

    fn look(&mut self, talk: &mut Talk, room: RoomId) {
        let history = History {
            room,
            before_seq: None,
            after_seq: None,
            around_seq: None,
            before_time: None,
            limit: None,
        };
        self.ask(talk, Command::History(history));
    }
}
