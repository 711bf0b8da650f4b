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

/// How long a request may take: passwords are hashed, perhaps after others.
const PATIENCE: Duration = Duration::from_secs(15);
/// A token that ends sooner is renewed first.
const RENEWED_AHEAD_MICROS: i64 = 90 * 1_000_000;

/// How somebody gets in.
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
    /// `url` is the gateway's WebSocket address.
    pub(super) async fn begin(url: &str, entry: Entry, name: &str) -> anyhow::Result<Self> {
        let base = match url.split_once("://") {
            Some(("ws", rest)) => format!("http://{}", rest.trim_end_matches('/')),
            Some(("wss", rest)) => format!("https://{}", rest.trim_end_matches('/')),
            _ => bail!("--url is not a WebSocket URL such as ws://127.0.0.1:8080"),
        };
        let client = Client::builder().timeout(PATIENCE).build().context("an HTTP client")?;
        let (path, body) = match entry {
            Entry::Register => {
                ("register", json!({"name": name, "password": ask_password("A new password")?}))
            }
            Entry::Login => ("login", json!({"name": name, "password": ask_password("Password")?})),
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

/// From `HUBBUB_PASSWORD`, or from the terminal, unseen. What is piped in are messages.
fn ask_password(prompt: &str) -> anyhow::Result<String> {
    if let Some((_, password)) = std::env::vars_os().find(|(name, _)| name == "HUBBUB_PASSWORD") {
        return password.into_string().map_err(|_| anyhow::anyhow!("HUBBUB_PASSWORD is no text"));
    }
    if !io::stdin().is_terminal() {
        bail!("there is no terminal to ask for the password on: set HUBBUB_PASSWORD");
    }
    rpassword::prompt_password(format!("{prompt}: ")).context("no password")
}
