//! Every metric that a panel or an alert names is on `/metrics` of processes that have just begun to work,
//! with the labels that are asked for.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use hubbub_checks::run;
use hubbub_testkit::{Cluster, ClusterOptions, token};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::{alerts, dashboards, image::hubbub};

/// Metrics by name, with the names of their labels.
type Known = BTreeMap<String, BTreeSet<String>>;

fn read(page: &str, known: &mut Known) {
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, _)) = line.rsplit_once(' ') else { continue };
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels = labels.split("\",").filter_map(|label| label.split_once('='));
        let labels = labels.map(|(label, _)| label.trim().to_owned());
        known.entry(name.to_owned()).or_default().extend(labels);
    }
}

async fn known(cluster: &Cluster) -> Known {
    let mut known = Known::new();
    for node in cluster.nodes() {
        let (status, page) = node.admin().page("/metrics").await.expect("a page");
        assert_eq!(status, 200);
        read(&page, &mut known);
    }
    known
}

/// Names of metrics in an expression, and the labels asked of any of them.
fn named(expression: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut metrics = BTreeSet::new();
    let mut labels = BTreeSet::new();
    let (mut braces, mut quoted, mut word) = (0_u32, false, String::new());
    for letter in expression.chars().chain([' ']) {
        if letter == '"' {
            quoted = !quoted;
        }
        if !quoted && (letter.is_ascii_alphanumeric() || letter == '_') {
            word.push(letter);
            continue;
        }
        let ended = std::mem::take(&mut word);
        if braces > 0 && !quoted && matches!(letter, '=' | '!') && !ended.is_empty() {
            labels.insert(ended);
        } else if braces == 0 && (ended.starts_with("hubbub_") || ended.starts_with("process_")) {
            metrics.insert(ended);
        }
        match letter {
            '{' if !quoted => braces += 1,
            '}' if !quoted => braces -= 1,
            _ => {}
        }
    }
    for group in expression.split("by (").skip(1) {
        let group = group.split(')').next().unwrap_or_default();
        labels.extend(group.split(',').map(|label| label.trim().to_owned()));
    }
    (metrics, labels)
}

/// Given by Prometheus, not by us.
const SCRAPED: [&str; 4] = ["instance", "job", "namespace", "release"];

/// What of the expressions is not there.
fn missing(known: &Known) -> Vec<String> {
    let mut missing = Vec::new();
    for (place, expression) in dashboards::expressions().into_iter().chain(alerts::expressions()) {
        let (metrics, labels) = named(&expression);
        for metric in metrics.iter().filter(|metric| !known.contains_key(*metric)) {
            missing.push(format!("{place}: {metric}"));
        }
        for label in labels.iter().filter(|label| !SCRAPED.contains(&label.as_str())) {
            let has = |metric: &String| known.get(metric).is_some_and(|its| its.contains(label));
            if !metrics.iter().any(has) {
                missing.push(format!("{place}: no metric in it has the label {label}"));
            }
        }
    }
    missing
}

#[test]
fn names_and_labels_are_found_in_expressions() {
    let (metrics, labels) = named(
        r#"sum by (le, code) (rate(hubbub_a_bucket{instance=~"hubbub_x|y", code!="ok"}[5m])) / hubbub_b"#,
    );
    assert_eq!(metrics.into_iter().collect::<Vec<_>>(), ["hubbub_a_bucket", "hubbub_b"]);
    assert_eq!(labels.into_iter().collect::<Vec<_>>(), ["code", "instance", "le"]);
}

/// The roles show each other certificates: all that is measured here was said over mutual TLS.
fn under_mutual_tls(options: ClusterOptions, dir: &Path) -> ClusterOptions {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, key).expect("signed");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["hubbub".to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, &authority).expect("signed");
    let files = [
        ("CA_FILE", authority.pem()),
        ("CERT_FILE", certificate.pem()),
        ("KEY_FILE", key.serialize_pem()),
    ];
    files.into_iter().fold(options.with("HUBBUB_GRPC__TLS__ENABLED", "true"), |options, file| {
        let (setting, text) = file;
        let path = dir.join(setting);
        std::fs::write(&path, text).expect("written");
        options.with(&format!("HUBBUB_GRPC__TLS__{setting}"), &path.display().to_string())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_that_is_named_is_measured() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut options = under_mutual_tls(ClusterOptions::two_of_each(hubbub()), dir.path());
    (options.gateways, options.rooms, options.histories) = (1, 1, 1);
    options.identities = 1;
    let cluster = Cluster::start(options).await.expect("a cluster");
    let mut smoke = Command::new(hubbub());
    smoke.args(["smoke", "--url", &cluster.urls()[0]]).env_clear();
    smoke.env("HUBBUB_SMOKE_TOKENS", format!("{},{}", token("alice"), token("bob")));
    let (chatted, said) = tokio::task::spawn_blocking(move || run(&mut smoke)).await.expect("run");
    assert!(chatted, "{said}");
    // Some are measured from time to time.
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        let missing = missing(&known(&cluster).await);
        if missing.is_empty() {
            return;
        }
        assert!(Instant::now() < patience, "{missing:#?}");
        // Asked again, until the time-out above.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
