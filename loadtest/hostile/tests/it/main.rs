//! `hubbub-hostile --smoke`: all attacks, small, on the build at hand. Memory and correctness are judged,
//! times are not.

use std::{path::Path, process::Command};

#[test]
fn no_attack_grows_the_node_or_disturbs_the_others() {
    let program = Path::new(env!("CARGO_BIN_EXE_hubbub-hostile"));
    let output = Command::new(program).arg("--smoke").output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let attacks =
        ["half-bodies", "incomplete-packets", "idle-connections", "bogus-upgrades", "loud-guest"];
    for attack in attacks {
        let line = said.lines().find(|line| line.starts_with(attack));
        assert!(line.is_some_and(|line| line.ends_with("held")), "{attack}: {said}");
    }
}

#[test]
fn an_attack_that_does_not_exist_is_named() {
    let program = env!("CARGO_BIN_EXE_hubbub-hostile");
    let output = Command::new(program).args(["--only", "dance"]).output().expect("it starts");
    assert!(!output.status.success());
}
