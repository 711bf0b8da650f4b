//! Getting in, staying in, and being shut out.

use std::collections::{HashMap, HashSet};

use hubbub_domain::{
    Code, Fault, Timestamp, UserId,
    names::{self, GUEST_PREFIX, Name, Reserved},
};
use rand::RngExt as _;

use super::Identity;
use crate::{
    announcer::Ended,
    attempts::Origin,
    grants::{self, Grant, Renewed},
    keys::{earlier, later},
    metrics,
    model::{RefreshToken, SessionId, User, UserKind},
    profile,
    store::{Ban, Exchange, Made, NewUser, Opened, Spent, Standing, nobody},
};

/// How often another random nickname is tried.
const NICKNAMES_TRIED: usize = 5;

/// An account somebody wishes for.
pub(crate) struct NewAccount<'a> {
    pub(crate) name: &'a str,
    pub(crate) password: &'a str,
    pub(crate) display_name: &'a str,
    pub(crate) origin: Option<Origin>,
}

/// What a token says that was found to be well signed.
#[derive(Clone)]
pub(crate) struct Claim {
    pub(crate) user: UserId,
    /// Set for tokens that were made here.
    pub(crate) session: Option<SessionId>,
    pub(crate) issued_at: Option<Timestamp>,
    /// For a user nobody has heard of.
    pub(crate) display_name: String,
    pub(crate) preferred_name: String,
    pub(crate) avatar_url: String,
}

/// Whether a token still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Holds,
    Revoked,
    Banned,
}

impl Identity {
    pub(crate) async fn register(&self, wish: &NewAccount<'_>) -> Result<Grant, Fault> {
        self.keeps_accounts()?;
        let name = Name::parse(wish.name, &self.inner.reserved)?;
        let display_name = match wish.display_name {
            "" => name.shown.clone(),
            chosen => profile::display_name(chosen, self.reserved())?,
        };
        let password = self.inner.passwords.judge("password", wish.password)?;
        self.attempts().newcomer(wish.origin.as_ref()).await?;
        let password = self.inner.passwords.hash(password).await?;
        let id = name.user()?;
        let user = User {
            kind: UserKind::Account,
            name: name.folded,
            display_name,
            colour: profile::colour_of(&id),
            avatar_url: String::new(),
            created_at: self.now(),
            expires_at: None,
            id,
        };
        let new = NewUser { user, skeleton: name.skeleton, password: Some(password) };
        if self.store().make_user(&new).await? == Made::Taken {
            return Err(taken());
        }
        self.begin_session(new.user, new.password).await
    }

    pub(crate) async fn login(
        &self,
        name: &str,
        password: &str,
        origin: Option<&Origin>,
    ) -> Result<Grant, Fault> {
        self.keeps_accounts()?;
        // Whatever was typed: what is no name is nobody's, and costs as much.
        let folded = names::fold(&name.chars().take(256).collect::<String>());
        self.attempts().login(&folded, origin).await?;
        let known = match UserId::parse(&folded) {
            Ok(user) => self.store().credentials(&user).await?,
            Err(_) => None,
        };
        let kept = known.as_ref().and_then(|known| known.password.as_deref());
        let right = self.inner.passwords.verify(password, kept).await?;
        let Some(known) = known.filter(|_| right) else { return Err(wrong()) };
        self.attempts().logged_in(&folded).await?;
        if known.banned {
            return Err(Fault::banned());
        }
        self.begin_session(known.user, known.password).await
    }

    pub(crate) async fn create_guest(
        &self,
        nickname: &str,
        origin: Option<&Origin>,
    ) -> Result<Grant, Fault> {
        self.keeps_accounts()?;
        let chosen = match nickname {
            "" => None,
            chosen => Some(Name::parse(chosen, &self.inner.reserved).map_err(of_nickname)?),
        };
        self.attempts().newcomer(origin).await?;
        for _ in 0..NICKNAMES_TRIED {
            let name = match &chosen {
                Some(name) => name.clone(),
                None => Name::parse(&profile::random_nickname(), &Reserved::new(&[]))?,
            };
            let new = self.guest(name)?;
            if self.store().make_user(&new).await? == Made::New {
                return self.begin_session(new.user, None).await;
            }
            if chosen.is_some() {
                return Err(taken());
            }
        }
        Err(Fault::unavailable("no free nickname was found; try again"))
    }

    fn guest(&self, name: Name) -> Result<NewUser, Fault> {
        const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

        let mut chance = rand::rng();
        let tail: String =
            (0..16).map(|_| char::from(LETTERS[chance.random_range(0..LETTERS.len())])).collect();
        let now = self.now();
        let user = User {
            id: UserId::parse(&format!("{GUEST_PREFIX}{tail}"))?,
            kind: UserKind::Guest,
            name: name.folded,
            display_name: name.shown,
            colour: profile::random_colour(),
            avatar_url: String::new(),
            created_at: now,
            expires_at: Some(later(now, self.config().guest_lifetime)),
        };
        Ok(NewUser { user, skeleton: name.skeleton, password: None })
    }

    /// Opens a session for somebody who has proven who they are.
    async fn begin_session(&self, user: User, proof: Option<String>) -> Result<Grant, Fault> {
        let now = self.now();
        let (new, token) = grants::begin(self.config(), &user, proof, now);
        let ended = match self.store().open_session(&new).await? {
            Opened::Open { ended } => ended,
            Opened::Banned => return Err(Fault::banned()),
            // The password was changed since it was proven.
            Opened::Refused => return Err(wrong()),
        };
        if !ended.is_empty() {
            self.tell_revoked(&user.id, Ended::These(&ended), now).await;
        }
        let renewed = Renewed { user, session: new.id, token, expires_at: new.expires_at };
        grants::sign(self.config(), &self.inner.ring, renewed, now)
    }

    pub(crate) async fn refresh(&self, token: &str) -> Result<Grant, Fault> {
        self.keeps_accounts()?;
        let token = RefreshToken::parse(token).ok_or_else(spent)?;
        let (successor, now) = (RefreshToken::generate(), self.now());
        let grace = self.config().refresh_grace;
        let exchange = Exchange {
            token: token.hash(),
            successor: successor.hash(),
            at: now,
            spent_since: (!grace.is_zero()).then(|| earlier(now, grace)),
            expires_at: later(now, self.config().refresh_lifetime),
        };
        match self.store().spend(&exchange).await? {
            Spent::Renewed { user, session, expires_at } => {
                let renewed = Renewed { user, session, token: successor, expires_at };
                grants::sign(self.config(), &self.inner.ring, renewed, now)
            }
            Spent::Reused { user, session } => {
                metrics::token_reused();
                tracing::warn!(%user, "a refresh token was used again: its session was ended");
                self.tell_revoked(&user, Ended::These(&[session]), now).await;
                Err(spent())
            }
            Spent::Banned => Err(Fault::banned()),
            Spent::Unknown => Err(spent()),
        }
    }

    pub(crate) async fn logout(&self, user: &UserId, session: SessionId) -> Result<(), Fault> {
        let now = self.now();
        if self.store().end_session(user, session, now).await? {
            self.tell_revoked(user, Ended::These(&[session]), now).await;
        }
        Ok(())
    }

    pub(crate) async fn logout_everywhere(&self, user: &UserId) -> Result<(), Fault> {
        let now = self.now();
        if !self.store().end_all(user, now).await? {
            return Err(nobody());
        }
        self.tell_revoked(user, Ended::All { but: None }, now).await;
        Ok(())
    }

    pub(crate) async fn change_password(
        &self,
        user: &UserId,
        (old, new): (&str, &str),
        origin: Option<&Origin>,
    ) -> Result<Grant, Fault> {
        self.keeps_accounts()?;
        let password = self.inner.passwords.judge("new_password", new)?;
        // Whoever holds a token of somebody must not try passwords for nothing either.
        self.attempts().login(user.as_str(), origin).await?;
        let known = self.store().credentials(user).await?;
        let kept = known.as_ref().and_then(|known| known.password.as_deref());
        let right = self.inner.passwords.verify(old, kept).await?;
        let Some(known) = known.filter(|_| right) else {
            return Err(Fault::new(Code::Forbidden, "old_password is wrong"));
        };
        self.attempts().logged_in(user.as_str()).await?;
        let password = self.inner.passwords.hash(password).await?;
        let now = self.now();
        let (session, token) = grants::begin(self.config(), &known.user, known.password, now);
        let changed = self.store().change_password(&session, &password).await?;
        match changed {
            Opened::Open { .. } => {}
            Opened::Banned => return Err(Fault::banned()),
            Opened::Refused => {
                return Err(Fault::new(Code::Conflict, "the password was changed meanwhile"));
            }
        }
        self.tell_revoked(user, Ended::All { but: Some(session.id) }, now).await;
        let expires_at = session.expires_at;
        let renewed = Renewed { user: known.user, session: session.id, token, expires_at };
        grants::sign(self.config(), &self.inner.ring, renewed, now)
    }

    pub(crate) async fn set_ban(&self, user: &UserId, ban: Ban) -> Result<(), Fault> {
        let now = self.now();
        if !self.store().set_ban(user, ban, now).await? {
            return Err(nobody());
        }
        tracing::info!(%user, ?ban, "a ban was set or lifted");
        if ban == Ban::Banned {
            self.tell_revoked(user, Ended::Banned, now).await;
        }
        Ok(())
    }

    /// Whether each of the claims still holds. People nobody has heard of are made: their names are
    /// theirs from then on, whoever registers later.
    pub(crate) async fn check_grants(&self, claims: &[Claim]) -> Result<Vec<Verdict>, Fault> {
        let now = self.now();
        let users: HashSet<UserId> = claims.iter().map(|claim| claim.user.clone()).collect();
        let users: Vec<UserId> = users.into_iter().collect();
        let sessions: Vec<SessionId> = claims.iter().filter_map(|claim| claim.session).collect();
        let standings = self.store().standings(&users).await?;
        let standings: HashMap<&UserId, &Standing> =
            standings.iter().map(|standing| (&standing.user, standing)).collect();
        let open: HashMap<SessionId, UserId> = if sessions.is_empty() {
            HashMap::new()
        } else {
            self.store().open_sessions(&sessions, now).await?.into_iter().collect()
        };
        let unknown =
            |claim: &&Claim| claim.session.is_none() && !standings.contains_key(&claim.user);
        let newcomers: Vec<NewUser> =
            claims.iter().filter(unknown).map(|claim| self.external(claim, now)).collect();
        if !newcomers.is_empty() {
            self.store().meet(&newcomers).await?;
        }
        let judged = claims.iter().map(|claim| {
            let standing = standings.get(&claim.user).copied();
            if standing.is_some_and(|standing| standing.banned) {
                return Verdict::Banned;
            }
            let gone =
                standing.is_some_and(|standing| standing.expires_at.is_some_and(|end| end <= now));
            let opened = match claim.session {
                Some(session) => open.get(&session) == Some(&claim.user),
                None => young_enough(claim, standing),
            };
            if opened && !gone { Verdict::Holds } else { Verdict::Revoked }
        });
        Ok(judged.collect())
    }

    /// Somebody as another issuer describes them; what does not hold is left out.
    fn external(&self, claim: &Claim, now: Timestamp) -> NewUser {
        let id = claim.user.clone();
        let preferred = match claim.preferred_name.as_str() {
            "" => id.as_str(),
            preferred => preferred,
        };
        let name: String = names::fold(preferred).chars().take(64).collect();
        let user = User {
            kind: UserKind::External,
            display_name: profile::claimed_display_name(&claim.display_name, &id, self.reserved()),
            colour: profile::colour_of(&id),
            avatar_url: profile::avatar_url(&claim.avatar_url).unwrap_or_default(),
            created_at: now,
            expires_at: None,
            name,
            id,
        };
        let skeleton = names::look(&names::fold(user.id.as_str()));
        NewUser { user, skeleton, password: None }
    }
}

/// Tokens count whole seconds: one of the very second in which all were taken back is refused.
fn young_enough(claim: &Claim, standing: Option<&Standing>) -> bool {
    let not_before = standing.and_then(|standing| standing.not_before);
    not_before.is_none_or(|not_before| {
        claim.issued_at.is_some_and(|issued_at| {
            issued_at.as_micros() / 1_000_000 > not_before.as_micros() / 1_000_000
        })
    })
}

fn taken() -> Fault {
    Fault::new(Code::Conflict, "name is taken, or looks like one that is")
}

/// The one answer for a wrong password and an unknown name.
fn wrong() -> Fault {
    Fault::new(Code::Unauthenticated, "the name or the password is wrong")
}

fn spent() -> Fault {
    Fault::new(Code::Unauthenticated, "the refresh token does not hold; log in again")
}

/// A name's fault under the name that the field has for guests.
fn of_nickname(fault: Fault) -> Fault {
    match fault.message.strip_prefix("name ") {
        Some(problem) => Fault { message: format!("nickname {problem}").into(), ..fault },
        None => fault,
    }
}
