//! How domain values look in an OpenAPI document: as plain strings and numbers with their formats.

use std::borrow::Cow;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr, Schema, SchemaFormat,
        schema::{SchemaType, Type},
    },
};

use crate::{ClientId, MessageId, Rev, RoomId, Seq, Timestamp, UserId};

macro_rules! scalar {
    ($($name:ident: $type:ident, $format:expr, $text:literal;)+) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let format: Option<&str> = $format;
                ObjectBuilder::new()
                    .schema_type(SchemaType::new(Type::$type))
                    .format(format.map(|format| SchemaFormat::Custom(format.to_owned())))
                    .description(Some($text))
                    .into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )+};
}

scalar! {
    RoomId: String, Some("uuid"), "A conversation room.";
    MessageId: String, Some("uuid"), "A message, whatever becomes of its text.";
    UserId: String, None, "A person, as the token's `sub` names them: 1 to 128 bytes.";
    ClientId: String, None, "The client's own id, 1 to 64 bytes: what makes a retry the same.";
    Seq: Integer, Some("int64"), "A message's place in its room: 1, 2, 3, … without a gap.";
    Rev: Integer, Some("int64"), "A change's place among all changes of its room.";
    Timestamp: String, Some("date-time"), "RFC 3339 in UTC, to the microsecond.";
}
