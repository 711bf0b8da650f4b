//! Calls to the history service.

use std::time::Duration;

use hubbub_domain::{
    Body, Change, ClientId, Fault, Head, Message, MessageId, Reaction, Rev, RoomId, Seq, Timestamp,
    UserId,
};
use hubbub_proto::{
    fault_from_status, from_timestamp,
    history::v1::{self as wire, append_result, get_page_request, new_message},
    timestamp,
};
use hubbub_runtime::{grpc::retry_idempotent, trace};

use super::Backends;
use crate::steady::SteadyMap;

/// A message on its way to history.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) room: RoomId,
    pub(crate) sender: UserId,
    pub(crate) client_id: ClientId,
    pub(crate) body: Body,
    /// Slow mode: the least time since the sender's last message in the room; 0 for none.
    pub(crate) pause_ms: u32,
    pub(crate) traceparent: String,
}

/// Where it was stored.
#[derive(Clone, Debug)]
pub(crate) struct Appended {
    pub(crate) seq: Seq,
    pub(crate) rev: Rev,
    pub(crate) id: MessageId,
    pub(crate) created_at: Timestamp,
    pub(crate) duplicate: bool,
}

/// A room and how far its reader has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marker {
    pub(crate) room: RoomId,
    pub(crate) last_read: Seq,
}

/// A room's head and what lies beyond the reader's marker.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RoomHead {
    pub(crate) head: Head,
    pub(crate) unread: u64,
    pub(crate) mentions: u64,
    pub(crate) read: Seq,
    pub(crate) last_at: Option<Timestamp>,
    /// Without system notices.
    pub(crate) last_said_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub(crate) struct Heads {
    pub(crate) rooms: SteadyMap<RoomId, RoomHead>,
    pub(crate) epoch: String,
}

impl Heads {
    /// How far each of these rooms has come.
    pub(crate) fn of(&self, rooms: &[RoomId]) -> impl Iterator<Item = (RoomId, Rev)> {
        let rev = |room| self.rooms.get(room).map(|head| head.head.rev).unwrap_or_default();
        rooms.iter().map(move |room| (*room, rev(room)))
    }
}

/// Contiguous changes, and the head at the same moment.
#[derive(Clone, Debug)]
pub(crate) struct Changes {
    pub(crate) changes: Vec<Change>,
    pub(crate) head: Head,
    pub(crate) epoch: String,
}

/// What of an earlier epoch still holds: the last revision of each room that today's epoch has, too.
#[derive(Clone, Debug)]
pub(crate) struct Survived {
    /// `None`: nothing of it holds.
    pub(crate) revs: Option<SteadyMap<RoomId, Rev>>,
    /// The epoch of today; empty when history is too old to say.
    pub(crate) epoch: String,
}

/// Where a page lies.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Anchor {
    Newest,
    Before(Seq),
    After(Seq),
    Around(Seq),
    BeforeTime(Timestamp),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct PageRequest {
    pub(crate) room: RoomId,
    pub(crate) anchor: Anchor,
    pub(crate) limit: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) messages: Vec<Message>,
    pub(crate) has_more: bool,
    pub(crate) has_newer: bool,
    pub(crate) head: Head,
    pub(crate) epoch: String,
}

/// Rooms asked for in one call; more take several.
const HEADS_PER_CALL: usize = 5_000;

impl Backends {
    /// The heads of rooms; with a reader also what is unread.
    pub(crate) async fn heads(
        &self,
        reader: Option<&UserId>,
        markers: &[Marker],
    ) -> Result<Heads, Fault> {
        let mut all = Heads { rooms: SteadyMap::default(), epoch: String::new() };
        // Without rooms there is still the epoch to ask for.
        all.rooms.reserve(markers.len());
        let chunks = markers.len().div_ceil(HEADS_PER_CALL).max(1);
        for number in 0..chunks {
            let end = markers.len().min((number + 1) * HEADS_PER_CALL);
            let markers = &markers[number * HEADS_PER_CALL..end];
            let request = wire::GetHeadsRequest {
                rooms: markers.iter().map(Into::into).collect(),
                user_id: reader.map(ToString::to_string).unwrap_or_default(),
            };
            let response = repeatable!(self, self.history_any(), get_heads, request);
            if response.rooms.len() != markers.len() {
                return Err(malformed());
            }
            if number > 0 && all.epoch != response.epoch {
                return Err(another_epoch());
            }
            all.epoch = response.epoch;
            all.rooms.extend(
                markers
                    .iter()
                    .zip(response.rooms)
                    .map(|(marker, head)| (marker.room, room_head(&head))),
            );
        }
        Ok(all)
    }

    /// The changes of a room after `rev`, as many as one call gives.
    pub(crate) async fn changes(&self, room: RoomId, after: Rev) -> Result<Changes, Fault> {
        let request =
            wire::ListChangesRequest { room_id: room.to_string(), after_rev: after.0, limit: 0 };
        let response = repeatable!(self, self.history_any(), list_changes, request);
        let changes =
            response.changes.into_iter().map(TryInto::try_into).collect::<Result<_, Fault>>()?;
        Ok(Changes {
            changes,
            head: response.head.as_ref().map(wire::Head::to_domain).unwrap_or_default(),
            epoch: response.epoch,
        })
    }

    /// How much of what is known of an earlier epoch holds in these rooms.
    pub(crate) async fn survived(&self, epoch: &str, rooms: &[RoomId]) -> Result<Survived, Fault> {
        let mut all = Survived { revs: Some(SteadyMap::default()), epoch: String::new() };
        for (number, rooms) in rooms.chunks(HEADS_PER_CALL).enumerate() {
            let request = wire::GetSurvivedRequest {
                epoch: epoch.to_owned(),
                room_ids: rooms.iter().map(ToString::to_string).collect(),
            };
            let answer = retry_idempotent(self.retry, || {
                let (mut client, request) = (self.history_any(), request.clone());
                async move { client.get_survived(request).await }
            });
            let response = match answer.await {
                Ok(response) => response.into_inner(),
                // A history instance of the release before.
                Err(status) if status.code() == tonic::Code::Unimplemented => {
                    return Ok(Survived { revs: None, epoch: String::new() });
                }
                Err(status) => return Err(fault_from_status(&status)),
            };
            if number > 0 && all.epoch != response.epoch {
                return Err(another_epoch());
            }
            all.epoch = response.epoch;
            match &mut all.revs {
                Some(_) if !response.known => all.revs = None,
                Some(_) if response.heads.len() != rooms.len() => return Err(malformed()),
                Some(revs) => {
                    let heads = response.heads.iter().map(|head| head.to_domain().rev);
                    revs.extend(rooms.iter().copied().zip(heads));
                }
                None => {}
            }
        }
        Ok(all)
    }

    pub(crate) async fn page(&self, page: PageRequest) -> Result<Page, Fault> {
        use get_page_request::Anchor as Wire;

        let request = wire::GetPageRequest {
            room_id: page.room.to_string(),
            anchor: match page.anchor {
                Anchor::Newest => None,
                Anchor::Before(seq) => Some(Wire::BeforeSeq(seq.0)),
                Anchor::After(seq) => Some(Wire::AfterSeq(seq.0)),
                Anchor::Around(seq) => Some(Wire::AroundSeq(seq.0)),
                Anchor::BeforeTime(moment) => Some(Wire::BeforeTime(timestamp(moment))),
            },
            limit: page.limit,
        };
        let response = repeatable!(self, self.history_any(), get_page, request);
        Ok(Page {
            messages: response
                .messages
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, Fault>>()?,
            has_more: response.has_more,
            has_newer: response.has_newer,
            head: response.head.as_ref().map(wire::Head::to_domain).unwrap_or_default(),
            epoch: response.epoch,
        })
    }

    /// Not repeated by itself: a second edit would take a second revision.
    pub(crate) async fn edit(
        &self,
        (room, seq): (RoomId, Seq),
        actor: &UserId,
        body: Body,
    ) -> Result<(Rev, Timestamp), Fault> {
        let request = wire::EditRequest {
            room_id: room.to_string(),
            seq: seq.0,
            actor_id: actor.to_string(),
            body: Some(body.into()),
            traceparent: trace::current_traceparent(),
        };
        let response = once!(self.history(room.as_uuid().as_u128()), edit, request);
        Ok((Rev(response.rev), response.at.map(from_timestamp).unwrap_or_default()))
    }

    pub(crate) async fn delete(
        &self,
        (room, seq): (RoomId, Seq),
        actor: &UserId,
        standing: Standing,
    ) -> Result<(Rev, Timestamp), Fault> {
        let request = wire::DeleteRequest {
            room_id: room.to_string(),
            seq: seq.0,
            actor_id: actor.to_string(),
            moderator: standing == Standing::Moderator,
            traceparent: trace::current_traceparent(),
        };
        let response = repeatable!(self, self.history(room.as_uuid().as_u128()), delete, request);
        Ok((Rev(response.rev), response.at.map(from_timestamp).unwrap_or_default()))
    }

    /// The reaction's revision, and whether anything changed.
    pub(crate) async fn react(
        &self,
        (room, seq): (RoomId, Seq),
        reaction: Reaction,
        on: bool,
    ) -> Result<(Rev, bool), Fault> {
        let request = wire::ReactRequest {
            room_id: room.to_string(),
            seq: seq.0,
            actor_id: reaction.user.to_string(),
            emoji: reaction.emoji,
            on,
            traceparent: trace::current_traceparent(),
        };
        let response = repeatable!(self, self.history(room.as_uuid().as_u128()), react, request);
        Ok((Rev(response.rev), response.changed))
    }
}

/// What a message said from a revision on.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) rev: Rev,
    pub(crate) at: Timestamp,
    pub(crate) body: Body,
}

impl Backends {
    /// Versions of a message, newest first, and whether there are older ones.
    pub(crate) async fn edits(
        &self,
        request: wire::ListEditsRequest,
    ) -> Result<(Vec<Version>, bool), Fault> {
        let response = repeatable!(self, self.history_any(), list_edits, request);
        let versions = response.versions.into_iter().map(|version| {
            Ok(Version {
                rev: Rev(version.rev),
                at: version.at.map(from_timestamp).unwrap_or_default(),
                body: version.body.unwrap_or_default().try_into()?,
            })
        });
        Ok((versions.collect::<Result<_, Fault>>()?, response.has_more))
    }
}

/// Whether somebody may delete what others said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Member,
    Moderator,
}

impl From<Entry> for wire::NewMessage {
    fn from(entry: Entry) -> Self {
        Self {
            room_id: entry.room.to_string(),
            sender_id: entry.sender.into(),
            client_id: entry.client_id.into(),
            content: Some(new_message::Content::Body(entry.body.into())),
            pause_ms: entry.pause_ms,
            traceparent: entry.traceparent,
        }
    }
}

impl From<&Marker> for wire::RoomMarker {
    fn from(marker: &Marker) -> Self {
        Self { room_id: marker.room.to_string(), last_read_seq: marker.last_read.0, since: None }
    }
}

pub(super) fn appended(result: wire::AppendResult) -> Result<Appended, Fault> {
    match result.result.ok_or_else(malformed)? {
        append_result::Result::Appended(appended) => Ok(Appended {
            seq: Seq(appended.seq),
            rev: Rev(appended.rev),
            id: appended.message_id.parse()?,
            created_at: appended.created_at.map(from_timestamp).unwrap_or_default(),
            duplicate: appended.duplicate,
        }),
        append_result::Result::Refusal(refusal) => {
            let code = hubbub_domain::Code::parse(&refusal.code);
            let fault = Fault::new(code.unwrap_or(hubbub_domain::Code::Internal), refusal.message);
            Err(match refusal.retry_after_ms {
                0 => fault,
                millis => fault.retry_after(Duration::from_millis(millis)),
            })
        }
    }
}

pub(crate) fn room_head(head: &wire::RoomHead) -> RoomHead {
    RoomHead {
        head: head.head.as_ref().map(wire::Head::to_domain).unwrap_or_default(),
        unread: head.unread,
        mentions: head.mentions,
        read: Seq(head.read_seq),
        last_at: head.last_at.map(from_timestamp),
        last_said_at: head.last_said_at.map(from_timestamp),
    }
}

/// History began another epoch between two answers.
pub(crate) fn another_epoch() -> Fault {
    Fault::unavailable("the history has just moved to another server")
}

/// The other side did not keep the contract.
pub(crate) fn malformed() -> Fault {
    Fault::new(hubbub_domain::Code::Internal, "an internal answer is malformed")
}
