//! The gRPC face of [`Rooms`]: requests are parsed, answers written, refusals become statuses, and
//! every call is bounded in time and counted. No decision is made here.

mod changing;
mod listing;

use std::{future::Future, pin::Pin, time::Instant};

use futures::Stream;
use hubbub_domain::Fault;
use hubbub_proto::{
    GRPC_MESSAGE_BYTES_MAX,
    room::v1::{
        CheckAcquaintanceRequest, CheckAcquaintanceResponse, CheckMembersRequest,
        CheckMembersResponse, CheckVersionsRequest, CheckVersionsResponse, CreateRoomRequest,
        CreateRoomResponse, GetMembershipRequest, GetMembershipResponse, InviteRequest,
        InviteResponse, JoinRequest, JoinResponse, LeaveRequest, LeaveResponse, ListChatsRequest,
        ListChatsResponse, ListMembersRequest, ListMembersResponse, ListPublicRoomsRequest,
        ListPublicRoomsResponse, ListReceiptsRequest, ListReceiptsResponse, MarkReadRequest,
        MarkReadResponse, OpenDirectRequest, OpenDirectResponse, RemoveRequest, RemoveResponse,
        SetBlockRequest, SetBlockResponse, SetRoleRequest, SetRoleResponse,
        StreamMembershipsRequest, StreamMembershipsResponse, UpdateChatRequest, UpdateChatResponse,
        UpdateRoomRequest, UpdateRoomResponse,
        room_service_server::{RoomService, RoomServiceServer},
    },
    status_from_fault,
};
use tonic::{Request, Response, Status};

use crate::{metrics, rooms::Rooms};

type Answer<T> = Result<Response<T>, Status>;

/// The service as tonic serves it.
pub(crate) fn service(rooms: Rooms) -> RoomServiceServer<Rooms> {
    RoomServiceServer::new(rooms)
        .max_decoding_message_size(GRPC_MESSAGE_BYTES_MAX)
        .max_encoding_message_size(GRPC_MESSAGE_BYTES_MAX)
}

impl Rooms {
    /// Carries a call out within its time, counts it, and makes its answer.
    async fn answer<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, Fault>> + Send,
    ) -> Answer<T> {
        let begun = Instant::now();
        let result = tokio::time::timeout(self.call_timeout(), work)
            .await
            .unwrap_or_else(|_| Err(Fault::unavailable("the room service took too long")));
        metrics::called(operation, &result, begun.elapsed());
        result.map(Response::new).map_err(|fault| status_from_fault(&fault))
    }
}

/// `fn name(Request) -> Response` for each operation: carried out by `Rooms::{carry_out}`.
macro_rules! operations {
    ($($name:ident($request:ty) -> $response:ty => $carry_out:ident;)+) => {
        #[tonic::async_trait]
        impl RoomService for Rooms {
            $(async fn $name(&self, request: Request<$request>) -> Answer<$response> {
                self.answer(stringify!($name), self.$carry_out(request.into_inner())).await
            })+

            type StreamMembershipsStream =
                Pin<Box<dyn Stream<Item = Result<StreamMembershipsResponse, Status>> + Send>>;

            async fn stream_memberships(
                &self,
                request: Request<StreamMembershipsRequest>,
            ) -> Answer<Self::StreamMembershipsStream> {
                let chunks = self.do_stream_memberships(request.into_inner());
                self.answer("stream_memberships", chunks).await
            }
        }
    };
}

operations! {
    open_direct(OpenDirectRequest) -> OpenDirectResponse => do_open_direct;
    create_room(CreateRoomRequest) -> CreateRoomResponse => do_create_room;
    update_room(UpdateRoomRequest) -> UpdateRoomResponse => do_update_room;
    join(JoinRequest) -> JoinResponse => do_join;
    leave(LeaveRequest) -> LeaveResponse => do_leave;
    invite(InviteRequest) -> InviteResponse => do_invite;
    remove(RemoveRequest) -> RemoveResponse => do_remove;
    set_role(SetRoleRequest) -> SetRoleResponse => do_set_role;
    list_members(ListMembersRequest) -> ListMembersResponse => do_list_members;
    get_membership(GetMembershipRequest) -> GetMembershipResponse => do_get_membership;
    check_versions(CheckVersionsRequest) -> CheckVersionsResponse => do_check_versions;
    check_acquaintance(CheckAcquaintanceRequest) -> CheckAcquaintanceResponse => do_check_acquaintance;
    list_chats(ListChatsRequest) -> ListChatsResponse => do_list_chats;
    update_chat(UpdateChatRequest) -> UpdateChatResponse => do_update_chat;
    mark_read(MarkReadRequest) -> MarkReadResponse => do_mark_read;
    list_public_rooms(ListPublicRoomsRequest) -> ListPublicRoomsResponse => do_list_public_rooms;
    set_block(SetBlockRequest) -> SetBlockResponse => do_set_block;
    list_receipts(ListReceiptsRequest) -> ListReceiptsResponse => do_list_receipts;
    check_members(CheckMembersRequest) -> CheckMembersResponse => do_check_members;
}
