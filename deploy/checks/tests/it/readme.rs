//! The chart's README: what people read, made from the comments of `values.yaml`.

use std::fmt::Write as _;

use hubbub_checks::{chart, objects};
use serde_json::Value;

use crate::golden::compare;

#[test]
fn the_readme_is_made_from_the_chart() {
    let text = std::fs::read_to_string(chart().join("values.yaml")).expect("readable");
    let about = std::fs::read_to_string(chart().join("README.head.md")).expect("readable");
    let readme = format!("{about}\n{}", table(&text));
    compare(&chart().join("README.md"), &readme);
}

/// A section for each `# == Title`, a row for each `# -- text` and the value below it.
fn table(text: &str) -> String {
    let values = objects(text).remove(0);
    let mut out = String::new();
    let mut path: Vec<(usize, &str)> = Vec::new();
    let mut comment = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let line = line.trim();
        if let Some(title) = line.strip_prefix("# == ") {
            write!(out, "\n### {title}\n\n| value | default | what it is |\n|---|---|---|\n")
                .expect("a string");
        } else if let Some(text) = line.strip_prefix("# -- ") {
            comment = Some(text);
        } else if let Some((key, _)) = line.split_once(':')
            && !line.starts_with(['#', '-'])
        {
            path.retain(|(depth, _)| *depth < indent);
            path.push((indent, key));
            let Some(comment) = comment.take() else { continue };
            let names: Vec<&str> = path.iter().map(|(_, name)| *name).collect();
            let value = names.iter().fold(&values, |value, name| &value[name]);
            let (name, value) = (names.join("."), shown(value));
            writeln!(out, "| `{name}` | {value} | {comment} |").expect("a string");
        }
    }
    out
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "–".to_owned(),
        Value::Null => "–".to_owned(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

/// Whatever can be set is described, and whatever is described can be set.
#[test]
fn every_value_has_a_comment_and_a_schema() {
    let text = std::fs::read_to_string(chart().join("values.yaml")).expect("readable");
    let schema = std::fs::read_to_string(chart().join("values.schema.json")).expect("readable");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let values = objects(&text).remove(0);
    let table = table(&text);
    let mut leaves = Vec::new();
    let properties = &schema["properties"];
    for (name, value) in values.as_object().expect("a table") {
        compare_with_schema(name, value, &properties[name], &mut leaves);
    }
    for leaf in leaves {
        let said = leaf.match_indices('.').map(|(at, _)| &leaf[..at]).chain([leaf.as_str()]);
        let described = |name: &str| table.contains(&format!("| `{name}` |"));
        assert!(said.into_iter().any(described), "{leaf} has no comment");
    }
    for name in properties.as_object().expect("a table").keys() {
        assert!(name == "global" || values.get(name).is_some(), "{name} is in the schema only");
    }
}

fn compare_with_schema(path: &str, value: &Value, schema: &Value, leaves: &mut Vec<String>) {
    assert!(schema.is_object(), "{path} is not in the schema");
    match (value, &schema["properties"]) {
        (Value::Object(fields), Value::Object(known)) => {
            assert_eq!(schema["additionalProperties"], false, "{path} takes anything");
            for name in known.keys() {
                assert!(
                    fields.contains_key(name)
                        || matches!(path, "mtls.certManager.issuerRef")
                        || path.ends_with("resources"),
                    "{path}.{name} is in the schema only"
                );
            }
            for (name, value) in fields {
                compare_with_schema(&format!("{path}.{name}"), value, &known[name], leaves);
            }
        }
        _ => leaves.push(path.to_owned()),
    }
}
