//! Manifests as values.

use serde_json::Value;

/// One object of Kubernetes.
pub type Object = Value;

/// Every document of a YAML text that is not empty.
pub fn objects(yaml: &str) -> Vec<Object> {
    let all: Vec<Value> = serde_saphyr::from_multiple(yaml)
        .unwrap_or_else(|error| panic!("that is no YAML: {error}\n{yaml}"));
    all.into_iter().filter(|object| !object.is_null()).collect()
}

/// The pod that an object is, or makes.
pub fn pod_of(object: &Object) -> Option<&Value> {
    match object["kind"].as_str()? {
        "Pod" => Some(&object["spec"]),
        "Deployment" | "StatefulSet" | "Job" => Some(&object["spec"]["template"]["spec"]),
        _ => None,
    }
}

/// Every container of a pod, those that come first too.
pub fn containers(pod: &Value) -> Vec<&Value> {
    values(&pod["initContainers"]).chain(values(&pod["containers"])).collect()
}

/// The values of a list; none when there is no list.
pub fn values(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
