//! The port on one of the databases: one call, one transaction. Compiled once for each of them.

use std::time::Duration;

use async_trait::async_trait;
use hubbub_domain::{Timestamp, UserId};

use super::{
    super::{
        Attempt, Ban, ContactPage, ContactWish, DecideTurn, Exchange, Made, MakeKey, NewSession,
        NewUser, Opened, Page, ProfileChange, Result, Search, Spent, Standing, Store, Wished,
    },
    Adapter, attempts, contacts, keys, people, sessions,
};
use crate::{
    contacts::Link,
    keys::StoredKey,
    model::{BlockNotice, Credentials, SessionId, User},
    policy::{Settings, Tie},
};

#[async_trait]
impl Store for Adapter {
    async fn make_user(&self, new: &NewUser) -> Result<Made> {
        let mut tx = self.begin().await?;
        let made = people::make_user(&mut tx, new).await?;
        if made == Made::New {
            tx.commit().await?;
        }
        Ok(made)
    }

    async fn meet(&self, users: &[NewUser]) -> Result<()> {
        let mut tx = self.begin().await?;
        people::meet(&mut tx, users).await?;
        Ok(tx.commit().await?)
    }

    async fn credentials(&self, user: &UserId) -> Result<Option<Credentials>> {
        people::credentials(&mut *self.reader().await?, user).await
    }

    async fn open_session(&self, new: &NewSession) -> Result<Opened> {
        let mut tx = self.begin().await?;
        let opened = sessions::open(&mut tx, new).await?;
        tx.commit().await?;
        Ok(opened)
    }

    async fn change_password(&self, new: &NewSession, password: &str) -> Result<Opened> {
        let mut tx = self.begin().await?;
        let opened = sessions::change_password(&mut tx, new, password).await?;
        tx.commit().await?;
        Ok(opened)
    }

    async fn spend(&self, exchange: &Exchange) -> Result<Spent> {
        let mut tx = self.begin().await?;
        let spent = sessions::spend(&mut tx, exchange).await?;
        if !matches!(spent, Spent::Unknown | Spent::Banned) {
            tx.commit().await?;
        }
        Ok(spent)
    }

    async fn end_session(&self, user: &UserId, session: SessionId, at: Timestamp) -> Result<bool> {
        let mut tx = self.begin().await?;
        let ended = sessions::end(&mut tx, (user, session), at).await?;
        tx.commit().await?;
        Ok(ended)
    }

    async fn end_all(&self, user: &UserId, at: Timestamp) -> Result<bool> {
        let mut tx = self.begin().await?;
        let there = sessions::end_all(&mut tx, user, at).await?;
        tx.commit().await?;
        Ok(there)
    }

    async fn set_ban(&self, user: &UserId, ban: Ban, at: Timestamp) -> Result<bool> {
        let mut tx = self.begin().await?;
        let there = sessions::set_ban(&mut tx, (user, ban), at).await?;
        tx.commit().await?;
        Ok(there)
    }

    async fn standings(&self, users: &[UserId]) -> Result<Vec<Standing>> {
        people::standings(&mut *self.reader().await?, users).await
    }

    async fn open_sessions(
        &self,
        sessions: &[SessionId],
        at: Timestamp,
    ) -> Result<Vec<(SessionId, UserId)>> {
        sessions::still_open(&mut *self.reader().await?, sessions, at).await
    }

    async fn users(&self, users: &[UserId]) -> Result<Vec<User>> {
        people::users(&mut *self.reader().await?, users).await
    }

    async fn update_profile(
        &self,
        user: &UserId,
        change: &ProfileChange,
    ) -> Result<Option<(User, Settings)>> {
        let mut tx = self.begin().await?;
        people::update_profile(&mut tx, user, change).await?;
        let changed = people::me(&mut tx, user).await?;
        tx.commit().await?;
        Ok(changed)
    }

    async fn me(&self, user: &UserId) -> Result<Option<(User, Settings)>> {
        people::me(&mut *self.reader().await?, user).await
    }

    async fn ties(&self, pairs: &[(UserId, UserId)]) -> Result<Vec<(usize, Tie)>> {
        contacts::ties(&mut *self.reader().await?, pairs).await
    }

    async fn search(&self, wish: &Search) -> Result<Vec<User>> {
        people::search(&mut *self.reader().await?, wish).await
    }

    async fn keys(&self) -> Result<Vec<StoredKey>> {
        keys::all(&mut *self.reader().await?).await
    }

    async fn turn_keys(
        &self,
        decide: &DecideTurn<'_>,
        make: &MakeKey<'_>,
    ) -> Result<Vec<StoredKey>> {
        let mut tx = self.begin().await?;
        keys::lock(&mut tx).await?;
        let turn = decide(&keys::all(&mut tx).await?);
        let made = turn.make.map(make).transpose()?;
        keys::turn(&mut tx, made.as_ref(), &turn.forget).await?;
        let keys = keys::all(&mut tx).await?;
        tx.commit().await?;
        Ok(keys)
    }

    async fn attempt(&self, attempt: &Attempt<'_>) -> Result<Option<Duration>> {
        let mut tx = self.begin().await?;
        let wait = attempts::count(&mut tx, attempt).await?;
        tx.commit().await?;
        Ok(wait)
    }

    async fn forgive(&self, key: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        attempts::forgive(&mut tx, key).await?;
        Ok(tx.commit().await?)
    }

    async fn wish(&self, wish: &ContactWish) -> Result<Wished> {
        let mut tx = self.begin().await?;
        let wished = contacts::wish(&mut tx, wish).await?;
        tx.commit().await?;
        Ok(wished)
    }

    async fn contacts(&self, wish: &ContactPage) -> Result<Vec<(User, Link, Timestamp)>> {
        contacts::contacts(&mut *self.reader().await?, wish).await
    }

    async fn blocks(&self, page: &Page) -> Result<Vec<User>> {
        contacts::blocks(&mut *self.reader().await?, page).await
    }

    async fn blocks_between(&self, user: &UserId, peers: &[UserId]) -> Result<Vec<UserId>> {
        contacts::blocks_between(&mut *self.reader().await?, user, peers).await
    }

    async fn untold_blocks(&self, limit: u32) -> Result<Vec<BlockNotice>> {
        contacts::untold(&mut *self.reader().await?, limit).await
    }

    async fn blocks_told(&self, told: &[BlockNotice]) -> Result<()> {
        let mut tx = self.begin().await?;
        contacts::told(&mut tx, told).await?;
        Ok(tx.commit().await?)
    }

    async fn forget(&self, before: Timestamp, limit: u32) -> Result<()> {
        let mut tx = self.begin().await?;
        sessions::forget(&mut tx, before, limit).await?;
        people::forget_names(&mut tx, before, limit).await?;
        attempts::forget(&mut tx, before, limit).await?;
        Ok(tx.commit().await?)
    }

    async fn ping(&self) -> Result<()> {
        self.observe();
        sqlx::query("SELECT 1").execute(&mut *self.reader().await?).await?;
        Ok(())
    }
}
