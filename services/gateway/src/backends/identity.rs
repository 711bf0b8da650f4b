//! Calls to the identity service, where there is one.

use hubbub_domain::{Code, Fault};
use hubbub_proto::identity::v1::{self as wire, identity_service_client::IdentityServiceClient};
use hubbub_runtime::grpc::Channel;

use super::Backends;
use crate::grants::Grants;

impl Backends {
    /// The same, with an identity service.
    pub(crate) fn with_identity(mut self, identity: Option<Grants>) -> Self {
        self.identity = identity;
        self
    }

    pub(crate) const fn grants(&self) -> Option<&Grants> {
        self.identity.as_ref()
    }

    fn identity(&self) -> Result<IdentityServiceClient<Channel>, Fault> {
        let none = || Fault::new(Code::NotFound, "this cluster keeps no people");
        Ok(self.identity.as_ref().ok_or_else(none)?.client())
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
    (@repeatable $self:ident, $method:ident, $request:ident) => {{
        let client = $self.identity()?;
        repeatable!($self, client.clone(), $method, $request)
    }};
    (@once $self:ident, $method:ident, $request:ident) => {
        once!($self.identity()?, $method, $request)
    };
}

passed_on! {
    once register(RegisterRequest) -> RegisterResponse;
    once login(LoginRequest) -> LoginResponse;
    once create_guest(CreateGuestRequest) -> CreateGuestResponse;
    once refresh(RefreshRequest) -> RefreshResponse;
    repeatable logout(LogoutRequest) -> LogoutResponse;
    repeatable logout_everywhere(LogoutEverywhereRequest) -> LogoutEverywhereResponse;
    once change_password(ChangePasswordRequest) -> ChangePasswordResponse;
    repeatable get_keys(GetKeysRequest) -> GetKeysResponse;
    repeatable get_me(GetMeRequest) -> GetMeResponse;
    repeatable get_users(GetUsersRequest) -> GetUsersResponse;
    repeatable update_profile(UpdateProfileRequest) -> UpdateProfileResponse;
    repeatable search_users(SearchUsersRequest) -> SearchUsersResponse;
    repeatable request_contact(RequestContactRequest) -> RequestContactResponse;
    repeatable accept_contact(AcceptContactRequest) -> AcceptContactResponse;
    once decline_contact(DeclineContactRequest) -> DeclineContactResponse;
    repeatable remove_contact(RemoveContactRequest) -> RemoveContactResponse;
    repeatable list_contacts(ListContactsRequest) -> ListContactsResponse;
    repeatable set_block(SetBlockRequest) -> SetBlockResponse;
    repeatable list_blocks(ListBlocksRequest) -> ListBlocksResponse;
}
