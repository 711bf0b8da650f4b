//! `hubbub chat`, as two people use it: with piped input.

use std::{process::Stdio, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::{line::Standalone, process::hubbub};

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Terminal {
    child: Child,
    keyboard: Option<ChildStdin>,
    screen: Lines<BufReader<ChildStdout>>,
}

impl Terminal {
    pub(crate) fn open(standalone: &Standalone, me: &str, other: &str) -> Self {
        Self::enter(standalone, me, other, &[])
    }

    /// The same, getting in as `how` says.
    pub(crate) fn enter(standalone: &Standalone, me: &str, other: &str, how: &[&str]) -> Self {
        let url = format!("ws://{}", standalone.address());
        Self::at(standalone, &url, &[&["--as", me, "--with", other][..], how].concat())
    }

    /// The same, with the address as `url`.
    pub(crate) fn at(standalone: &Standalone, url: &str, arguments: &[&str]) -> Self {
        let arguments = [&["chat", "--url", url][..], arguments].concat();
        let mut command: Command = hubbub(standalone.dir(), &arguments);
        command.env("HUBBUB_PASSWORD", "correct horse");
        Self::run(&mut command)
    }

    pub(crate) fn run(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let keyboard = child.stdin.take();
        let screen = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, keyboard, screen }
    }

    pub(crate) async fn write(&mut self, line: &str) {
        let keyboard = self.keyboard.as_mut().expect("open");
        keyboard.write_all(format!("{line}\n").as_bytes()).await.expect("written");
    }

    /// Reads until a line has these words; that line, behind those before it.
    pub(crate) async fn sees(&mut self, words: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let seen = async {
            while let Some(line) = self.screen.next_line().await.expect("readable") {
                lines.push(line);
                if lines.last().is_some_and(|line| line.contains(words)) {
                    return;
                }
            }
            panic!("it ended without {words:?}");
        };
        timeout(PATIENCE, seen).await.unwrap_or_else(|_| panic!("{words:?} never came"));
        lines
    }

    /// The end of the input ends the program once all is sent.
    pub(crate) async fn end(mut self) {
        drop(self.keyboard.take());
        let status = timeout(PATIENCE, self.child.wait()).await.expect("it ends").expect("waited");
        assert!(status.success());
    }
}

/// Who may see whom is asked again soon.
pub(crate) const SOON: [(&str, &str); 2] = [
    ("HUBBUB_GATEWAY__PRESENCE__ACQUAINTANCE_INTERVAL", "1s"),
    ("HUBBUB_GATEWAY__PRESENCE__LOOK_INTERVAL", "1s"),
];

#[tokio::test]
async fn two_terminals_talk_and_history_is_there_on_opening() {
    let standalone = Standalone::start(&SOON).await;
    let mut alice = Terminal::open(&standalone, "alice", "bob");
    alice.write("are you there?").await;
    alice.sees("-- there is no bob yet; waiting for them to come").await;
    let mut bob = Terminal::open(&standalone, "bob", "alice");
    bob.sees("alice: are you there?").await;
    bob.write("I am").await;
    alice.sees("bob: I am").await;
    // Bob shows himself to those he has written to.
    alice.sees("-- bob is online").await;
    alice.end().await;
    bob.end().await;
    let mut again = Terminal::open(&standalone, "alice", "bob");
    again.sees("me: are you there?").await;
    again.sees("bob: I am").await;
    again.end().await;
    standalone.serving.stop().await;
}

#[tokio::test]
async fn a_newcomer_registers_and_a_guest_drops_by_with_one_command_each() {
    let settings = [
        ("HUBBUB_IDENTITY__PASSWORD__MEMORY_KIB", "64"),
        ("HUBBUB_IDENTITY__PASSWORD__PASSES", "1"),
    ];
    let standalone = Standalone::start(&settings).await;
    let mut ada = Terminal::enter(&standalone, "Ada", "ben", &["--register", "--stay"]);
    ada.write("is anybody there?").await;
    let mut ben = Terminal::enter(&standalone, "Ben", "ada", &["--register"]);
    ben.sees("ada: is anybody there?").await;
    ben.write("I am").await;
    ada.sees("ben: I am").await;
    ben.end().await;
    let mut again = Terminal::enter(&standalone, "BEN", "ada", &["--login"]);
    again.sees("me: I am").await;
    again.end().await;
    let mut guest = Terminal::enter(&standalone, "Zelda", "ada", &["--guest"]);
    guest.write("just passing").await;
    guest.end().await;
    standalone.serving.stop().await;
}

#[tokio::test]
async fn a_terminal_shows_who_is_there_who_types_and_how_far_its_words_have_come() {
    let standalone = Standalone::start(&SOON).await;
    let mut bob = standalone.line("bob").await;
    let show = json!({"type": "update_me", "presence_to": "everyone"});
    assert!(bob.ask(show).await["ok"].is_object());
    let mut alice = Terminal::enter(&standalone, "alice", "bob", &["--stay"]);
    // She opens it as soon as she is there.
    let room = bob.event("joined").await["room"].clone();
    alice.sees("-- bob is online").await;
    alice.write("are you there?").await;
    let seq = bob.event("message").await["seq"].clone();
    let mark = |kind: &str| json!({"type": kind, "room": room, "seq": seq});
    assert!(bob.ask(mark("delivered")).await["ok"].is_object());
    alice.sees("-- \u{2713}\u{2713} delivered to bob").await;
    assert!(bob.ask(mark("read")).await["ok"].is_object());
    alice.sees("-- \u{2713}\u{2713} read by bob").await;
    assert!(bob.ask(json!({"type": "typing", "room": room})).await["ok"].is_object());
    alice.sees("-- bob is typing").await;
    // What stands on her screen is read.
    let body = json!({"text": "I am"});
    let send = json!({"type": "send", "room": room, "client_id": "1", "body": body});
    let (answer, before) = bob.ask_hearing(send).await;
    let sent = answer["ok"]["seq"].clone();
    alice.sees("bob: I am").await;
    let is_it =
        |event: &Value| event["type"] == "read" && event["user"] == "alice" && event["seq"] == sent;
    if !before.iter().any(is_it) {
        while !is_it(&bob.event("read").await) {}
    }
    drop(bob);
    alice.sees("-- bob is offline; last seen").await;
    drop(alice.keyboard.take());
    alice.child.kill().await.expect("killed");
    standalone.serving.stop().await;
}
