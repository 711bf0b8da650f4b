//! Memory that is free goes back to the operating system.
//!
//! After a flood of calls or connections no task holds what they needed, but the allocator of glibc does:
//! it gives back what lies at the end of its heaps only. So it is asked to give back the rest, now and
//! then, while the process is larger than it needs to be. Other allocators do so by themselves.

use std::{
    convert::Infallible,
    fs,
    time::{Duration, Instant},
};

/// The shortest time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(15);
/// The longest: after a flood, memory is down within a minute.
const LOOK_INTERVAL_MAX: Duration = Duration::from_secs(25);
/// In between, giving back takes one part of so many of the time.
const SHARE: u32 = 1_000;
/// Growth that is not worth a try.
const SLACK_BYTES: u64 = 8 * 1024 * 1024;

/// Looks at the process' memory for ever.
pub async fn give_back() -> Infallible {
    let mut needed = resident().unwrap_or(u64::MAX);
    let mut pause = LOOK_INTERVAL;
    loop {
        tokio::time::sleep(pause).await;
        let Some(resident) = resident() else { continue };
        if resident < needed.saturating_add(needed / 10).saturating_add(SLACK_BYTES) {
            needed = needed.min(resident);
            continue;
        }
        let took = tokio::task::spawn_blocking(trim).await.unwrap_or_default();
        // Trying costs a walk over what is free; a large process tries less often.
        pause = (took * SHARE).clamp(LOOK_INTERVAL, LOOK_INTERVAL_MAX);
        if let Some(left) = self::resident() {
            tracing::debug!(resident, left, ?took, "free memory was given back");
            needed = needed.min(left);
        }
    }
}

/// Has the allocator give back what is free; how long that took.
fn trim() -> Duration {
    let begun = Instant::now();
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(unsafe_code, reason = "glibc has no other way to be asked")]
        // SAFETY: malloc_trim(3) takes a number, is thread-safe, and touches no memory that is in use.
        let _given_back = unsafe { libc::malloc_trim(0) };
    }
    begun.elapsed()
}

/// Bytes of memory that are really there.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kibibytes| kibibytes * 1_024)
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::{resident, trim};

    /// Pieces with others between them are what glibc keeps by itself.
    #[test]
    fn what_is_free_between_pieces_in_use_is_given_back() {
        let pieces: Vec<Vec<u8>> = (0..40_000).map(|number| vec![1; 2_000 + number % 7]).collect();
        let full = resident().expect("read");
        let kept: Vec<Vec<u8>> = pieces.into_iter().step_by(200).collect();
        trim();
        let left = resident().expect("read");
        assert!(left + 40 * 1024 * 1024 < full, "{left} of {full} bytes");
        drop(kept);
    }
}
