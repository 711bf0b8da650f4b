//! What clients are told of the bounds of other services.

/// Bounds that the room and history services hold clients to, for telling clients. They are those services'
/// settings, from the one document that all roles read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    pub group_members: u32,
    pub receipts_told_members: u32,
    pub receipts_asked_members: u32,
    pub slow_mode_seconds: u32,
    pub reactions_per_message: u32,
    pub emoji_per_message: u32,
    pub reactions_per_user: u32,
}

impl Default for Elsewhere {
    fn default() -> Self {
        Self {
            group_members: 1_000,
            receipts_told_members: 50,
            receipts_asked_members: 1_000,
            slow_mode_seconds: 21_600,
            reactions_per_message: 500,
            emoji_per_message: 50,
            reactions_per_user: 20,
        }
    }
}
