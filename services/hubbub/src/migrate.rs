//! `hubbub migrate`: the schemas of all services, brought up to date. Several may run at once on
//! Postgres; SQLite files are for one process, so a running standalone refuses this one.

use anyhow::Context as _;
use hubbub_history::store::Cause;
use hubbub_runtime::config::ConfigError;

use crate::{
    announce,
    cli::Migrate,
    data_dir,
    failure::Failure,
    settings::{Loaded, Settings},
};

pub(crate) async fn run(
    loaded: Result<Loaded<Settings>, ConfigError>,
    how: Migrate,
) -> Result<(), Failure> {
    let mut settings = loaded?.settings;
    settings.database.migrate_on_start = true;
    let _claim = data_dir::claim(&settings)?;
    let history = hubbub_history::store::open(&settings.history())
        .await
        .context("the store of the history service")?;
    announce::say(format_args!("history: up to date"));
    hubbub_room::store::open(&settings.room()).await.context("the store of the room service")?;
    announce::say(format_args!("room: up to date"));
    hubbub_identity::store::open(&settings.identity())
        .await
        .context("the store of the identity service")?;
    announce::say(format_args!("identity: up to date"));
    if how.new_epoch {
        let epoch = history.new_epoch(Cause::Restored).await.context("the new epoch")?;
        announce::say(format_args!("history: epoch {epoch}"));
    }
    Ok(())
}
