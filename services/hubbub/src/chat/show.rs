//! What the conversation shows.

use hubbub_client_protocol::{Event, MessageContent, MessageView, PresenceView};
use hubbub_domain::{Rev, Seq, UserId};

use super::{
    presence,
    screen::{describe, printable},
    talk::Talk,
    ticks::Mark,
};

impl Talk {
    pub(super) fn print(&mut self, event: Event) {
        match event {
            Event::Message(message) if Some(message.room) == self.room => {
                self.note(message.rev);
                if !self.mine.contains(&message.client_id) {
                    self.print_message(&message);
                }
            }
            Event::Edited { room, rev, seq, body, .. } if Some(room) == self.room => {
                self.note(rev);
                let text = body.map(|body| body.text).unwrap_or_default();
                self.screen.say(&format!("-- message {seq} now reads: {}", printable(&text)));
            }
            Event::Deleted { room, rev, seq, .. } if Some(room) == self.room => {
                self.note(rev);
                self.screen.say(&format!("-- message {seq} was deleted"));
            }
            Event::Reacted { room, rev, seq, user, emoji, on } if Some(room) == self.room => {
                self.note(rev);
                let did = if on { "reacts to" } else { "takes back, from" };
                let emoji = printable(&emoji);
                self.screen.say(&format!("-- {user} {did} message {seq}: {emoji}"));
            }
            Event::Reset { room, epoch, rev, messages, .. } if Some(room) == self.room => {
                self.screen.say("-- too much was missed; the newest messages:");
                for message in &messages {
                    self.print_message(message);
                }
                self.seen = Some((epoch, rev));
            }
            Event::Epoch { epoch } => {
                if let Some((known, _)) = &mut self.seen {
                    *known = epoch;
                }
            }
            Event::Typing { room, user, on: true } if Some(room) == self.room => {
                self.screen.say(&format!("-- {} is typing", printable(user.as_str())));
            }
            Event::Presence(presence) => self.print_presence(&presence),
            Event::Delivered { room, user, seq } if Some(room) == self.room => {
                self.print_mark(&user, Mark::Delivered, seq);
            }
            Event::Read { room, user, seq } if Some(room) == self.room => {
                self.print_mark(&user, Mark::Read, seq);
            }
            Event::Left { room } if Some(room) == self.room => {
                self.screen.say("-- you are no longer in this room");
            }
            _ => {}
        }
    }

    fn note(&mut self, rev: Rev) {
        if let Some((_, seen)) = &mut self.seen {
            *seen = (*seen).max(rev);
        }
    }

    fn print_mark(&mut self, user: &UserId, mark: Mark, seq: Seq) {
        if *user != self.me
            && let Some(words) = self.ticks.moved(user, mark, seq)
        {
            self.screen.say(&format!("-- {}", printable(&words)));
        }
    }

    /// Once, until it is another one: every connection begins with it.
    fn print_presence(&mut self, presence: &PresenceView) {
        let words = presence::describe(presence, &self.times);
        if words != self.presence
            && let Some(words) = &words
        {
            self.screen.say(&format!("-- {}", printable(words)));
        }
        self.presence = words;
    }

    pub(super) fn print_message(&mut self, message: &MessageView) {
        if message.sender == self.me {
            self.ticks.note_own(message.seq);
        } else {
            self.ticks.note_shown(message.seq);
        }
        if let Some(day) = self.times.turn_to(message.created_at) {
            self.screen.say(&format!("-- {day}"));
        }
        let time = self.times.minute(message.created_at);
        match &message.content {
            MessageContent::Body(body) => {
                let name = if message.sender == self.me { "me" } else { message.sender.as_str() };
                let name = printable(name);
                self.screen.say(&format!("[{time}] {name}: {}", printable(&body.text)));
                for attachment in &body.attachments {
                    self.screen.say(&format!("[{time}] {name}: <{}>", printable(&attachment.url)));
                }
            }
            MessageContent::System(notice) => {
                self.screen.say(&format!("[{time}] * {}", describe(notice)));
            }
            MessageContent::Deleted(_) => self.screen.say(&format!("[{time}] (deleted)")),
        }
    }
}
