//! The binary as an operator uses it, and the product as its users do: alone and as a cluster, well
//! and under faults.

mod chat;
mod cluster;
mod commands;
mod config;
mod direct_rooms;
mod drain;
mod faults;
mod k6;
mod line;
mod membership;
mod native_door;
mod presence;
mod process;
mod receipts;
mod rest;
mod retry;
mod roles;
mod slow_reader;
mod socketio;
mod standalone;
mod stock;
mod talk;
mod traces;
mod unread;
mod workload;
mod world;
