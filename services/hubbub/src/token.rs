//! `hubbub token`: a token for development and for tests.

use hubbub_auth::{Minter, NewToken};
use hubbub_domain::{Clock as _, SystemClock, UserId};
use hubbub_runtime::config::ConfigError;

use crate::{
    announce,
    cli::Token,
    failure::Failure,
    settings::{Loaded, Settings},
};

pub(crate) fn run(
    loaded: Result<Loaded<Settings>, ConfigError>,
    wish: &Token,
) -> Result<(), Failure> {
    let settings = loaded?.settings.with_dev_secret()?;
    let token = mint(&settings.auth, wish)?;
    announce::say(format_args!("{token}"));
    Ok(())
}

/// A token signed with the settings' secret.
pub(crate) fn mint(auth: &hubbub_auth::Config, wish: &Token) -> Result<String, Failure> {
    if auth.secret.is_empty() {
        let text = "auth.secret is not set: only its holder can make tokens for these settings";
        return Err(Failure::config(text));
    }
    let user = UserId::parse(&wish.sub).map_err(|fault| anyhow::anyhow!("--sub: {fault}"))?;
    let minter =
        Minter::hs256(&auth.secret, &auth.issuer, &auth.audience).map_err(Failure::config)?;
    let token = NewToken::new(&user, SystemClock.now(), wish.ttl);
    Ok(minter.mint(&token).map_err(anyhow::Error::from)?)
}
