//! Requests about rooms and who is in them. The rules are the room service's; here the caller's name
//! is put in, and the caller's sessions follow at once what they came into.

use std::collections::HashSet;

use hubbub_client_protocol::{
    CreateRoom, Created, Invite, Invited, Join, Leave, Members, MembersPage, OpenDirect, Opened,
    PublicRooms, PublicRoomsPage, Remove, Reply, RoomNow, SetRole, UpdateRoom,
};
use hubbub_domain::{Code, Fault, RoomId, Seq, UserId};
use hubbub_proto::room::v1 as wire;

use super::{Caller, Core, messages::page_limit};
use crate::{backends::Marker, quotas::Kind, views};

impl Core {
    pub(super) async fn open_direct(
        &self,
        caller: &Caller,
        open: &OpenDirect,
    ) -> Result<Reply, Fault> {
        // Usually the room is there, and nothing is claimed for it.
        let find = wire::OpenDirectRequest {
            actor_id: caller.id().to_string(),
            peer_id: open.peer.to_string(),
            find_only: true,
        };
        let answer = match self.backends.open_direct(find.clone()).await {
            Err(fault) if fault.code == Code::NotFound => self.make_direct(caller, find).await?,
            found => found?,
        };
        self.opened(caller, answer.room.unwrap_or_default(), answer.created).await
    }

    async fn make_direct(
        &self,
        caller: &Caller,
        request: wire::OpenDirectRequest,
    ) -> Result<wire::OpenDirectResponse, Fault> {
        let claimed = self.quotas.claim(caller.id(), Kind::RoomsMade, 1).await?;
        let make = wire::OpenDirectRequest { find_only: false, ..request };
        let answer = self.backends.open_direct(make).await;
        let made = answer.as_ref().is_ok_and(|answer| answer.created);
        self.quotas.settle(claimed, usize::from(made)).await;
        answer
    }

    pub(super) async fn create_room(
        &self,
        caller: &Caller,
        create: CreateRoom,
    ) -> Result<Reply, Fault> {
        let request = wire::CreateRoomRequest {
            actor_id: caller.id().to_string(),
            kind: wire::RoomKind::from(create.kind).into(),
            name: create.name,
            topic: create.topic,
            member_ids: create.members.into_iter().map(Into::into).collect(),
            request_id: create.request_id.map(Into::into).unwrap_or_default(),
        };
        let answer = self.make_room(caller, request).await?;
        let room = views::room(answer.room.unwrap_or_default())?;
        note_opened(caller, room.room);
        self.admitted(caller, room.room).await?;
        Ok(Reply::Created(Created { room, refused: users(&answer.refused_user_ids)? }))
    }

    async fn make_room(
        &self,
        caller: &Caller,
        request: wire::CreateRoomRequest,
    ) -> Result<wire::CreateRoomResponse, Fault> {
        let members = request.member_ids.iter().collect::<HashSet<_>>().len();
        let room = self.quotas.claim(caller.id(), Kind::RoomsMade, 1).await?;
        let people = match self.quotas.claim(caller.id(), Kind::PeopleAdded, members).await {
            Ok(people) => people,
            Err(fault) => {
                self.quotas.settle(room, 0).await;
                return Err(fault);
            }
        };
        let answer = self.backends.create_room(request).await;
        let (rooms, added) = answer
            .as_ref()
            .map_or((0, 0), |answer| (1, members.saturating_sub(answer.refused_user_ids.len())));
        self.quotas.settle(room, rooms).await;
        self.quotas.settle(people, added).await;
        answer
    }

    pub(super) async fn update_room(
        &self,
        caller: &Caller,
        update: UpdateRoom,
    ) -> Result<Reply, Fault> {
        let request = wire::UpdateRoomRequest {
            actor_id: caller.id().to_string(),
            room_id: update.room.to_string(),
            name: update.name,
            topic: update.topic,
            state: update.state.map(|state| wire::RoomState::from(state).into()),
            slow_mode_seconds: update.slow_mode_seconds,
        };
        let answer = self.backends.update_room(request).await?;
        let room = views::room(answer.room.unwrap_or_default())?;
        if let Caller::Session { user, .. } = caller {
            user.update(room.room, |membership| {
                membership.state = room.state;
                membership.slow_mode_seconds = room.slow_mode_seconds;
            });
        }
        Ok(Reply::Room(room))
    }

    /// The room as it stands for the caller.
    pub(crate) async fn room_now(&self, caller: &Caller, room: RoomId) -> Result<RoomNow, Fault> {
        let request = wire::ListMembersRequest {
            actor_id: caller.id().to_string(),
            room_id: room.to_string(),
            cursor: String::new(),
            limit: 1,
        };
        let listed = self.backends.list_members(request);
        let (listed, membership) = tokio::try_join!(listed, self.membership(caller, room))?;
        let marker = Marker { room, last_read: membership.last_read };
        let heads = self.backends.heads(Some(caller.id()), &[marker]).await?;
        let head = heads.rooms.get(&room).copied().unwrap_or_default();
        Ok(RoomNow {
            room: views::room(listed.room.unwrap_or_default())?,
            peer: membership.peer,
            role: membership.role,
            seq: head.head.seq,
            rev: head.head.rev,
            unread: head.unread,
            mentions: head.mentions,
            last_read_seq: head.read,
            pinned: membership.pinned,
            muted: membership.muted,
        })
    }

    pub(super) async fn join(&self, caller: &Caller, join: &Join) -> Result<Reply, Fault> {
        let request =
            wire::JoinRequest { actor_id: caller.id().to_string(), room_id: join.room.to_string() };
        let answer = self.backends.join(request).await?;
        self.opened(caller, answer.room.unwrap_or_default(), false).await
    }

    pub(super) async fn leave(&self, caller: &Caller, leave: &Leave) -> Result<Reply, Fault> {
        let request = wire::LeaveRequest {
            actor_id: caller.id().to_string(),
            room_id: leave.room.to_string(),
            for_good: leave.for_good,
        };
        let Caller::Session { user, .. } = caller else {
            self.backends.leave(request).await?;
            return Ok(Reply::Done {});
        };
        let as_of = user.version();
        self.backends.leave(request).await?;
        self.users.left(user, leave.room, as_of);
        Ok(Reply::Done {})
    }

    pub(super) async fn invite(&self, caller: &Caller, invite: Invite) -> Result<Reply, Fault> {
        let request = wire::InviteRequest {
            actor_id: caller.id().to_string(),
            room_id: invite.room.to_string(),
            user_ids: invite.users.into_iter().map(Into::into).collect(),
        };
        let wanted = request.user_ids.iter().collect::<HashSet<_>>().len();
        let claimed = self.quotas.claim(caller.id(), Kind::PeopleAdded, wanted).await?;
        let answer = self.backends.invite(request).await;
        let added = answer.as_ref().map_or(0, |answer| answer.added_user_ids.len());
        self.quotas.settle(claimed, added).await;
        let answer = answer?;
        let added = users(&answer.added_user_ids)?;
        Ok(Reply::Invited(Invited { added, refused: users(&answer.refused_user_ids)? }))
    }

    pub(super) async fn remove(&self, caller: &Caller, remove: &Remove) -> Result<Reply, Fault> {
        let request = wire::RemoveRequest {
            actor_id: caller.id().to_string(),
            room_id: remove.room.to_string(),
            user_id: remove.user.to_string(),
        };
        self.backends.remove(request).await?;
        Ok(Reply::Done {})
    }

    pub(super) async fn set_role(
        &self,
        caller: &Caller,
        set_role: &SetRole,
    ) -> Result<Reply, Fault> {
        let request = wire::SetRoleRequest {
            actor_id: caller.id().to_string(),
            room_id: set_role.room.to_string(),
            user_id: set_role.user.to_string(),
            role: wire::Role::from(set_role.role).into(),
        };
        self.backends.set_role(request).await?;
        Ok(Reply::Done {})
    }

    pub(super) async fn members(&self, caller: &Caller, members: Members) -> Result<Reply, Fault> {
        const LIMIT_DEFAULT: u32 = 100;
        const LIMIT_MAX: u32 = 1_000;

        let limit = members.limit.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(Fault::bad_request(format!("limit is not in 1 to {LIMIT_MAX}")));
        }
        let request = wire::ListMembersRequest {
            actor_id: caller.id().to_string(),
            room_id: members.room.to_string(),
            cursor: members.cursor.unwrap_or_default(),
            limit,
        };
        let answer = self.backends.list_members(request).await?;
        Ok(Reply::Members(MembersPage {
            members: answer.members.iter().map(views::member).collect::<Result<_, _>>()?,
            next_cursor: views::next_cursor(answer.next_cursor),
        }))
    }

    pub(super) async fn public_rooms(
        &self,
        caller: &Caller,
        rooms: PublicRooms,
    ) -> Result<Reply, Fault> {
        let request = wire::ListPublicRoomsRequest {
            name_prefix: rooms.prefix,
            cursor: rooms.cursor.unwrap_or_default(),
            limit: page_limit(rooms.limit)?,
        };
        let answer = self.backends.list_public_rooms(request).await?;
        let mut page = PublicRoomsPage {
            rooms: answer.rooms.into_iter().map(views::room).collect::<Result<_, _>>()?,
            next_cursor: views::next_cursor(answer.next_cursor),
        };
        let ids: Vec<RoomId> = page.rooms.iter().map(|room| room.room).collect();
        let sizes = match (caller, rooms.watch) {
            (Caller::Session { session, .. }, Some(watch)) => {
                self.crowds.watch(session, if watch { &ids } else { &[] });
                self.crowds.glance(&ids)
            }
            _ => self.crowds.glance(&ids),
        };
        for (room, online) in page.rooms.iter_mut().zip(sizes) {
            room.online = online;
        }
        Ok(Reply::PublicRooms(page))
    }

    /// The caller is a member of this room now: follow it, and say where it stands.
    async fn opened(
        &self,
        caller: &Caller,
        room: wire::Room,
        created: bool,
    ) -> Result<Reply, Fault> {
        let room = views::room(room)?;
        note_opened(caller, room.room);
        self.admitted(caller, room.room).await?;
        let typing = self.typing.typists(room.room, caller.id());
        let (head, typing) = tokio::join!(self.head(room.room), typing);
        let head = head?;
        Ok(Reply::Opened(Opened { room, created, seq: head.seq, rev: head.rev, typing }))
    }

    async fn head(&self, room: RoomId) -> Result<hubbub_domain::Head, Fault> {
        let heads = self.backends.heads(None, &[Marker { room, last_read: Seq::ZERO }]).await?;
        Ok(heads.rooms.get(&room).map(|head| head.head).unwrap_or_default())
    }
}

/// The client asked for the room: it is not given up for others.
fn note_opened(caller: &Caller, room: RoomId) {
    if let Caller::Session { session, .. } = caller {
        session.note_opened(room);
    }
}

fn users(texts: &[String]) -> Result<Vec<UserId>, Fault> {
    texts.iter().map(|user| user.parse()).collect()
}
