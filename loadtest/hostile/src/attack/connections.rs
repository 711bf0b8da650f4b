//! Connections that are held for nothing, and one that asks for what cannot be.

use std::net::Ipv4Addr;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Siege;
use crate::target::Target;

const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 0, 4, 1);
/// Requests that are sent at once.
const PIPELINED: usize = 16;

/// Half of them say nothing at all, a quarter stops within a head, a quarter after a whole request.
pub(super) async fn idle(target: Target, count: usize) -> Result<Siege> {
    let mut siege = Siege::default();
    for number in 0..count {
        let said: &[u8] = match number % 4 {
            0 | 1 => b"",
            2 => b"GET /v1/openapi.json HTTP/1.1\r\nHost: no",
            _ => b"GET /nowhere HTTP/1.1\r\nHost: node\r\n\r\n",
        };
        // Those that the node refuses are no connections.
        siege.held.extend(target.say(ATTACKER, said).await.ok());
    }
    Ok(siege)
}

/// Upgrades without a key, to sessions and rooms that do not exist, and handshakes of polling sessions, as
/// fast as they are answered, over one connection at a time.
pub(super) fn bogus_upgrades(target: Target) -> Siege {
    let mut siege = Siege::default();
    let end = siege.end.clone();
    siege.tasks.spawn(async move {
        let upgrade = |path: &str| {
            format!("GET {path} HTTP/1.1\r\nHost: node\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        };
        let polling = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: node\r\n\r\n";
        let requests = [
            upgrade("/v1/connect"),
            upgrade("/socket.io/?EIO=4&transport=websocket"),
            upgrade("/socket.io/?EIO=4&transport=websocket&sid=nobody"),
            polling.to_owned(),
        ];
        let requests = requests.concat().repeat(PIPELINED / 4);
        let flood = async {
            loop {
                let Ok(mut stream) = target.connect(ATTACKER).await else { continue };
                let mut answers = vec![0; 64 * 1024];
                while stream.write_all(requests.as_bytes()).await.is_ok()
                    && stream.read(&mut answers).await.is_ok_and(|bytes| bytes > 0)
                {}
            }
        };
        end.run_until_cancelled(flood).await;
        Ok(())
    });
    siege
}
