//! People as others see them, and how they stand to each other.

use std::collections::HashMap;

use hubbub_domain::{Fault, Timestamp, UserId};

use super::{Identity, PATIENCE};
use crate::{
    contacts::{Link, Wish},
    model::User,
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
    ) -> Result<User, Fault> {
        self.store().update_profile(user, change).await?.ok_or_else(nobody)
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
