//! The commands that end by themselves.

use tempfile::tempdir;

use crate::{
    line::Standalone,
    process::{Serving, hubbub, output, text},
};

#[tokio::test]
async fn help_names_every_command() {
    let dir = tempdir().expect("a directory");
    let help = output(&mut hubbub(dir.path(), &["--help"])).await;
    assert!(help.status.success());
    let help = text(&help.stdout);
    let commands =
        ["standalone", "gateway", "room", "history", "migrate", "token", "smoke", "healthcheck"];
    for command in commands {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is missing:\n{help}");
    }
}

#[tokio::test]
async fn an_unknown_command_is_a_usage_error() {
    let dir = tempdir().expect("a directory");
    let refused = output(&mut hubbub(dir.path(), &["gatway"])).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("gateway"), "the nearest one is offered");
}

#[tokio::test]
async fn a_token_needs_no_setup() {
    let dir = tempdir().expect("a directory");
    let tokens = [0, 1].map(|_| ["token", "--sub", "alice", "--ttl", "10m"]);
    for arguments in tokens {
        let token = output(&mut hubbub(dir.path(), &arguments)).await;
        assert!(token.status.success(), "{}", text(&token.stderr));
        assert_eq!(text(&token.stdout).trim().split('.').count(), 3);
    }
    assert!(dir.path().join("data/dev-secret").exists());
}

#[tokio::test]
async fn a_token_cannot_be_made_for_somebody_elses_keys() {
    let dir = tempdir().expect("a directory");
    let mut command = hubbub(dir.path(), &["token", "--sub", "alice"]);
    command.env("HUBBUB_AUTH__JWKS_URL", "https://issuer.example/keys");
    let refused = output(&mut command).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("auth.secret"));
}

#[tokio::test]
async fn migrate_may_run_again_and_begin_a_new_epoch() {
    let dir = tempdir().expect("a directory");
    for arguments in [&["migrate"][..], &["migrate", "--new-epoch"]] {
        let migrated = output(&mut hubbub(dir.path(), arguments)).await;
        assert!(migrated.status.success(), "{}", text(&migrated.stderr));
        let said = text(&migrated.stdout);
        assert!(said.starts_with("history: up to date\nroom: up to date\n"), "{said}");
        assert_eq!(said.contains("epoch"), arguments.len() == 2);
    }
}

#[tokio::test]
async fn the_healthcheck_asks_the_process() {
    let dir = tempdir().expect("a directory");
    let serving = Serving::start(&mut hubbub(dir.path(), &[]), "client").await;
    serving.ready().await;
    let mut check = hubbub(dir.path(), &["healthcheck"]);
    check.env("HUBBUB_ADMIN__LISTEN", &serving.listeners["admin"]);
    let healthy = output(&mut check).await;
    assert_eq!(text(&healthy.stdout), "ready\n");
    assert!(healthy.status.success());
    serving.stop().await;
    let unhealthy = output(&mut check).await;
    assert_eq!(unhealthy.status.code(), Some(1), "nobody listens any more");
}

#[tokio::test]
async fn smoke_chats_over_a_running_process_and_fails_without_one() {
    let standalone = Standalone::start(&[]).await;
    let url = format!("ws://{}", standalone.address());
    let good = output(&mut hubbub(standalone.dir(), &["smoke", "--url", &url])).await;
    assert!(good.status.success(), "{}", text(&good.stderr));
    assert!(text(&good.stdout).contains("two people chatted"), "{}", text(&good.stdout));
    let tokens = format!("{},x", standalone.token("alice").await);
    let mut bad = hubbub(standalone.dir(), &["smoke", "--url", &url]);
    let refused = output(bad.env("HUBBUB_SMOKE_TOKENS", tokens)).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("the second user"), "{}", text(&refused.stderr));
    standalone.serving.stop().await;
    let dir = tempdir().expect("a directory");
    let nobody = output(&mut hubbub(dir.path(), &["smoke", "--url", &url])).await;
    assert_eq!(nobody.status.code(), Some(1));
}
