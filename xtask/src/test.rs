//! Every test of the workspace, in one go: another selection of packages would compile the
//! dependencies again with other features.

use std::thread::available_parallelism;

use anyhow::Result;

use crate::{command, load, tools, web};

pub(crate) fn run(rest: &[String]) -> Result<()> {
    tools::servers()?;
    tools::stock_clients()?;
    load::packages()?;
    tools::go::grpcurl()?;
    tools::grpc_python()?;
    tools::api_documents::python()?;
    tools::kubernetes::all()?;
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    if rest.is_empty() {
        println!("compiling and running all tests (cold, on two cores: about ten minutes)");
    }
    command::run(command::cargo(), &arguments(&rest, test_threads()))?;
    // A selection is of Rust tests.
    if rest.is_empty() { web::test() } else { Ok(()) }
}

/// As many tests at once as there are processors, but at least two: a test mostly waits for servers
/// of its own. At most eight: each may hold a Postgres and a Redis.
fn test_threads() -> usize {
    available_parallelism().map_or(2, usize::from).clamp(2, 8)
}

/// The caller's own `--test-threads` wins.
fn arguments<'a>(rest: &[&'a str], threads: usize) -> Vec<&'a str> {
    const COUNTS: [&str; 9] = ["0", "1", "2", "3", "4", "5", "6", "7", "8"];
    let mut all = vec!["test", "--workspace", "--locked"];
    all.extend(rest);
    if !rest.iter().any(|word| word.starts_with("--test-threads")) {
        if !rest.contains(&"--") {
            all.push("--");
        }
        all.extend(["--test-threads", COUNTS[threads.min(8)]]);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::arguments;

    #[test]
    fn threads_are_added_once_and_behind_the_dashes() {
        assert_eq!(
            arguments(&["rooms"], 2).join(" "),
            "test --workspace --locked rooms -- --test-threads 2"
        );
        assert_eq!(
            arguments(&["--", "--nocapture"], 4).join(" "),
            "test --workspace --locked -- --nocapture --test-threads 4"
        );
        assert_eq!(
            arguments(&["--", "--test-threads=1"], 2).join(" "),
            "test --workspace --locked -- --test-threads=1"
        );
    }
}
