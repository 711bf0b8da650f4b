//! What a connection costs in this layer, without sessions above it: user memory while it is idle,
//! and server CPU per delivered message. `cargo run --release --example ws_idle -- 1000`
//!
//! The server is this process; the clients are a second one, so that only the server is measured.
//! Figures are for comparing two builds on one machine, in one sitting.

use std::{
    collections::VecDeque,
    error::Error,
    net::SocketAddr,
    num::NonZeroU32,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::any};
use bytes::Bytes;
use hubbub_gateway::{
    edge::{Config, Listener},
    ws::{Decoder, Limits, Received, Socket, Upgrade, Written, encode},
};
use nix::sys::resource::{UsageWho, getrusage};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, Interest},
    net::TcpStream,
    process::Command,
    sync::Notify,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

const HANDSHAKE: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const PAYLOAD_BYTES: usize = 200;
const ROUNDS: usize = 50;
const POLL: Duration = Duration::from_millis(2);

/// What waits for one client.
#[derive(Default)]
struct Outbox {
    frames: Mutex<VecDeque<Bytes>>,
    wake: Notify,
}

#[derive(Default)]
struct Room {
    outboxes: Mutex<Vec<Arc<Outbox>>>,
    written: AtomicUsize,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let count = arguments.next().map_or(Ok(1_000), |count| count.parse())?;
    match arguments.next() {
        Some(address) => clients(count, address.parse()?).await,
        None => serve(count).await,
    }
}

async fn serve(count: usize) -> Result<(), Box<dyn Error>> {
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        connects_per_address_per_second: NonZeroU32::MAX,
        connects_per_second: NonZeroU32::MAX,
        connects_burst: NonZeroU32::MAX,
        ..Config::default()
    };
    let listener = Listener::bind(config)?;
    let address = listener.local_address()?;
    let room = Arc::new(Room::default());
    let members = Arc::clone(&room);
    let router = Router::new().fallback(any(async move |upgrade: Upgrade| {
        let (response, pending) = upgrade.accept(&[]);
        tokio::spawn(async move {
            let Ok(socket) = pending.socket().await else { return };
            let outbox = Arc::new(Outbox::default());
            members.outboxes.lock().push(Arc::clone(&outbox));
            let _ended = drive(socket, &outbox, &members).await;
        });
        response
    }));
    tokio::spawn(listener.serve(router, CancellationToken::new(), CancellationToken::new()));

    // The first few bring in what is there once: code pages, the allocator's arenas, the buffer.
    let _warm_up = start_clients(50, address)?;
    joined(&room, 50).await;
    let before = resident_bytes()?;
    let _clients = start_clients(count, address)?;
    joined(&room, count + 50).await;
    sleep(Duration::from_secs(1)).await;
    report("user memory per idle connection", (resident_bytes()? - before) / count, "bytes");
    for burst in [1, 16] {
        let nanos = deliveries(&room, burst).await?;
        report(&format!("CPU per delivery, {burst} at a time"), nanos, "ns");
    }
    Ok(())
}

/// Sends to everybody, waits until all is written, and again; CPU time per delivery.
async fn deliveries(room: &Room, burst: usize) -> Result<usize, Box<dyn Error>> {
    let outboxes = room.outboxes.lock().clone();
    room.written.store(0, Ordering::Relaxed);
    let frame = encode::text(&"x".repeat(PAYLOAD_BYTES));
    let before = cpu_nanos()?;
    for round in 1..=ROUNDS {
        for outbox in &outboxes {
            outbox.frames.lock().extend(std::iter::repeat_n(frame.clone(), burst));
            outbox.wake.notify_one();
        }
        let bytes = frame.len() * burst * outboxes.len() * round;
        while room.written.load(Ordering::Relaxed) < bytes {
            sleep(POLL).await;
        }
    }
    Ok((cpu_nanos()? - before) / (ROUNDS * burst * outboxes.len()))
}

/// One client: writes what waits for it, all at once, and hears when it leaves.
async fn drive(mut socket: Socket, outbox: &Outbox, room: &Room) -> Result<(), Box<dyn Error>> {
    let mut decoder = Decoder::new(Limits::default());
    loop {
        tokio::select! {
            ready = socket.readable() => {
                ready?;
                let received = socket.read_into(&mut decoder, |_| ControlFlow::Continue(()))?;
                if received == Received::End {
                    return Ok(());
                }
            }
            () = outbox.wake.notified() => {
                let mut frames = std::mem::take(&mut *outbox.frames.lock());
                loop {
                    let (Written::All { bytes } | Written::Some { bytes }) =
                        socket.try_write(&mut frames)?;
                    room.written.fetch_add(bytes, Ordering::Relaxed);
                    if frames.is_empty() {
                        break;
                    }
                    socket.ready(Interest::WRITABLE).await?;
                }
            }
        }
    }
}

async fn joined(room: &Room, count: usize) {
    while room.outboxes.lock().len() < count {
        sleep(POLL).await;
    }
}

fn start_clients(
    count: usize,
    address: SocketAddr,
) -> Result<tokio::process::Child, Box<dyn Error>> {
    Ok(Command::new(std::env::current_exe()?)
        .args([count.to_string(), address.to_string()])
        .kill_on_drop(true)
        .spawn()?)
}

/// Connects and reads everything, until the server is gone.
async fn clients(count: usize, address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let mut reading = tokio::task::JoinSet::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(HANDSHAKE).await?;
        reading.spawn(async move {
            let mut buffer = vec![0; 16 * 1024];
            while stream.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {}
        });
    }
    reading.join_all().await;
    Ok(())
}

/// Anonymous memory of this process that is in RAM.
fn resident_bytes() -> Result<usize, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes: usize = line.ok_or("no RssAnon")?.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024)
}

fn cpu_nanos() -> Result<usize, Box<dyn Error>> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let micros = |time: nix::sys::time::TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
    Ok(usize::try_from(micros(usage.user_time()) + micros(usage.system_time()))? * 1_000)
}

#[expect(clippy::print_stdout, reason = "this is a measuring tool")]
fn report(what: &str, number: usize, unit: &str) {
    let profile = if cfg!(debug_assertions) { "debug build: compare nothing" } else { "release" };
    println!("{what}: {number} {unit} ({profile})");
}
