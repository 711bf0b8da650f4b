//! What the binary says about its settings.

use tempfile::tempdir;

use crate::process::{hubbub, output, text};

/// A command, the environment that is wrong, and the setting the error must name.
type Case = (&'static [&'static str], &'static [(&'static str, &'static str)], &'static str);

const GOOD_GATEWAY: [(&str, &str); 2] = [
    ("HUBBUB_AUTH__SECRET", "0123456789abcdef0123456789abcdef"),
    ("REDIS_URL", "redis://127.0.0.1:1"),
];

const BAD: [Case; 32] = [
    (&["gateway"], &[("REDIS_URL", "redis://127.0.0.1:1")], "auth.secret is not set"),
    (&["gateway"], &[("HUBBUB_AUTH__SECRET", "0123456789abcdef0123456789abcdef")], "bus.urls"),
    (&["gateway"], &[("HUBBUB_AUTH__SECRET", "short")], "auth.secret has fewer than 32 bytes"),
    (&["gateway"], &[("HUBBUB_GRPC__HISTORY", "http://history")], "grpc.history"),
    (&["gateway"], &[("HUBBUB_GRPC__ROOM", "")], "grpc.room"),
    (&["room"], &[("REDIS_URL", "redis://127.0.0.1:1")], "database.url"),
    (&["history"], &[("DATABASE_URL", "sqlite:history.db")], "database.url"),
    (&["history"], &[("DATABASE_URL", "postgres://localhost/x")], "bus.urls"),
    (&[], &[("HUBBUB_GATEWAY__EDGE__LISTN", "127.0.0.1:0")], "did you mean gateway.edge.listen?"),
    (&[], &[("HUBBUB_GATEWAY__EDGE__LISTEN", "nowhere")], "gateway.edge.listen"),
    (&[], &[("HUBBUB_GATEWAY__DRAIN__WINDOW", "10")], "gateway.drain.window"),
    (&[], &[("HUBBUB_HISTORY__APPEND__LANES", "0")], "append.lanes"),
    (&[], &[("HUBBUB_ROOM__GROUP_MEMBERS_MAX", "0")], "group_members_max"),
    (&[], &[("HUBBUB_ADMIN__LISTEN", "7100")], "admin.listen"),
    (&[], &[("HUBBUB_TELEMETRY__SAMPLE_RATIO", "2")], "telemetry.sample_ratio"),
    (&[], &[("RUST_LOG", "hubbub=loud=very")], "telemetry.log_filter"),
    (&[], &[("HUBBUB_AUTH__PUBLIC_KEY_FILES", "/nowhere.pem")], "/nowhere.pem"),
    (&["gateway"], &[("REDIS_URL", "http://redis")], "bus: "),
    (&["room"], &[("DATABASE_URL", "postgres://db:port/x")], "room: database is not postgres://"),
    (&[], &[("HUBBUB_TELEMETRY__OTLP_ENDPOINT", "collector:4317")], "telemetry.otlp_endpoint"),
    (
        &["history"],
        &[("REDIS_URL", "rediss://redis"), ("HUBBUB_BUS__CA_FILE", "/nowhere/redis.crt")],
        "/nowhere/redis.crt",
    ),
    (&["room"], &[("HUBBUB_GRPC__TLS__ENABLED", "true")], "grpc.tls.ca_file: no file is named"),
    (
        &["gateway"],
        &[("HUBBUB_GRPC__TLS__ENABLED", "true"), ("HUBBUB_GRPC__TLS__CA_FILE", "/nowhere/ca.crt")],
        "grpc.tls.ca_file: /nowhere/ca.crt cannot be used",
    ),
    (&["--config", "nowhere.toml"], &[], "nowhere.toml cannot be read"),
    (&[], &[(ORIGINS, "https://app.example/")], "edge.allowed_origins: \"https://app.example/\""),
    (&[], &[(ORIGINS, "app.example")], "edge.allowed_origins"),
    (&["gateway"], &[(ORIGINS, "https://*")], "edge.allowed_origins"),
    (&[], &[("HUBBUB_GATEWAY__INTERNAL__LISTEN", "7000")], "internal.listen"),
    (&[], &[("HUBBUB_GATEWAY__INTERNAL__LISTEN", "0.0.0.0:0")], "internal.advertise"),
    (&[], &[("HUBBUB_GATEWAY__SESSION__TEXT_CHARS_MAX", "4001")], "session.text_chars_max"),
    (&[], &[("HUBBUB_GATEWAY__APPEND__BATCH_MAX", "0")], "append.batch_max"),
    (
        &[],
        &[
            ("HUBBUB_GATEWAY__INTERNAL__LISTEN", "127.0.0.1:0"),
            ("HUBBUB_GRPC__TLS__ENABLED", "true"),
        ],
        "grpc.tls",
    ),
];

const ORIGINS: &str = "HUBBUB_GATEWAY__EDGE__ALLOWED_ORIGINS";

/// What a role refuses, `config check` refuses in the same words: it is the same code.
#[tokio::test]
async fn check_refuses_what_the_role_refuses() {
    let dir = tempdir().expect("a directory");
    for (arguments, env, named) in BAD {
        let Some((&role, [])) = arguments.split_first().or(Some((&"standalone", &[]))) else {
            continue;
        };
        let arguments = ["config", "check", "--role", role];
        let refused = output(hubbub(dir.path(), &arguments).envs(env.iter().copied())).await;
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{role} {env:?}: {said}");
        assert!(said.contains(named), "{named} is not named: {said}");
    }
}

#[tokio::test]
async fn origins_of_extensions_editors_and_local_files_can_be_listed() {
    let dir = tempdir().expect("a directory");
    let listed = "https://app.example,chrome-extension://abcdefgh,moz-extension://*,vscode-webview://*,null,file://";
    let mut check = hubbub(dir.path(), &["config", "check"]);
    let agreed = output(check.env(ORIGINS, listed)).await;
    assert!(agreed.status.success(), "{}", text(&agreed.stderr));
}

#[tokio::test]
async fn bad_settings_are_refused_by_name_before_anything_listens() {
    let dir = tempdir().expect("a directory");
    for (arguments, env, named) in BAD {
        let refused = output(hubbub(dir.path(), arguments).envs(env.iter().copied())).await;
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?} {env:?}: {said}");
        assert!(said.contains(named), "{named} is not named: {said}");
        assert_eq!(text(&refused.stdout), "", "it listened");
    }
    assert_eq!(std::fs::read_dir(dir.path()).expect("a directory").count(), 0, "it wrote");
}

#[tokio::test]
async fn check_lists_every_problem() {
    let dir = tempdir().expect("a directory");
    let mut check = hubbub(dir.path(), &["config", "check", "--role", "gateway"]);
    check.env("HUBBUB_GRPC__ROOM", "room").env("HUBBUB_TELEMETRY__SAMPLE_RATIO", "-1");
    let refused = output(&mut check).await;
    assert_eq!(refused.status.code(), Some(2));
    let said = text(&refused.stderr);
    for named in ["auth.secret", "bus.urls", "grpc.room", "telemetry.sample_ratio"] {
        assert!(said.contains(named), "{named} is not named: {said}");
    }
}

#[tokio::test]
async fn check_agrees_with_good_settings() {
    let dir = tempdir().expect("a directory");
    for (arguments, env) in [
        (&["config", "check"][..], &[][..]),
        (&["config", "check", "--role", "gateway"], &GOOD_GATEWAY),
    ] {
        let agreed = output(hubbub(dir.path(), arguments).envs(env.iter().copied())).await;
        assert!(agreed.status.success(), "{}", text(&agreed.stderr));
    }
}

#[tokio::test]
async fn secrets_are_not_shown() {
    let dir = tempdir().expect("a directory");
    let mut show = hubbub(dir.path(), &["config", "show"]);
    show.env("DATABASE_URL", "postgres://hubbub:swordfish@db/hubbub")
        .env("REDIS_URL", "redis://:swordfish@redis")
        .env("HUBBUB_AUTH__SECRET", "swordfish-swordfish-swordfish-swordfish")
        .env("HUBBUB_GRPC__TOKEN", "swordfish")
        .env("HUBBUB_ROOM__DATABASE", "postgres://hubbub:swordfish@db/room")
        .env("HUBBUB_HISTORY__DATABASE", "postgres://hubbub:swordfish@db/history");
    let shown = output(&mut show).await;
    let said = text(&shown.stdout);
    assert!(shown.status.success());
    assert!(!said.contains("swordfish"), "{said}");
    assert_eq!(said.matches("***").count(), 6, "{said}");
    assert!(said.contains("hello_timeout = \"5s\""), "the rest is shown: {said}");
}

#[tokio::test]
async fn the_defaults_are_a_file_that_is_accepted() {
    let dir = tempdir().expect("a directory");
    let defaults = output(&mut hubbub(dir.path(), &["config", "default"])).await;
    let file = dir.path().join("hubbub.toml");
    std::fs::write(&file, &defaults.stdout).expect("written");
    let file = file.display().to_string();
    let checked = output(&mut hubbub(dir.path(), &["--config", &file, "config", "check"])).await;
    assert!(checked.status.success(), "{}", text(&checked.stderr));
}
