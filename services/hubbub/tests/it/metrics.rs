//! The pages that Prometheus reads: every family of every role is described there as docs/metrics.md has it,
//! and that page has every family of the sources.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use hubbub_testkit::{Cluster, ClusterOptions, token};

use crate::{
    line::Standalone,
    process::{hubbub, output, text},
};

/// A family as a page, or the documentation, has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Family {
    kind: String,
    unit: String,
    help: String,
    labels: BTreeSet<String>,
}

type Families = BTreeMap<String, Family>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// What a name says of its unit.
fn unit_of(name: &str) -> &str {
    let base = name.strip_suffix("_total").unwrap_or(name);
    ["seconds", "bytes", "ratio"].into_iter().find(|unit| base.ends_with(unit)).unwrap_or("")
}

/// The rows of docs/metrics.md.
fn documented() -> Families {
    let text = fs::read_to_string(root().join("docs/metrics.md")).expect("docs/metrics.md");
    let row = |line: &str| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.split(" | ").collect();
        let [name, kind, labels, help] = cells[..] else { panic!("{line}") };
        let labels = labels.split(", ").filter_map(|label| label.strip_prefix('`'));
        let labels = labels.map(|label| label.trim_end_matches('`').to_owned()).collect();
        let name = name.trim_end_matches('`').to_owned();
        let help = help.trim_end_matches(" |").to_owned();
        let unit = unit_of(&name).to_owned();
        Some((name, Family { kind: kind.to_owned(), unit, help, labels }))
    };
    text.lines().filter_map(row).collect()
}

/// The family that a sample belongs to.
fn family_of<'a>(sample: &'a str, families: &Families) -> &'a str {
    let parts = ["_bucket", "_sum", "_count"];
    let base = parts.iter().find_map(|part| sample.strip_suffix(part));
    base.filter(|base| families.contains_key(*base)).unwrap_or(sample)
}

fn read(page: &str) -> Families {
    let mut families = Families::new();
    for line in page.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# ") {
            let (what, rest) = rest.split_once(' ').expect("a word");
            let (name, value) = rest.split_once(' ').expect("a name");
            let family = families.entry(name.to_owned()).or_default();
            let slot = match what {
                "HELP" => &mut family.help,
                "TYPE" => &mut family.kind,
                "UNIT" => &mut family.unit,
                other => panic!("{other}: {line}"),
            };
            assert!(slot.is_empty(), "said twice: {line}");
            value.clone_into(slot);
            continue;
        }
        let (series, _) = line.rsplit_once(' ').expect("a value");
        let (sample, labels) = series.split_once('{').unwrap_or((series, ""));
        let name = family_of(sample, &families).to_owned();
        let labels = labels.split("\",").filter_map(|label| label.split_once('='));
        let labels = labels.map(|(label, _)| label.trim().to_owned()).filter(|label| label != "le");
        families.entry(name).or_default().labels.extend(labels);
    }
    families
}

/// Compares a page with the documentation.
fn judge(place: &str, page: &str, documented: &Families) -> Families {
    let families = read(page);
    assert!(families.len() > 15, "{place}: {page}");
    for (name, family) in &families {
        let known =
            documented.get(name).unwrap_or_else(|| panic!("{place}: {name} is not documented"));
        assert!(family.labels.is_subset(&known.labels), "{place}: {name}: {:?}", family.labels);
        let expected = Family { labels: family.labels.clone(), ..known.clone() };
        assert_eq!(*family, expected, "{place}: {name}");
    }
    families
}

#[tokio::test(flavor = "multi_thread")]
async fn every_family_of_every_role_is_described_and_documented() {
    let two = ClusterOptions::two_of_each(env!("CARGO_BIN_EXE_hubbub"));
    let one = ClusterOptions { gateways: 1, rooms: 1, histories: 1, identities: 1, ..two };
    let cluster = Cluster::start(one).await.expect("a cluster");
    let dir = tempfile::tempdir().expect("a directory");
    let mut smoke = hubbub(dir.path(), &["smoke", "--url", &cluster.urls()[0]]);
    smoke.env("HUBBUB_SMOKE_TOKENS", format!("{},{}", token("alice"), token("bob")));
    let chatted = output(&mut smoke).await;
    assert!(chatted.status.success(), "{}", text(&chatted.stderr));

    let documented = documented();
    for node in cluster.nodes() {
        let (_, page) = node.admin().page("/metrics").await.expect("a page");
        let families = judge("cluster", &page, &documented);
        for name in ["hubbub_build_info", "process_start_time_seconds", "process_cpu_seconds_total"]
        {
            assert!(families.contains_key(name), "{name} is missing");
        }
        assert!(page.contains(&format!("version=\"{}\"", env!("CARGO_PKG_VERSION"))));
    }
    // Pools are looked at from time to time.
    for (node, service) in [
        (&cluster.rooms[0], "room"),
        (&cluster.histories[0], "history"),
        (&cluster.identities[0], "identity"),
    ] {
        hubbub_testkit::eventually(crate::process::PATIENCE, || async {
            let (_, page) = node.admin().page("/metrics").await.expect("a page");
            let parts = ["", "_idle", "_max"];
            let pool = |part| format!("\nhubbub_{service}_postgres_connections{part} ");
            parts.into_iter().all(|part| page.contains(&pool(part)))
        })
        .await;
    }

    let standalone = Standalone::start(&[]).await;
    let (_, page) = standalone.serving.get("/metrics").await;
    judge("standalone", &page, &documented);
    let started = page.lines().find_map(|line| line.strip_prefix("process_start_time_seconds "));
    let started: f64 = started.expect("measured").parse().expect("a number");
    let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs_f64();
    assert!((now - 600.0..now + 5.0).contains(&started), "{started} is not just before {now}");
    standalone.serving.stop().await;
}

/// Names in the sources: what is measured seldom must be documented too.
#[test]
fn the_documentation_has_every_family_of_the_sources_and_no_other() {
    let mut named = BTreeSet::new();
    let mut folders = vec![root().join("crates"), root().join("services")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("readable").flatten() {
            let path = entry.path();
            let shown = path.display().to_string();
            if path.is_dir() && !shown.ends_with("/tests") {
                folders.push(path);
            } else if shown.contains("/src/") && shown.contains("metrics")
                || shown.ends_with("runtime/src/health.rs")
                || shown.ends_with("health/process.rs")
            {
                let source = fs::read_to_string(path).expect("readable");
                let words = source.split('"').skip(1).step_by(2);
                let is_name = |word: &&str| {
                    ["hubbub_", "process_"].iter().any(|start| word.starts_with(start))
                        && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
                };
                named.extend(words.filter(is_name).map(str::to_owned));
            }
        }
    }
    let documented: BTreeSet<String> = documented().into_keys().collect();
    assert!(named.len() > 80, "{named:?}");
    assert_eq!(named, documented);
}
