//! Calls to the room service.

use hubbub_domain::{Fault, Role, RoomId, RoomKind, RoomState, Seq, Timestamp, UserId};
use hubbub_proto::{fault_from_status, from_timestamp, room::v1 as wire, status_from_fault};
use hubbub_runtime::grpc::retry_idempotent;

use super::{Backends, history::malformed};

/// A user's standing in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) room: RoomId,
    pub(crate) kind: RoomKind,
    pub(crate) state: RoomState,
    /// The least time between two messages of a member; 0: none.
    pub(crate) slow_mode_seconds: u32,
    pub(crate) role: Role,
    pub(crate) last_read: Seq,
    pub(crate) joined_at: Timestamp,
    pub(crate) muted: bool,
    pub(crate) pinned: bool,
    pub(crate) peer: Option<UserId>,
    pub(crate) name: Box<str>,
    /// One of the two of a direct room blocks the other.
    pub(crate) blocked: bool,
}

/// All of a user's memberships, most recently joined first, and the list's version.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memberships {
    pub(crate) rooms: Vec<Membership>,
    pub(crate) version: u64,
}

impl Backends {
    pub(crate) async fn memberships(&self, user: &UserId) -> Result<Memberships, Fault> {
        let request = wire::StreamMembershipsRequest { user_id: user.to_string() };
        retry_idempotent(self.retry, || {
            let mut client = self.room();
            let request = request.clone();
            async move {
                let mut chunks = client.stream_memberships(request).await?.into_inner();
                let mut all = Memberships::default();
                while let Some(chunk) = chunks.message().await? {
                    all.version = chunk.version;
                    for membership in chunk.memberships {
                        let membership = Membership::try_from(membership);
                        all.rooms.push(membership.map_err(|f| status_from_fault(&f))?);
                    }
                }
                Ok(all)
            }
        })
        .await
        .map_err(|status| fault_from_status(&status))
    }

    /// The user's standing in one room; `NotFound` when there is none.
    pub(crate) async fn membership(
        &self,
        user: &UserId,
        room: RoomId,
    ) -> Result<Membership, Fault> {
        let request =
            wire::GetMembershipRequest { user_id: user.to_string(), room_id: room.to_string() };
        let response = repeatable!(self, self.room(), get_membership, request);
        response.membership.ok_or_else(malformed)?.try_into()
    }

    /// Which of these users' lists changed since the versions given.
    pub(crate) async fn changed_versions(
        &self,
        users: Vec<(UserId, u64)>,
    ) -> Result<Vec<UserId>, Fault> {
        let users = users
            .into_iter()
            .map(|(user, version)| wire::UserVersion { user_id: user.into(), version })
            .collect();
        let request = wire::CheckVersionsRequest { users };
        let response = repeatable!(self, self.room(), check_versions, request);
        response.changed.iter().map(|user| UserId::parse(&user.user_id)).collect()
    }

    /// Which of these pairs share a room, in order; any number of them.
    pub(crate) async fn acquainted(&self, pairs: &[(UserId, UserId)]) -> Result<Vec<bool>, Fault> {
        const PAIRS_PER_CALL: usize = 2_000;

        let mut acquainted = Vec::with_capacity(pairs.len());
        for pairs in pairs.chunks(PAIRS_PER_CALL) {
            let pair = |(user, other): &(UserId, UserId)| wire::Pair {
                user_id: user.to_string(),
                other_id: other.to_string(),
            };
            let pairs = pairs.iter().map(pair).collect();
            let request = wire::CheckAcquaintanceRequest { pairs };
            let response = repeatable!(self, self.room(), check_acquaintance, request);
            acquainted.extend(response.acquainted);
        }
        if acquainted.len() == pairs.len() { Ok(acquainted) } else { Err(malformed()) }
    }

    /// Moves markers forward; where the read markers stand now, in the order of the request.
    pub(crate) async fn mark_read(
        &self,
        markers: Vec<wire::ReadMarker>,
    ) -> Result<Vec<Seq>, Fault> {
        let count = markers.len();
        let request = wire::MarkReadRequest { markers };
        let response = repeatable!(self, self.room(), mark_read, request);
        let markers: Vec<_> = response.markers.iter().map(|marker| Seq(marker.seq)).collect();
        if markers.len() == count { Ok(markers) } else { Err(malformed()) }
    }
}

/// Requests that are passed on as they are, with who may repeat them.
macro_rules! passed_on {
    ($($how:ident $method:ident($request:ident) -> $response:ident;)+) => {
        impl Backends {
            $(pub(crate) async fn $method(
                &self,
                request: wire::$request,
            ) -> Result<wire::$response, Fault> {
                Ok(passed_on!(@$how self, $method, request))
            })+
        }
    };
    (@repeatable $self:ident, $method:ident, $request:ident) => {
        repeatable!($self, $self.room(), $method, $request)
    };
    (@once $self:ident, $method:ident, $request:ident) => {
        once!($self.room(), $method, $request)
    };
}

passed_on! {
    repeatable open_direct(OpenDirectRequest) -> OpenDirectResponse;
    once create_room(CreateRoomRequest) -> CreateRoomResponse;
    repeatable update_room(UpdateRoomRequest) -> UpdateRoomResponse;
    repeatable join(JoinRequest) -> JoinResponse;
    repeatable leave(LeaveRequest) -> LeaveResponse;
    once invite(InviteRequest) -> InviteResponse;
    once remove(RemoveRequest) -> RemoveResponse;
    repeatable set_role(SetRoleRequest) -> SetRoleResponse;
    repeatable list_members(ListMembersRequest) -> ListMembersResponse;
    repeatable list_chats(ListChatsRequest) -> ListChatsResponse;
    repeatable update_chat(UpdateChatRequest) -> UpdateChatResponse;
    repeatable list_public_rooms(ListPublicRoomsRequest) -> ListPublicRoomsResponse;
    repeatable list_receipts(ListReceiptsRequest) -> ListReceiptsResponse;
    repeatable check_members(CheckMembersRequest) -> CheckMembersResponse;
}

impl TryFrom<wire::Membership> for Membership {
    type Error = Fault;

    fn try_from(membership: wire::Membership) -> Result<Self, Fault> {
        Ok(Self {
            room: membership.room_id.parse()?,
            kind: membership.kind().to_domain()?,
            state: membership.state().to_domain()?,
            slow_mode_seconds: membership.slow_mode_seconds,
            role: membership.role().to_domain()?,
            last_read: Seq(membership.last_read_seq),
            joined_at: membership.joined_at.map(from_timestamp).unwrap_or_default(),
            muted: membership.muted,
            pinned: membership.pinned,
            peer: (!membership.peer_id.is_empty())
                .then(|| UserId::parse(&membership.peer_id))
                .transpose()?,
            name: membership.name.into(),
            blocked: membership.blocked,
        })
    }
}
