//! Requests about the caller's chatRecords.

use hubbub_client_protocol::{Chats, ChatsPage, Reply, UpdateChat};
use hubbub_domain::Fault;
use hubbub_proto::room::v1 as wire;

use super::{Caller, Core, messages::page_limit};
use crate::views;

impl Core {
    pub(super) async fn chats(&self, caller: &Caller, chats: Chats) -> Result<Reply, Fault> {
        let request = wire::ListChatsRequest {
            user_id: caller.id().to_string(),
            cursor: chats.cursor.unwrap_or_default(),
            limit: page_limit(chats.limit)?,
            pinned_only: chats.pinned,
        };
        let answer = self.backends.list_chats(request).await?;
        Ok(Reply::Chats(ChatsPage {
            chats: answer.chats.into_iter().map(views::chat).collect::<Result<_, _>>()?,
            next_cursor: views::next_cursor(answer.next_cursor),
        }))
    }

    pub(super) async fn update_chat(
        &self,
        caller: &Caller,
        update: &UpdateChat,
    ) -> Result<Reply, Fault> {
        let request = wire::UpdateChatRequest {
            user_id: caller.id().to_string(),
            room_id: update.room.to_string(),
            pinned: update.pinned,
            muted: update.muted,
        };
        let flags = self.backends.update_chat(request).await?;
        if let Caller::Session { user, .. } = caller {
            user.update(update.room, |membership| {
                (membership.pinned, membership.muted) = (flags.pinned, flags.muted);
            });
        }
        Ok(Reply::Done {})
    }
}
