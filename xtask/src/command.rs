//! Running other programs: what is run is shown, and a failure is an error that names it.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// Runs `program` in the repository's root with its output shown.
pub(crate) fn run(program: impl AsRef<OsStr>, arguments: &[&str]) -> Result<()> {
    run_in(&root(), program, arguments)
}

/// Runs `program` in `folder` with its output shown.
pub(crate) fn run_in(folder: &Path, program: impl AsRef<OsStr>, arguments: &[&str]) -> Result<()> {
    let program = program.as_ref();
    let name = Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned();
    println!("$ {name} {}", arguments.join(" "));
    let status = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .status()
        .with_context(|| format!("cannot start {name}"))?;
    if !status.success() {
        bail!("`{name} {}` failed ({status})", arguments.join(" "));
    }
    Ok(())
}

/// Builds programs of the workspace. Its packages are always selected all, or the dependencies would be
/// compiled again with other features.
pub(crate) fn build(profile: &[&str], programs: &[&str]) -> Result<()> {
    println!("building {} (cold, on two cores: some ten minutes)", programs.join(" and "));
    let mut arguments = vec!["build", "--workspace", "--locked", "--quiet"];
    arguments.extend(profile);
    arguments.extend(programs.iter().flat_map(|program| ["--bin", program]));
    run(cargo(), &arguments)
}

/// Runs `program` in the repository's root with more in its environment.
pub(crate) fn run_with(
    program: impl AsRef<OsStr>,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Result<()> {
    let settings = environment.iter().map(|(name, value)| format!("{name}={value}"));
    let mut words: Vec<String> = settings.collect();
    words.push(program.as_ref().to_string_lossy().into_owned());
    words.extend(arguments.iter().map(|&word| word.to_owned()));
    run("env", &words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What `program` prints, if it runs and succeeds.
pub(crate) fn output(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Where `program` is found on the search path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The cargo that runs us.
pub(crate) fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Where cargo puts what it builds.
pub(crate) fn target_folder() -> Result<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().current_dir(root()).exec()?;
    Ok(metadata.target_directory.into_std_path_buf())
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("xtask is a folder of the repository").to_owned()
}
