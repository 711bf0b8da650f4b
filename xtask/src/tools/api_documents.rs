//! What the OpenAPI and AsyncAPI documents are checked with, and the server against them: validators that others wrote.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};

use super::{install_packages, npm, tools_folder};
use crate::command::{self, root};

const ASYNCAPI_PARSER_VERSION: &str = "3.6.6";

/// A Python with Schemathesis and a validator for OpenAPI. Tests look for it in this place.
pub(crate) fn python() -> Result<PathBuf> {
    let requirements = root().join("xtask/python/api-documents.txt");
    let wanted = fs::read_to_string(&requirements)?;
    let folder = tools_folder().join("api-documents");
    let python = folder.join("bin/python");
    // What was installed last, so that a second run needs no registry.
    let stamp = folder.join("requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    if command::output("python3", &["-c", "import ensurepip, venv"]).is_none() {
        install_packages(&["python3", "python3-venv"], "Python 3 with venv")?;
    }
    println!("installing Schemathesis and an OpenAPI validator into .tools/ (once)");
    let folder = folder.to_str().context("the repository's path is not UTF-8")?;
    command::run("python3", &["-m", "venv", "--clear", folder])?;
    let requirements = requirements.to_str().context("the repository's path is not UTF-8")?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    command::run(&python, &[&install[..], &[requirements]].concat())?;
    fs::write(stamp, wanted)?;
    Ok(python)
}

/// The folder in which Node finds AsyncAPI's own parser.
pub(crate) fn asyncapi_parser() -> Result<PathBuf> {
    npm("npm (it brings AsyncAPI's parser)")?;
    let folder = tools_folder().join("asyncapi");
    let stamp = folder.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == ASYNCAPI_PARSER_VERSION) {
        return Ok(folder);
    }
    println!("installing AsyncAPI's parser into .tools/ (once)");
    fs::create_dir_all(&folder)?;
    let package = format!("@asyncapi/parser@{ASYNCAPI_PARSER_VERSION}");
    let install = ["install", "--no-audit", "--no-fund", "--no-save", "--loglevel=error"];
    command::run_in(&folder, "npm", &[&install[..], &["--prefix", ".", &package]].concat())?;
    fs::write(stamp, ASYNCAPI_PARSER_VERSION)?;
    Ok(folder)
}
