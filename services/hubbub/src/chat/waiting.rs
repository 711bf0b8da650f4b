//! Opening the room with somebody who may not exist yet.

use std::{
    io::IsTerminal as _,
    time::{Duration, Instant},
};

use hubbub_client_protocol::{Command, ErrorView, OpenDirect, Opened};
use hubbub_domain::UserId;

use super::{
    link::{Link, LinkError},
    terminal::Screen,
};

/// The other one may come later: a user who does not exist yet is waited for, at a terminal without end.
pub(super) async fn open_direct(
    link: &mut Link,
    screen: &mut Screen,
    peer: UserId,
) -> Result<Result<Opened, ErrorView>, LinkError> {
    const PAUSE: Duration = Duration::from_secs(1);
    const WAIT_MAX: Duration = Duration::from_mins(1);

    let begun = Instant::now();
    let mut waiting = false;
    loop {
        let open = Command::OpenDirect(OpenDirect { peer: peer.clone() });
        match link.call::<Opened>(open, |_| ()).await? {
            Err(error)
                if error.code == "not_found"
                    && (std::io::stdin().is_terminal() || begun.elapsed() < WAIT_MAX) =>
            {
                if !waiting {
                    screen.say(&format!("-- there is no {peer} yet; waiting for them to come"));
                }
                waiting = true;
                tokio::time::sleep(PAUSE).await;
            }
            answer => return Ok(answer),
        }
    }
}
