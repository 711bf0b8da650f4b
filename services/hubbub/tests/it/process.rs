//! Starting the binary, and reading what it says.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read as _, Seek as _},
    path::Path,
    process::{ExitStatus, Output, Stdio},
    time::Duration,
};

use hubbub_testkit::{eventually, silence};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::tempfile;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// No test waits longer than this for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The binary in an empty directory, with an environment of its own.
pub(crate) fn hubbub(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hubbub"));
    command
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .env("HUBBUB_GATEWAY__EDGE__LISTEN", "127.0.0.1:0")
        .env("HUBBUB_ROOM__LISTEN", "127.0.0.1:0")
        .env("HUBBUB_HISTORY__LISTEN", "127.0.0.1:0")
        .env("HUBBUB_IDENTITY__LISTEN", "127.0.0.1:0")
        .env("HUBBUB_ADMIN__LISTEN", "127.0.0.1:0")
        .env("HUBBUB_GATEWAY__DRAIN__NOTICE", "0s")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs a command that ends by itself.
pub(crate) async fn output(command: &mut Command) -> Output {
    let output = timeout(PATIENCE, command.output()).await.expect("it ends");
    output.expect("it starts")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// A process that serves.
pub(crate) struct Serving {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    log: File,
    /// `client=127.0.0.1:1` by its name, of every listener so far.
    pub(crate) listeners: BTreeMap<String, String>,
}

impl Serving {
    /// Starts it and waits until it listens for `what`.
    pub(crate) async fn start(command: &mut Command, what: &str) -> Self {
        let log = tempfile().expect("a file");
        let errors = log.try_clone().expect("a file");
        let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().expect("it starts");
        let stdout = child.stdout.take().expect("piped");
        let lines = BufReader::new(stdout).lines();
        let mut serving = Self { child, lines, log, listeners: BTreeMap::new() };
        timeout(PATIENCE, serving.read_until(what)).await.expect("it listens in time");
        serving
    }

    /// Everything it has logged.
    pub(crate) fn log(&mut self) -> std::io::Result<String> {
        let mut log = String::new();
        self.log.rewind()?;
        self.log.read_to_string(&mut log)?;
        Ok(log)
    }

    async fn read_until(&mut self, what: &str) {
        while !self.listeners.contains_key(what) {
            let line = self.lines.next_line().await.expect("readable").expect("it still runs");
            if let Some(listener) = line.strip_prefix("listening role=") {
                let (_, listener) = listener.split_once(' ').expect("a listener");
                let (name, address) = listener.split_once('=').expect("an address");
                self.listeners.insert(name.to_owned(), address.to_owned());
            }
        }
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.listeners["admin"]);
        let response = timeout(PATIENCE, reqwest::get(url)).await.expect("in time");
        let response = response.expect("answered");
        (response.status().as_u16(), response.text().await.expect("text"))
    }

    /// Until `/readyz` says so.
    pub(crate) async fn ready(&self) {
        eventually(PATIENCE, || async { self.get("/readyz").await.0 == 200 }).await;
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it still runs")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(self.id().try_into().expect("a process id"));
        kill(id, signal).expect("it still runs");
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.expect("it ends in time").expect("waited for")
    }

    /// Ends it as an orchestrator would; it must end well.
    pub(crate) async fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        assert_eq!(self.ended().await.code(), Some(0));
    }
}

impl Drop for Serving {
    #[expect(clippy::print_stderr, reason = "what it said is part of why a test failed")]
    fn drop(&mut self) {
        let log = self.log().expect("a log");
        if std::thread::panicking() {
            eprintln!("{log}");
        }
        silence::assert_kept("hubbub", &log);
    }
}
