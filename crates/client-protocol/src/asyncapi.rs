//! `docs/asyncapi.yaml`, made from the types that are read from and written to connections. The test below compares
//! the file with the code; with `HUBBUB_WRITE=1` it writes the file (`cargo xtask api-documents`).

mod document;
mod tables;

use serde_json::{Value, json};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

pub(crate) use document::document;

/// A schema, and the named schemas that it refers to.
#[derive(Clone)]
pub(crate) struct Type {
    pub(crate) schema: Value,
    pub(crate) components: Vec<(String, Value)>,
}

impl Type {
    /// A reference to a type with a name of its own; scalars and lists stand where they are used.
    pub(crate) fn of<T: ToSchema>() -> Self {
        let mut referred = Vec::new();
        T::schemas(&mut referred);
        let mut components: Vec<_> =
            referred.iter().map(|(name, schema)| (name.clone(), in_json(schema))).collect();
        let schema = T::schema();
        let named = match &schema {
            RefOr::T(Schema::Object(object)) => !object.properties.is_empty(),
            RefOr::T(Schema::OneOf(_) | Schema::AllOf(_)) => true,
            _ => false,
        };
        let mut schema = in_json(&schema);
        if named {
            let name = T::name().into_owned();
            let reference = json!({"$ref": format!("#/components/schemas/{name}")});
            components.push((name, std::mem::replace(&mut schema, reference)));
        }
        Self { schema, components }
    }

    /// A type that only the document needs.
    pub(crate) fn inline(schema: Value) -> Self {
        Self { schema, components: Vec::new() }
    }

    /// One of several.
    pub(crate) fn either(types: impl IntoIterator<Item = Self>) -> Self {
        let (mut schemas, mut components) = (Vec::new(), Vec::new());
        for one in types {
            schemas.push(one.schema);
            components.extend(one.components);
        }
        Self { schema: json!({"oneOf": schemas}), components }
    }
}

/// A command with its fields and its answer.
pub(crate) struct Exchange {
    pub(crate) name: &'static str,
    pub(crate) fields: Type,
    pub(crate) answer: Type,
}

impl Exchange {
    pub(crate) fn new<Fields: ToSchema, Answer: ToSchema>(name: &'static str) -> Self {
        Self { name, fields: Type::of::<Fields>(), answer: Type::of::<Answer>() }
    }
}

fn in_json(schema: &RefOr<Schema>) -> Value {
    serde_json::to_value(schema).expect("a schema is JSON")
}

#[cfg(test)]
mod tests {
    use super::document;

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/asyncapi.yaml");

    #[test]
    fn the_document_is_made_from_the_types() {
        let made = serde_saphyr::to_string(&document()).expect("YAML");
        let made = format!(
            "# Made from the types of crates/client-protocol: cargo xtask api-documents\n{made}"
        );
        if std::env::var_os("HUBBUB_WRITE").is_some() {
            std::fs::write(FILE, &made).expect("written");
        }
        let file = std::fs::read_to_string(FILE).expect("the file is there");
        assert!(
            file == made,
            "docs/asyncapi.yaml is not up to date: run cargo xtask api-documents"
        );
    }
}
