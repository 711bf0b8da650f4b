//! The pages of a process's admin listener. The kit needs no more of HTTP than this.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a process answers to its operators.
#[derive(Clone, Copy, Debug)]
pub struct Admin {
    port: u16,
}

impl Admin {
    pub(super) const fn at(port: u16) -> Self {
        Self { port }
    }

    /// A page: its status and its text.
    pub async fn page(&self, path: &str) -> Result<(u16, String)> {
        timeout(PATIENCE, self.get(path)).await.context("the page took too long")?
    }

    async fn get(&self, path: &str) -> Result<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        let (_, body) = answer.split_once("\r\n\r\n").context("the answer has no body")?;
        Ok((status.context("the answer has no status")?, body.to_owned()))
    }
}

/// A sample of a page of metrics, summed over its labels; 0 when there is none.
pub fn sample(page: &str, name: &str) -> f64 {
    let of_name =
        |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
    let value = |line: &str| line.rsplit(' ').next()?.parse::<f64>().ok();
    page.lines().filter(of_name).filter_map(value).sum()
}
