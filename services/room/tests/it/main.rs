//! The room service from outside: two instances on one Postgres, over real gRPC sockets.

mod announcements;
mod bad_input;
mod bus;
mod chats;
mod clock;
mod cluster;
mod direct;
mod history;
mod joining;
mod lists;
mod membership;
mod notices;
mod outage;
mod receipts;
