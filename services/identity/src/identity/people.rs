//! People as others see them, and how they stand to each other.

use std::collections::HashMap;

use hubbub_domain::{Fault, Timestamp, UserId};

use super::{Identity, PATIENCE};
use crate::{
    contacts::{Link, Wish},
    model::User,
    policy::{self, Adding, Settings, Tie, Visibility},
    store::{ContactPage, ContactWish, Page, ProfileChange, Search, nobody},
};

impl Identity {
    /// In the order asked for, without those nobody has heard of.
    pub(crate) async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, Fault> {
        let found = self.store().users(ids).await?;
        let mut found: HashMap<UserId, User> =
            found.into_iter().map(|user| (user.id.clone(), user)).collect();
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    pub(crate) async fn update_profile(
        &self,
        user: &UserId,
        change: &ProfileChange,
    ) -> Result<(User, Settings), Fault> {
        self.store().update_profile(user, change).await?.ok_or_else(nobody)
    }

    /// A user with what they have decided for themself.
    pub(crate) async fn me(&self, user: &UserId) -> Result<(User, Settings), Fault> {
        self.store().me(user).await?.ok_or_else(nobody)
    }

    /// Whether the actor exists, and whether each of the users may be added by them.
    pub(crate) async fn check_adding(
        &self,
        actor: &UserId,
        users: &[UserId],
    ) -> Result<(bool, Vec<Adding>), Fault> {
        let pairs: Vec<_> =
            users.iter().chain([actor]).map(|user| (actor.clone(), user.clone())).collect();
        let mut ties = self.ties(&pairs).await?;
        let kind = ties.pop().flatten().map(|actor| actor.kind);
        let verdict = |tie: &Option<Tie>| match (tie, kind) {
            (Some(tie), Some(kind)) => policy::may_add(kind, tie),
            (Some(_), None) => Adding::Refused,
            (None, _) => Adding::Unknown,
        };
        Ok((kind.is_some(), ties.iter().map(verdict).collect()))
    }

    /// What the first of each pair may see of the second.
    pub(crate) async fn check_visibility(
        &self,
        pairs: &[(UserId, UserId)],
    ) -> Result<Vec<Visibility>, Fault> {
        let ties = self.ties(pairs).await?;
        let seen = |tie: &Option<Tie>| tie.as_ref().map_or(Visibility::Never, policy::may_see);
        Ok(ties.iter().map(seen).collect())
    }

    /// In the order of the pairs.
    async fn ties(&self, pairs: &[(UserId, UserId)]) -> Result<Vec<Option<Tie>>, Fault> {
        let mut ties = vec![None; pairs.len()];
        for (place, tie) in self.store().ties(pairs).await? {
            ties[place] = Some(tie);
        }
        Ok(ties)
    }

    pub(crate) async fn search(
        &self,
        prefix: String,
        after: Option<(String, String)>,
        limit: u32,
    ) -> Result<Vec<User>, Fault> {
        let wish = Search { prefix, after, limit, at: self.now() };
        Ok(self.store().search(&wish).await?)
    }

    /// How the two stand afterwards, seen from the actor.
    pub(crate) async fn wish(
        &self,
        (actor, peer): (UserId, UserId),
        wish: Wish,
    ) -> Result<Option<Link>, Fault> {
        let contacts_max = self.config().contacts_max;
        let wish = ContactWish { actor, peer, wish, at: self.now(), contacts_max };
        let wished = self.store().wish(&wish).await?;
        if wished.before.link != wished.after.link {
            self.inner.announcer.contact(&wish.actor, &wish.peer, wished.after.link);
        }
        if wished.before.blocks != wished.after.blocks {
            // Who blocked somebody gets nothing from them that is said after the answer.
            let told = self.inner.blocks.nudge();
            if tokio::time::timeout(PATIENCE, told).await.is_err() {
                tracing::debug!("a block is still on its way to the room service");
            }
        }
        Ok(wished.after.link)
    }

    pub(crate) async fn contacts(
        &self,
        page: Page,
        only: Option<Link>,
    ) -> Result<Vec<(User, Link, Timestamp)>, Fault> {
        Ok(self.store().contacts(&ContactPage { page, only }).await?)
    }

    pub(crate) async fn blocks(&self, page: &Page) -> Result<Vec<User>, Fault> {
        Ok(self.store().blocks(page).await?)
    }

    pub(crate) async fn blocks_between(
        &self,
        user: &UserId,
        peers: &[UserId],
    ) -> Result<Vec<UserId>, Fault> {
        Ok(self.store().blocks_between(user, peers).await?)
    }
}
