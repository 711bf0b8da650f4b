//! Stock clients of other languages, run as scripts of `tests/stock`: they say `passed` or end with
//! what went wrong.

use std::{path::PathBuf, process::Stdio, time::Duration};

use hubbub_testkit::token;
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// Longer than any script waits for anything.
const PATIENCE: Duration = Duration::from_mins(3);

/// What a script is to be run with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Language {
    JavaScript,
    Python,
}

/// A script at work.
pub(crate) struct Script {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

/// The tokens of some people.
pub(crate) fn tokens(people: &[&str]) -> Value {
    let tokens = people.iter().map(|name| ((*name).to_owned(), json!(token(name))));
    Value::Object(tokens.collect::<Map<_, _>>())
}

/// Runs a script to its end.
pub(crate) async fn passes(language: Language, file: &str, settings: &Value) {
    let mut script = Script::start(language, file, settings);
    script.says("passed").await;
}

impl Script {
    pub(crate) fn start(language: Language, file: &str, settings: &Value) -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/stock");
        let (program, installed) = match language {
            Language::JavaScript => ("node".into(), folder.join("node_modules")),
            Language::Python => {
                let python = folder.join(".venv/bin/python");
                (python.clone(), python)
            }
        };
        assert!(
            installed.exists(),
            "{} is missing: `cargo xtask test` brings it",
            installed.display()
        );
        let mut child = Command::new(&program)
            .arg(folder.join(file))
            .env("STOCK", settings.to_string())
            .env_remove("NODE_OPTIONS")
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let name = format!("{file} over {}", settings["transports"]);
        Self { name, input: child.stdin.take(), child, lines }
    }

    /// Reads on until a line that begins with these words, and gives the rest of it.
    pub(crate) async fn says(&mut self, words: &str) -> String {
        let reading = async {
            while let Some(line) = self.lines.next_line().await.expect("readable") {
                if let Some(rest) = line.strip_prefix(words) {
                    return Some(rest.trim().to_owned());
                }
            }
            None
        };
        match timeout(PATIENCE, reading).await {
            Ok(Some(rest)) => rest,
            ended => {
                let ended = if ended.is_ok() { "ended" } else { "took too long" };
                let complaint = self.complaint().await;
                panic!("{} {ended} without {words:?}: {complaint}", self.name)
            }
        }
    }

    /// Tells it something.
    pub(crate) async fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().expect("it still listens");
        input.write_all(format!("{line}\n").as_bytes()).await.expect("it listens");
        input.flush().await.expect("it listens");
    }

    async fn complaint(&mut self) -> String {
        let mut text = String::new();
        // It may be at work still: what it has said so far has to do.
        self.child.start_kill().expect("it can be ended");
        if let Some(mut errors) = self.child.stderr.take() {
            errors.read_to_string(&mut text).await.expect("readable");
        }
        text
    }
}
