//! The OpenAPI document: what the routes say of themselves, and what holds for all of them: the refusals there are,
//! and examples. `docs/openapi.json` is a copy of it for reading without a server.

use hubbub_client_protocol::ErrorBody;
use hubbub_domain::{Code, Fault};
use serde_json::{Map, Value, json};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::status;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "hubbub",
        description = "Rooms, messages and chat lists; people and their logins. docs/protocol.md says what it \
            means, docs/asyncapi.yaml describes the connections.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    modifiers(&Bearer),
    components(schemas(ErrorBody)),
    tags(
        (name = "auth", description = "Accounts, guests and logins"),
        (name = "rooms", description = "Rooms and their members"),
        (name = "messages", description = "Messages, reactions and markers"),
        (name = "chats", description = "The caller's conversations"),
        (name = "people", description = "Profiles, presence and typing"),
        (name = "contacts", description = "Contacts and blocks"),
    ),
    security(("bearer" = []))
)]
pub(super) struct Description;

/// The one way to prove who asks.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// A request and an answer of each operation, by its id.
const EXAMPLES: &str = include_str!("examples.json");

/// What each refusal means, wherever it comes from.
const MEANINGS: [(Code, &str); 9] = [
    (Code::BadRequest, "The request is wrong; the message names the field and the problem."),
    (Code::Unauthenticated, "No token, or one that does not hold."),
    (Code::Forbidden, "The caller may not do this, or the page's origin may not ask."),
    (Code::NotFound, "Absent, or not the caller's to see."),
    (Code::Conflict, "The state does not allow it, or a limit on numbers is reached."),
    (Code::TooLarge, "Over a limit on size."),
    (Code::RateLimited, "Too fast: `retry_after_ms` and `Retry-After` say when to come back."),
    (Code::Internal, "A defect of the server."),
    (
        Code::Unavailable,
        "A part of the cluster does not answer: the same request may succeed later.",
    ),
];

/// The whole document.
pub(super) fn complete(described: &openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(described).expect("a document is JSON");
    let examples: Value = serde_json::from_str(EXAMPLES).expect("a test reads them");
    let refusals: Map<String, Value> =
        MEANINGS.iter().map(|(code, meaning)| (name(*code), refusal(*code, meaning))).collect();
    document["components"]["responses"] = Value::Object(refusals);
    let paths = document["paths"].as_object_mut().expect("there are paths");
    let operations = paths.values_mut().filter_map(Value::as_object_mut);
    for operation in operations.flat_map(|operations| operations.values_mut()) {
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        finish(operation, &examples[&id]);
    }
    document
}

/// Adds the refusals and the examples to an operation.
fn finish(operation: &mut Value, example: &Value) {
    let responses = operation["responses"].as_object_mut().expect("there are responses");
    for (code, _) in MEANINGS {
        let reference = format!("#/components/responses/{}", name(code));
        responses.insert(status(code).as_str().to_owned(), json!({"$ref": reference}));
    }
    let done = &mut responses["200"];
    done["description"] = json!("Carried out.");
    put_example(&mut done["content"], &example["response"]);
    if let Some(body) = operation.get_mut("requestBody") {
        body["required"] = json!(true);
        put_example(&mut body["content"], &example["request"]);
    }
}

fn put_example(content: &mut Value, example: &Value) {
    for media in content.as_object_mut().into_iter().flat_map(Map::values_mut) {
        media["example"] = example.clone();
    }
}

/// The name of a refusal among the document's responses.
fn name(code: Code) -> String {
    let words = code.as_str().split('_').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    words.collect()
}

fn refusal(code: Code, meaning: &str) -> Value {
    let header = |description: &str, kind: &str| json!({"description": description, "schema": {"type": kind}});
    let headers = match code {
        Code::Unauthenticated => {
            json!({"WWW-Authenticate": header("`Bearer`; RFC 6750 section 3", "string")})
        }
        Code::RateLimited | Code::Unavailable => {
            json!({"Retry-After": header("Seconds, where that is known", "integer")})
        }
        _ => json!({}),
    };
    let message = match code {
        Code::BadRequest => "`limit` must be between 1 and 100",
        _ => meaning.trim_end_matches('.'),
    };
    let fault = Fault::new(code, message.to_owned());
    let fault = match code {
        Code::RateLimited => fault.retry_after(std::time::Duration::from_millis(100)),
        _ => fault,
    };
    json!({
        "description": meaning,
        "headers": headers,
        "content": {"application/json": {
            "schema": {"$ref": "#/components/schemas/ErrorBody"},
            "example": ErrorBody { error: (&fault).into() },
        }},
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::complete;

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

    fn document() -> Value {
        complete(&super::super::described().split_for_parts().1)
    }

    #[test]
    fn the_document_is_made_from_the_types() {
        let made = serde_json::to_string_pretty(&document()).expect("JSON") + "\n";
        if std::env::var_os("HUBBUB_WRITE").is_some() {
            std::fs::write(FILE, &made).expect("written");
        }
        let file = std::fs::read_to_string(FILE).expect("the file is there");
        assert!(file == made, "docs/openapi.json is not up to date: run cargo xtask api-documents");
    }

    #[test]
    fn every_body_has_an_example() {
        let document = document();
        let paths = document["paths"].as_object().expect("paths");
        for operation in paths.values().flat_map(|path| path.as_object().expect("methods").values())
        {
            let id = &operation["operationId"];
            for holder in [&operation["requestBody"], &operation["responses"]["200"]] {
                let content =
                    holder["content"].as_object().into_iter().flat_map(|all| all.values());
                for media in content {
                    assert!(!media["example"].is_null(), "{id} has no example");
                }
            }
        }
    }
}
