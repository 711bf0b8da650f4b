//! What presence costs a gateway: the processor time of keeping 10,000 sessions online for a minute, with
//! the gateway's own intervals, against a private Redis. Prints the shares of a core of this process and
//! of Redis.
//!
//! `cargo run --release -p hubbub-ephemeral --example presence`

#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::time::Duration;

use anyhow::Result;
use hubbub_domain::UserId;
use hubbub_ephemeral::{Availability, Config, Ephemeral, Lease, SessionKey, Terms};
use hubbub_testkit::Redis;
use nix::sys::resource::{UsageWho, getrusage};
use tokio::time::{Instant, interval};

const SESSIONS: u64 = 10_000;
/// As the gateway does it: all leases within 10 seconds, in 8 turns; a look for the gone every second;
/// everybody looked up every 30 seconds.
const TURNS: usize = 8;
const TURN: Duration = Duration::from_millis(1_250);
const LOOK_FOR_THE_GONE: Duration = Duration::from_secs(1);
const LOOK_UP: Duration = Duration::from_secs(30);
const MEASURED: Duration = Duration::from_secs(60);
const TERMS: Terms =
    Terms { ttl: Duration::from_secs(30), last_seen_kept: Duration::from_hours(30 * 24) };

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let redis = Redis::start().await?;
    let state = hubbub_ephemeral::connect(&Config::new([redis.url()]))?;
    let lease = |number: u64| {
        Ok(Lease {
            user: UserId::parse(&format!("user{number}"))?,
            session: SessionKey { node: uuid::Uuid::nil().to_string(), number },
            availability: Availability::Online,
        })
    };
    let leases: Vec<Lease> = (0..SESSIONS).map(lease).collect::<Result<_>>()?;
    state.hold(&leases, TERMS).await?;
    let (begun, own, server) = (Instant::now(), own_time()?, time_of(&redis)?);
    keep(state.as_ref(), &leases).await?;
    let elapsed = begun.elapsed().as_secs_f64();
    let share = |spent: Duration| 100.0 * spent.as_secs_f64() / elapsed;
    println!(
        "{SESSIONS} sessions online for {elapsed:.0} s: {:.2} % of a core here, {:.2} % in Redis",
        share(own_time()?.saturating_sub(own)),
        share(time_of(&redis)?.saturating_sub(server)),
    );
    Ok(())
}

async fn keep(state: &dyn Ephemeral, leases: &[Lease]) -> Result<()> {
    let users: Vec<UserId> = leases.iter().map(|lease| lease.user.clone()).collect();
    let end = Instant::now() + MEASURED;
    let mut turns = leases.chunks(leases.len().div_ceil(TURNS)).cycle();
    let (mut turn, mut gone, mut look) =
        (interval(TURN), interval(LOOK_FOR_THE_GONE), interval(LOOK_UP));
    while Instant::now() < end {
        tokio::select! {
            _ = turn.tick() => {
                let leases = turns.next().unwrap_or_default();
                anyhow::ensure!(state.hold(leases, TERMS).await?.is_empty(), "somebody was gone");
            }
            _ = gone.tick() => {
                anyhow::ensure!(state.expire(TERMS).await?.is_empty(), "somebody is gone");
            }
            _ = look.tick() => {
                anyhow::ensure!(state.presences(&users).await?.len() == users.len(), "not all");
            }
        }
    }
    Ok(())
}

fn own_time() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let parts = [usage.user_time(), usage.system_time()];
    let micros: i64 = parts.iter().map(|time| time.tv_sec() * 1_000_000 + time.tv_usec()).sum();
    Ok(Duration::from_micros(u64::try_from(micros)?))
}

/// From /proc/PID/stat: user and system time, in hundredths of a second.
fn time_of(redis: &Redis) -> Result<Duration> {
    let pid = redis.pid().unwrap_or_default();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let field = |at: usize| after_name.split_whitespace().nth(at).and_then(|it| it.parse::<u64>().ok());
    let ticks: u64 = [11, 12].into_iter().filter_map(field).sum();
    Ok(Duration::from_millis(10 * ticks))
}
