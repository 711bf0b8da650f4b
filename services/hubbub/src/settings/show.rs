//! The settings in effect, for people's eyes.
//!
//! Secrets are masked by the names of their keys. A test compares with the types: whatever a
//! `Secret` hides must be masked here too.

use toml::{Table, Value};

/// What the last part of a secret's key ends with.
const SECRET: [&str; 6] = ["secret", "token", "password", "url", "urls", "database"];

/// The document with `***` in place of every secret.
pub(super) fn masked(document: &Table) -> String {
    let table = document.iter().map(|(key, value)| (key.clone(), mask(key, value))).collect();
    let table: Table = table;
    table.to_string()
}

fn mask(key: &str, value: &Value) -> Value {
    match value {
        Value::Table(table) => {
            Value::Table(table.iter().map(|(key, value)| (key.clone(), mask(key, value))).collect())
        }
        Value::Array(items) if is_secret(key) => Value::from(vec!["***"; items.len()]),
        Value::String(text) if is_secret(key) && !text.is_empty() => Value::from("***"),
        other => other.clone(),
    }
}

fn is_secret(key: &str) -> bool {
    SECRET.iter().any(|ending| key.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use toml::{Table, Value};

    use super::masked;
    use crate::settings::{DEFAULTS, Settings};

    /// Every text among the settings, by its dotted key.
    fn texts(table: &Table, path: &str, found: &mut Vec<String>) {
        for (name, value) in table {
            let key = format!("{path}{name}");
            match value {
                Value::Table(inner) => texts(inner, &format!("{key}."), found),
                Value::String(_) | Value::Array(_) => found.push(key),
                _ => {}
            }
        }
    }

    #[test]
    fn what_a_type_hides_is_masked() {
        let mut keys = Vec::new();
        texts(&DEFAULTS.parse().expect("TOML"), "", &mut keys);
        let mut hidden = 0;
        for key in keys {
            let name = format!("HUBBUB_{}", key.to_uppercase().replace('.', "__"));
            // Where only certain texts are accepted, there is no secret.
            let Ok(loaded) = Settings::load(None, vec![(name, "swordfish".to_owned())]) else {
                continue;
            };
            if !format!("{:?}", loaded.settings).contains("swordfish") {
                assert!(!masked(&loaded.document).contains("swordfish"), "{key} is shown");
                hidden += 1;
            }
        }
        assert!(hidden >= 5, "only {hidden} secrets were found");
    }
}
