//! The contract between services: code generated from `proto/`, conversions to and from the domain,
//! and the one place where a [`Fault`](hubbub_domain::Fault) becomes a gRPC status and back.

mod convert;
mod epoch;
mod status;

pub use convert::{from_timestamp, parse_client_id, parse_room_id, parse_user_id, timestamp};
pub use epoch::epoch_tag;
pub use status::{fault_from_status, status_from_fault};

pub use generated::{bus, gateway, history, identity, presence, room};

#[expect(
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "what tonic generates"
)]
mod generated {
    /// What travels on the bus.
    pub mod bus {
        pub mod v1 {
            tonic::include_proto!("hubbub.bus.v1");
        }
    }

    /// What gateways say to each other.
    pub mod gateway {
        pub mod v1 {
            tonic::include_proto!("hubbub.gateway.v1");
        }
    }

    /// The history service.
    pub mod history {
        pub mod v1 {
            tonic::include_proto!("hubbub.history.v1");
        }
    }

    /// The identity service.
    pub mod identity {
        pub mod v1 {
            tonic::include_proto!("hubbub.identity.v1");
        }
    }

    /// The gateways, as other services ask them.
    pub mod presence {
        pub mod v1 {
            tonic::include_proto!("hubbub.presence.v1");
        }
    }

    /// The room service.
    pub mod room {
        pub mod v1 {
            tonic::include_proto!("hubbub.room.v1");
        }
    }
}

/// The encoded descriptors of all of `proto/`, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The most a service takes or gives in one gRPC message. At the bound: `OUT_OF_RANGE`, from tonic.
pub const GRPC_MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
