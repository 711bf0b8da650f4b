//! The golden traces of the client libraries speak the protocol: what their servers say reads as
//! answers and events, what their clients say as requests. So a change of the protocol that the
//! traces do not follow is noticed here.

use std::{fs, path::Path};

use hubbub_client_protocol::{Event, Request};
use serde_json::Value;

/// The one event that no server says: of a newer one.
const NEWER: &str = "sparkled";

#[test]
fn every_frame_of_the_traces_is_of_the_protocol() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let (mut events, mut requests) = (0, 0);
    for entry in fs::read_dir(folder).expect("the traces") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("readable");
        let trace: Value = serde_json::from_str(&text).expect("JSON");
        for step in trace["steps"].as_array().expect("steps") {
            let at = format!("{} at {}", path.display(), step["at"]);
            if let Some(frame) = step["input"]["text"].as_str() {
                events += usize::from(is_event(frame, &at));
            }
            for effect in step["effects"].as_array().expect("effects") {
                if let Some(frame) = effect["text"].as_str() {
                    Request::parse(frame).unwrap_or_else(|error| panic!("{at}: {error:?}"));
                    requests += 1;
                }
            }
        }
    }
    assert!(events > 10 && requests > 40, "{events} events, {requests} requests");
}

/// Answers carry the id they answer; everything else that is a frame is an event.
fn is_event(frame: &str, at: &str) -> bool {
    let Ok(Value::Object(json)) = serde_json::from_str::<Value>(frame) else { return false };
    if json.contains_key("re") {
        assert!(json.contains_key("ok") != json.contains_key("error"), "{at}: {frame}");
        return false;
    }
    if json["type"] == NEWER {
        return false;
    }
    serde_json::from_str::<Event>(frame).unwrap_or_else(|error| panic!("{at}: {error}: {frame}"));
    true
}
