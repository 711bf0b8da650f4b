//! What a peer can do wrong, and the close code that says so (RFC 6455 section 7.4.1).

/// Why a connection must fail. The text is fit for the reason of a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    #[error("a client frame is not masked")]
    NotMasked,
    #[error("a reserved bit is set and no extension was agreed on")]
    ReservedBits,
    #[error("opcode {0} is reserved")]
    ReservedOpcode(u8),
    #[error("a control frame is fragmented")]
    FragmentedControl,
    #[error("a control frame has more than 125 bytes")]
    LongControl,
    #[error("a frame's length is not in its shortest form")]
    LengthNotMinimal,
    #[error("a frame's length has its highest bit set")]
    LengthOutOfRange,
    #[error("a continuation frame without a message to continue")]
    NothingToContinue,
    #[error("a new message before the last one ended")]
    MessageNotFinished,
    #[error("a close frame with a payload of one byte")]
    CloseTooShort,
    #[error("close code {0} may not be sent")]
    CloseCode(u16),
    #[error("the reason of a close frame is not UTF-8")]
    CloseReasonNotUtf8,
    #[error("a text message is not UTF-8")]
    TextNotUtf8,
    #[error("a message has more than {0} bytes")]
    TooLarge(usize),
    #[error("a message has more than {0} fragments")]
    TooManyFragments(u32),
}

impl Violation {
    /// The close code that names this kind of failure.
    pub const fn close_code(self) -> u16 {
        match self {
            Self::TextNotUtf8 | Self::CloseReasonNotUtf8 => 1007,
            Self::TooManyFragments(_) => 1008,
            Self::TooLarge(_) => 1009,
            _ => 1002,
        }
    }
}
