//! What processes cost, as the kernel counts it in `/proc`.

use std::{collections::HashMap, fs, time::Duration};

use anyhow::{Context as _, Result};

/// CPU time used so far by each thread of some processes.
///
/// Read from `schedstat`, in nanoseconds: the ticks of `stat` are 10 ms, too coarse for a run of a
/// second. A thread that ended between two readings takes what it used since the first with it.
#[derive(Clone, Debug)]
pub(crate) struct Cpu(HashMap<(u32, u32), Duration>);

impl Cpu {
    /// Of these processes, all their threads.
    pub(crate) fn read(pids: &[u32]) -> Result<Self> {
        let mut threads = HashMap::new();
        for pid in pids {
            for task in tasks(*pid)? {
                // A thread that has ended since the list was read has nothing to tell.
                if let Some(used) = used_by(*pid, task) {
                    threads.insert((*pid, task), used);
                }
            }
        }
        Ok(Self(threads))
    }

    /// Of the threads of a process that have this name; the kernel keeps 15 bytes of it.
    pub(crate) fn read_threads(pid: u32, name: &str) -> Result<Self> {
        let called = |task: &u32| {
            let known = fs::read_to_string(format!("/proc/{pid}/task/{task}/comm"));
            known.is_ok_and(|known| known.trim_end() == name)
        };
        let threads = tasks(pid)?.into_iter().filter(called);
        Ok(Self(threads.filter_map(|task| Some(((pid, task), used_by(pid, task)?))).collect()))
    }

    /// Of these processes and all they started.
    pub(crate) fn read_trees(roots: &[u32]) -> Result<Self> {
        let mut all = Self::read(roots)?;
        for pid in with_descendants(roots)? {
            // One that has ended since the list was made has nothing to tell.
            if let Ok(threads) = Self::read(&[pid]) {
                all.0.extend(threads.0);
            }
        }
        Ok(all)
    }

    /// Used since an earlier reading.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let used = |(thread, now): (&(u32, u32), &Duration)| {
            now.saturating_sub(earlier.0.get(thread).copied().unwrap_or_default())
        };
        self.0.iter().map(used).sum()
    }
}

fn tasks(pid: u32) -> Result<Vec<u32>> {
    let mut tasks = Vec::new();
    let entries = fs::read_dir(format!("/proc/{pid}/task"))
        .with_context(|| format!("process {pid} is gone"))?;
    for entry in entries {
        if let Ok(task) = entry?.file_name().to_string_lossy().parse() {
            tasks.push(task);
        }
    }
    Ok(tasks)
}

fn used_by(pid: u32, task: u32) -> Option<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{task}/schedstat")).ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

/// The processes and all that descend from them.
pub(crate) fn with_descendants(roots: &[u32]) -> Result<Vec<u32>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(pid) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
        if let Some(parent) = parent_of(pid) {
            parents.push((pid, parent));
        }
    }
    let mut found = roots.to_vec();
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    Ok(found)
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

/// Bytes of memory that these processes have to themselves: what is not mapped from a file. What they share
/// is divided among those who share it (`Pss_Anon`).
pub(crate) fn memory(pids: &[u32]) -> Result<f64> {
    let mut bytes = 0.0;
    for pid in pids {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
            .with_context(|| format!("process {pid} is gone"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss_Anon:"));
        let kilobytes =
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        bytes += 1024.0 * kilobytes.context("smaps_rollup has no Pss_Anon")?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::process;

    use super::{Cpu, memory, with_descendants};

    #[test]
    fn work_is_counted() {
        let before = Cpu::read(&[process::id()]).expect("this process is there");
        let mut sum = 0_u64;
        while Cpu::read(&[process::id()]).expect("still there").since(&before).is_zero() {
            sum = sum.wrapping_add(1);
        }
        assert!(memory(&[process::id()]).expect("there") > 0.0, "{sum}");
    }

    #[test]
    fn children_belong_to_the_tree() {
        let mut child =
            process::Command::new("sleep").arg("60").spawn().expect("sleep is everywhere");
        let found = with_descendants(&[process::id()]);
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        assert!(found.expect("read").contains(&child.id()));
    }
}
