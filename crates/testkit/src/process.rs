//! A child process that cannot outlive the test, however the test ends.
//!
//! `Drop` is not enough: statics are never dropped, and a test process may be killed. So every
//! child gets a *guardian*, a small shell that waits for the end of a pipe whose other end only
//! the test process holds, and then ends the child and removes its scratch directory. Child and
//! guardian have process groups of their own, so that Ctrl-C in a terminal reaches the test first.

use std::{
    fs::File,
    io::Read,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::time::{Instant, sleep};

/// How long a child may take to end after it was told to, before it is killed.
const END_PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(5);

/// Arguments: signal, child, scratch directory (or empty). The wait is bounded because a child
/// whose parent is gone may stay a zombie where nothing reaps orphans.
const GUARDIAN: &str = r#"
cat >/dev/null
kill -s CONT "$2"; kill -s "$1" "$2"
n=0; while kill -0 "$2" && [ $n -lt 40 ]; do n=$((n+1)); sleep 0.05; done
kill -s KILL "$2"
[ -n "$3" ] && rm -rf -- "$3"
"#;

/// A running child with its guardian.
#[derive(Debug)]
pub struct Process {
    child: Child,
    guardian: Child,
    log: PathBuf,
    end_signal: Signal,
}

impl Process {
    /// Starts `command` with standard output and error in `log`. `end_signal` is what ends it when
    /// the value is dropped or the test process is gone; `scratch` is removed in the latter case.
    pub fn spawn(
        mut command: Command,
        log: &Path,
        end_signal: Signal,
        scratch: Option<&Path>,
    ) -> Result<Self> {
        let output = File::options().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).process_group(0);
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let guardian = Command::new("/bin/sh")
            .args(["-c", GUARDIAN, "guardian"])
            .arg(end_signal.as_str().trim_start_matches("SIG"))
            .arg(child.id().to_string())
            .arg(scratch.unwrap_or(Path::new("")))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("cannot start a guardian")?;
        Ok(Self { child, guardian, log: log.to_owned(), end_signal })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal; an ended child is not an error.
    pub fn signal(&self, signal: Signal) {
        signal_to(self.child.id(), signal);
    }

    /// How the child ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends `signal` and waits for the end; kills the child when it takes too long.
    pub async fn end(&mut self, signal: Signal) {
        self.signal(signal);
        let patience = Instant::now() + END_PATIENCE;
        while self.ended().is_none() {
            if Instant::now() > patience {
                self.signal(Signal::SIGKILL);
            }
            sleep(POLL).await;
        }
    }

    /// Waits for the end.
    pub async fn wait_ended(&mut self, patience: Duration) -> Result<()> {
        let end = Instant::now() + patience;
        while self.ended().is_none() {
            if Instant::now() > end {
                bail!("it did not end within {patience:?}: {}", self.log_end());
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Waits until `ready` holds; fails with the end of the log when the child ends before, or at
    /// the deadline.
    pub async fn wait_ready<F>(&mut self, deadline: Duration, mut ready: F) -> Result<()>
    where
        F: AsyncFnMut() -> bool,
    {
        let end = Instant::now() + deadline;
        while !ready().await {
            if let Some(status) = self.ended() {
                bail!("it ended with {status}: {}", self.log_end());
            }
            if Instant::now() > end {
                bail!("it was not ready within {deadline:?}: {}", self.log_end());
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    /// The last lines of what the child wrote.
    pub fn log_end(&self) -> String {
        let mut text = Vec::new();
        let read = File::open(&self.log).and_then(|mut file| file.read_to_end(&mut text));
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        match read {
            Ok(_) => lines[lines.len().saturating_sub(20)..].join("\n"),
            Err(error) => format!("(its log cannot be read: {error})"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.signal(Signal::SIGCONT);
            self.signal(self.end_signal);
            let patience = std::time::Instant::now() + END_PATIENCE;
            while self.ended().is_none() {
                if std::time::Instant::now() > patience {
                    self.signal(Signal::SIGKILL);
                }
                #[expect(clippy::disallowed_methods, reason = "drop cannot await, and is short")]
                std::thread::sleep(POLL);
            }
        }
        // The child is reaped: the guardian must not signal whoever gets its id next.
        let _ = self.guardian.kill();
        let _ = self.guardian.wait();
    }
}

/// Stops a process for a while: it exists, its sockets accept, and nothing answers.
pub async fn pause(id: u32, duration: Duration) {
    struct Resume(u32);
    impl Drop for Resume {
        fn drop(&mut self) {
            signal_to(self.0, Signal::SIGCONT);
        }
    }
    let _resume = Resume(id);
    signal_to(id, Signal::SIGSTOP);
    sleep(duration).await;
}

/// Stops a process and its children until they are ended. Returns the children.
pub fn halt(id: u32) -> Vec<u32> {
    signal_to(id, Signal::SIGSTOP);
    let children = children(id);
    for child in &children {
        signal_to(*child, Signal::SIGSTOP);
    }
    children
}

/// Ends processes that are of no family any more.
pub fn kill_all(ids: &[u32]) {
    for id in ids {
        signal_to(*id, Signal::SIGKILL);
    }
}

fn children(id: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|child| parent(*child) == Some(id)).collect()
}

/// The fourth field of `/proc/{id}/stat`; the second may hold spaces and is in parentheses.
fn parent(id: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn signal_to(id: u32, signal: Signal) {
    let id = i32::try_from(id).expect("process ids are positive i32");
    // The only error left is that the process is gone already.
    let _ = kill(Pid::from_raw(id), signal);
}
