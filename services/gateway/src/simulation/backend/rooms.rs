//! The simulated room service: as much of it as the simulated clients use.

use std::{sync::Arc, time::Duration};

use futures::stream;
use hubbub_domain::{Fault, RoomId, SystemNotice, Timestamp, UserId};
use hubbub_proto::{
    parse_room_id, parse_user_id,
    room::v1::{self as wire, room_service_server::RoomService},
    status_from_fault, timestamp,
};
use tonic::{Request, Response, Status, async_trait};

use super::{super::store::Store, Backend};

/// How long a change waits to be told to the gateways before it is answered.
const TOLD_WITHIN: Duration = Duration::from_secs(1);

pub(super) struct Rooms(pub(super) Arc<Backend>);

type Answer<T> = Result<Response<T>, Status>;

/// Calls that no simulated client makes.
macro_rules! unimplemented_calls {
    ($($call:ident($request:ident) -> $response:ident;)+) => {
        impl Rooms { $(
            async fn $call(_: Request<wire::$request>) -> Answer<wire::$response> {
                Err(Status::unimplemented("no simulated client calls it"))
            }
        )+ }
    };
}

unimplemented_calls! {
    no_direct(OpenDirectRequest) -> OpenDirectResponse;
    no_creation(CreateRoomRequest) -> CreateRoomResponse;
    no_update(UpdateRoomRequest) -> UpdateRoomResponse;
    no_role(SetRoleRequest) -> SetRoleResponse;
    no_members(ListMembersRequest) -> ListMembersResponse;
    no_chats(ListChatsRequest) -> ListChatsResponse;
    no_chat(UpdateChatRequest) -> UpdateChatResponse;
    no_acquaintance(CheckAcquaintanceRequest) -> CheckAcquaintanceResponse;
    no_marker(MarkReadRequest) -> MarkReadResponse;
    no_public_rooms(ListPublicRoomsRequest) -> ListPublicRoomsResponse;
    no_block(SetBlockRequest) -> SetBlockResponse;
    no_receipts(ListReceiptsRequest) -> ListReceiptsResponse;
    no_check(CheckMembersRequest) -> CheckMembersResponse;
}

#[async_trait]
impl RoomService for Rooms {
    type StreamMembershipsStream =
        stream::Iter<std::vec::IntoIter<Result<wire::StreamMembershipsResponse, Status>>>;

    async fn open_direct(
        &self,
        request: Request<wire::OpenDirectRequest>,
    ) -> Answer<wire::OpenDirectResponse> {
        Self::no_direct(request).await
    }

    async fn set_block(
        &self,
        request: Request<wire::SetBlockRequest>,
    ) -> Answer<wire::SetBlockResponse> {
        Self::no_block(request).await
    }

    async fn create_room(
        &self,
        request: Request<wire::CreateRoomRequest>,
    ) -> Answer<wire::CreateRoomResponse> {
        Self::no_creation(request).await
    }

    async fn update_room(
        &self,
        request: Request<wire::UpdateRoomRequest>,
    ) -> Answer<wire::UpdateRoomResponse> {
        Self::no_update(request).await
    }

    async fn join(&self, request: Request<wire::JoinRequest>) -> Answer<wire::JoinResponse> {
        self.0.faults.request().await?;
        let request = request.into_inner();
        let (user, room) = ids(&request.actor_id, &request.room_id)?;
        let joined = self.0.store.lock().admit(&user, room);
        if joined {
            let notice = SystemNotice::Joined { user: user.clone() };
            self.told(&user, room, notice).await;
        }
        self.0.faults.answer().await?;
        let membership = membership(&self.0.store.lock(), &user, room);
        let room = Some(view(room));
        Ok(Response::new(wire::JoinResponse { room, membership }))
    }

    async fn leave(&self, request: Request<wire::LeaveRequest>) -> Answer<wire::LeaveResponse> {
        self.0.faults.request().await?;
        let request = request.into_inner();
        let (user, room) = ids(&request.actor_id, &request.room_id)?;
        let left = self.0.store.lock().dismiss(&user, room);
        if left {
            self.told(&user, room, SystemNotice::Left { user: user.clone() }).await;
        }
        self.0.faults.answer().await?;
        Ok(Response::new(wire::LeaveResponse {}))
    }

    async fn invite(&self, request: Request<wire::InviteRequest>) -> Answer<wire::InviteResponse> {
        self.0.faults.request().await?;
        let request = request.into_inner();
        let (by, room) = ids(&request.actor_id, &request.room_id)?;
        self.must_be_member(&by, room)?;
        let mut added_user_ids = vec![];
        for user in &request.user_ids {
            let user = parse_user_id(user).map_err(refused)?;
            if self.0.store.lock().admit(&user, room) {
                let notice = SystemNotice::Invited { user: user.clone(), by: by.clone() };
                self.told(&user, room, notice).await;
                added_user_ids.push(user.into());
            }
        }
        self.0.faults.answer().await?;
        Ok(Response::new(wire::InviteResponse {
            room: Some(view(room)),
            added_user_ids,
            ..wire::InviteResponse::default()
        }))
    }

    async fn remove(&self, request: Request<wire::RemoveRequest>) -> Answer<wire::RemoveResponse> {
        self.0.faults.request().await?;
        let request = request.into_inner();
        let (by, room) = ids(&request.actor_id, &request.room_id)?;
        self.must_be_member(&by, room)?;
        let user = parse_user_id(&request.user_id).map_err(refused)?;
        let removed = self.0.store.lock().dismiss(&user, room);
        if removed {
            self.told(&user, room, SystemNotice::Removed { user: user.clone(), by }).await;
        }
        self.0.faults.answer().await?;
        Ok(Response::new(wire::RemoveResponse {}))
    }

    async fn set_role(
        &self,
        request: Request<wire::SetRoleRequest>,
    ) -> Answer<wire::SetRoleResponse> {
        Self::no_role(request).await
    }

    async fn list_members(
        &self,
        request: Request<wire::ListMembersRequest>,
    ) -> Answer<wire::ListMembersResponse> {
        Self::no_members(request).await
    }

    async fn get_membership(
        &self,
        request: Request<wire::GetMembershipRequest>,
    ) -> Answer<wire::GetMembershipResponse> {
        self.0.faults.request().await?;
        let request = request.into_inner();
        let (user, room) = ids(&request.user_id, &request.room_id)?;
        let membership = membership(&self.0.store.lock(), &user, room);
        self.0.faults.answer().await?;
        let membership = Some(membership.ok_or_else(|| Status::not_found("no such room"))?);
        Ok(Response::new(wire::GetMembershipResponse { membership }))
    }

    async fn stream_memberships(
        &self,
        request: Request<wire::StreamMembershipsRequest>,
    ) -> Answer<Self::StreamMembershipsStream> {
        self.0.faults.request().await?;
        let user = parse_user_id(&request.into_inner().user_id).map_err(refused)?;
        let chunk = {
            let store = self.0.store.lock();
            let rooms = store.memberships(&user).into_iter();
            wire::StreamMembershipsResponse {
                memberships: rooms
                    .map(|(room, joined_at)| wire_membership(room, joined_at))
                    .collect(),
                version: store.version(&user),
            }
        };
        self.0.faults.answer().await?;
        Ok(Response::new(stream::iter(vec![Ok(chunk)])))
    }

    async fn check_acquaintance(
        &self,
        request: Request<wire::CheckAcquaintanceRequest>,
    ) -> Answer<wire::CheckAcquaintanceResponse> {
        Self::no_acquaintance(request).await
    }

    async fn check_versions(
        &self,
        request: Request<wire::CheckVersionsRequest>,
    ) -> Answer<wire::CheckVersionsResponse> {
        self.0.faults.request().await?;
        let changed = {
            let store = self.0.store.lock();
            let users = request.into_inner().users.into_iter();
            let changed = users.filter_map(|known| {
                let version = store.version(&parse_user_id(&known.user_id).ok()?);
                let user_id = known.user_id;
                (version != known.version).then_some(wire::UserVersion { user_id, version })
            });
            changed.collect()
        };
        self.0.faults.answer().await?;
        Ok(Response::new(wire::CheckVersionsResponse { changed }))
    }

    async fn list_chats(
        &self,
        request: Request<wire::ListChatsRequest>,
    ) -> Answer<wire::ListChatsResponse> {
        Self::no_chats(request).await
    }

    async fn update_chat(
        &self,
        request: Request<wire::UpdateChatRequest>,
    ) -> Answer<wire::UpdateChatResponse> {
        Self::no_chat(request).await
    }

    async fn mark_read(
        &self,
        request: Request<wire::MarkReadRequest>,
    ) -> Answer<wire::MarkReadResponse> {
        Self::no_marker(request).await
    }

    async fn list_public_rooms(
        &self,
        request: Request<wire::ListPublicRoomsRequest>,
    ) -> Answer<wire::ListPublicRoomsResponse> {
        Self::no_public_rooms(request).await
    }

    async fn list_receipts(
        &self,
        request: Request<wire::ListReceiptsRequest>,
    ) -> Answer<wire::ListReceiptsResponse> {
        Self::no_receipts(request).await
    }

    async fn check_members(
        &self,
        request: Request<wire::CheckMembersRequest>,
    ) -> Answer<wire::CheckMembersResponse> {
        Self::no_check(request).await
    }
}

impl Rooms {
    fn must_be_member(&self, user: &UserId, room: RoomId) -> Result<(), Status> {
        let member = self.0.store.lock().is_member(user, room);
        member.then_some(()).ok_or_else(|| Status::not_found("no such room"))
    }

    /// The change is committed. It is answered when the gateways can know of it, or after a moment.
    async fn told(&self, user: &UserId, room: RoomId, notice: SystemNotice) {
        let change = self.0.membership_change(user, room);
        let telling = Arc::clone(&self.0).tell_all((user.clone(), room), change, notice);
        let told = self.0.wires.tasks.spawn(telling);
        // It goes on by itself.
        let _late = tokio::time::timeout(TOLD_WITHIN, told).await;
    }
}

fn ids(user: &str, room: &str) -> Result<(UserId, RoomId), Status> {
    Ok((parse_user_id(user).map_err(refused)?, parse_room_id(room).map_err(refused)?))
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn refused(fault: Fault) -> Status {
    status_from_fault(&fault)
}

/// The user's membership as it stands.
pub(super) fn membership(store: &Store, user: &UserId, room: RoomId) -> Option<wire::Membership> {
    let (_, joined_at) = store.memberships(user).into_iter().find(|(known, _)| *known == room)?;
    Some(wire_membership(room, joined_at))
}

fn wire_membership(room: RoomId, joined_at: Timestamp) -> wire::Membership {
    wire::Membership {
        room_id: room.to_string(),
        kind: wire::RoomKind::Public.into(),
        state: wire::RoomState::Open.into(),
        role: wire::Role::Member.into(),
        joined_at: Some(timestamp(joined_at)),
        ..wire::Membership::default()
    }
}

fn view(room: RoomId) -> wire::Room {
    wire::Room {
        room_id: room.to_string(),
        kind: wire::RoomKind::Public.into(),
        state: wire::RoomState::Open.into(),
        ..wire::Room::default()
    }
}
