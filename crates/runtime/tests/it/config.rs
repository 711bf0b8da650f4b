//! Settings from defaults, file and environment: who wins, and what a mistake is told.

use std::{collections::BTreeMap, io::Write as _, path::Path, time::Duration};

use hubbub_runtime::config::{ConfigError, Secret, Sources, duration, load};
use serde::Deserialize;

const DEFAULTS: &str = r#"
    [gateway]
    listen = "127.0.0.1:8080"
    sessions_max = 1000
    origins = ["https://chat.example"]
    [auth]
    secret = ""
    leeway = "30s"
    [database]
    url = ""
    [labels]
"#;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    gateway: Gateway,
    auth: Auth,
    database: Database,
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Gateway {
    listen: std::net::SocketAddr,
    sessions_max: u32,
    origins: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Auth {
    secret: Secret,
    #[serde(with = "duration")]
    leeway: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Database {
    url: Secret,
}

fn written(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(text.as_bytes()).expect("written");
    file
}

fn load_from(file: &Path, env: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    load(&Sources {
        defaults: DEFAULTS,
        file: Some(file.to_owned()),
        env: env.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
        aliases: &[("DATABASE_URL", "database.url")],
    })
    .map(|loaded| loaded.settings)
}

fn valid(file: &str, env: &[(&str, &str)]) -> Settings {
    load_from(written(file).path(), env).expect("valid")
}

/// The error's text, as if the file were called hubbub.toml.
fn problems(file: &str, env: &[(&str, &str)]) -> String {
    let file = written(file);
    let error = load_from(file.path(), env).expect_err("refused");
    let text = error.to_string().replace(&file.path().display().to_string(), "hubbub.toml");
    assert!(!text.contains("swordfish"), "a secret in an error: {text}");
    assert!(!format!("{error:?}").contains("swordfish"));
    text
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let file = "[gateway]\nsessions_max = 7\nlisten = \"127.0.0.1:1\"\n[labels]\nzone = \"a\"";
    let env = [
        ("HUBBUB_GATEWAY__LISTEN", "127.0.0.1:2"),
        ("HUBBUB_GATEWAY__ORIGINS", "https://a.example, https://b.example"),
        ("HUBBUB_AUTH__SECRET", "12345"),
        ("DATABASE_URL", "postgres://plain"),
        ("HUBBUB_CONFIG", "elsewhere.toml"),
        ("HOME", "/nowhere"),
    ];
    let settings = valid(file, &env);
    assert_eq!(settings.gateway.listen.port(), 2);
    assert_eq!(settings.gateway.sessions_max, 7);
    assert_eq!(settings.gateway.origins, ["https://a.example", "https://b.example"]);
    assert_eq!(settings.auth.secret.expose(), "12345");
    assert_eq!(settings.auth.leeway, Duration::from_secs(30));
    assert_eq!(settings.database.url.expose(), "postgres://plain");
    assert_eq!(settings.labels["zone"], "a");
}

#[test]
fn the_full_name_wins_over_the_plain_one() {
    let env = [("HUBBUB_DATABASE__URL", "sqlite:full"), ("DATABASE_URL", "sqlite:plain")];
    assert_eq!(valid("", &env).database.url.expose(), "sqlite:full");
}

#[test]
fn what_kubernetes_adds_for_its_services_is_ignored() {
    let env = [
        ("HUBBUB_GATEWAY_SERVICE_HOST", "10.0.0.1"),
        ("HUBBUB_GATEWAY_SERVICE_PORT_WS", "8080"),
        ("HUBBUB_GATEWAY_PORT", "tcp://10.0.0.1:8080"),
        ("HUBBUB_GATEWAY_PORT_8080_TCP_ADDR", "10.0.0.1"),
    ];
    valid("", &env);
}

#[test]
fn every_problem_is_named_and_no_secret_is_quoted() {
    let file = "[gateway]\nlisten = \"swordfish\"\nsesions_max = 7\n[auth]\nsecret = 5\nleeway = 30\n\
                [gatewy]\nlisten = \"x\"";
    let env = [
        ("HUBBUB_GATEWAY__SESSIONS_MAX", "swordfish"),
        ("HUBBUB_AUTH_SECRET", "swordfish"),
        ("HUBBUB_AUTH__LEEWAY", "5 parsecs"),
    ];
    insta::assert_snapshot!(problems(file, &env));
}

#[test]
fn a_file_that_is_no_toml_says_where() {
    insta::assert_snapshot!(problems("[auth]\nsecret = swordfish\n", &[]));
}

#[test]
fn a_file_that_is_absent_is_an_error() {
    let sources = Sources {
        defaults: DEFAULTS,
        file: Some("/nowhere/hubbub.toml".into()),
        ..Sources::default()
    };
    insta::assert_snapshot!(load::<Settings>(&sources).expect_err("absent"));
}
