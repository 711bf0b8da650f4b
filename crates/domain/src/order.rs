//! The two counters of a room. `Seq` says where a message stands in the conversation; `Rev` says
//! when the room last changed. Both start at 1 and have no gap; 0 stands for "before the first".

use serde::{Deserialize, Serialize};

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// Before the first.
            pub const ZERO: Self = Self(0);

            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

counter! {
    /// A message's place in its room.
    Seq
}
counter! {
    /// A change's place among all changes of its room (post, edit, delete, react).
    Rev
}

/// How far a room has come: the `seq` of its newest message and the `rev` of its newest change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub seq: Seq,
    pub rev: Rev,
}
