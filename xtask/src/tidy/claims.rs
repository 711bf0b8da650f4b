//! The list of invariants in ARCHITECTURE.md names the tests that hold each one. A list can rot: so
//! every invariant must name a test, and every test it names must exist.

use std::fs;

use anyhow::{Context, Result};

use super::Source;
use crate::command;

const DOCUMENT: &str = "ARCHITECTURE.md";
const HELD_BY: &str = "*Held by* ";

pub(super) fn read() -> Result<String> {
    fs::read_to_string(command::root().join(DOCUMENT)).context(DOCUMENT)
}

pub(super) fn check(document: &str, sources: &[Source]) -> Vec<String> {
    let lines = document.lines().enumerate();
    let invariants = lines
        .skip_while(|(_, line)| *line != "## Invariants")
        .skip(1)
        .take_while(|(_, line)| !line.starts_with("## "));
    let numbered = invariants.filter(|(_, line)| line.starts_with(|c: char| c.is_ascii_digit()));
    let mut violations = Vec::new();
    for (number, line) in numbered {
        let at = format!("{DOCUMENT}:{}", number + 1);
        let Some((_, tests)) = line.split_once(HELD_BY) else {
            violations.push(format!("{at}: the invariant names no test that holds it"));
            continue;
        };
        let named = tests.split('`').skip(1).step_by(2);
        let absent = named.filter(|test| !sources.iter().any(|source| is_test_of(source, test)));
        violations.extend(absent.map(|test| format!("{at}: there is no test `{test}`")));
    }
    violations
}

fn is_test_of(source: &Source, test: &str) -> bool {
    source.is_rust()
        && [format!("fn {test}("), format!("fn {test}<")].iter().any(|it| source.text.contains(it))
}

#[cfg(test)]
mod tests {
    use super::{Source, check};

    #[test]
    fn every_invariant_names_tests_that_exist() {
        let sources = [Source {
            path: "crates/a/tests/it/b.rs".to_owned(),
            text: "//! Why.\nasync fn it_holds() {}\n".to_owned(),
        }];
        let document = "# A\n\n1. Not an invariant.\n\n## Invariants\n\n\
                        1. **A.** *Held by* `it_holds`.\n\
                        2. **B.** *Held by* `it_holds`, `it_does_not`.\n\
                        3. **C.** `it_holds`.\n\n## Next\n\n1. Not an invariant.\n";
        assert_eq!(
            check(document, &sources),
            [
                "ARCHITECTURE.md:8: there is no test `it_does_not`",
                "ARCHITECTURE.md:9: the invariant names no test that holds it",
            ]
        );
    }
}
