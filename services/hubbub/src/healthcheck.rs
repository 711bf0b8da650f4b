//! `hubbub healthcheck`: asks the process on this host for its own `/readyz`, for containers that have
//! no other tool to do so.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context as _, bail};
use hubbub_runtime::config::ConfigError;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{
    announce,
    failure::Failure,
    settings::{Loaded, Settings},
};

/// Less than what containers wait for it by default.
const PATIENCE: Duration = Duration::from_secs(3);

/// The most that is read of the answer.
const ANSWER_BYTES_MAX: u64 = 4_096;

pub(crate) async fn run(loaded: Result<Loaded<Settings>, ConfigError>) -> Result<(), Failure> {
    let Some(admin) = loaded?.settings.admin.address()? else {
        return Err(Failure::config("admin.listen is empty: there is nobody to ask"));
    };
    let answer = timeout(PATIENCE, ask(reachable(admin))).await.context("no answer in time")??;
    announce::say(format_args!("{}", answer.trim_end()));
    Ok(())
}

/// The answer's text if it is 200. One fixed request over HTTP/1.0 needs no client library.
async fn ask(address: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)
        .await
        .with_context(|| format!("nobody listens on {address}"))?;
    stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").await?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").context("that was no HTTP")?;
    if head.split(' ').nth(1) != Some("200") {
        bail!("{}", body.trim_end());
    }
    Ok(body.to_owned())
}

/// A listener on every address is asked on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let port = address.port();
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, port).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, port).into(),
        _ => address,
    }
}
