//! What a process says on standard output: one stable line per listener, for tools and tests, and in
//! standalone a few words for whoever started it. Logs go to standard error.

use std::{
    fmt,
    io::{self, Write as _},
    net::SocketAddr,
};

use crate::cli::Role;

/// `listening role=gateway client=127.0.0.1:8080`: the role of the process, then what the listener is for.
pub(crate) fn listening(role: Role, what: &str, address: SocketAddr) {
    say(format_args!("listening role={} {what}={address}", role.name()));
}

/// How to talk to a standalone process.
pub(crate) fn welcome(client: SocketAddr, stores: &str) {
    say(format_args!(
        "\nhubbub is ready: one process, every role, {stores}.\n\
         \n  clients        ws://{client}/v1/connect   (subprotocol hubbub.v1+json)\
         \n  an account     hubbub chat --register --as alice --with bob\
         \n  without one    hubbub chat --as alice --with bob   (hubbub token --sub alice)\
         \n  all settings   hubbub config default\n"
    ));
}

/// A line for a reader who may be gone: then there is nothing left to tell.
pub(crate) fn say(text: fmt::Arguments<'_>) {
    let mut out = io::stdout().lock();
    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
}
