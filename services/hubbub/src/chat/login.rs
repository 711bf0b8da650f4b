//! Logging in from the terminal, and staying logged in: the access token is renewed before each
//! connection that would outlive it.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use anyhow::{Context as _, bail};
use hubbub_client_protocol::{ErrorView, GrantView};
use hubbub_domain::{Clock as _, SystemClock, UserId};
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::address::Address;
use crate::announce;

/// How long a request may take: passwords are hashed, perhaps after others.
const PATIENCE: Duration = Duration::from_secs(15);
/// A token that ends sooner is renewed first.
const RENEWED_AHEAD_MICROS: i64 = 90 * 1_000_000;

/// How often a new password may be repeated wrongly.
const NEW_PASSWORD_TRIES: usize = 3;

/// How the user gets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Register,
    Login,
    Guest,
}

/// Somebody who is logged in.
pub(super) struct Login {
    client: Client,
    base: String,
    grant: GrantView,
}

impl Login {
    /// Registers, logs in, or enters as a guest.
    pub(super) async fn begin(address: &Address, entry: Entry, name: &str) -> anyhow::Result<Self> {
        let base = address.base();
        let client = Client::builder().timeout(PATIENCE).build().context("an HTTP client")?;
        let (path, body) = match entry {
            Entry::Register => {
                ("register", json!({"name": name, "password": new_password(ask_password)?}))
            }
            Entry::Login => ("login", json!({"name": name, "password": password(ask_password)?})),
            Entry::Guest => ("guest", json!({"nickname": name})),
        };
        let answer = post(&client, &format!("{base}/v1/auth/{path}"), &body).await?;
        let grant = answer.map_err(anyhow::Error::msg)?;
        Ok(Self { client, base, grant })
    }

    pub(super) const fn user(&self) -> &UserId {
        &self.grant.user.user
    }

    /// An access token that holds for a while; the old one while the gateway does not answer.
    pub(super) async fn token(&mut self) -> anyhow::Result<String> {
        let left = self.grant.expires_at.as_micros() - SystemClock.now().as_micros();
        if left < RENEWED_AHEAD_MICROS {
            let body = json!({"refresh_token": self.grant.refresh_token});
            let url = format!("{}/v1/auth/refresh", self.base);
            match post(&self.client, &url, &body).await {
                Ok(renewed) => self.grant = renewed.map_err(anyhow::Error::msg)?,
                Err(error) => tracing::debug!(%error, "the login could not be renewed yet"),
            }
        }
        Ok(self.grant.access_token.clone())
    }
}

/// Tokens, or why they are refused; an error when there is no answer.
async fn post(
    client: &Client,
    url: &str,
    body: &Value,
) -> anyhow::Result<Result<GrantView, String>> {
    #[derive(Deserialize)]
    struct Refusal {
        error: ErrorView,
    }

    let answer = client.post(url).body(body.to_string()).send().await;
    let answer = answer.context("the gateway does not answer")?;
    let status = answer.status();
    let text = answer.text().await.context("the gateway's answer broke off")?;
    if status == StatusCode::OK {
        return Ok(Ok(serde_json::from_str(&text).context("the gateway's answer")?));
    }
    match serde_json::from_str::<Refusal>(&text) {
        Ok(refusal) if !refusal.error.retryable => Ok(Err(refusal.error.message)),
        Ok(refusal) => bail!("{}", refusal.error.message),
        Err(_) => bail!("the gateway answers with status {status}"),
    }
}

/// From `HUBBUB_PASSWORD`, or from the terminal.
fn password(ask: impl FnOnce(&str) -> anyhow::Result<String>) -> anyhow::Result<String> {
    given_password()?.map_or_else(|| ask("Password"), Ok)
}

/// The same for a new password, which is asked for twice: a slip of the finger would lock the account.
fn new_password(mut ask: impl FnMut(&str) -> anyhow::Result<String>) -> anyhow::Result<String> {
    if let Some(password) = given_password()? {
        return Ok(password);
    }
    for _ in 0..NEW_PASSWORD_TRIES {
        let password = ask("A new password")?;
        if ask("The same password again")? == password {
            return Ok(password);
        }
        announce::say(format_args!("The two differ."));
    }
    bail!("the password and its repetition differ")
}

fn given_password() -> anyhow::Result<Option<String>> {
    let Some((_, password)) = std::env::vars_os().find(|(name, _)| name == "HUBBUB_PASSWORD")
    else {
        return Ok(None);
    };
    let text = password.into_string();
    text.map(Some).map_err(|_| anyhow::anyhow!("HUBBUB_PASSWORD is not UTF-8"))
}

/// From the terminal, without an echo. What is piped in are messages.
fn ask_password(prompt: &str) -> anyhow::Result<String> {
    if !io::stdin().is_terminal() {
        bail!("there is no terminal to ask for the password on: set HUBBUB_PASSWORD");
    }
    rpassword::prompt_password(format!("{prompt}: ")).context("no password")
}

#[cfg(test)]
mod tests {
    use super::new_password;

    #[test]
    fn a_new_password_is_asked_for_until_both_are_the_same() {
        let typed = |answers: &'static [&str]| {
            let mut answers = answers.iter();
            new_password(move |_| Ok(answers.next().expect("not asked so often").to_string()))
        };
        assert_eq!(typed(&["one", "one"]).expect("the same"), "one");
        assert_eq!(typed(&["one", "eno", "two", "two"]).expect("the same"), "two");
        let slips = typed(&["1", "2", "3", "4", "5", "6"]).expect_err("never the same");
        assert!(slips.to_string().contains("differ"), "{slips}");
    }
}
