//! Keeping conditions of readiness true.

use std::fmt::Display;

use hubbub_runtime::health::Condition;

use super::Process;

/// Whether a condition that was met once can be lost again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// It follows every probe: without its store a service has nothing to answer.
    Follow,
    /// It stays met. A gateway whose peers are gone still holds its sessions, and turning every gateway
    /// away at once would only add a storm of reconnects.
    Once,
}

impl Process {
    /// Probes again and again, in the stage that drains first.
    pub(super) fn probe<F, R, E>(&self, name: &'static str, hold: Hold, probe: F)
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), E>> + Send,
        E: Display + Send,
    {
        let condition = self.readiness.condition(name);
        let drain = self.lifecycle.drain.clone();
        let admin = self.settings.admin.clone();
        self.lifecycle.spawn("readiness", async move {
            let mut ticks = tokio::time::interval(admin.probe_interval);
            while drain.run_until_cancelled(ticks.tick()).await.is_some() {
                let answer = tokio::time::timeout(admin.probe_timeout, probe()).await;
                if note(name, &condition, answer) && hold == Hold::Once {
                    break;
                }
            }
        });
    }
}

/// True when the probe succeeded.
fn note<E: Display, T>(
    name: &'static str,
    condition: &Condition,
    answer: Result<Result<(), E>, T>,
) -> bool {
    match answer {
        Ok(Ok(())) => {
            condition.met();
            return true;
        }
        Ok(Err(error)) => tracing::warn!(condition = name, %error, "not ready"),
        Err(_) => tracing::warn!(condition = name, error = "no answer in time", "not ready"),
    }
    condition.unmet();
    false
}
