//! The documents for programs that are made from the code's types and committed with it: OpenAPI and AsyncAPI. Unit
//! tests compare the files with the types; here the same tests write them.

use anyhow::Result;

use crate::{command, tools};

/// The OpenAPI document is valid, and its examples are what its schemas say.
pub(crate) fn check_openapi() -> Result<()> {
    let python = tools::api_documents::python()?;
    command::run(python, &["xtask/python/check_openapi.py", "docs/openapi.json"])
}

/// The AsyncAPI document is valid.
pub(crate) fn check_asyncapi() -> Result<()> {
    let modules = tools::api_documents::asyncapi_parser()?;
    let modules = modules.to_string_lossy();
    command::run("node", &["xtask/node/check_asyncapi.mjs", &modules, "docs/asyncapi.yaml"])
}

/// Writes both anew.
pub(crate) fn run() -> Result<()> {
    let filter = ["test", "--workspace", "--locked", "--lib", "made_from_the_types"];
    command::run_with(command::cargo(), &filter, &[("HUBBUB_WRITE", "1")])
}
