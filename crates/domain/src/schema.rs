//! How domain values look in an OpenAPI document: as plain strings and numbers with their formats.

use std::borrow::Cow;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr, Schema, SchemaFormat,
        schema::{SchemaType, Type},
    },
};

use crate::{ClientId, Code, MessageId, Rev, RoomId, Seq, Timestamp, UserId, limits};

macro_rules! scalar {
    ($($name:ident: $schema:expr, $text:literal;)+) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema.description(Some($text)).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )+};
}

/// Nothing that a terminal or a log would act on.
const NO_CONTROL: &str = r"^[^\x00-\x1f\x7f-\x9f]+$";

fn text(format: &str) -> ObjectBuilder {
    let format = SchemaFormat::Custom(format.to_owned());
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).format(Some(format))
}

fn id(bytes_max: usize) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::String))
        .min_length(Some(1))
        .max_length(Some(bytes_max))
        .pattern(Some(NO_CONTROL))
}

fn counter() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Integer))
        .format(Some(SchemaFormat::Custom("int64".to_owned())))
        .minimum(Some(0))
}

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .enum_values(Some(Self::ALL.map(Self::as_str)))
            .description(Some("The kind of a refusal."))
            .into()
    }
}

impl ToSchema for Code {
    fn name() -> Cow<'static, str> {
        "ErrorCode".into()
    }
}

scalar! {
    RoomId: text("uuid"), "A conversation room.";
    MessageId: text("uuid"), "A message, whatever becomes of its text.";
    UserId: id(limits::USER_ID_BYTES_MAX), "A person, as the token's `sub` names them: at most 128 bytes of UTF-8.";
    ClientId: id(limits::CLIENT_ID_BYTES_MAX), "The client's own id, at most 64 bytes of UTF-8: what makes a retry the same.";
    Seq: counter(), "A message's place in its room: 1, 2, 3, … without a gap; 0 is before the first.";
    Rev: counter(), "A change's place among all changes of its room: 1, 2, 3, … without a gap.";
    Timestamp: text("date-time"), "RFC 3339, in UTC and to the microsecond when hubbub writes it.";
}
