//! The binary as an operator uses it, and the product as its users do: alone and as a cluster, well
//! and under faults.

mod chat;
mod cluster;
mod commands;
mod config;
mod direct_rooms;
mod drain;
mod faults;
mod grpc;
mod k6;
mod line;
mod membership;
mod native_door;
mod people;
mod people_house;
mod people_refusals;
mod presence;
mod process;
mod rebalance;
mod receipts;
mod rest;
mod retry;
mod revocation;
mod roles;
mod silence;
mod slow_reader;
mod socketio;
mod standalone;
mod stock;
mod strangers;
mod talk;
mod tokens;
mod traces;
mod unread;
mod workload;
mod world;
