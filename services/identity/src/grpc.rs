//! The gRPC face of [`Identity`]: requests are parsed, answers written, refusals become statuses, and
//! every call is bounded in time and counted. No decision is made here, and no request is logged:
//! they hold passwords and tokens.

mod access;
mod people;
mod policy;

use std::{future::Future, time::Instant};

use hubbub_domain::Fault;
use hubbub_proto::{
    GRPC_MESSAGE_BYTES_MAX,
    identity::v1::{
        self as wire,
        identity_service_server::{IdentityService, IdentityServiceServer},
    },
    status_from_fault,
};
use tonic::{Request, Response, Status};

use crate::{identity::Identity, metrics};

type Answer<T> = Result<Response<T>, Status>;

/// The service as tonic serves it.
pub(crate) fn service(identity: Identity) -> IdentityServiceServer<Identity> {
    IdentityServiceServer::new(identity)
        .max_decoding_message_size(GRPC_MESSAGE_BYTES_MAX)
        .max_encoding_message_size(GRPC_MESSAGE_BYTES_MAX)
}

impl Identity {
    /// Carries a call out within its time, counts it, and makes its answer.
    async fn answer<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, Fault>> + Send,
    ) -> Answer<T> {
        let begun = Instant::now();
        let result = tokio::time::timeout(self.call_timeout(), work)
            .await
            .unwrap_or_else(|_| Err(Fault::unavailable("the identity service took too long")));
        metrics::called(operation, &result, begun.elapsed());
        result.map(Response::new).map_err(|fault| status_from_fault(&fault))
    }
}

/// `fn name(Request) -> Response` for each operation: carried out by `Identity::{carry_out}`.
macro_rules! operations {
    ($($name:ident($request:ident) -> $response:ident => $carry_out:ident;)+) => {
        #[tonic::async_trait]
        impl IdentityService for Identity {
            $(async fn $name(
                &self,
                request: Request<wire::$request>,
            ) -> Answer<wire::$response> {
                self.answer(stringify!($name), self.$carry_out(request.into_inner())).await
            })+
        }
    };
}

operations! {
    register(RegisterRequest) -> RegisterResponse => do_register;
    login(LoginRequest) -> LoginResponse => do_login;
    create_guest(CreateGuestRequest) -> CreateGuestResponse => do_create_guest;
    refresh(RefreshRequest) -> RefreshResponse => do_refresh;
    logout(LogoutRequest) -> LogoutResponse => do_logout;
    logout_everywhere(LogoutEverywhereRequest) -> LogoutEverywhereResponse => do_logout_everywhere;
    change_password(ChangePasswordRequest) -> ChangePasswordResponse => do_change_password;
    get_keys(GetKeysRequest) -> GetKeysResponse => do_get_keys;
    rotate_keys(RotateKeysRequest) -> RotateKeysResponse => do_rotate_keys;
    check_grants(CheckGrantsRequest) -> CheckGrantsResponse => do_check_grants;
    set_ban(SetBanRequest) -> SetBanResponse => do_set_ban;
    get_users(GetUsersRequest) -> GetUsersResponse => do_get_users;
    update_profile(UpdateProfileRequest) -> UpdateProfileResponse => do_update_profile;
    search_users(SearchUsersRequest) -> SearchUsersResponse => do_search_users;
    request_contact(RequestContactRequest) -> RequestContactResponse => do_request_contact;
    accept_contact(AcceptContactRequest) -> AcceptContactResponse => do_accept_contact;
    decline_contact(DeclineContactRequest) -> DeclineContactResponse => do_decline_contact;
    remove_contact(RemoveContactRequest) -> RemoveContactResponse => do_remove_contact;
    list_contacts(ListContactsRequest) -> ListContactsResponse => do_list_contacts;
    set_block(SetBlockRequest) -> SetBlockResponse => do_set_block;
    list_blocks(ListBlocksRequest) -> ListBlocksResponse => do_list_blocks;
    check_blocks(CheckBlocksRequest) -> CheckBlocksResponse => do_check_blocks;
    get_me(GetMeRequest) -> GetMeResponse => do_get_me;
    check_adding(CheckAddingRequest) -> CheckAddingResponse => do_check_adding;
    check_visibility(CheckVisibilityRequest) -> CheckVisibilityResponse => do_check_visibility;
}
