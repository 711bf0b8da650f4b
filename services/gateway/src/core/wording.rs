//! The other services name fields as their own requests do; a client knows them by other names.

use hubbub_domain::{Code, Fault};

/// The name of a field between services, and in the API.
const NAMES: [(&str, &str); 7] = [
    ("room_id", "room"),
    ("user_ids", "users"),
    ("user_id", "user"),
    ("peer_id", "peer"),
    ("member_ids", "members"),
    ("contact_id", "user"),
    ("name_prefix", "prefix"),
];

/// A refusal in the names that a client knows.
pub(super) fn of_clients(fault: Fault) -> Fault {
    if !matches!(fault.code, Code::BadRequest | Code::TooLarge | Code::LimitReached) {
        return fault;
    }
    let known = NAMES.iter().find(|(name, _)| {
        fault.message.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', ':']))
    });
    match known {
        Some((name, api)) => {
            let message = format!("{api}{}", &fault.message[name.len()..]);
            Fault { message: message.into(), ..fault }
        }
        None => fault,
    }
}

#[cfg(test)]
mod tests {
    use hubbub_domain::{Code, Fault};

    use super::of_clients;

    #[test]
    fn fields_have_the_names_of_the_api() {
        let said = |code, text: &'static str| of_clients(Fault::new(code, text)).message;
        assert_eq!(said(Code::BadRequest, "user_ids is empty"), "users is empty");
        assert_eq!(said(Code::BadRequest, "name_prefix has a NUL"), "prefix has a NUL");
        assert_eq!(said(Code::BadRequest, "user_idle is odd"), "user_idle is odd");
        assert_eq!(said(Code::NotFound, "user_id is absent"), "user_id is absent");
    }
}
