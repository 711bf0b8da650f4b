//! What the chart refuses, each by name; several at once in one list.

use hubbub_checks::{render, values_of_case};

use crate::rendering::OLDEST;

/// Values over a case that is good, and what has to be said about them.
type Refusal = (&'static [&'static str], &'static str);

/// What only the templates can see.
const UNSOUND: [Refusal; 33] = [
    (&[r#"database.existingSecret.name="""#], "database: exactly one of"),
    (&["database.evaluation.enabled=true"], "database: exactly one of"),
    (
        &[r#"database.existingSecret.name="""#, r#"database.url="mysql://x/y""#],
        "database.url: is not postgres://",
    ),
    (&[r#"redis.existingSecret.name="""#], "redis: exactly one of"),
    (&[r#"redis.urls=["redis://x"]"#], "redis: exactly one of"),
    (&[r#"auth.secret="0123456789abcdef0123456789abcdef""#], "auth: secret and existingSecret"),
    (&[r#"auth.existingSecret.name="""#, r#"auth.secret="short""#], "auth.secret: has fewer"),
    (&[r#"auth.publicKeys.files=["a.pem"]"#], "auth.publicKeys: existingSecret and files"),
    (&[r#"grpc.token="x""#], "grpc: token and existingSecret"),
    (
        &[r#"database.existingSecret.name="""#, "database.evaluation.enabled=true"],
        "migrations.mode: job",
    ),
    (&["mtls.enabled=true"], "mtls: exactly one of"),
    (
        &["mtls.enabled=true", "mtls.certManager.enabled=true", r#"mtls.existingSecret="x""#],
        "mtls: exactly one of",
    ),
    (&["gateway.terminationGracePeriodSeconds=94"], "94 is shorter than the drain"),
    (
        &["gateway.terminationGracePeriodSeconds=120", "gateway.drain.windowSeconds=90"],
        "120 is shorter than the drain, which takes up to 125",
    ),
    (
        &[
            "gateway.autoscaling.enabled=true",
            "gateway.autoscaling.keda=true",
            r#"gateway.autoscaling.prometheusAddress="http://x""#,
        ],
        "enabled and keda are both set",
    ),
    (
        &["gateway.autoscaling.enabled=true", "gateway.autoscaling.maxReplicas=2"],
        "maxReplicas: 2 is less than gateway.replicas, 3",
    ),
    (
        &["gateway.autoscaling.enabled=true", "gateway.autoscaling.connections=40000"],
        "connections: 40000 leaves no room",
    ),
    (
        &["gateway.autoscaling.enabled=true", "gateway.autoscaling.scaleDownPeriodSeconds=60"],
        "scaleDownPeriodSeconds: 60 is shorter than a drain",
    ),
    (&["gateway.autoscaling.keda=true"], "prometheusAddress: KEDA has to ask somebody"),
    (&["httpRoute.enabled=true"], "httpRoute.parentRefs: a route without a Gateway"),
    (&["ingress.enabled=true"], "ingress.hosts"),
    (
        &[r#"auth.existingSecret.name="""#, r#"identity.accounts="external""#],
        "identity.accounts: external needs",
    ),
    (
        &[r#"gateway.settings={"gateway.internal.advertise": "x:1"}"#],
        "gateway.settings: gateway.internal.advertise is set by the chart",
    ),
    (&[r#"settings={"auth.secret": "x"}"#], "settings: auth.secret is a secret"),
    (&[r#"gateway.settings={"database.url": "x"}"#], "gateway.settings: database.url is a secret"),
    (&[r#"room.settings={"bus.urls": ["x"]}"#], "room.settings: bus.urls is a secret"),
    (
        &[r#"settings={"gateway.drain.window": "1s"}"#],
        "settings: gateway.drain.window is set by the chart",
    ),
    (
        &[r#"history.settings={"history.listen": "[::]:1"}"#],
        "history.settings: history.listen is set by the chart",
    ),
    (
        &[r#"extraEnv=[{"name": "RUST_LOG", "value": "debug"}]"#],
        "extraEnv: RUST_LOG of gateway is set",
    ),
    (
        &[
            r#"extraEnv=[{"name": "X", "value": "1"}]"#,
            r#"room.extraEnv=[{"name": "X", "value": "2"}]"#,
        ],
        "extraEnv: X of room is set",
    ),
    (
        &[
            r#"settings={"gateway.hub.gap_hold": "1s"}"#,
            r#"gateway.extraEnv=[{"name": "HUBBUB_GATEWAY__HUB__GAP_HOLD", "value": "2s"}]"#,
        ],
        "extraEnv: HUBBUB_GATEWAY__HUB__GAP_HOLD of gateway is set",
    ),
    (
        &[r#"room.extraVolumeMounts=[{"name": "ca", "mountPath": "/ca"}]"#],
        "extraVolumeMounts: room mounts ca, which is not in extraVolumes",
    ),
    (
        &[
            r#"extraVolumes=[{"name": "a", "emptyDir": {}}]"#,
            r#"history.extraVolumes=[{"name": "a", "emptyDir": {}}]"#,
        ],
        "extraVolumes: a of history is there already",
    ),
];

/// What the schema says, at the path it names.
const MALFORMED: [Refusal; 25] = [
    (&["replicas=3"], "replicas"),
    (&["gateway.replica=3"], "replica"),
    (&["gateway.replicas=0"], "gateway/replicas"),
    (&[r#"gateway.replicas="3""#], "gateway/replicas"),
    (&[r#"image.tag="latest""#], "image/tag"),
    (&[r#"image.digest="sha256:1""#], "image/digest"),
    (&[r#"logFormat="xml""#], "logFormat"),
    (&[r#"migrations.mode="never""#], "migrations/mode"),
    (&[r#"redis.urls=["http://x"]"#], "redis/urls"),
    (&[r#"auth.jwksUrl="http://x""#], "auth/jwksUrl"),
    (&[r#"otlpEndpoint="collector:4317""#], "otlpEndpoint"),
    (&["runAsUser=0"], "runAsUser"),
    (&[r#"gateway.allowedOrigins=["chat.example.org"]"#], "gateway/allowedOrigins"),
    (&[r#"settings={"HUBBUB_X": "1"}"#], "HUBBUB_X"),
    (&[r#"httpRoute.hostnames=["https://x"]"#], "httpRoute/hostnames"),
    (&["gateway.service.port=70000"], "gateway/service/port"),
    (&[r#"nameOverride="Chat""#], "nameOverride"),
    (&[r#"commonLabels={"a": 1}"#], "commonLabels"),
    (&[r#"extraEnv=[{"name": "A"}]"#], "extraEnv"),
    (&[r#"extraEnv=[{"name": "A", "valu": "x"}]"#], "valu"),
    (&[r#"room.extraVolumes=[{"name": "a", "hostPath": {"path": "/"}}]"#], "hostPath"),
    (&[r#"extraVolumeMounts=[{"name": "a", "mountPath": "relative"}]"#], "mountPath"),
    (&[r#"gateway.extraContainers=[{"name": "hubbub", "image": "x"}]"#], "extraContainers"),
    (&[r#"room.serviceAccount={"annotation": {}}"#], "annotation"),
    (&[r#"monitoring.runbookUrl="docs/operations.md""#], "runbookUrl"),
];

fn refused(set: &[&str]) -> String {
    let rendered = render(&[&values_of_case("existing-secrets")], set, OLDEST);
    rendered.err().unwrap_or_else(|| panic!("{set:?} was taken"))
}

#[test]
fn what_does_not_hold_is_refused_by_name() {
    for (set, named) in UNSOUND {
        let said = refused(set);
        assert!(said.contains("the values do not hold"), "{set:?}: {said}");
        assert!(said.contains(named), "{named} is not said: {said}");
    }
}

#[test]
fn what_is_malformed_is_refused_by_its_path() {
    for (set, named) in MALFORMED {
        let said = refused(set);
        assert!(said.contains("don't meet the specifications of the schema"), "{set:?}: {said}");
        assert!(said.contains(named), "{named} is not said: {said}");
    }
}

#[test]
fn everything_that_is_wrong_is_in_one_list() {
    let said = refused(&[
        r#"database.existingSecret.name="""#,
        "mtls.enabled=true",
        "httpRoute.enabled=true",
        "gateway.terminationGracePeriodSeconds=10",
    ]);
    assert_eq!(said.lines().filter(|line| line.starts_with("  - ")).count(), 5, "{said}");
}

#[test]
fn without_any_values_it_says_what_is_needed() {
    let said = render(&[], &[], OLDEST).err().expect("refused");
    for needed in ["database: exactly one of", "redis: exactly one of"] {
        assert!(said.contains(needed), "{said}");
    }
}

#[test]
fn an_older_kubernetes_is_refused() {
    let said = render(&[&values_of_case("by-value")], &[], "1.29.0").err().expect("refused");
    assert!(said.contains("1.30.0"), "{said}");
}
