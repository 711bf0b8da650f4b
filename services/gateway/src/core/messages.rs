//! Requests about messages.

use hubbub_client_protocol::{
    Appended, Delete, Edit, History, MessageView, Page, React, Reacted, Reply, Revised, Send,
    unicode,
};
use hubbub_domain::{
    Body, Code, Fault, MessageKind, Reaction, Role, RoomId, RoomState, Seq, limits,
};
use hubbub_runtime::trace;

use super::{Caller, Core};
use crate::{
    appender::{Done, submit_and_wait},
    backends::{Anchor, Entry, Marker, Membership, PageRequest, Standing},
    hub::{Epoch, Start},
    session::Scope,
};

impl Core {
    /// Checks a message and hands it to history; `done` hears where it was stored. Waits only when
    /// the membership or who is mentioned has to be asked for, so that a sender's messages keep their order.
    pub(crate) async fn submit(&self, caller: &Caller, send: Send, done: Done) {
        self.note_request(caller);
        match self.entry(caller, send).await {
            Ok(entry) => self.appender.submit(entry, done),
            Err(fault) => done(Err(fault)),
        }
    }

    pub(super) async fn send(&self, caller: &Caller, send: Send) -> Result<Reply, Fault> {
        let entry = self.entry(caller, send).await?;
        submit_and_wait(&self.appender, entry)
            .await
            .map(|appended| Reply::Appended(appended.into()))
    }

    async fn entry(&self, caller: &Caller, send: Send) -> Result<Entry, Fault> {
        send.body.validate(self.config.session.text_chars_max)?;
        let known = match caller {
            Caller::Session { user, .. } => user.check(send.room, may_post),
            Caller::Request { .. } => None,
        };
        let pause_ms = match known {
            Some(allowed) => allowed?,
            None => may_post(&self.membership(caller, send.room).await?)?,
        };
        self.check_mentions(send.room, &send.body.mentions).await?;
        self.typing.posts(send.room, caller.id());
        Ok(Entry {
            room: send.room,
            sender: caller.id().clone(),
            client_id: send.client_id,
            body: send.body,
            pause_ms,
            traceparent: trace::current_traceparent(),
        })
    }

    pub(super) async fn edit(&self, caller: &Caller, edit: Edit) -> Result<Reply, Fault> {
        may_post(&self.membership(caller, edit.room).await?)?;
        self.check_edit(caller, &edit).await?;
        let place = (edit.room, edit.seq);
        let (rev, at) = self.backends.edit(place, caller.id(), edit.body).await?;
        Ok(Reply::Revised(Revised { rev, at }))
    }

    /// An edit may keep what the message said before: whom it mentions, also when they have left, and
    /// what was within a limit that is lower by now. The message is looked up only when it matters.
    async fn check_edit(&self, caller: &Caller, edit: &Edit) -> Result<(), Fault> {
        let text_chars_max = self.config.session.text_chars_max;
        let as_new = async {
            edit.body.validate(text_chars_max)?;
            self.check_mentions(edit.room, &edit.body.mentions).await
        };
        let Err(fault) = as_new.await else { return Ok(()) };
        if fault.code.retryable() {
            return Err(fault);
        }
        let Some(before) = self.said(caller, (edit.room, edit.seq)).await? else {
            return Err(fault);
        };
        edit.body.validate_edit(&before, text_chars_max)?;
        self.check_mentions(edit.room, &edit.body.mentions_beyond(&before)).await
    }

    /// What a message of the caller says now.
    async fn said(
        &self,
        caller: &Caller,
        (room, seq): (RoomId, Seq),
    ) -> Result<Option<Body>, Fault> {
        let wish = PageRequest { room, anchor: Anchor::Around(seq), limit: 1 };
        let mut messages = self.backends.page(wish).await?.messages.into_iter();
        let own = messages.find(|message| message.seq == seq && message.sender == *caller.id());
        Ok(own.and_then(|message| match message.kind {
            MessageKind::User(body) => Some(body),
            MessageKind::System(_) | MessageKind::Deleted => None,
        }))
    }

    pub(super) async fn delete(&self, caller: &Caller, delete: &Delete) -> Result<Reply, Fault> {
        let membership = self.membership(caller, delete.room).await?;
        may_change(&membership)?;
        let standing =
            if membership.role >= Role::Admin { Standing::Moderator } else { Standing::Member };
        let place = (delete.room, delete.seq);
        let (rev, at) = self.backends.delete(place, caller.id(), standing).await?;
        Ok(Reply::Revised(Revised { rev, at }))
    }

    pub(super) async fn react(&self, caller: &Caller, react: React) -> Result<Reply, Fault> {
        if react.emoji.is_empty() || react.emoji.len() > limits::EMOJI_BYTES_MAX {
            let range = format!("emoji has not 1 to {} bytes", limits::EMOJI_BYTES_MAX);
            return Err(Fault::bad_request(range));
        }
        if react.emoji.contains(unicode::REPLACEMENT) {
            return Err(Fault::bad_request("emoji is not valid Unicode"));
        }
        if react.emoji.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(Fault::bad_request("emoji has a space or a control character"));
        }
        may_post(&self.membership(caller, react.room).await?)?;
        let reaction = Reaction { user: caller.id().clone(), emoji: react.emoji };
        let (rev, changed) =
            self.backends.react((react.room, react.seq), reaction, react.on).await?;
        Ok(Reply::Reacted(Reacted { rev, changed }))
    }

    /// One message, by its place.
    pub(crate) async fn message(
        &self,
        caller: &Caller,
        room: RoomId,
        seq: Seq,
    ) -> Result<MessageView, Fault> {
        self.membership(caller, room).await?;
        let request = PageRequest { room, anchor: Anchor::Around(seq), limit: 1 };
        let page = self.backends.page(request).await?;
        let message = page.messages.into_iter().find(|message| message.seq == seq);
        message.map(Into::into).ok_or_else(|| Fault::new(Code::NotFound, "no such message"))
    }

    pub(super) async fn history(&self, caller: &Caller, history: &History) -> Result<Reply, Fault> {
        let request = page_request(history)?;
        self.membership(caller, history.room).await?;
        let is_newest = matches!(request.anchor, Anchor::Newest);
        let typing = async {
            if is_newest { self.typing.typists(history.room, caller.id()).await } else { None }
        };
        let (page, typing) = tokio::join!(self.backends.page(request), typing);
        let page = page?;
        if let Caller::Session { user, session } = caller
            && session.scope() == Scope::All
        {
            // A room beyond those followed from the start is followed from its opening on.
            session.note_opened(history.room);
            if !session.follows(history.room) {
                self.hub.prepare(&[history.room]).await;
                let marker = Marker { room: history.room, last_read: Seq::ZERO };
                self.hub.settle(&self.backends.heads(None, &[marker]).await?).await?;
                self.hub.follow(
                    session,
                    history.room,
                    Start::After(page.head.rev, Epoch::of(&page.epoch)),
                );
                if user.membership(history.room).is_none() {
                    // They left meanwhile, and whoever stopped the room's events came too early.
                    self.hub.unfollow(session, history.room);
                    self.membership(caller, history.room).await?;
                }
            }
        }
        Ok(Reply::Page(Page {
            messages: page.messages.into_iter().map(Into::into).collect(),
            has_more: page.has_more,
            has_newer: page.has_newer,
            seq: page.head.seq,
            rev: page.head.rev,
            epoch: page.epoch,
            typing,
        }))
    }
}

impl From<crate::backends::Appended> for Appended {
    fn from(appended: crate::backends::Appended) -> Self {
        Self {
            seq: appended.seq,
            rev: appended.rev,
            message_id: appended.id,
            created_at: appended.created_at,
            duplicate: appended.duplicate,
        }
    }
}

/// How long a member has to be silent before, in milliseconds: slow mode is not for admins and owners.
pub(super) fn may_post(membership: &Membership) -> Result<u32, Fault> {
    if membership.blocked {
        let text = "the two of you cannot exchange direct messages";
        return Err(Fault::new(Code::Forbidden, text));
    }
    match membership.state {
        RoomState::Open if membership.role >= Role::Admin => Ok(0),
        RoomState::Open => Ok(membership.slow_mode_seconds.saturating_mul(1_000)),
        RoomState::ReadOnly => Err(Fault::new(Code::Conflict, "the room is read-only")),
        RoomState::Dissolved => Err(Fault::new(Code::Conflict, "the room is dissolved")),
    }
}

/// A message may be taken away while the room is read-only.
fn may_change(membership: &Membership) -> Result<(), Fault> {
    match membership.state {
        RoomState::Open | RoomState::ReadOnly => Ok(()),
        RoomState::Dissolved => Err(Fault::new(Code::Conflict, "the room is dissolved")),
    }
}

fn page_request(history: &History) -> Result<PageRequest, Fault> {
    let mut anchors = [
        history.before_seq.map(Anchor::Before),
        history.after_seq.map(Anchor::After),
        history.around_seq.map(Anchor::Around),
        history.before_time.map(Anchor::BeforeTime),
    ]
    .into_iter()
    .flatten();
    let anchor = anchors.next().unwrap_or(Anchor::Newest);
    if anchors.next().is_some() {
        return Err(Fault::bad_request(
            "more than one of before_seq, after_seq, around_seq and before_time",
        ));
    }
    Ok(PageRequest { room: history.room, anchor, limit: page_limit(history.limit)? })
}

/// The page's size: 30 unless told, never 0 and at most 100.
pub(super) fn page_limit(limit: Option<u32>) -> Result<u32, Fault> {
    match limit.unwrap_or(limits::PAGE_DEFAULT) {
        limit @ 1..=limits::PAGE_MAX => Ok(limit),
        _ => Err(Fault::bad_request(format!("limit is not in 1 to {}", limits::PAGE_MAX))),
    }
}
