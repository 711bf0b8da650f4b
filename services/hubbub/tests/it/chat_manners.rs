//! How `hubbub chat` behaves: towards a server that closes, towards addresses as people write them, and on
//! a terminal where a line is being typed.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{SinkExt as _, StreamExt as _};
use nix::pty::{Winsize, openpty};
use serde_json::json;
use tempfile::tempdir;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
        protocol::CloseFrame,
    },
};

use crate::{
    chat::{SOON, Terminal},
    line::Standalone,
    process::{hubbub, output, text},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// Answers every first frame with a close; how often somebody came.
async fn closing_with(code: u16) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}", listener.local_addr().expect("bound"));
    let came = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&came);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            #[expect(clippy::result_large_err, reason = "the callback's type is the library's")]
            let protocol = |_: &Request, mut response: Response| {
                let protocol = "hubbub.v1+json".parse().expect("a header");
                response.headers_mut().insert("sec-websocket-protocol", protocol);
                Ok(response)
            };
            let mut socket = accept_hdr_async(stream, protocol).await.expect("a handshake");
            drop(socket.next().await);
            let frame = CloseFrame { code: code.into(), reason: "because".into() };
            drop(socket.send(Message::Close(Some(frame))).await);
        }
    });
    (url, came)
}

#[tokio::test]
async fn a_server_that_says_do_not_come_back_is_obeyed() {
    let dir = tempdir().expect("a directory");
    for code in [4500, 4501, 4503, 4505, 4509, 4999] {
        let (url, came) = closing_with(code).await;
        let mut chat = hubbub(dir.path(), &["chat", "--as", "a", "--with", "b", "--url", &url]);
        let ended = output(chat.env("HUBBUB_TOKEN", "x")).await;
        let said = text(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{code}: {said}");
        assert!(said.contains(&code.to_string()) && said.contains("because"), "{said}");
        assert_eq!(came.load(Ordering::SeqCst), 1, "{code}");
    }
    let (url, came) = closing_with(4003).await;
    let mut chat = hubbub(dir.path(), &["chat", "--as", "a", "--with", "b", "--url", &url]);
    let terminal = Terminal::run(chat.env("HUBBUB_TOKEN", "x"));
    hubbub_testkit::eventually(PATIENCE, || async { came.load(Ordering::SeqCst) >= 3 }).await;
    drop(terminal);
}

#[tokio::test]
async fn a_token_that_does_not_hold_ends_it() {
    let standalone = Standalone::start(&[]).await;
    let url = format!("ws://{}", standalone.address());
    let arguments = ["chat", "--as", "alice", "--with", "bob", "--url", &url];
    let mut chat = hubbub(standalone.dir(), &arguments);
    let ended = output(chat.env("HUBBUB_TOKEN", "not.a.token")).await;
    assert_eq!(ended.status.code(), Some(1), "{}", text(&ended.stderr));
    standalone.serving.stop().await;
}

#[tokio::test]
async fn addresses_are_taken_as_people_write_them() {
    let standalone = Standalone::start(&[]).await;
    standalone.known(&["bob"]).await;
    let address = standalone.address().to_owned();
    let as_alice = ["--as", "alice", "--with", "bob"];
    for url in [&format!("http://{address}/"), &address, &format!("WS://{address}/v1/connect")] {
        let mut terminal = Terminal::at(&standalone, url, &as_alice);
        terminal.write("/help").await;
        terminal.sees("/quit").await;
        terminal.end().await;
    }
    let arguments = ["chat", "--as", "a", "--with", "b", "--url", "ftp://x"];
    let refused = output(&mut hubbub(standalone.dir(), &arguments)).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("https://"), "{}", text(&refused.stderr));
    standalone.serving.stop().await;
}

#[tokio::test]
async fn commands_are_not_sent_and_times_are_local() {
    let standalone = Standalone::start(&[]).await;
    standalone.known(&["bob"]).await;
    let mut alice = Terminal::open(&standalone, "alice", "bob");
    for line in ["/help", "/frobnicate now", "//usr is a folder"] {
        alice.write(line).await;
    }
    alice.sees("-- /help").await;
    alice.sees("-- there is no command /frobnicate; /help lists them").await;
    let url = format!("ws://{}", standalone.address());
    let arguments = ["chat", "--as", "bob", "--with", "alice", "--url", &url];
    // A zone without summer time, 5 hours and 45 minutes ahead.
    let mut bob = Terminal::run(hubbub(standalone.dir(), &arguments).env("TZ", "<+0545>-5:45"));
    let lines = bob.sees("alice: /usr is a folder").await;
    assert!(!lines.iter().any(|line| line.contains("frobnicate")), "{lines:?}");
    let token = standalone.token("bob").await;
    let chats = format!("http://{}/v1/chats", standalone.address());
    let chats = reqwest::Client::new().get(chats).bearer_auth(token).send().await;
    let chats: serde_json::Value = chats.expect("answered").json().await.expect("JSON");
    let at = find(&chats, "created_at").expect("the newest message");
    let (hour, minute) = (&at[11..13], &at[14..16]);
    let minutes =
        hour.parse::<u32>().expect("hours") * 60 + minute.parse::<u32>().expect("minutes");
    let local = (minutes + 5 * 60 + 45) % (24 * 60);
    let local = format!("[{:02}:{:02}] alice", local / 60, local % 60);
    assert!(lines.iter().any(|line| line.starts_with(&local)), "{local}: {lines:?}");
    alice.write("/quit").await;
    alice.end().await;
    bob.end().await;
    standalone.serving.stop().await;
}

/// The first field of this name, wherever it is.
fn find(value: &serde_json::Value, name: &str) -> Option<String> {
    match value {
        serde_json::Value::Object(fields) => {
            let own = fields.get(name).and_then(|field| field.as_str()).map(str::to_owned);
            own.or_else(|| fields.values().find_map(|field| find(field, name)))
        }
        serde_json::Value::Array(items) => items.iter().find_map(|item| find(item, name)),
        _ => None,
    }
}

/// A way to a server that can be shut; how often somebody stood before it while it was.
struct Door {
    address: String,
    open: watch::Sender<bool>,
    turned_away: Arc<AtomicUsize>,
}

impl Door {
    async fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let (open, is_open) = watch::channel(true);
        let turned_away = Arc::new(AtomicUsize::new(0));
        let (count, server) = (Arc::clone(&turned_away), server.to_owned());
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut shut = is_open.clone();
                if !*shut.borrow_and_update() {
                    count.fetch_add(1, Ordering::SeqCst);
                    continue;
                }
                let mut behind = TcpStream::connect(&server).await.expect("it listens");
                tokio::spawn(async move {
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut client, &mut behind) => {}
                        _ = shut.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Self { address, open, turned_away }
    }
}

#[tokio::test]
async fn a_lost_connection_is_one_line_and_its_return_another() {
    let standalone = Standalone::start(&[]).await;
    standalone.shown(&["bob"]).await;
    let door = Door::before(standalone.address()).await;
    let mut alice = Terminal::at(&standalone, &door.address, &["--as", "alice", "--with", "bob"]);
    let mut bob = Terminal::enter(&standalone, "bob", "alice", &["--stay"]);
    alice.sees("-- bob is online").await;
    door.open.send(false).expect("it is there");
    let times = || async { door.turned_away.load(Ordering::SeqCst) >= 3 };
    hubbub_testkit::eventually(PATIENCE, times).await;
    // What is typed meanwhile is sent when the connection is back.
    alice.write("are you there?").await;
    door.open.send(true).expect("it is there");
    let lines = alice.sees("-- connected again").await;
    let lost: Vec<_> = lines.iter().filter(|line| line.contains("trying again")).collect();
    assert_eq!(lost.len(), 1, "{lines:?}");
    assert!(lost[0].starts_with("-- the connection is lost: "), "{lost:?}");
    bob.sees("alice: are you there?").await;
    alice.end().await;
    bob.write("/quit").await;
    bob.end().await;
    standalone.serving.stop().await;
}

/// `hubbub chat` on a terminal of its own; what it shows, as it comes.
struct Pty {
    keyboard: File,
    shown: mpsc::Receiver<Vec<u8>>,
    child: tokio::process::Child,
}

impl Pty {
    fn open(mut command: tokio::process::Command) -> Self {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).expect("a terminal");
        let end = |fd: &OwnedFd| fd.try_clone().expect("a descriptor");
        command.env("TERM", "xterm");
        command.stdin(end(&pty.slave)).stdout(end(&pty.slave)).stderr(pty.slave);
        let child = command.spawn().expect("it starts");
        // It holds the other end too, and would keep it open.
        drop(command);
        let mut screen = File::from(end(&pty.master));
        let (sender, shown) = mpsc::channel(64);
        std::thread::spawn(move || {
            let mut bytes = [0; 4_096];
            while let Ok(read @ 1..) = screen.read(&mut bytes) {
                if sender.blocking_send(bytes[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { keyboard: File::from(pty.master), shown, child }
    }

    fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("typed");
    }

    /// Until these words are on the screen: all that was shown meanwhile.
    async fn sees(&mut self, words: &str) -> String {
        let mut all = String::new();
        let seen = async {
            while let Some(bytes) = self.shown.recv().await {
                all.push_str(&String::from_utf8_lossy(&bytes));
                if all.contains(words) {
                    return;
                }
            }
        };
        timeout(PATIENCE, seen).await.unwrap_or_else(|_| panic!("{words:?} is not in {all:?}"));
        assert!(all.contains(words), "it ended without {words:?}: {all:?}");
        all
    }
}

#[tokio::test]
async fn what_comes_in_does_not_break_the_line_that_is_typed() {
    let standalone = Standalone::start(&SOON).await;
    let url = format!("ws://{}", standalone.address());
    let arguments = ["chat", "--as", "alice", "--with", "bob", "--url", &url];
    let mut alice = Pty::open(hubbub(standalone.dir(), &arguments));
    let mut bob = standalone.line("bob").await;
    let show = json!({"type": "update_me", "presence_to": "everyone"});
    assert!(bob.ask(show).await["ok"].is_object());
    // She waits for him to exist, and opens their room then.
    let room = bob.event("joined").await["room"].clone();
    alice.sees("bob is online").await;
    alice.types("hallo");
    alice.sees("hallo").await;
    // The cursor goes back two letters; then bob interrupts.
    alice.types("\u{1b}[D\u{1b}[D");
    let body = json!({"text": "am I interrupting?"});
    let send = json!({"type": "send", "room": room, "client_id": "1", "body": body});
    assert!(bob.ask(send).await["ok"].is_object());
    let shown = alice.sees("am I interrupting?").await;
    let again = match shown.split_once("interrupting?") {
        Some((_, after)) if after.contains("> hallo") => after.to_owned(),
        _ => alice.sees("> hallo").await,
    };
    assert!(again.contains("> hallo"), "the line is drawn again: {again:?}");
    // Editing goes on where it was: a letter before the cursor is taken away and typed again. A second
    // line that was typed meanwhile is not lost.
    alice.types("\u{7f}l\rand again\r");
    let heard = bob.event("message").await;
    let heard = if heard["sender"] == "alice" { heard } else { bob.event("message").await };
    assert_eq!(heard["body"]["text"], "hallo");
    assert_eq!(bob.event("message").await["body"]["text"], "and again");
    alice.types("\u{4}");
    let status = timeout(PATIENCE, alice.child.wait()).await.expect("it ends").expect("waited");
    assert!(status.success(), "{status}");
    standalone.serving.stop().await;
}
