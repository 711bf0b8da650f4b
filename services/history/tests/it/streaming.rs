//! Many batches over one lasting call, and how such a call ends.

use hubbub_domain::{Code, RoomId};
use hubbub_proto::{
    fault_from_status,
    history::v1::{AppendStreamRequest, AppendStreamResponse, NewMessage, append_result},
};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::instance::{Client, SOON, alone, message, newest, told};

/// In one request.
const MESSAGES_MAX: usize = 1_024;

/// Both ends of a lasting call.
struct Call {
    requests: mpsc::Sender<AppendStreamRequest>,
    answers: Streaming<AppendStreamResponse>,
}

impl Call {
    async fn begin(client: &Client) -> Self {
        let (requests, sent) = mpsc::channel(1);
        let answers = client.clone().append_stream(ReceiverStream::new(sent)).await;
        Self { requests, answers: answers.expect("such calls are known").into_inner() }
    }

    async fn ask(&self, messages: Vec<NewMessage>) {
        self.requests.send(AppendStreamRequest { messages }).await.expect("the call is open");
    }

    async fn answer(&mut self) -> Result<Option<Vec<append_result::Result>>, Status> {
        let answer = timeout(SOON, self.answers.message()).await.expect("an answer, or the end");
        let results = |answer: AppendStreamResponse| {
            answer.results.into_iter().map(|it| it.result.expect("a result")).collect()
        };
        Ok(answer?.map(results))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_is_answered_in_its_turn() {
    let (instance, _bus) = alone().await;
    let client = instance.client();
    let room = RoomId::generate();
    let first = message(room, "alice", "1");
    let mut without_content = message(room, "alice", "");
    without_content.content = None;
    let mut call = Call::begin(&client).await;

    call.ask(vec![first.clone(), without_content]).await;
    let results = call.answer().await.expect("answered").expect("not the end");
    assert_eq!(told(&results), ["1 false", "bad_request"]);
    call.ask(vec![message(room, "bob", "2"), first]).await;
    let results = call.answer().await.expect("answered").expect("not the end");
    assert_eq!(told(&results), ["2 false", "1 true"]);

    // What `Append` refuses as a whole ends the call.
    call.ask((0..=MESSAGES_MAX).map(|_| message(room, "bob", "3")).collect()).await;
    let fault = fault_from_status(&call.answer().await.expect_err("a batch too large"));
    assert_eq!(fault.code, Code::BadRequest);
    assert_eq!(newest(&client, room).await.messages.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_the_requests_ends_the_call() {
    let (instance, _bus) = alone().await;
    let Call { requests, answers } = Call::begin(&instance.client()).await;
    drop(requests);
    let mut answers = answers;
    let end = timeout(SOON, answers.message()).await.expect("soon");
    assert!(end.expect("no error").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_does_not_wait_for_the_next_request() {
    let (instance, _bus) = alone().await;
    let room = RoomId::generate();
    let mut call = Call::begin(&instance.client()).await;
    call.ask(vec![message(room, "alice", "1")]).await;
    call.answer().await.expect("answered").expect("not the end");
    timeout(SOON, instance.drain()).await.expect("the drain ends by itself");
    assert_eq!(call.answer().await.expect("no error"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_on_which_nothing_is_asked_ends() {
    let (instance, _bus) = alone().await;
    let mut call = Call::begin(&instance.client()).await;
    assert_eq!(call.answer().await.expect("no error"), None);
}
