//! What other services ask of the gateways: who is online, and words to those who are. The same on a process
//! that stands alone and on a cluster.

use hubbub_proto::presence::v1::{
    BatchGetPresenceRequest, DisconnectUserRequest, GetPresenceRequest, PresenceState, Push,
    PushToRoomRequest, PushToUserRequest, presence_service_client::PresenceServiceClient,
};
use hubbub_testkit::{Cluster, ClusterOptions, free_port, token};
use serde_json::{Value, json};
use tonic::{
    Code, Request, Status,
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use crate::{
    line::{Line, Standalone},
    polling::Polling,
};

/// What a cluster's roles share, unless told.
const TOKEN: &str = "a token that the roles share";

pub(crate) type Desk = PresenceServiceClient<InterceptedService<Channel, Bearer>>;

#[derive(Clone)]
pub(crate) struct Bearer;

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let value = format!("Bearer {TOKEN}").parse().expect("a header");
        request.metadata_mut().insert("authorization", value);
        Ok(request)
    }
}

pub(crate) async fn desk(address: &str) -> Desk {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    PresenceServiceClient::with_interceptor(endpoint.connect().await.expect("it listens"), Bearer)
}

pub(crate) fn push(name: &str, payload: &str) -> Push {
    let (name, payload_json) = (name.to_owned(), payload.to_owned());
    Push { name, payload_json, push_id: "17".to_owned() }
}

/// A way to say how somebody is: their state and whether a version is remembered.
async fn states(desk: &mut Desk, users: &[&str]) -> Vec<(String, PresenceState, bool)> {
    let user_ids = users.iter().map(|user| (*user).to_owned()).collect();
    let answer = desk.batch_get_presence(BatchGetPresenceRequest { user_ids }).await;
    let presences = answer.expect("an answer").into_inner().presences;
    presences.into_iter().map(|it| (it.user_id.clone(), it.state(), it.version > 0)).collect()
}

/// Ann is there twice and ben once, in a room of theirs; cat is nobody's.
struct Scene {
    lines: [Line; 4],
    room: String,
    /// By another gateway than most of them are connected to.
    desk: Desk,
}

impl Scene {
    async fn of(mut lines: [Line; 4], address: &str) -> Self {
        let create = json!({"type": "create_room", "name": "tea", "members": ["ben"]});
        let room = lines[0].ask(create).await["ok"]["room"].as_str().expect("a room").to_owned();
        // Both of the others follow it once they are told so.
        for line in &mut lines[1..3] {
            assert_eq!(line.event("joined").await["room"], room);
        }
        Self { lines, room, desk: desk(address).await }
    }

    async fn who_is_there(&mut self) {
        let get = GetPresenceRequest { user_id: "ann".to_owned() };
        let one = self.desk.get_presence(get).await.expect("an answer").into_inner().presence;
        let one = one.expect("a presence");
        assert_eq!((one.state(), one.last_seen), (PresenceState::Online, None));
        let many = states(&mut self.desk, &["ben", "nobody", "ann"]).await;
        let (online, offline) = (PresenceState::Online, PresenceState::Offline);
        let expected = [("ben", online, true), ("nobody", offline, false), ("ann", online, true)];
        assert_eq!(many, expected.map(|(user, state, told)| (user.to_owned(), state, told)));
        let too_many = BatchGetPresenceRequest { user_ids: vec!["x".to_owned(); 1_001] };
        let refused = self.desk.batch_get_presence(too_many).await.expect_err("too many");
        assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
        let nobody = GetPresenceRequest { user_id: String::new() };
        let refused = self.desk.get_presence(nobody).await.expect_err("nobody");
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    }

    async fn push_to_user(
        &mut self,
        user: &str,
        push: impl Into<Option<Push>>,
    ) -> Result<(), Status> {
        let request = PushToUserRequest { user_id: user.to_owned(), push: push.into() };
        self.desk.push_to_user(request).await.map(|_| ())
    }

    async fn what_is_pushed_is_told_to_all_it_is_for(&mut self) {
        self.push_to_user("ann", push("order.paid", r#"{"sum":"9.99"}"#)).await.expect("told");
        for line in &mut self.lines[..2] {
            let told = line.event("pushed").await;
            let expected = json!({"type": "pushed", "name": "order.paid", "payload": {"sum": "9.99"},
                "push_id": "17"});
            assert_eq!(told, expected);
        }
        let (room_id, push_it) = (self.room.clone(), Some(push("scores", "[1,2]")));
        let request = PushToRoomRequest { room_id, push: push_it };
        self.desk.push_to_room(request).await.expect("told");
        for line in &mut self.lines[..3] {
            let told = line.event("pushed").await;
            assert_eq!((&told["room"], &told["name"]), (&json!(self.room), &json!("scores")));
            assert_eq!(told["payload"], json!([1, 2]));
        }
        // Cat heard nothing of all that: hers is the first.
        self.push_to_user("cat", push("yours", "")).await.expect("told");
        let told = self.lines[3].event("pushed").await;
        assert_eq!((&told["name"], &told["payload"]), (&json!("yours"), &Value::Null));
        self.push_to_user("nobody", push("x", "")).await.expect("nobody hears it");
        for bad in [None, Some(push("two words", "1")), Some(push("x", "{"))] {
            let refused = self.push_to_user("ann", bad).await.expect_err("bad");
            assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
        }
        let request = PushToRoomRequest { room_id: "tea".to_owned(), push: Some(push("x", "1")) };
        let refused = self.desk.push_to_room(request).await.expect_err("no id");
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    }

    async fn who_is_disconnected_goes_everywhere_and_may_come_back(&mut self) {
        let request = |close_code, reason: &str| DisconnectUserRequest {
            user_id: "ann".to_owned(),
            close_code,
            reason: reason.to_owned(),
        };
        for bad in [request(4000, ""), request(70_000, ""), request(4900, &"x".repeat(124))] {
            let refused = self.desk.disconnect_user(bad).await.expect_err("bad");
            assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
        }
        self.desk.disconnect_user(request(4907, "your seat was sold")).await.expect("told");
        for line in &mut self.lines[..2] {
            assert_eq!(line.closed().await, (4907, "your seat was sold".to_owned()));
        }
        // Nobody else went.
        self.push_to_user("ben", push("still.there", "")).await.expect("told");
        assert_eq!(self.lines[2].event("pushed").await["name"], "still.there");
    }
}

async fn everything(mut scene: Scene) -> Scene {
    scene.who_is_there().await;
    scene.what_is_pushed_is_told_to_all_it_is_for().await;
    scene.who_is_disconnected_goes_everywhere_and_may_come_back().await;
    scene
}

#[tokio::test(flavor = "multi_thread")]
async fn services_reach_people_of_a_process_that_stands_alone() {
    let internal = format!("127.0.0.1:{}", free_port());
    let settings =
        [("HUBBUB_GATEWAY__INTERNAL__LISTEN", internal.as_str()), ("HUBBUB_GRPC__TOKEN", TOKEN)];
    let alone = Standalone::start(&settings).await;
    let lines = [
        alone.line("ann").await,
        alone.line("ann").await,
        alone.line("ben").await,
        alone.line("cat").await,
    ];
    drop(everything(Box::pin(Scene::of(lines, &internal)).await).await);
    let back = alone.line("ann").await;
    drop(back);
    alone.serving.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_reach_people_on_every_gateway_and_an_outage_is_an_error() {
    let options = ClusterOptions::two_of_each(env!("CARGO_BIN_EXE_hubbub"));
    let options = ClusterOptions { rooms: 1, histories: 1, ..options };
    let cluster = Cluster::start(options).await.expect("a cluster");
    let line = async |user: &str, gateway: usize| {
        Line::welcomed(&cluster.urls()[gateway], &token(user), Value::Null).await.0
    };
    let lines = [line("ann", 0).await, line("ann", 1).await, line("ben", 1).await];
    let [first, second, third] = lines;
    let lines = [first, second, third, line("cat", 0).await];
    let internal = cluster.gateways[0].internal_address();
    let mut scene = everything(Box::pin(Scene::of(lines, &internal)).await).await;
    drop(line("ann", 1).await);

    cluster.redis.stop().await;
    let get = GetPresenceRequest { user_id: "ben".to_owned() };
    let refused = scene.desk.get_presence(get).await.expect_err("nobody can say");
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    let refused = scene.push_to_user("ben", push("x", "")).await.expect_err("nobody is told");
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn socketio_clients_are_told_on_every_gateway() {
    let options = ClusterOptions::two_of_each(env!("CARGO_BIN_EXE_hubbub"));
    let cluster = Cluster::start(options).await.expect("a cluster");
    let client = Polling::open(&cluster.gateways[0].address()).await;
    assert!(client.enters(&token("ann")).await.contains("40/chat,"));
    let mut desk = desk(&cluster.gateways[1].internal_address()).await;
    let push = Some(push("order.paid", r#"{"sum":"9.99"}"#));
    let request = PushToUserRequest { user_id: "ann".to_owned(), push };
    desk.push_to_user(request).await.expect("told");
    let told = client.hears(r#"42/chat,["pushed","#).await;
    let expected = r#"{"name":"order.paid","payload":{"sum":"9.99"},"pushId":"17"}"#;
    assert!(told.contains(expected), "{told}");
}
