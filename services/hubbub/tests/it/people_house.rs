//! Somewhere with people in it: one process, or a cluster with two gateways. What is tested of people
//! is tested on both.

use hubbub_testkit::{Cluster, ClusterOptions};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::line::{Line, Standalone};

/// Passwords of tests are worth little, and their machine is busy.
const CHEAP: [(&str, &str); 10] = [
    ("HUBBUB_IDENTITY__PASSWORD__MEMORY_KIB", "64"),
    ("HUBBUB_IDENTITY__PASSWORD__PASSES", "1"),
    ("HUBBUB_IDENTITY__PASSWORD__HASHES_MAX", "8"),
    ("HUBBUB_IDENTITY__ATTEMPTS__NAME_BURST", "1000000"),
    ("HUBBUB_IDENTITY__ATTEMPTS__ADDRESS_BURST", "1000000"),
    ("HUBBUB_IDENTITY__ATTEMPTS__NEW_BURST", "1000000"),
    ("HUBBUB_GATEWAY__USERS__REQUESTS_BURST", "1000000"),
    ("HUBBUB_GATEWAY__USERS__OPENINGS_BURST", "1000000"),
    ("HUBBUB_GATEWAY__USERS__ROOMS_MADE_BURST", "1000000"),
    ("HUBBUB_GATEWAY__USERS__PEOPLE_ADDED_BURST", "1000000"),
];

/// A running hubbub, and how to talk to it.
pub(crate) struct House {
    pub(crate) gateways: Vec<String>,
    pub(crate) client: Client,
    pub(crate) cluster: Option<Cluster>,
    pub(crate) alone: Option<Standalone>,
}

/// Somebody with tokens.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) user: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl House {
    pub(crate) async fn alone(settings: &[(&str, &str)]) -> Self {
        let settings: Vec<_> = CHEAP.into_iter().chain(settings.iter().copied()).collect();
        let alone = Standalone::start(&settings).await;
        let gateways = vec![alone.address().to_owned()];
        Self { gateways, client: Client::new(), cluster: None, alone: Some(alone) }
    }

    pub(crate) async fn cluster(settings: &[(&str, &str)]) -> Self {
        let options = ClusterOptions::two_of_each(env!("CARGO_BIN_EXE_hubbub")).with_identities(2);
        let settings = CHEAP.iter().chain(settings);
        let options = settings.fold(options, |options, (name, value)| options.with(name, value));
        let cluster = Cluster::start(options).await.expect("a cluster");
        let gateways = cluster.gateways.iter().map(hubbub_testkit::Node::address).collect();
        Self { gateways, client: Client::new(), cluster: Some(cluster), alone: None }
    }

    /// The address of a gateway, by any number.
    pub(crate) fn gateway(&self, number: usize) -> &str {
        &self.gateways[number % self.gateways.len()]
    }

    /// A request to some gateway: the status, and the body as JSON.
    pub(crate) async fn ask(
        &self,
        number: usize,
        (method, path): (Method, &str),
        token: Option<&str>,
        body: Value,
    ) -> (u16, Value) {
        let url = format!("http://{}{path}", self.gateway(number));
        let mut request = self.client.request(method, url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let response = request.send().await.expect("answered");
        let status = response.status().as_u16();
        let text = response.text().await.expect("text");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// A request of somebody that must succeed.
    pub(crate) async fn done(
        &self,
        person: &Person,
        request: (Method, &str),
        body: Value,
    ) -> Value {
        let path = request.1.to_owned();
        let (status, answer) = self.ask(0, request, Some(&person.access), body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// A request of somebody that must be refused; its code.
    pub(crate) async fn refused(
        &self,
        person: &Person,
        request: (Method, &str),
        body: Value,
    ) -> String {
        let path = request.1.to_owned();
        let (status, answer) = self.ask(1, request, Some(&person.access), body).await;
        assert_ne!(status, 200, "{path}: {answer}");
        answer["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn register(&self, name: &str) -> Person {
        let body = json!({"name": name, "password": "correct horse"});
        let (status, grant) = self.ask(0, (Method::POST, "/v1/auth/register"), None, body).await;
        assert_eq!(status, 200, "{name}: {grant}");
        Person::of(&grant)
    }

    pub(crate) async fn login(&self, number: usize, name: &str) -> Person {
        let body = json!({"name": name, "password": "correct horse"});
        let (status, grant) = self.ask(number, (Method::POST, "/v1/auth/login"), None, body).await;
        assert_eq!(status, 200, "{name}: {grant}");
        Person::of(&grant)
    }

    /// Exchanges a refresh token.
    pub(crate) async fn refresh(&self, number: usize, token: &str) -> (u16, Value) {
        let body = json!({ "refresh_token": token });
        self.ask(number, (Method::POST, "/v1/auth/refresh"), None, body).await
    }

    /// Connected to some gateway, and welcomed.
    pub(crate) async fn line(&self, number: usize, person: &Person) -> Line {
        let mut line = Line::open(&format!("ws://{}", self.gateway(number))).await;
        let welcome = line.ask(json!({"type": "hello", "token": person.access})).await;
        assert_eq!(welcome["ok"]["user"], person.user, "{welcome}");
        line
    }

    /// How a connection with this token ends before it has begun.
    pub(crate) async fn turned_away(&self, number: usize, token: &str) -> u16 {
        let mut line = Line::open(&format!("ws://{}", self.gateway(number))).await;
        line.say(&json!({"id": 1, "type": "hello", "token": token}).to_string()).await;
        line.closed().await.0
    }

    pub(crate) async fn stop(self) {
        if let Some(alone) = self.alone {
            alone.serving.stop().await;
        }
    }
}

impl Person {
    pub(crate) fn of(grant: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        Self {
            user: text(&grant["user"]["user"]),
            access: text(&grant["access_token"]),
            refresh: text(&grant["refresh_token"]),
        }
    }
}

/// Runs each scenario in one process on SQLite, and all of them in one cluster on Postgres, with these
/// settings.
macro_rules! in_both_houses {
    ($settings:expr, $($scenario:ident,)+) => {
        mod in_one_process {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                let house = crate::people_house::House::alone(&$settings).await;
                super::$scenario(&house).await;
                house.stop().await;
            })+
        }

        mod in_a_cluster {
            #[tokio::test(flavor = "multi_thread")]
            async fn all_scenarios() {
                let house = crate::people_house::House::cluster(&$settings).await;
                $(super::$scenario(&house).await;)+
                house.stop().await;
            }
        }
    };
}
pub(crate) use in_both_houses;
