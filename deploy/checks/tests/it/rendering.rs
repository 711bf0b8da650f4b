//! The chart rendered with each of its cases, once for all tests; and linted.

use std::{process::Command, sync::LazyLock};

use hubbub_checks::{CASES, Rendering, chart, render, run, tool, values_of_case};

/// The newest release that the schemas are for, and the oldest that the chart is for.
pub(crate) const NEWEST: &str = "1.37.0";
pub(crate) const OLDEST: &str = "1.30.0";

static ALL: LazyLock<Vec<Rendering>> = LazyLock::new(|| {
    let all = CASES.map(|case| {
        render(&[&values_of_case(case)], &[], OLDEST).unwrap_or_else(|e| panic!("{case}: {e}"))
    });
    all.into()
});

/// Every case.
pub(crate) fn all() -> &'static [Rendering] {
    &ALL
}

/// One case, by the name of its file.
pub(crate) fn case(name: &str) -> &'static Rendering {
    all().iter().find(|rendering| rendering.case == name).expect("a case")
}

#[test]
fn every_values_file_is_a_case() {
    let folder = values_of_case("x");
    let files = std::fs::read_dir(folder.parent().expect("a folder")).expect("readable");
    for file in files.flatten() {
        let name = file.path().file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(CASES.contains(&name.as_str()), "{name} is not in CASES");
    }
    assert!(all().len() >= 12);
}

#[test]
fn lint_is_strict() {
    let program = tool("bin/helm");
    for case in CASES {
        let mut helm = Command::new(&program);
        helm.args(["lint", "--strict", "--quiet", "--values"])
            .arg(values_of_case(case))
            .arg(chart());
        let (passed, said) = run(&mut helm);
        assert!(passed, "{case}: {said}");
    }
}

/// What is generated once must not change with every upgrade: helm finds it in the cluster, and where it
/// cannot look (no cluster), secrets that are brought along leave nothing to generate.
#[test]
fn nothing_is_generated_where_every_secret_is_brought_along() {
    let values = values_of_case("existing-secrets");
    let again = render(&[&values], &[], OLDEST).expect("rendered");
    assert_eq!(again.text, case("existing-secrets").text);
    assert_eq!(again.of_kind("Secret").count(), 0);
    let generated = render(&[&values_of_case(CASES[0])], &[], OLDEST).expect("rendered");
    let secret = &generated.get("Secret", "hubbub-secrets")["stringData"];
    for key in ["auth-secret", "grpc-token", "postgres-password", "redis-password"] {
        assert!(secret[key].as_str().is_some_and(|text| text.len() >= 32), "{key}");
    }
}
