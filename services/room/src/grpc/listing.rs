//! Calls that only read.

use std::pin::Pin;

use futures::{Stream, stream};
use hubbub_domain::{Fault, Seq, UserId};
use hubbub_proto::{
    room::v1::{
        CheckAcquaintanceRequest, CheckAcquaintanceResponse, CheckMembersRequest,
        CheckMembersResponse, CheckVersionsRequest, CheckVersionsResponse, GetMembershipRequest,
        GetMembershipResponse, ListChatsRequest, ListChatsResponse, ListMembersRequest,
        ListMembersResponse, ListPublicRoomsRequest, ListPublicRoomsResponse, ListReceiptsRequest,
        ListReceiptsResponse, Pair, StreamMembershipsRequest, StreamMembershipsResponse,
        UserVersion,
    },
    status_from_fault,
};
use tonic::Status;

use crate::{
    chats::ChatPage,
    cursor, input,
    model::fold,
    rooms::Rooms,
    store::{ChatFilter, JoinPlace, MemberPlace, Page, PublicWish},
};

/// Users whose versions one call compares. At the bound: `limit_reached`.
const VERSIONS_MAX: usize = 10_000;
/// Pairs of people that one call looks at. At the bound: `limit_reached`.
const PAIRS_MAX: usize = 10_000;
/// Users looked for among a room's members by one call. At the bound: `limit_reached`.
const CHECKED_MAX: usize = 1_000;
/// Memberships in a chunk.
const CHUNK: u32 = 500;

type Chunks = Pin<Box<dyn Stream<Item = Result<StreamMembershipsResponse, Status>> + Send>>;

impl Rooms {
    pub(super) async fn do_list_members(
        &self,
        request: ListMembersRequest,
    ) -> Result<ListMembersResponse, Fault> {
        let actor = input::user("actor_id", &request.actor_id)?;
        let room = input::room(&request.room_id)?;
        let limit = input::members_limit(request.limit)?;
        // One more than asked for tells whether there is more.
        let page = Page { after: cursor::read_member(&request.cursor)?, limit: limit + 1 };
        let (room, mut members) = self.list_members(&actor, room, &page).await?;
        let next_cursor = next_page(&mut members, limit, |last| {
            cursor::write_member(&MemberPlace { role: last.role, user: last.user.clone() })
        });
        Ok(ListMembersResponse {
            members: members.iter().map(Into::into).collect(),
            next_cursor,
            room: Some((&room).into()),
        })
    }

    pub(super) async fn do_get_membership(
        &self,
        request: GetMembershipRequest,
    ) -> Result<GetMembershipResponse, Fault> {
        let user = input::user("user_id", &request.user_id)?;
        let membership = self.membership(&user, input::room(&request.room_id)?).await?;
        Ok(GetMembershipResponse { membership: Some((&membership).into()) })
    }

    /// The version is read first: what changes while the list is read shows as a newer version.
    pub(super) async fn do_stream_memberships(
        &self,
        request: StreamMembershipsRequest,
    ) -> Result<Chunks, Fault> {
        let user = input::user("user_id", &request.user_id)?;
        let version = self.version(&user).await?;
        let (first, place) = self.chunk(&user, version, None).await?;
        let rest = Rest { rooms: self.clone(), user, version, place };
        let rest = stream::try_unfold(rest, Rest::next);
        Ok(Box::pin(futures::StreamExt::chain(stream::once(async { Ok(first) }), rest)))
    }

    /// A chunk, and where the next one begins; `None` after the last.
    async fn chunk(
        &self,
        user: &UserId,
        version: u64,
        after: Option<JoinPlace>,
    ) -> Result<(StreamMembershipsResponse, Option<JoinPlace>), Fault> {
        let page = Page { after, limit: CHUNK };
        let memberships = self.store().memberships(user, &page).await?;
        let last = memberships.last().filter(|_| memberships.len() == CHUNK as usize);
        let place = last.map(|last| JoinPlace { joined_at: last.joined_at, room: last.room });
        let memberships = memberships.iter().map(Into::into).collect();
        Ok((StreamMembershipsResponse { memberships, version }, place))
    }

    pub(super) async fn do_check_versions(
        &self,
        request: CheckVersionsRequest,
    ) -> Result<CheckVersionsResponse, Fault> {
        input::check_count("users", request.users.len(), VERSIONS_MAX)?;
        let known = request
            .users
            .iter()
            .map(|known| Ok((input::user("user_id", &known.user_id)?, known.version)))
            .collect::<Result<_, Fault>>()?;
        let changed = self.changed_versions(known).await?;
        let changed = changed
            .into_iter()
            .map(|(user, version)| UserVersion { user_id: user.into(), version })
            .collect();
        Ok(CheckVersionsResponse { changed })
    }

    pub(super) async fn do_check_acquaintance(
        &self,
        request: CheckAcquaintanceRequest,
    ) -> Result<CheckAcquaintanceResponse, Fault> {
        input::check_count("pairs", request.pairs.len(), PAIRS_MAX)?;
        let read = |pair: &Pair| {
            Ok((input::user("user_id", &pair.user_id)?, input::user("other_id", &pair.other_id)?))
        };
        let pairs = request.pairs.iter().map(read).collect::<Result<Vec<_>, Fault>>()?;
        Ok(CheckAcquaintanceResponse { acquainted: self.acquainted(&pairs).await? })
    }

    pub(super) async fn do_list_chats(
        &self,
        request: ListChatsRequest,
    ) -> Result<ListChatsResponse, Fault> {
        let page = ChatPage {
            user: input::user("user_id", &request.user_id)?,
            only: if request.pinned_only { ChatFilter::Pinned } else { ChatFilter::All },
            after: cursor::read_rank(&request.cursor)?,
            limit: input::page_limit(request.limit)?,
        };
        self.list_chats(page).await
    }

    pub(super) async fn do_list_public_rooms(
        &self,
        request: ListPublicRoomsRequest,
    ) -> Result<ListPublicRoomsResponse, Fault> {
        let prefix = input::name_prefix(&request.name_prefix)?;
        let limit = input::page_limit(request.limit)?;
        let page = Page { after: cursor::read_room(&request.cursor)?, limit: limit + 1 };
        let mut rooms = self.public_rooms(&PublicWish { prefix, page }).await?;
        let next_cursor =
            next_page(&mut rooms, limit, |last| cursor::write_room(&(fold(&last.name), last.id)));
        Ok(ListPublicRoomsResponse { rooms: rooms.iter().map(Into::into).collect(), next_cursor })
    }
}

impl Rooms {
    pub(super) async fn do_list_receipts(
        &self,
        request: ListReceiptsRequest,
    ) -> Result<ListReceiptsResponse, Fault> {
        let actor = input::user("actor_id", &request.actor_id)?;
        let room = input::room(&request.room_id)?;
        self.receipts(&actor, room, Seq(request.seq)).await
    }

    pub(super) async fn do_check_members(
        &self,
        request: CheckMembersRequest,
    ) -> Result<CheckMembersResponse, Fault> {
        let room = input::room(&request.room_id)?;
        let users = input::users("user_ids", &request.user_ids, CHECKED_MAX)?;
        let members = self.store().members_among(room, &users).await?;
        Ok(CheckMembersResponse { member_ids: members.into_iter().map(String::from).collect() })
    }
}

/// What is still to be streamed of a user's memberships.
struct Rest {
    rooms: Rooms,
    user: UserId,
    version: u64,
    place: Option<JoinPlace>,
}

impl Rest {
    async fn next(mut self) -> Result<Option<(StreamMembershipsResponse, Self)>, Status> {
        if self.place.is_none() {
            return Ok(None);
        }
        let work = self.rooms.chunk(&self.user, self.version, self.place);
        let (chunk, place) = tokio::time::timeout(self.rooms.call_timeout(), work)
            .await
            .unwrap_or_else(|_| Err(Fault::unavailable("the room service took too long")))
            .map_err(|fault| status_from_fault(&fault))?;
        self.place = place;
        Ok(Some((chunk, self)))
    }
}

/// Cuts a list that was read one longer than the page, and says where the next page begins.
fn next_page<T>(list: &mut Vec<T>, limit: u32, place: impl Fn(&T) -> String) -> String {
    if list.len() <= limit as usize {
        return String::new();
    }
    list.truncate(limit as usize);
    list.last().map(place).unwrap_or_default()
}
