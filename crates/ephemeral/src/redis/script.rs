//! The scripts, one file each. Every one begins with the same few functions, and those of a kind with
//! some more.

use redis::Script;

const PRELUDE: &str = include_str!("lua/prelude.lua");
const PRESENCE: &str = include_str!("lua/presence.lua");

macro_rules! scripts {
    ($($name:ident $(after $more:ident)?,)+) => {
        pub(super) struct Scripts {
            $(pub(super) $name: Script,)+
        }

        impl Scripts {
            pub(super) fn load() -> Self {
                Self {
                    $($name: Script::new(&[
                        PRELUDE,
                        $($more,)?
                        include_str!(concat!("lua/", stringify!($name), ".lua")),
                    ].concat()),)+
                }
            }
        }
    };
}

scripts! {
    crowd_gather,
    crowd_scatter,
    crowd_size,
    names_claim,
    names_count,
    names_owner,
    names_release,
    node_deregister,
    node_register,
    nodes,
    presence_enter after PRESENCE,
    presence_expire after PRESENCE,
    presence_hold after PRESENCE,
    presence_leave after PRESENCE,
    presence_read after PRESENCE,
    rates_claim,
    rates_give_back,
    rates_spend,
    typing_begin,
    typing_end,
    typists,
}
