//! What a source file must and must not say.

use super::Source;

/// Marks of unfinished work, spelled so that this file does not hold them itself.
const MARKS: [(&str, &str); 5] = [
    (concat!("TO", "DO"), "finish it, or write an issue"),
    (concat!("FIX", "ME"), "finish it, or write an issue"),
    (concat!("XX", "X"), "finish it, or write an issue"),
    (concat!("todo", "!"), "finish it"),
    (concat!("#[ig", "nore"), "a test that does not run proves nothing"),
];

pub(super) fn check(source: &Source) -> Vec<String> {
    let mut violations = Vec::new();
    violations.extend(unintroduced(source));
    violations.extend(unfinished(source));
    violations.extend(unexplained_sleeps(source));
    violations.extend(without_lints(source));
    violations
}

/// A package that does not ask for the workspace's lints has none of them. One that is its own
/// workspace (a fuzz package) cannot ask.
fn without_lints(source: &Source) -> Option<String> {
    let is_member = source.path.ends_with("/Cargo.toml") && !source.text.contains("\n[workspace]");
    (is_member && !source.text.contains("[lints]\nworkspace = true\n"))
        .then(|| format!("{}: `[lints] workspace = true` is missing", source.path))
}

/// Every module says first what it is and why it exists.
fn unintroduced(source: &Source) -> Option<String> {
    (source.is_rust() && !source.text.starts_with("//! "))
        .then(|| format!("{}:1: the module does not start with `//!`", source.path))
}

fn unfinished(source: &Source) -> Vec<String> {
    let lines = source.text.lines().enumerate();
    let found = lines.flat_map(|(number, line)| {
        MARKS.iter().filter(|(mark, _)| has_word(line, mark)).map(move |(mark, advice)| {
            format!("{}:{}: `{mark}`: {advice}", source.path, number + 1)
        })
    });
    found.collect()
}

/// Whether `word` stands in `line` with no letter directly before or after it.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let joins = |c: char| c.is_alphanumeric() || c == '_';
        let may_go_on = !word.ends_with(char::is_alphabetic);
        !before.is_some_and(joins) && (may_go_on || !after.is_some_and(joins))
    })
}

/// A test waits for a condition with a deadline. Where it must let time pass, a comment on the line,
/// or directly above it, says why.
fn unexplained_sleeps(source: &Source) -> Vec<String> {
    if !source.is_rust() {
        return Vec::new();
    }
    let lines: Vec<&str> = source.text.lines().collect();
    let tests_from = if source.path.contains("/tests/") {
        0
    } else {
        lines.iter().position(|line| line.trim() == "#[cfg(test)]").unwrap_or(lines.len())
    };
    let unexplained = (tests_from..lines.len()).filter(|&number| {
        let line = lines[number];
        let code = line.split("//").next().unwrap_or_default();
        let above = number.checked_sub(1).map_or("", |above| lines[above].trim_start());
        code.contains(concat!("sleep", "("))
            && code.len() == line.len()
            && !above.starts_with("// ")
    });
    unexplained
        .map(|number| {
            format!(
                "{}:{}: a test sleeps without a comment that says why; wait for a condition",
                source.path,
                number + 1
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Source, check};

    fn violations(path: &str, text: &str) -> Vec<String> {
        check(&Source { path: path.to_owned(), text: text.to_owned() })
    }

    #[test]
    fn modules_introduce_themselves() {
        let found = violations("crates/a/src/lib.rs", "use std::fmt;\n");
        assert_eq!(found, ["crates/a/src/lib.rs:1: the module does not start with `//!`"]);
        assert!(violations("crates/a/src/lib.rs", "//! Why.\n").is_empty());
        assert!(violations("proto/a.proto", "syntax = \"proto3\";\n").is_empty());
    }

    #[test]
    fn unfinished_work_is_found_where_it_stands() {
        for mark in [
            concat!("// TO", "DO: later"),
            concat!("// FIX", "ME"),
            concat!("todo", "!()"),
            concat!("#[ig", "nore]"),
            concat!("#[ig", "nore = \"slow\"]"),
        ] {
            let found = violations("crates/a/src/lib.rs", &format!("//! Why.\n\n{mark}\n"));
            assert_eq!(found.len(), 1, "{mark}: {found:?}");
            assert!(found[0].starts_with("crates/a/src/lib.rs:3: "), "{found:?}");
        }
        let fine = concat!("//! Why.\nconst METO", "DOS: u8 = 1;\n");
        assert!(violations("crates/a/src/lib.rs", fine).is_empty());
        let elsewhere = violations("migrations/1.sql", concat!("-- TO", "DO\n"));
        assert_eq!(elsewhere.len(), 1);
    }

    #[test]
    fn packages_take_the_workspaces_lints() {
        let found = violations("crates/a/Cargo.toml", "[package]\n");
        assert_eq!(found, ["crates/a/Cargo.toml: `[lints] workspace = true` is missing"]);
        assert!(violations("crates/a/Cargo.toml", "[lints]\nworkspace = true\n").is_empty());
        assert!(violations("Cargo.toml", "[workspace]\n").is_empty());
        let apart = "[package]\n\n[workspace]\n";
        assert!(violations("crates/a/fuzz/Cargo.toml", apart).is_empty());
    }

    #[test]
    fn sleeping_tests_say_why() {
        let sleep = concat!("    sleep", "(second).await;\n");
        let head = "//! Why.\n";
        assert_eq!(violations("crates/a/tests/it/b.rs", &format!("{head}{sleep}")).len(), 1);
        let explained = format!("{head}    // The clock must move on.\n{sleep}");
        assert!(violations("crates/a/tests/it/b.rs", &explained).is_empty());
        let beside = format!("{head}{} // The clock must move on.\n", sleep.trim_end());
        assert!(violations("crates/a/tests/it/b.rs", &beside).is_empty());
        assert!(violations("crates/a/src/b.rs", &format!("{head}{sleep}")).is_empty());
        let below = format!("{head}\n#[cfg(test)]\nmod tests {{\n{sleep}}}\n");
        let found = violations("crates/a/src/b.rs", &below);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/a/src/b.rs:5: "));
    }
}
