//! Generates the tonic and prost code from `proto/`, with a pure-Rust compiler.

use std::{env, fs, path::PathBuf};

const FILES: [&str; 7] = [
    "hubbub/bus/v1/envelope.proto",
    "hubbub/gateway/v1/relay.proto",
    "hubbub/history/v1/history.proto",
    "hubbub/history/v1/message.proto",
    "hubbub/identity/v1/identity.proto",
    "hubbub/presence/v1/presence.proto",
    "hubbub/room/v1/room.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let descriptors = protox::compile(FILES, [&root])?;
    fs::write(
        PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?).join("descriptors.bin"),
        prost::Message::encode_to_vec(&descriptors),
    )?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
