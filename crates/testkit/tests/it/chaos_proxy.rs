//! What the proxy promises, on an echo server behind it.

use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use hubbub_testkit::{Blow, ChaosProxy, Direction, Flow, eventually};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

const DEADLINE: Duration = Duration::from_secs(10);
/// Long enough to say that nothing comes.
const SILENCE: Duration = Duration::from_millis(100);

async fn echo_behind_proxy() -> ChaosProxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
                let _ = write.shutdown().await;
            });
        }
    });
    ChaosProxy::start(address.to_string()).await.unwrap()
}

async fn connect(proxy: &ChaosProxy) -> TcpStream {
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(echoes(&mut stream, b"hello").await);
    stream
}

async fn echoes(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    stream.write_all(bytes).await.unwrap();
    let mut back = vec![0; bytes.len()];
    timeout(DEADLINE, stream.read_exact(&mut back)).await.unwrap().is_ok() && back == bytes
}

async fn end(stream: &mut TcpStream) -> std::io::Result<usize> {
    timeout(DEADLINE, stream.read(&mut [0; 64])).await.expect("it ends")
}

async fn is_silent(stream: &mut TcpStream) -> bool {
    timeout(SILENCE, stream.read(&mut [0; 64])).await.is_err()
}

#[tokio::test]
async fn bytes_pass_unchanged_and_latency_delays_but_does_not_slow_down() {
    let proxy = echo_behind_proxy().await;
    let mut stream = connect(&proxy).await;
    let latency = Duration::from_millis(50);
    proxy.set(|faults| faults.latency = latency);
    let bytes: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let started = Instant::now();
    let (mut read, mut write) = stream.split();
    let mut back = vec![0; bytes.len()];
    let (sent, received) = tokio::join!(write.write_all(&bytes), read.read_exact(&mut back));
    sent.unwrap();
    received.unwrap();
    assert!(back == bytes);
    assert!(started.elapsed() >= 2 * latency);
    // 800 kB are some 50 pieces: one after the other they would take 5 s.
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn resets_closes_and_half_closes() {
    let proxy = echo_behind_proxy().await;
    let (mut one, mut two) = (connect(&proxy).await, connect(&proxy).await);
    assert_eq!(proxy.strike(Blow::Reset), 2);
    for stream in [&mut one, &mut two] {
        assert_eq!(end(stream).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    let mut stream = connect(&proxy).await;
    proxy.strike(Blow::Close);
    assert_eq!(end(&mut stream).await.unwrap(), 0);

    let mut stream = connect(&proxy).await;
    proxy.strike(Blow::HalfClose(Direction::Down));
    assert_eq!(end(&mut stream).await.unwrap(), 0);
    assert!(stream.write_all(b"still writable").await.is_ok());
    drop(stream);
    eventually(DEADLINE, || async { proxy.connections() == 0 }).await;
}

#[tokio::test]
async fn a_pause_holds_and_a_blackhole_swallows() {
    let proxy = echo_behind_proxy().await;
    let mut stream = connect(&proxy).await;
    proxy.pause();
    stream.write_all(b"later").await.unwrap();
    assert!(is_silent(&mut stream).await);
    proxy.resume();
    let mut back = [0; 5];
    timeout(DEADLINE, stream.read_exact(&mut back)).await.unwrap().unwrap();
    assert_eq!(&back, b"later");

    proxy.set(|faults| faults.up = Flow::Swallow);
    stream.write_all(b"never").await.unwrap();
    assert!(is_silent(&mut stream).await);
    proxy.heal();
    stream.write_all(b"nor this").await.unwrap();
    assert!(is_silent(&mut stream).await);
    assert!(echoes(&mut connect(&proxy).await, b"again").await);
}

#[tokio::test]
async fn a_connection_is_cut_at_the_very_byte_and_new_ones_are_refused() {
    let proxy = echo_behind_proxy().await;
    proxy.set(|faults| faults.cut = Some((Direction::Down, 7)));
    let mut stream = connect(&proxy).await;
    stream.write_all(b"abcdef").await.unwrap();
    let mut received = Vec::new();
    let error = timeout(DEADLINE, stream.read_to_end(&mut received)).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(received, b"ab");

    proxy.set(|faults| faults.refuse = true);
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(end(&mut stream).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}
