//! Every object against the schemas of the oldest and the newest Kubernetes, and of the projects whose
//! kinds it uses. Strict: a field that nobody knows is an error.

use std::{fs, path::Path, process::Command};

use hubbub_checks::{objects, run, tool};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::rendering::{NEWEST, OLDEST, all};

/// Kinds without a schema in any registry of packages: checked by assertions alone.
const WITHOUT_SCHEMA: &str = "postgresql.cnpg.io/v1/Cluster";

#[test]
fn every_object_is_valid_for_the_oldest_and_the_newest_kubernetes() {
    let dir = tempfile::tempdir().expect("a directory");
    let manifests = dir.path().join("manifests");
    fs::create_dir(&manifests).expect("made");
    for rendering in all() {
        let file = manifests.join(format!("{}.yaml", rendering.case));
        fs::write(file, &rendering.text).expect("written");
    }
    let crds = schemas_of_crds(&dir);
    let objects: usize = all().iter().map(|rendering| rendering.objects.len()).sum();
    for release in [OLDEST, NEWEST] {
        let (passed, said) = conform(release, &crds, &manifests);
        assert!(passed, "{release}: {said}");
        let summary = said.lines().last().unwrap_or_default();
        let expected = format!("Summary: {objects} resources found");
        assert!(summary.starts_with(&expected), "{summary}, not {objects}");
    }
}

#[test]
fn what_is_wrong_is_found() {
    let dir = tempfile::tempdir().expect("a directory");
    let crds = schemas_of_crds(&dir);
    let route = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: x}\n\
                 spec: {hostname: [x]}\n";
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {prots: []}\n";
    for (what, manifest) in [("hostname", route), ("prots", service)] {
        let file = dir.path().join("wrong.yaml");
        fs::write(&file, manifest).expect("written");
        let (passed, said) = conform(NEWEST, &crds, &file);
        assert!(!passed && said.contains(what), "{what}: {said}");
    }
}

fn conform(release: &str, crds: &Path, manifests: &Path) -> (bool, String) {
    let ours = tool("kubernetes-schemas");
    let kubernetes = "{{.NormalizedKubernetesVersion}}-local{{.StrictSuffix}}/\
                      {{.ResourceKind}}{{.KindSuffix}}.json";
    let others = "{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json";
    run(Command::new(tool("bin/kubeconform"))
        .args(["-strict", "-summary", "-kubernetes-version", release, "-skip", WITHOUT_SCHEMA])
        .args(["-schema-location", &format!("{}/{kubernetes}", ours.display())])
        .args(["-schema-location", &format!("{}/{others}", crds.display())])
        .arg(manifests))
}

/// The schemas inside of the definitions that projects publish, as files; strict.
fn schemas_of_crds(dir: &TempDir) -> std::path::PathBuf {
    let out = dir.path().join("crds");
    for file in fs::read_dir(tool("crds")).expect("readable").flatten() {
        if file.path().extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = fs::read_to_string(file.path()).expect("readable");
        for definition in objects(&text) {
            let spec = &definition["spec"];
            let [group, kind] = [&spec["group"], &spec["names"]["singular"]]
                .map(|text| text.as_str().expect("a name"));
            fs::create_dir_all(out.join(group)).expect("made");
            for version in hubbub_checks::values(&spec["versions"]) {
                let mut schema = version["schema"]["openAPIV3Schema"].clone();
                // What every object has, and the definition leaves to Kubernetes.
                schema["properties"]["metadata"] = json!({"type": "object"});
                close(&mut schema);
                let name = version["name"].as_str().expect("a version");
                let file = out.join(group).join(format!("{kind}_{name}.json"));
                fs::write(file, schema.to_string()).expect("written");
            }
        }
    }
    out
}

/// Objects with known properties take no others: what the API server would silently drop.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            let keeps_all =
                fields.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(true));
            let is_schema = fields.get("properties").is_some_and(Value::is_object)
                && fields.get("type") == Some(&json!("object"));
            if is_schema && !keeps_all && !fields.contains_key("additionalProperties") {
                fields.insert("additionalProperties".to_owned(), json!(false));
            }
            if fields.get("x-kubernetes-int-or-string") == Some(&json!(true)) {
                fields.remove("type");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
