//! What people add to the chart: it is where they want it, and nothing of the chart's own is hidden by it.

use hubbub_checks::{Object, containers, pod_of, values};
use serde_json::{Value, json};

use crate::rendering::case;

fn deployment(role: &str) -> &'static Object {
    case("extras").get("Deployment", &format!("team-chat-{role}"))
}

fn container(role: &str, name: &str) -> Value {
    let pod = pod_of(deployment(role)).expect("a pod");
    let found = containers(pod).into_iter().find(|container| container["name"] == name);
    found.expect("a container").clone()
}

fn named<'a>(list: &'a Value, name: &str) -> Option<&'a Value> {
    values(list).find(|entry| entry["name"] == name)
}

#[test]
fn names_and_labels_are_those_that_are_wanted() {
    for object in &case("extras").objects {
        let name = object["metadata"]["name"].as_str().expect("a name");
        assert!(name.starts_with("team-chat"), "{name}");
        let labels = &object["metadata"]["labels"];
        assert_eq!(labels["app.kubernetes.io/name"], "talk", "{name}");
        assert_eq!(labels["cost-center"], "17", "{name}");
    }
    let gateway = deployment("gateway");
    assert_eq!(gateway["metadata"]["annotations"]["example.org/owner"], "chat");
    assert_eq!(gateway["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"], "talk");
    assert!(
        gateway["spec"]["selector"]["matchLabels"]["cost-center"].is_null(),
        "it never changes"
    );
    let history = deployment("history");
    assert_eq!(history["spec"]["template"]["metadata"]["labels"]["tier"], "store");
}

#[test]
fn environment_volumes_and_containers_are_added() {
    for role in ["gateway", "room", "history", "identity"] {
        let hubbub = container(role, "hubbub");
        assert_eq!(
            named(&hubbub["env"], "HTTPS_PROXY").expect("set")["value"],
            "http://proxy:3128"
        );
        assert!(named(&hubbub["env"], "NODE").expect("set")["valueFrom"]["fieldRef"].is_object());
        assert!(named(&hubbub["env"], "RUST_LOG").is_some(), "the chart's own is there");
        let mount = named(&hubbub["volumeMounts"], "authorities").expect("mounted");
        assert_eq!(mount["mountPath"], "/etc/ssl/certs");
        let pod = pod_of(deployment(role)).expect("a pod");
        assert!(named(&pod["volumes"], "authorities").is_some());
        let alone = role == "gateway";
        assert_eq!(named(&hubbub["env"], "REGION").is_some(), alone, "{role}");
        assert_eq!(named(&pod["volumes"], "sockets").is_some(), alone, "{role}");
        assert_eq!(values(&pod["containers"]).count(), if alone { 2 } else { 1 }, "{role}");
    }
    let migrate = &pod_of(deployment("room")).expect("a pod")["initContainers"][0];
    assert!(named(&migrate["env"], "HTTPS_PROXY").is_some());
    assert!(named(&migrate["volumeMounts"], "authorities").is_some());
}

#[test]
fn accounts_are_made_or_taken() {
    let rendering = case("extras");
    let room = rendering.get("ServiceAccount", "team-chat-room");
    let role = json!("arn:aws:iam::1:role/room");
    assert_eq!(room["metadata"]["annotations"]["eks.amazonaws.com/role-arn"], role);
    assert_eq!(rendering.of_kind("ServiceAccount").count(), 3, "history brings its own");
    let pod = pod_of(deployment("history")).expect("a pod");
    assert_eq!(pod["serviceAccountName"], "chat-history");
    let pod = pod_of(deployment("room")).expect("a pod");
    assert_eq!(pod["serviceAccountName"], "team-chat-room");
}
