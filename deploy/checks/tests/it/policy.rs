//! What must hold for every manifest, whatever the values: Pod Security *restricted*, an end without loss,
//! and on the network nothing but the flows of the architecture.

use std::collections::BTreeSet;

use hubbub_checks::{Object, Rendering, containers, pod_of, values};
use serde_json::{Value, json};

use crate::rendering::{all, case};

/// Every pod of every case, with a name for messages.
fn pods() -> impl Iterator<Item = (String, &'static Object, &'static Value)> {
    all().iter().flat_map(|rendering| {
        rendering.objects.iter().filter_map(move |object| {
            let name = format!("{}: {}", rendering.case, object["metadata"]["name"]);
            pod_of(object).map(|pod| (name, object, pod))
        })
    })
}

/// The profile's own list: <https://kubernetes.io/docs/concepts/security/pod-security-standards/>.
#[test]
fn every_pod_is_restricted() {
    for (name, _, pod) in pods() {
        for field in ["hostNetwork", "hostPID", "hostIPC"] {
            assert_eq!(pod[field], Value::Null, "{name}: {field}");
        }
        let security = &pod["securityContext"];
        assert_eq!(security["runAsNonRoot"], true, "{name}");
        assert!(security["runAsUser"].as_u64().is_some_and(|user| user > 0), "{name}");
        assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault", "{name}");
        for volume in values(&pod["volumes"]) {
            let kinds: Vec<&str> = volume
                .as_object()
                .expect("a volume")
                .keys()
                .map(String::as_str)
                .filter(|key| *key != "name")
                .collect();
            assert!(
                matches!(kinds[..], ["secret" | "configMap" | "emptyDir"]),
                "{name}: {kinds:?}"
            );
        }
        for container in containers(pod) {
            let security = &container["securityContext"];
            assert_eq!(security["allowPrivilegeEscalation"], false, "{name}");
            assert_eq!(security["readOnlyRootFilesystem"], true, "{name}");
            assert_eq!(security["capabilities"], json!({"drop": ["ALL"]}), "{name}");
            assert_eq!(security["privileged"], Value::Null, "{name}");
            let ports = values(&container["ports"]);
            assert!(ports.into_iter().all(|port| port["hostPort"].is_null()), "{name}");
        }
    }
}

#[test]
fn no_pod_has_a_token_for_the_api_or_grows_without_bound() {
    for (name, _, pod) in pods() {
        assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
        assert_eq!(pod["enableServiceLinks"], false, "{name}");
        for container in containers(pod) {
            let resources = &container["resources"];
            assert!(resources["requests"]["cpu"].is_string(), "{name}");
            assert!(resources["requests"]["memory"].is_string(), "{name}");
            assert!(resources["limits"]["memory"].is_string(), "{name}");
            let image = container["image"].as_str().expect("an image");
            let tag = image.rsplit('/').next().and_then(|last| last.split_once([':', '@']));
            assert!(tag.is_some_and(|(_, tag)| tag != "latest"), "{name}: {image}");
        }
    }
    for account in all().iter().flat_map(|rendering| rendering.of_kind("ServiceAccount")) {
        assert_eq!(account["automountServiceAccountToken"], false);
    }
}

fn seconds(container: &Value, name: &str) -> Option<u64> {
    let of_name = |variable: &&Value| variable["name"] == name;
    let value = values(&container["env"]).find(of_name)?["value"].as_str()?;
    value.strip_suffix('s')?.parse().ok()
}

#[test]
fn a_roll_out_loses_nothing() {
    for rendering in all() {
        for deployment in rendering.of_kind("Deployment") {
            let name = format!("{}: {}", rendering.case, deployment["metadata"]["name"]);
            let spec = &deployment["spec"];
            let rolling = &spec["strategy"]["rollingUpdate"];
            let pod = &spec["template"]["spec"];
            let container = &pod["containers"][0];
            // All new gateways at once: whoever is asked to move lands on one that stays.
            let is_gateway = container["args"] == json!(["gateway"]);
            let surge = if is_gateway { json!("100%") } else { json!(1) };
            assert_eq!((&rolling["maxUnavailable"], &rolling["maxSurge"]), (&json!(0), &surge));
            let probe = &container["readinessProbe"]["httpGet"];
            assert_eq!(probe["path"], "/readyz", "{name}");
            assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/healthz", "{name}");
            let sleep = &container["lifecycle"]["preStop"]["sleep"]["seconds"];
            let sleep = sleep.as_u64().expect("it sleeps before it ends");
            let grace = pod["terminationGracePeriodSeconds"].as_u64().expect("a grace period");
            if !is_gateway {
                assert!(grace > sleep + 30, "{name}: the default drain_timeout is 30 s");
                continue;
            }
            let [notice, window, patience] = ["NOTICE", "WINDOW", "PATIENCE"].map(|name| {
                seconds(container, &format!("HUBBUB_GATEWAY__DRAIN__{name}")).expect("set")
            });
            let drain = seconds(container, "HUBBUB_SHUTDOWN__DRAIN_TIMEOUT").expect("set");
            assert!(drain > notice + window + patience, "{name}");
            // Nor are sessions asked to move by both a drain and a rebalancing.
            let hold = seconds(container, "HUBBUB_GATEWAY__REBALANCE__HOLD").expect("set");
            assert!(hold >= sleep + drain, "{name}");
            assert!(grace > sleep + drain, "{name}");
        }
    }
}

#[test]
fn many_are_spread_and_evicted_one_by_one() {
    for rendering in all().iter().filter(|rendering| rendering.case != "network-open") {
        for deployment in rendering.of_kind("Deployment") {
            let spread = &deployment["spec"]["template"]["spec"]["topologySpreadConstraints"];
            let keys: Vec<&Value> = values(spread).map(|spread| &spread["topologyKey"]).collect();
            assert_eq!(keys, ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]);
            if deployment["spec"]["replicas"] == 1 {
                continue;
            }
            let name = deployment["metadata"]["name"].as_str().expect("a name");
            let budget = &rendering.get("PodDisruptionBudget", name)["spec"];
            assert_eq!(budget["maxUnavailable"], 1);
            assert_eq!(budget["selector"], deployment["spec"]["selector"]);
        }
    }
}

#[test]
fn gateways_are_scaled_by_connections_and_slowly_down() {
    let scaler =
        &case("values-production").get("HorizontalPodAutoscaler", "hubbub-gateway")["spec"];
    assert_eq!(scaler["metrics"][0]["pods"]["metric"]["name"], "hubbub_gateway_connections_open");
    assert_eq!(scaler["metrics"][0]["pods"]["target"]["averageValue"], "40000");
    let keda = &case("keda").get("ScaledObject", "hubbub-gateway")["spec"];
    let query = keda["triggers"][0]["metadata"]["query"].as_str().expect("a query");
    assert!(query.contains("hubbub_gateway_connections_open{namespace=\"chat\""), "{query}");
    let advanced = &keda["advanced"]["horizontalPodAutoscalerConfig"];
    for behavior in [&scaler["behavior"], &advanced["behavior"]] {
        let down = &behavior["scaleDown"];
        assert_eq!(down["stabilizationWindowSeconds"], 900);
        assert_eq!(down["policies"], json!([{"type": "Pods", "value": 1, "periodSeconds": 300}]));
    }
    for name in ["values-production", "keda"] {
        let deployment = case(name).get("Deployment", "hubbub-gateway");
        assert_eq!(deployment["spec"]["replicas"], Value::Null, "two would pull at one number");
    }
}

#[test]
fn roles_are_found_by_headless_services_that_say_what_they_speak() {
    let rendering = case("by-value");
    for (name, port) in [
        ("hubbub-gateway", 7101),
        ("hubbub-room", 7102),
        ("hubbub-history", 7103),
        ("hubbub-identity", 7104),
    ] {
        let spec = &rendering.get("Service", name)["spec"];
        assert_eq!(spec["clusterIP"], "None");
        let grpc = values(&spec["ports"]).find(|port| port["name"] == "grpc").expect("a port");
        assert_eq!((&grpc["port"], &grpc["appProtocol"]), (&json!(port), &json!("grpc")));
    }
    let clients = &rendering.get("Service", "hubbub-clients")["spec"];
    assert_eq!(clients["sessionAffinity"], Value::Null, "any gateway takes any client");
}

/// Given by value, a secret stands in the Secret and nowhere else.
#[test]
fn secrets_stand_in_secrets() {
    for (name, planted) in [
        ("by-value", "not-a-real-password"),
        ("by-value", "a token for tests"),
        ("redis-cluster", "not-a-real"),
    ] {
        for object in &case(name).objects {
            let found = object.to_string().contains(planted);
            assert!(!found || object["kind"] == "Secret", "{}", object["metadata"]["name"]);
        }
    }
}

/// Whatever a pod takes from a Secret of this release is there.
#[test]
fn every_key_that_is_asked_for_is_there() {
    for rendering in all() {
        for pod in rendering.objects.iter().filter_map(pod_of) {
            for variable in containers(pod).into_iter().flat_map(|c| values(&c["env"])) {
                let from = &variable["valueFrom"]["secretKeyRef"];
                if from["name"] == "hubbub-secrets" {
                    let key = from["key"].as_str().expect("a key");
                    let secret = rendering.get("Secret", "hubbub-secrets");
                    assert!(secret["stringData"][key].is_string(), "{}: {key}", rendering.case);
                }
            }
        }
    }
}

#[test]
fn migrations_come_first() {
    let job = &case("existing-secrets").get("Job", "hubbub-migrate");
    assert_eq!(job["metadata"]["annotations"]["helm.sh/hook"], "pre-install,pre-upgrade");
    for name in ["hubbub-room", "hubbub-history", "hubbub-identity"] {
        let pod = &case("by-value").get("Deployment", name)["spec"]["template"]["spec"];
        assert_eq!(pod["initContainers"][0]["args"], json!(["migrate"]));
        let pod = &case("existing-secrets").get("Deployment", name)["spec"]["template"]["spec"];
        assert_eq!(pod["initContainers"], Value::Null);
    }
}

/// Who may connect to whom, at which port. What is outside of the release is named by its port alone.
type Flow = (String, String, u64);

/// The flows that policies allow, seen from one side.
fn flows(rendering: &Rendering, side: &str) -> BTreeSet<Flow> {
    let mut flows = BTreeSet::new();
    for policy in rendering.of_kind("NetworkPolicy") {
        let spec = &policy["spec"];
        let here = component(&spec["podSelector"]);
        let (rules, peers) = if side == "egress" { ("egress", "to") } else { ("ingress", "from") };
        for rule in values(&spec[rules]) {
            assert!(rule["ports"].is_array(), "a rule without ports allows all of them");
            for port in values(&rule["ports"]).filter_map(|port| port["port"].as_u64()) {
                let mut there: Vec<String> =
                    values(&rule[peers]).map(|peer| component(&peer["podSelector"])).collect();
                if there.is_empty() {
                    there.push("outside".to_owned());
                }
                for there in there {
                    let ends = if side == "egress" {
                        [here.clone(), there]
                    } else {
                        [there, here.clone()]
                    };
                    let [from, to] = ends;
                    flows.insert((from, to, port));
                }
            }
        }
    }
    flows
}

fn component(selector: &Value) -> String {
    let labels = &selector["matchLabels"];
    if labels["app.kubernetes.io/instance"] != "hubbub" {
        return "outside".to_owned();
    }
    labels["app.kubernetes.io/component"].as_str().unwrap_or("every pod").to_owned()
}

fn expected(flows: &[(&str, &str, u64)]) -> BTreeSet<Flow> {
    flows.iter().map(|(from, to, port)| ((*from).to_owned(), (*to).to_owned(), *port)).collect()
}

#[test]
fn the_network_has_exactly_the_flows_of_the_architecture() {
    const INSIDE: [(&str, &str, u64); 8] = [
        ("gateway", "gateway", 7101),
        ("gateway", "history", 7103),
        ("gateway", "identity", 7104),
        ("gateway", "room", 7102),
        ("identity", "room", 7102),
        ("room", "history", 7103),
        ("room", "identity", 7104),
        ("test", "gateway", 8080),
    ];
    let rendering = case("existing-secrets");
    let mut out = INSIDE.to_vec();
    for who in ["gateway", "room", "history", "identity", "migrate", "test"] {
        out.push((who, "outside", 53));
    }
    for who in ["gateway", "room", "history", "identity"] {
        out.push((who, "outside", 6379));
    }
    for who in ["room", "history", "identity", "migrate"] {
        out.push((who, "outside", 5432));
    }
    assert_eq!(flows(rendering, "egress"), expected(&out));
    // All but the test pod, which nobody calls.
    let mut into = INSIDE[..7].to_vec();
    for who in ["gateway", "room", "history", "identity"] {
        into.push(("outside", who, 7100));
    }
    into.push(("outside", "gateway", 8080));
    assert_eq!(flows(rendering, "ingress"), expected(&into));
}

#[test]
fn narrowed_to_a_gateway_clients_come_from_there_and_tests_still_do() {
    let rendering = case("values-production");
    let into = flows(rendering, "ingress");
    for from in ["outside", "test"] {
        assert!(into.contains(&(from.to_owned(), "gateway".to_owned(), 8080)), "{from}");
    }
    let policy = &rendering.get("NetworkPolicy", "hubbub-gateway")["spec"];
    let clients = values(&policy["ingress"]).find(|rule| rule["ports"][0]["port"] == 8080);
    let from = &clients.expect("a rule")["from"];
    assert_eq!(
        from[0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"],
        "gateways"
    );
    let out = flows(rendering, "egress");
    for port in [4317, 443] {
        assert!(out.contains(&("gateway".to_owned(), "outside".to_owned(), port)), "{port}");
    }
}

#[test]
fn services_that_are_named_may_call_every_role() {
    let into = flows(case("everything"), "ingress");
    for (role, port) in [("gateway", 7101), ("room", 7102), ("history", 7103), ("identity", 7104)] {
        assert!(into.contains(&("outside".to_owned(), role.to_owned(), port)), "{role}");
    }
}

#[test]
fn stores_for_evaluation_are_reached_by_those_who_own_data_and_reach_nobody() {
    let rendering = case("values-evaluation");
    let both = [flows(rendering, "ingress"), flows(rendering, "egress")];
    let [into, out] = both;
    let owners = |store: &str| -> Vec<String> {
        into.iter().filter(|(_, to, _)| to == store).map(|(from, ..)| from.clone()).collect()
    };
    assert_eq!(owners("postgres"), ["history", "identity", "room"]);
    assert_eq!(owners("valkey"), ["gateway", "history", "identity", "room"]);
    for store in ["postgres", "valkey"] {
        assert!(!out.iter().any(|(from, ..)| from == store), "{store} reaches out");
        assert!(out.iter().any(|(_, to, _)| to == store), "nobody may reach {store}");
    }
}

/// Everything is denied that no other policy allows, for every pod of the release.
#[test]
fn the_rest_is_denied() {
    for rendering in all().iter().filter(|rendering| rendering.case != "network-open") {
        let is_deny = |policy: &&Object| {
            policy["metadata"]["name"].as_str().is_some_and(|name| name.ends_with("-deny"))
        };
        let mut policies = rendering.of_kind("NetworkPolicy");
        let deny = &policies.find(is_deny).expect("a policy that denies")["spec"];
        assert_eq!(deny["policyTypes"], json!(["Ingress", "Egress"]));
        assert_eq!((&deny["ingress"], &deny["egress"]), (&Value::Null, &Value::Null));
        let chosen = deny["podSelector"]["matchLabels"].as_object().expect("labels");
        for object in rendering.objects.iter().filter(|object| pod_of(object).is_some()) {
            let template = &object["spec"]["template"]["metadata"]["labels"];
            let labels = if template.is_null() { &object["metadata"]["labels"] } else { template };
            assert!(chosen.iter().all(|(key, value)| labels[key] == *value), "{labels}");
        }
    }
    assert_eq!(case("network-open").of_kind("NetworkPolicy").count(), 0);
}

/// Without people of its own, nothing of identity is there, and nobody is told of it.
#[test]
fn identity_is_one_switch() {
    let rendering = case("placement");
    assert!(!rendering.text.to_lowercase().contains("identity"), "{}", rendering.case);
    let external = case("issuer-of-ones-own").get("Deployment", "hubbub-identity");
    let container = &pod_of(external).expect("a pod")["containers"][0];
    let accounts = values(&container["env"]).find(|it| it["name"] == "HUBBUB_IDENTITY__ACCOUNTS");
    assert_eq!(accounts.expect("set")["value"], "external");
}
