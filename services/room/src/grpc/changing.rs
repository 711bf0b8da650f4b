//! Calls that change something.

use std::collections::HashMap;

use hubbub_domain::{Fault, UserId};
use hubbub_proto::room::v1::{
    CreateRoomRequest, CreateRoomResponse, InviteRequest, InviteResponse, JoinRequest,
    JoinResponse, LeaveRequest, LeaveResponse, MarkReadRequest, MarkReadResponse,
    OpenDirectRequest, OpenDirectResponse, RemoveRequest, RemoveResponse, SetBlockRequest,
    SetBlockResponse, SetRoleRequest, SetRoleResponse, UpdateChatRequest, UpdateChatResponse,
    UpdateRoomRequest, UpdateRoomResponse,
};

use crate::{
    blocking::{Block, BlockState},
    change::Command,
    input,
    model::{RoomName, Topic},
    rooms::{INVITED_MAX, RoomWish, Rooms},
    store::{FlagWish, Marker},
    wire,
};

/// Read markers of one call. At the bound: `limit_reached`.
const MARKERS_MAX: usize = 1_000;

impl Rooms {
    pub(super) async fn do_open_direct(
        &self,
        request: OpenDirectRequest,
    ) -> Result<OpenDirectResponse, Fault> {
        let actor = input::user("actor_id", &request.actor_id)?;
        let peer = input::user("peer_id", &request.peer_id)?;
        let made = if request.find_only {
            self.find_direct(&actor, &peer).await?.ok_or_else(Fault::no_such_room)?
        } else {
            self.open_direct(actor, peer).await?
        };
        Ok(OpenDirectResponse { room: Some((&made.room).into()), created: made.created })
    }

    pub(super) async fn do_create_room(
        &self,
        request: CreateRoomRequest,
    ) -> Result<CreateRoomResponse, Fault> {
        let named = !request.request_id.is_empty();
        let wish = RoomWish {
            actor: input::user("actor_id", &request.actor_id)?,
            kind: input::kind(request.kind)?,
            name: RoomName::parse(&request.name)?,
            topic: Topic::parse(&request.topic)?,
            members: input::users("member_ids", &request.member_ids, INVITED_MAX)?,
            request: named.then(|| input::request_id(&request.request_id)).transpose()?,
        };
        let (room, refused) = self.create_room(wish).await?;
        Ok(CreateRoomResponse { room: Some((&room).into()), refused_user_ids: texts(refused) })
    }

    pub(super) async fn do_update_room(
        &self,
        request: UpdateRoomRequest,
    ) -> Result<UpdateRoomResponse, Fault> {
        let actor = input::user("actor_id", &request.actor_id)?;
        let room = input::room(&request.room_id)?;
        let name = request.name.as_deref().map(RoomName::parse).transpose()?;
        let topic = request.topic.as_deref().map(Topic::parse).transpose()?;
        let state = request.state.map(input::state).transpose()?;
        let slow_mode = request.slow_mode_seconds;
        let slow_mode =
            slow_mode.map(|seconds| input::slow_mode(seconds, self.slow_mode_seconds_max()));
        let slow_mode = slow_mode.transpose()?;
        if name.is_none() && topic.is_none() && state.is_none() && slow_mode.is_none() {
            let nothing = "neither name nor topic nor state nor slow_mode_seconds is set";
            return Err(Fault::bad_request(nothing));
        }
        let update = Command::Update { name, topic, state, slow_mode };
        let changed = self.change(actor, room, update).await?;
        Ok(UpdateRoomResponse { room: Some((&changed.room).into()) })
    }

    pub(super) async fn do_join(&self, request: JoinRequest) -> Result<JoinResponse, Fault> {
        let actor = input::user("actor_id", &request.actor_id)?;
        let changed = self.join(actor, input::room(&request.room_id)?).await?;
        Ok(JoinResponse {
            room: Some((&changed.room).into()),
            membership: changed.actor.as_ref().map(Into::into),
        })
    }

    pub(super) async fn do_leave(&self, request: LeaveRequest) -> Result<LeaveResponse, Fault> {
        let actor = input::user("actor_id", &request.actor_id)?;
        self.leave(actor, input::room(&request.room_id)?, request.for_good).await?;
        Ok(LeaveResponse {})
    }

    pub(super) async fn do_invite(&self, request: InviteRequest) -> Result<InviteResponse, Fault> {
        let actor = input::user("actor_id", &request.actor_id)?;
        let room = input::room(&request.room_id)?;
        let users = input::users("user_ids", &request.user_ids, INVITED_MAX)?;
        let changed = self.invite(actor, room, users).await?;
        Ok(InviteResponse {
            room: Some((&changed.room).into()),
            added_user_ids: texts(changed.added),
            refused_user_ids: texts(changed.refused),
        })
    }

    pub(super) async fn do_remove(&self, request: RemoveRequest) -> Result<RemoveResponse, Fault> {
        let actor = input::user("actor_id", &request.actor_id)?;
        let room = input::room(&request.room_id)?;
        let user = input::user("user_id", &request.user_id)?;
        self.change(actor, room, Command::Remove { user }).await?;
        Ok(RemoveResponse {})
    }

    pub(super) async fn do_set_role(
        &self,
        request: SetRoleRequest,
    ) -> Result<SetRoleResponse, Fault> {
        let actor = input::user("actor_id", &request.actor_id)?;
        let room = input::room(&request.room_id)?;
        let user = input::user("user_id", &request.user_id)?;
        let role = input::role(request.role)?;
        self.change(actor, room, Command::SetRole { user, role }).await?;
        Ok(SetRoleResponse {})
    }

    pub(super) async fn do_set_block(
        &self,
        request: SetBlockRequest,
    ) -> Result<SetBlockResponse, Fault> {
        if request.version == 0 || i64::try_from(request.version).is_err() {
            return Err(Fault::bad_request("version is not the count of a change"));
        }
        let block = Block {
            user: input::user("user_id", &request.user_id)?,
            peer: input::user("peer_id", &request.peer_id)?,
            state: if request.blocked { BlockState::Blocked } else { BlockState::Lifted },
            version: request.version,
        };
        self.set_block(&block).await?;
        Ok(SetBlockResponse {})
    }

    pub(super) async fn do_update_chat(
        &self,
        request: UpdateChatRequest,
    ) -> Result<UpdateChatResponse, Fault> {
        let (pinned, muted) = (request.pinned, request.muted);
        if pinned.is_none() && muted.is_none() {
            return Err(Fault::bad_request("neither pinned nor muted is set"));
        }
        let user = input::user("user_id", &request.user_id)?;
        let room = input::room(&request.room_id)?;
        let flags = self.update_chat(&FlagWish { user, room, pinned, muted }).await?;
        Ok(UpdateChatResponse { pinned: flags.pinned, muted: flags.muted })
    }

    pub(super) async fn do_mark_read(
        &self,
        request: MarkReadRequest,
    ) -> Result<MarkReadResponse, Fault> {
        input::check_count("markers", request.markers.len(), MARKERS_MAX)?;
        let markers: Vec<Marker> =
            request.markers.iter().map(input::marker).collect::<Result<_, _>>()?;
        let marked = self.mark_read(&markers).await?;
        let stands: HashMap<_, _> = marked
            .iter()
            .map(|marked| {
                let stand = (marked.flags.last_read, marked.delivered);
                ((&marked.flags.user, marked.flags.room), stand)
            })
            .collect();
        let markers = markers
            .iter()
            .map(|marker| wire::marker(marker, stands.get(&(&marker.user, marker.room)).copied()));
        Ok(MarkReadResponse { markers: markers.collect() })
    }
}

fn texts(users: Vec<UserId>) -> Vec<String> {
    users.into_iter().map(String::from).collect()
}
