//! The image's contract, without an engine: the binary and the libraries that the base image has, on a
//! read-only root, as user 65532, without any capability.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use hubbub_checks::{repository, run};
use hubbub_testkit::{eventually, free_port};
use nix::unistd::Uid;
use tempfile::TempDir;

/// Who runs in the image.
const USER: u32 = 65532;

/// The program of the workspace's own build, which tests of the whole workspace have made.
pub(crate) fn hubbub() -> PathBuf {
    let here = std::env::current_exe().expect("this test has a path");
    let profile = here.parent().and_then(Path::parent).expect("a target folder");
    let hubbub = profile.join("hubbub");
    assert!(hubbub.is_file(), "build the whole workspace: there is no {}", hubbub.display());
    hubbub
}

/// A root as the image has it: the binary, its libraries, an empty `/data`.
struct Root {
    dir: TempDir,
}

impl Root {
    fn build() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let root = Self { dir };
        let (good, libraries) = run(Command::new("ldd").arg(hubbub()));
        assert!(good, "{libraries}");
        root.place(&hubbub(), "/usr/local/bin/hubbub");
        for word in libraries.split_whitespace().filter(|word| word.starts_with('/')) {
            let library = fs::canonicalize(word).expect("a library");
            root.place(&library, word);
        }
        let data = root.path("/data");
        fs::create_dir(&data).expect("made");
        chown(&data, Some(USER), Some(USER)).expect("owned");
        fs::set_permissions(root.path("/"), fs::Permissions::from_mode(0o755)).expect("readable");
        root
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.dir.path().join(inside.trim_start_matches('/'))
    }

    fn place(&self, file: &Path, inside: &str) {
        let there = self.path(inside);
        fs::create_dir_all(there.parent().expect("a folder")).expect("made");
        fs::copy(file, there).expect("copied");
    }

    /// Runs the binary in there; `/data` can be written only if it is said to be a volume.
    fn command(&self, volume: bool, arguments: &str) -> Command {
        let root = self.dir.path().display();
        let data =
            if volume { format!("mount --bind {root}/data {root}/data &&") } else { String::new() };
        // Bound anew without rights to write: the root, then the volume upon it as it was.
        let script = format!(
            "mount --bind {root} {root} && {data} mount -o remount,ro,bind {root} && cd {root} && \
             exec setpriv --no-new-privs chroot --userspec={USER}:{USER} --groups= {root} \
             /usr/local/bin/hubbub {arguments}"
        );
        let mut unshare = Command::new("unshare");
        unshare
            .args(["--mount", "sh", "-c", &script])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        unshare
    }
}

fn is_root() -> bool {
    Uid::effective().is_root()
}

struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What the image does with no arguments, and what its health check and its smoke test say of it.
#[tokio::test]
async fn the_binary_needs_no_rights_and_writes_nowhere_but_under_data() {
    assert!(is_root(), "to be another user, in a root that cannot be written, takes root");
    let root = Root::build();
    let [edge, admin] = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
    let with_settings = |mut command: Command| {
        command.env("HUBBUB_GATEWAY__EDGE__LISTEN", &edge).env("HUBBUB_ADMIN__LISTEN", &admin);
        command.env("HUBBUB_STANDALONE__DATA_DIR", "/data");
        command
    };
    let log = root.dir.path().with_extension("log");
    let mut command = with_settings(root.command(true, "standalone"));
    command.stdout(Stdio::null()).stderr(fs::File::create(&log).expect("a log"));
    let serving = Serving(command.spawn().expect("it starts"));
    let healthy = || async { run(&mut with_settings(root.command(true, "healthcheck"))).0 };
    eventually(Duration::from_mins(1), healthy).await;

    let status = fs::read_to_string(format!("/proc/{}/status", serving.0.id())).expect("it runs");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let user = [USER.to_string().as_str(); 4].join(" ");
    assert_eq!((field("Uid:"), field("Gid:")), (user.clone(), user));
    for capabilities in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(field(capabilities), "0000000000000000", "{capabilities}");
    }
    assert_eq!(field("NoNewPrivs:"), "1");

    let smoke = format!("smoke --url ws://{edge}");
    let (chatted, said) = run(&mut with_settings(root.command(true, &smoke)));
    assert!(chatted && said.contains("two people chatted"), "{said}");
    assert!(fs::read_dir(root.path("/data")).expect("readable").count() > 0, "data is under /data");
    drop(serving);
    fs::remove_file(log).expect("removed");
}

#[test]
fn without_a_place_for_data_it_says_so() {
    assert!(is_root(), "to be another user, in a root that cannot be written, takes root");
    let root = Root::build();
    let mut command = root.command(false, "standalone");
    command.env("HUBBUB_STANDALONE__DATA_DIR", "/data/hubbub").env("HUBBUB_ADMIN__LISTEN", "");
    let (served, said) = run(&mut command);
    assert!(!served && said.contains("/data/hubbub"), "{said}");
}

/// What the file promises, as far as it can be read.
#[test]
fn the_dockerfile_keeps_to_the_contract() {
    let text = fs::read_to_string(repository().join("deploy/Dockerfile")).expect("readable");
    let stage = text.rsplit_once("\nFROM ").expect("several stages").1;
    assert!(stage.starts_with("gcr.io/distroless/"), "{stage}");
    let lines: Vec<&str> = stage.lines().collect();
    assert!(lines.contains(&"USER 65532:65532"), "{stage}");
    assert!(lines.contains(&r#"ENTRYPOINT ["/usr/local/bin/hubbub"]"#), "{stage}");
    assert!(!lines.iter().any(|line| line.starts_with("RUN ")), "there is no shell: {stage}");
    assert!(stage.contains(r#"CMD ["/usr/local/bin/hubbub", "healthcheck"]"#), "{stage}");
    for line in text.lines().filter(|line| line.starts_with("FROM docker.io/")) {
        assert!(line.contains(':') && !line.contains(":latest"), "{line}");
    }
    // The client is built from its lock file, and becomes part of the binary.
    let web = text.split("\nFROM ").find(|stage| stage.contains(" AS web\n")).expect("a web stage");
    assert!(web.contains("npm ci") && web.contains("npm run build"), "{web}");
    assert!(text.contains("COPY --from=web /src/web/app/dist web/app/dist"), "{text}");
    assert_eq!(text.matches("--features web-client").count(), 2, "{text}");
    // The settings of the image are settings.
    let set =
        stage.lines().filter_map(|line| line.trim_start_matches("ENV").trim().split_once('='));
    let set = set.filter(|(name, _)| name.starts_with("HUBBUB_"));
    let environment = set
        .map(|(name, value)| (name.to_owned(), value.trim_end_matches(['\\', ' ']).to_owned()))
        .collect::<std::collections::BTreeMap<_, _>>();
    assert_eq!(environment.len(), 6, "{environment:?}");
    assert_eq!(crate::settings::complaints("standalone", &environment), Vec::<String>::new());
}

/// What is compiled into the binary from outside of our crates is sent to the engine too.
#[test]
fn the_build_context_has_what_the_sources_include() {
    let ignored = fs::read_to_string(repository().join(".dockerignore")).expect("readable");
    let sent: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let mut sources = vec![repository().join("services"), repository().join("crates")];
    let mut seen = 0;
    while let Some(path) = sources.pop() {
        if path.is_dir() {
            let inside = fs::read_dir(&path).expect("readable").flatten();
            sources
                .extend(inside.map(|entry| entry.path()).filter(|path| !path.ends_with("target")));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("readable");
            for included in text.split("!(\"../../../").skip(1) {
                let folder = included.split(['/', '"']).next().unwrap_or_default();
                assert!(sent.contains(&folder), "{} needs {folder}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 0, "nothing is included: look whether this test still finds anything");
}
