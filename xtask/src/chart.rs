//! What is made from the chart and committed with it. The tests of `deploy/checks` compare; here the same
//! tests write.

use anyhow::Result;

use crate::{command, tools};

pub(crate) fn run() -> Result<()> {
    tools::kubernetes::all()?;
    let filter = ["test", "--workspace", "--locked", "--test", "it", "--", "made_from_the_chart"];
    command::run_with(command::cargo(), &filter, &[("HUBBUB_WRITE", "1")])
}
