//! The chart, rendered by helm.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    objects::{Object, objects},
    tools::{repository, run, tool},
};

/// Values files that the chart is rendered with. Those with a path are the chart's own.
pub const CASES: [&str; 19] = [
    "../../../helm/hubbub/values-evaluation",
    "../../../helm/hubbub/values-production",
    "by-value",
    "cloudnative-pg",
    "everything",
    "existing-secrets",
    "extras",
    "http-route",
    "ingress",
    "issuer-of-ones-own",
    "keda",
    "load-balancer",
    "monitoring",
    "mtls-cert-manager",
    "mtls-secret",
    "network-open",
    "placement",
    "public-keys",
    "redis-cluster",
];

/// What helm made of values.
pub struct Rendering {
    pub case: String,
    pub text: String,
    pub objects: Vec<Object>,
}

impl Rendering {
    /// The object of a kind and name.
    pub fn get(&self, kind: &str, name: &str) -> &Object {
        let is = |object: &&Object| object["kind"] == kind && object["metadata"]["name"] == name;
        let found = self.objects.iter().find(is);
        found.unwrap_or_else(|| panic!("{}: there is no {kind} {name}", self.case))
    }

    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        self.objects.iter().filter(move |object| object["kind"] == kind)
    }
}

/// The chart's folder.
pub fn chart() -> PathBuf {
    repository().join("helm/hubbub")
}

/// Where the values of a case are.
pub fn values_of_case(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases").join(format!("{case}.yaml"))
}

/// `helm template`, as release `hubbub` in namespace `chat`, for a Kubernetes.
pub fn render(values: &[&Path], set: &[&str], kubernetes: &str) -> Result<Rendering, String> {
    let mut helm = Command::new(tool("bin/helm"));
    helm.args(["template", "hubbub"]).arg(chart());
    helm.args(["--namespace", "chat", "--kube-version", kubernetes]);
    for file in values {
        helm.arg("--values").arg(file);
    }
    for value in set {
        helm.args(["--set-json", value]);
    }
    // Nothing of this machine's own clusters and charts.
    helm.env("KUBECONFIG", "/nonexistent").env("HELM_NO_PLUGINS", "1");
    let (succeeded, text) = run(&mut helm);
    if !succeeded {
        return Err(text);
    }
    let case = values.first().and_then(|path| path.file_stem()).unwrap_or_default();
    let case = case.to_string_lossy().into_owned();
    Ok(Rendering { case, objects: objects(&text), text })
}
