//! What the chart's own two values files render to, word for word: a change of a template shows what it
//! does. `cargo xtask chart` writes them anew.

use std::{fs, path::Path};

use crate::rendering::case;

#[test]
fn golden_manifests_are_made_from_the_chart() {
    for name in ["values-evaluation", "values-production"] {
        let rendered = without_chance(&case(name).text);
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("golden/{name}.yaml"));
        compare(&file, &rendered);
    }
}

/// Compares with the file, or writes it where that was asked for.
pub(crate) fn compare(file: &Path, made: &str) {
    if std::env::var_os("HUBBUB_WRITE").is_some() {
        fs::write(file, made).expect("written");
    }
    let there = fs::read_to_string(file).unwrap_or_default();
    let same = there.lines().zip(made.lines()).take_while(|(a, b)| a == b).count();
    let shown = made.lines().skip(same).take(5).collect::<Vec<_>>().join("\n");
    assert!(
        there == made,
        "{} is not what it would be made to; from line {} on:\n{shown}\n`cargo xtask chart` writes it",
        file.display(),
        same + 1
    );
}

/// Secrets that were generated for this rendering alone.
fn without_chance(text: &str) -> String {
    let mut secret = false;
    let lines = text.lines().map(|line| {
        secret = line == "stringData:" || (secret && line.starts_with("  "));
        match line.split_once(": ") {
            Some((key, _)) if secret && line.starts_with("  ") => format!("{key}: (generated)\n"),
            _ => format!("{line}\n"),
        }
    });
    lines.collect()
}
