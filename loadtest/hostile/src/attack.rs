//! The attacks. Each is begun, holds on while the bystanders talk, and ends.

mod bodies;
mod connections;
mod guests;

use anyhow::{Result, bail};
use tokio::{net::TcpStream, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::target::Target;

#[derive(Clone, Copy)]
pub(crate) enum Attack {
    /// 400 bodies of which the last tenth never comes.
    HalfBodies,
    /// 100 guests who announce attachments that never come.
    IncompletePackets,
    /// 2,000 connections from one address that say nothing, or nothing more.
    IdleConnections,
    /// One connection that asks for sessions that cannot be.
    BogusUpgrades,
    /// One of 200 guests says more than the others can take.
    LoudGuest,
}

impl Attack {
    pub(crate) const ALL: [Self; 5] = [
        Self::HalfBodies,
        Self::IncompletePackets,
        Self::IdleConnections,
        Self::BogusUpgrades,
        Self::LoudGuest,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::HalfBodies => "half-bodies",
            Self::IncompletePackets => "incomplete-packets",
            Self::IdleConnections => "idle-connections",
            Self::BogusUpgrades => "bogus-upgrades",
            Self::LoudGuest => "loud-guest",
        }
    }

    /// Begins; attackers of every kind are divided by `divisor`.
    pub(crate) async fn begin(self, target: Target, divisor: usize) -> Result<Siege> {
        match self {
            Self::HalfBodies => bodies::half(target, 400 / divisor).await,
            Self::IncompletePackets => guests::incomplete(target, 100 / divisor),
            Self::IdleConnections => connections::idle(target, 2_000 / divisor).await,
            Self::BogusUpgrades => Ok(connections::bogus_upgrades(target)),
            Self::LoudGuest => guests::loud(target, 200 / divisor).await,
        }
    }
}

/// An attack that goes on.
#[derive(Default)]
pub(crate) struct Siege {
    /// Open, and silent.
    held: Vec<TcpStream>,
    /// What attackers do until the end. An error is something they must not be able to do.
    tasks: JoinSet<Result<()>>,
    end: CancellationToken,
}

impl Siege {
    /// What the attack came to; an error if it did what it must not be able to do.
    pub(crate) async fn end(mut self) -> Result<()> {
        self.end.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            match ended {
                Ok(outcome) => outcome?,
                Err(panicked) => bail!("an attacker failed: {panicked}"),
            }
        }
        drop(self.held);
        Ok(())
    }
}
