//! What no log may hold, in whichever test it was written: tokens, passwords, what people say. Every
//! process that testkit starts is looked at when it is done with.

/// The password that the tests give to people.
const PASSWORD: &str = "correct horse";
/// Stands before the number in the texts of the loads that talk: `user-7 says 12`.
const SPOKEN: &str = " says ";
/// What the roles and the tests know each other by.
const SHARED: [&str; 2] =
    ["a token that the roles share", "a secret that only the tests of a cluster share"];
/// A refresh token is so long, and made of nothing else.
const RANDOM_CHARS_MIN: usize = 43;

/// The first line of a log that tells what nobody is to read.
pub fn broken_by(log: &str) -> Option<&str> {
    log.lines().find(|line| {
        line.contains(PASSWORD)
            || line.split(SPOKEN).skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            || SHARED.iter().any(|secret| line.contains(secret))
            || words(line).any(is_signed_token)
            || words(line).flat_map(|word| word.split('.')).any(is_random)
    })
}

/// Panics when a log tells what nobody is to read, unless the test has failed already.
pub fn assert_kept(name: &str, log: &str) {
    if !std::thread::panicking()
        && let Some(line) = broken_by(log)
    {
        panic!("{name} has logged what no log may hold: {line}");
    }
}

/// Runs of the characters that tokens are made of.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
}

/// A JWT: its head and its claims are JSON objects, in base64.
fn is_signed_token(word: &str) -> bool {
    word.match_indices("eyJ").any(|(at, _)| {
        word[at..].split_once('.').is_some_and(|(_, claims)| claims.starts_with("eyJ"))
    })
}

fn is_random(word: &str) -> bool {
    word.len() >= RANDOM_CHARS_MIN
        && word.contains(|c: char| c.is_ascii_digit())
        && word.contains(|c: char| c.is_ascii_lowercase())
        && word.contains(|c: char| c.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::broken_by;

    #[test]
    fn secrets_are_found_and_what_is_none_is_not() {
        let random = "a1-_B2c3D4e5F6g7H8i9J0a1B2c3D4e5F6g7H8i9J0k1L2";
        for secret in [
            "token=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln rest",
            "?access_token=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.",
            "password: correct horse",
            "body=\"user-7 says 12\"",
            "authorization: Bearer a token that the roles share",
            random,
        ] {
            let log = format!("one line\n{secret}\nanother");
            assert_eq!(broken_by(&log), Some(secret));
        }
        let innocent = "2026-11-21T16:50:50.180907Z  INFO hubbub_runtime::lifecycle: draining \
                        signal=\"SIGTERM\" room=94f30d14-4ba7-4f35-b906-4be2e8241cea \
                        no_such_thing_however_long_its_name_may_be_in_the_end eyJ a.b.c; it says so";
        assert_eq!(broken_by(innocent), None);
    }
}
