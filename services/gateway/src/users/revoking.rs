//! Ending sessions whose grants have ended: as the bus tells, and as the identity service says when it
//! is asked again.

use std::{collections::HashMap, sync::Arc, time::Duration};

use hubbub_client_protocol::{CloseCode, ContactState, Event};
use hubbub_domain::{Fault, UserId};
use hubbub_proto::{
    bus::v1::{ContactChanged, SessionsRevoked},
    from_timestamp,
};

use super::Users;
use crate::{
    grants::{ASKED_MAX, Grant, Grants, Revocation, Verdict},
    metrics, people,
    session::Session,
};

/// How long sessions that began are gathered before they are asked about together.
const GATHERED: Duration = Duration::from_millis(100);

impl Users {
    /// Some of a user's logins have ended: closes what stands on them.
    pub(crate) fn sessions_revoked(&self, user: &UserId, revoked: SessionsRevoked) {
        let Some(grants) = &self.grants else { return };
        let Some(user) = self.get(user) else { return };
        let named = |text: String| (!text.is_empty()).then(|| text.into_boxed_str());
        let revocation = Revocation {
            login: named(revoked.session_id),
            at: revoked.revoked_at.map(from_timestamp).unwrap_or_default(),
            except: named(revoked.except_session_id),
            banned: revoked.banned,
        };
        for session in user.sessions() {
            // A session whose door did not say what it stands on is closed: better once too often.
            let grant = session.grant();
            match grant.as_ref().map_or(Verdict::Ended, |grant| grant.under(&revocation)) {
                Verdict::Holds => {}
                verdict @ (Verdict::Ended | Verdict::Banned) => {
                    if let Some(grant) = grant {
                        let (grants, user) = (grants.clone(), user.id().clone());
                        self.tasks.spawn(async move { grants.forget(&user, &grant).await });
                    }
                    close(&session, verdict);
                }
                Verdict::Ask => self.newcomers.note(&session),
            }
        }
    }

    pub(crate) fn contact_changed(
        &self,
        user: &UserId,
        changed: &ContactChanged,
    ) -> Result<(), Fault> {
        let Some(user) = self.get(user) else { return Ok(()) };
        let state: ContactState = people::contact_state(changed.state())?;
        user.tell(&Event::Contact { user: UserId::parse(&changed.peer_id)?, state });
        Ok(())
    }

    /// Asks about sessions soon after they began. Runs for the life of the gateway.
    pub(crate) async fn confirm_newcomers(self: Arc<Self>) {
        let Some(grants) = self.grants.clone() else { return std::future::pending().await };
        loop {
            self.newcomers.wait().await;
            tokio::time::sleep(GATHERED).await;
            let sessions = self.newcomers.take();
            if let Err(fault) = end_ended(&grants, &sessions).await {
                tracing::warn!(%fault, "new sessions could not be confirmed; they are asked about again");
                self.newcomers.put_back(&sessions);
                tokio::time::sleep(self.config.retry).await;
            }
        }
    }

    /// Asks about all sessions.
    pub(super) async fn check_grants(&self) -> Result<(), Fault> {
        let Some(grants) = &self.grants else { return Ok(()) };
        let sessions: Vec<Arc<Session>> =
            self.users.iter().flat_map(|user| user.sessions()).collect();
        end_ended(grants, &sessions).await
    }
}

/// Closes those whose grant does not hold any more.
async fn end_ended(grants: &Grants, sessions: &[Arc<Session>]) -> Result<(), Fault> {
    let mut by_grant: HashMap<(UserId, Arc<Grant>), Vec<&Arc<Session>>> = HashMap::new();
    for session in sessions {
        if let Some(grant) = session.grant() {
            by_grant.entry((session.user().clone(), grant)).or_default().push(session);
        }
    }
    let asked: Vec<(UserId, Arc<Grant>)> = by_grant.keys().cloned().collect();
    for some in asked.chunks(ASKED_MAX) {
        let held = grants.ask(some).await?;
        for (ended, verdict) in some.iter().zip(held).filter(|(_, it)| *it != Verdict::Holds) {
            // Evict the cached verdict, so that a revoked token is not admitted again.
            grants.forget(&ended.0, &ended.1).await;
            by_grant.get(ended).into_iter().flatten().for_each(|session| close(session, verdict));
        }
    }
    Ok(())
}

fn close(session: &Session, verdict: Verdict) {
    metrics::session_revoked();
    session.outbox().close(match verdict {
        Verdict::Banned => CloseCode::Banned,
        _ => CloseCode::Revoked,
    });
}
