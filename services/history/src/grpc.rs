//! The transport: requests in, answers out. What they mean is decided elsewhere.

mod answers;

use std::sync::Arc;

use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use hubbub_domain::{Fault, Message, RoomId, Seq, Timestamp};
use hubbub_proto::{
    history::v1::{self as wire, history_service_server::HistoryService},
    status_from_fault, timestamp,
};
use hubbub_runtime::trace;
use prost::Message as _;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use self::answers::{results, room_head, whole_failure};
use crate::{
    appends::Appends,
    changing::{Changed, Changing},
    lane::{Appending, Lanes},
    metrics, rules,
    store::{self, Store, Survived},
    validate,
};

/// Changes of one answer are cut at this many bytes, so that it fits the 4 MiB which a gRPC client
/// takes unless told otherwise. The caller sees by the head that there are more.
const CHANGES_BYTES: usize = 3 * 1024 * 1024;

type Answer<T> = Result<Response<T>, Status>;

/// `hubbub.history.v1.HistoryService`.
#[derive(Clone)]
pub(crate) struct Service {
    pub store: Arc<dyn Store>,
    pub lanes: Lanes,
    pub changing: Changing,
    /// Those who call are to go elsewhere: calls that last come to their end.
    pub drain: CancellationToken,
}

/// Each sampled message goes on in a span of its own, as a batch has messages of many traces; what
/// becomes of the message later hangs below that span.
fn continue_traces(messages: &mut [wire::NewMessage]) -> Vec<tracing::Span> {
    if !trace::enabled() {
        return Vec::new();
    }
    let sampled = messages.iter_mut().filter(|message| !message.traceparent.is_empty());
    sampled
        .map(|message| {
            let span = tracing::info_span!("append", room = message.room_id);
            trace::set_parent(&span, &message.traceparent);
            message.traceparent = span.in_scope(trace::current_traceparent);
            span
        })
        .collect()
}

#[tonic::async_trait]
impl HistoryService for Service {
    async fn append(&self, request: Request<wire::AppendRequest>) -> Answer<wire::AppendResponse> {
        let appended = self.append_all(request.into_inner().messages).await;
        answer(appended.map(|results| wire::AppendResponse { results }))
    }

    type AppendStreamStream = BoxStream<'static, Result<wire::AppendStreamResponse, Status>>;

    async fn append_stream(
        &self,
        request: Request<Streaming<wire::AppendStreamRequest>>,
    ) -> Answer<Self::AppendStreamStream> {
        let appends = Appends::new(self.clone(), request.into_inner());
        Ok(Response::new(stream::unfold(appends, Appends::next).boxed()))
    }

    async fn edit(&self, request: Request<wire::EditRequest>) -> Answer<wire::EditResponse> {
        let mut request = request.into_inner();
        let traceparent = std::mem::take(&mut request.traceparent);
        let edited = self.changing.edit(request, traceparent).await;
        answer(edited.map(|Changed { rev, at, .. }| wire::EditResponse {
            rev: rev.0,
            at: Some(timestamp(at)),
        }))
    }

    async fn delete(&self, request: Request<wire::DeleteRequest>) -> Answer<wire::DeleteResponse> {
        let deleted = self.changing.delete(request.into_inner()).await;
        answer(deleted.map(|Changed { rev, at, .. }| wire::DeleteResponse {
            rev: rev.0,
            at: Some(timestamp(at)),
        }))
    }

    async fn react(&self, request: Request<wire::ReactRequest>) -> Answer<wire::ReactResponse> {
        let mut request = request.into_inner();
        let traceparent = std::mem::take(&mut request.traceparent);
        let reacted = self.changing.react(request, traceparent).await;
        answer(
            reacted.map(|Changed { rev, changed, .. }| wire::ReactResponse { rev: rev.0, changed }),
        )
    }

    async fn get_page(
        &self,
        request: Request<wire::GetPageRequest>,
    ) -> Answer<wire::GetPageResponse> {
        answer(self.page(&request.into_inner()).await)
    }

    async fn list_changes(
        &self,
        request: Request<wire::ListChangesRequest>,
    ) -> Answer<wire::ListChangesResponse> {
        answer(self.changes(&request.into_inner()).await)
    }

    async fn get_heads(
        &self,
        request: Request<wire::GetHeadsRequest>,
    ) -> Answer<wire::GetHeadsResponse> {
        answer(self.heads(&request.into_inner()).await)
    }

    async fn rank_rooms(
        &self,
        request: Request<wire::RankRoomsRequest>,
    ) -> Answer<wire::RankRoomsResponse> {
        answer(self.rank(&request.into_inner()).await)
    }

    async fn list_edits(
        &self,
        request: Request<wire::ListEditsRequest>,
    ) -> Answer<wire::ListEditsResponse> {
        answer(self.edits(&request.into_inner()).await)
    }

    async fn list_senders(
        &self,
        request: Request<wire::ListSendersRequest>,
    ) -> Answer<wire::ListSendersResponse> {
        answer(self.senders(&request.into_inner()).await)
    }

    async fn get_survived(
        &self,
        request: Request<wire::GetSurvivedRequest>,
    ) -> Answer<wire::GetSurvivedResponse> {
        answer(self.survived(&request.into_inner()).await)
    }

    async fn check_senders(
        &self,
        request: Request<wire::CheckSendersRequest>,
    ) -> Answer<wire::CheckSendersResponse> {
        answer(self.wrote(&request.into_inner()).await)
    }
}

impl Service {
    /// One result per message.
    pub(crate) async fn append_all(
        &self,
        mut messages: Vec<wire::NewMessage>,
    ) -> Result<Vec<wire::AppendResult>, Fault> {
        validate::appends(messages.len())?;
        let _spans = continue_traces(&mut messages);
        let mut valid = Vec::with_capacity(messages.len());
        let refusals: Vec<Option<Fault>> = messages
            .into_iter()
            .map(|message| match validate::post(message) {
                Ok(post) => {
                    valid.push(post);
                    None
                }
                Err(fault) => {
                    metrics::refused(fault.code, 1);
                    Some(fault)
                }
            })
            .collect();
        let mut appended = self.lanes.append(valid).await.into_iter();
        let answers: Vec<Appending> = refusals
            .into_iter()
            .map(|refusal| match refusal {
                Some(fault) => Err(fault),
                None => appended.next().expect("one answer per valid message"),
            })
            .collect();
        whole_failure(&answers).map_or_else(|| Ok(results(answers)), Err)
    }

    /// The messages before `seq` that share its millisecond: at most 999, as times rise by microseconds.
    async fn rest_of_millisecond(
        &self,
        room: RoomId,
        mut seq: Seq,
        at: Timestamp,
    ) -> Result<Vec<Message>, Fault> {
        const AT_ONCE: u32 = 50;

        let mut rest = Vec::new();
        loop {
            let window = rules::window(rules::Anchor::Before(seq), AT_ONCE);
            let mut older = self.store.page(room, window).await?.messages;
            let share = |message: &Message| {
                rules::millisecond(message.created_at) == rules::millisecond(at)
            };
            let others = older.iter().rposition(|message| !share(message));
            older.drain(..others.map_or(0, |last| last + 1));
            let Some(first) = older.first() else { return Ok(rest) };
            seq = first.seq;
            rest.splice(0..0, older);
            if others.is_some() {
                return Ok(rest);
            }
        }
    }

    async fn page(&self, request: &wire::GetPageRequest) -> Result<wire::GetPageResponse, Fault> {
        let (room, anchor, limit) = validate::page(request)?;
        let mut page = self.store.page(room, rules::window(anchor, limit)).await?;
        if let Some(oldest) = page.messages.first()
            && rules::may_split(anchor, oldest.created_at)
        {
            let (seq, at) = (oldest.seq, oldest.created_at);
            let more = self.rest_of_millisecond(room, seq, at).await?;
            page.messages.splice(0..0, more);
        }
        let ends = page.messages.first().zip(page.messages.last());
        let ends = ends.map(|(first, last)| (first.seq, last.seq));
        let beyond = rules::beyond(anchor, ends, page.head);
        Ok(wire::GetPageResponse {
            messages: page.messages.into_iter().map(Into::into).collect(),
            has_more: beyond.has_more,
            has_newer: beyond.has_newer,
            head: Some(wire::Head::of(room, page.head)),
            epoch: page.epoch.to_string(),
        })
    }

    async fn changes(
        &self,
        request: &wire::ListChangesRequest,
    ) -> Result<wire::ListChangesResponse, Fault> {
        let (room, after, limit) = validate::changes(request)?;
        let store::Changes { changes, head, epoch } =
            self.store.changes(room, after, limit).await?;
        let mut bytes = 0;
        let changes = changes.into_iter().map(wire::Change::from).take_while(|change| {
            let begun = bytes;
            bytes += change.encoded_len();
            begun == 0 || bytes <= CHANGES_BYTES
        });
        Ok(wire::ListChangesResponse {
            changes: changes.collect(),
            head: Some(wire::Head::of(room, head)),
            epoch: epoch.to_string(),
        })
    }

    async fn heads(
        &self,
        request: &wire::GetHeadsRequest,
    ) -> Result<wire::GetHeadsResponse, Fault> {
        let (markers, user) = validate::heads(request)?;
        let heads = self.store.heads(&markers, user.as_ref()).await?;
        Ok(wire::GetHeadsResponse {
            rooms: heads.rooms.into_iter().map(room_head).collect(),
            epoch: heads.epoch.to_string(),
        })
    }

    async fn rank(
        &self,
        request: &wire::RankRoomsRequest,
    ) -> Result<wire::RankRoomsResponse, Fault> {
        let ranking = validate::ranking(request)?;
        let limit = ranking.limit as usize;
        let mut rooms = self.store.rank(&ranking).await?;
        let has_more = rooms.len() > limit;
        rooms.truncate(limit);
        let rooms = rooms.into_iter().map(|room| wire::RankedRoom {
            head: Some(room_head(room.head)),
            active_at: Some(timestamp(room.active_at)),
            last_message: room.last_message.map(Into::into),
        });
        Ok(wire::RankRoomsResponse { rooms: rooms.collect(), has_more })
    }
}

impl Service {
    async fn survived(
        &self,
        request: &wire::GetSurvivedRequest,
    ) -> Result<wire::GetSurvivedResponse, Fault> {
        let rooms = validate::survived(request)?;
        // What is no epoch of ours is an unknown one.
        let asked = request.epoch.parse().unwrap_or_default();
        let Survived { epoch, heads } = self.store.survived(asked, &rooms).await?;
        let known = heads.is_some();
        let heads = rooms.iter().zip(heads.into_iter().flatten());
        let heads = heads.map(|(room, head)| wire::Head::of(*room, head)).collect();
        Ok(wire::GetSurvivedResponse { epoch: epoch.to_string(), known, heads })
    }

    async fn edits(
        &self,
        request: &wire::ListEditsRequest,
    ) -> Result<wire::ListEditsResponse, Fault> {
        let wish = validate::edits(request)?;
        let mut versions = self.store.edits(&wish).await?;
        let has_more = versions.len() > wish.limit as usize;
        versions.truncate(wish.limit as usize);
        let versions = versions.into_iter().map(|version| wire::Version {
            rev: version.rev.0,
            at: Some(timestamp(version.at)),
            body: Some(version.body.into()),
        });
        Ok(wire::ListEditsResponse { versions: versions.collect(), has_more })
    }

    async fn senders(
        &self,
        request: &wire::ListSendersRequest,
    ) -> Result<wire::ListSendersResponse, Fault> {
        let (room, seq) = validate::senders(request)?;
        let senders = self.store.senders(room, seq).await?;
        let senders = senders.ok_or(rules::ChangeRefused::NoSuchMessage)?;
        Ok(wire::ListSendersResponse {
            sender_id: senders.sender.into(),
            user_ids: senders.since.into_iter().map(String::from).collect(),
        })
    }

    async fn wrote(
        &self,
        request: &wire::CheckSendersRequest,
    ) -> Result<wire::CheckSendersResponse, Fault> {
        let senders = validate::check_senders(request)?;
        let mut wrote = vec![false; senders.len()];
        for place in self.store.wrote(&senders).await? {
            wrote[place] = true;
        }
        Ok(wire::CheckSendersResponse { wrote })
    }
}

fn answer<T>(result: Result<T, Fault>) -> Answer<T> {
    result.map(Response::new).map_err(|fault| status_from_fault(&fault))
}
