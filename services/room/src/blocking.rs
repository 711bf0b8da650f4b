//! Blocks: who wants no direct messages from whom. The identity service decides and counts them; here
//! they shut a direct room.

use hubbub_domain::{Code, Fault, UserId, direct_pair};

use crate::{
    model::{MembershipChange, Room},
    rooms::Rooms,
};

/// One user blocks another, or no longer does.
#[derive(Clone, Debug)]
pub struct Block {
    pub user: UserId,
    pub peer: UserId,
    pub state: BlockState,
    /// Rises with each change of this pair in this direction.
    pub version: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockState {
    Blocked,
    Lifted,
}

/// What a block changed; empty when it was known, or there is no room to shut.
pub type Shut = Vec<MembershipChange>;

impl Rooms {
    pub(crate) async fn set_block(&self, block: &Block) -> Result<(), Fault> {
        direct_pair(&block.user, &block.peer)?;
        let changes = self.store().set_block(block).await?;
        self.announcer().block(block);
        self.tell_memberships(&changes).await;
        Ok(())
    }
}

/// A room that may be opened, or posted in.
pub(crate) fn open_to_both(room: &Room) -> Result<(), Fault> {
    if room.blocked { Err(refusal()) } else { Ok(()) }
}

/// The same for both: who was blocked is not told by whom.
pub(crate) fn refusal() -> Fault {
    Fault::new(Code::Forbidden, "the two of you cannot exchange direct messages")
}
