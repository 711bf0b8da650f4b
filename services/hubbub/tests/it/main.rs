//! The binary as an operator uses it.

mod commands;
mod config;
mod process;
mod roles;
mod standalone;
mod talk;
