//! A folder with a configuration, and the ways to run the host on it.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A folder of its own for one test. It goes with the test.
pub(crate) struct Bench {
    pub(crate) folder: PathBuf,
    /// A program that starts the host, and its arguments.
    pub(crate) starter: Vec<String>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("host-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder, starter: Vec::new() }
    }

    /// A folder whose configuration writes to standard output and has these sources.
    pub(crate) fn with(sources: &[Source<'_>]) -> Self {
        Self::with_output("type = \"stdout\"", sources)
    }

    pub(crate) fn with_output(output: &str, sources: &[Source<'_>]) -> Self {
        let bench = Self::new();
        bench.configure(output, sources);
        bench
    }

    pub(crate) fn configure(&self, output: &str, sources: &[Source<'_>]) {
        let mut text = format!("[state]\npath = \"state.db\"\n[output]\n{output}\n");
        for Source { name, keys, config } in sources {
            let component = guest().display().to_string();
            let table = format!("[[source]]\nname = {name:?}\ncomponent = {component:?}\n{keys}\n");
            text = [text, table, format!("[source.config]\n{config}\n")].concat();
        }
        self.write("host.toml", &text);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        if name == "host.toml" {
            // Keys may be in it, and it is told if anyone may read them.
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The host with these arguments, and the configuration's path at their end.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let host = env!("CARGO_BIN_EXE_source-host");
        let mut command = if let [program, arguments @ ..] = self.starter.as_slice() {
            let mut command = Command::new(program);
            command.args(arguments).arg(host);
            command
        } else {
            Command::new(host)
        };
        // Not in the folder of the configuration: paths must not rest on where the host is started.
        command.args(arguments).current_dir("/");
        if arguments.first() != Some(&"inspect") {
            command.arg("--config").arg(self.path("host.toml"));
        }
        command
    }

    pub(crate) fn host(&self, arguments: &[&str]) -> Finished {
        Finished(self.command(arguments).stdin(Stdio::null()).output().unwrap())
    }

    /// Runs until every source has caught up.
    pub(crate) fn catch_up(&self) -> Finished {
        self.host(&["run", "--until-caught-up"])
    }

    pub(crate) fn catch_up_with(&self, name: &str, value: impl AsRef<OsStr>) -> Finished {
        Finished(self.command(&["run", "--until-caught-up"]).env(name, value).output().unwrap())
    }

    /// Starts the host in service, its output and log into files.
    pub(crate) fn start(&self) -> Running {
        let output = std::fs::File::create(self.path("stdout")).unwrap();
        self.start_into(output)
    }

    pub(crate) fn start_into(&self, output: impl Into<Stdio>) -> Running {
        self.start_command(&["run"], output)
    }

    pub(crate) fn start_command(&self, arguments: &[&str], output: impl Into<Stdio>) -> Running {
        let log = std::fs::File::create(self.path("stderr")).unwrap();
        self.start_telling(arguments, output, log)
    }

    pub(crate) fn start_telling(
        &self,
        arguments: &[&str],
        output: impl Into<Stdio>,
        log: impl Into<Stdio>,
    ) -> Running {
        let child = self.command(arguments).stdout(output).stderr(log).spawn().unwrap();
        Running { child, log: self.path("stderr") }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// One source of a configuration: its name, more keys, and the component's own configuration.
pub(crate) struct Source<'a> {
    pub(crate) name: &'a str,
    pub(crate) keys: &'a str,
    pub(crate) config: &'a str,
}

/// A source called `acme` that may reach nothing.
pub(crate) fn acme(config: &str) -> Source<'_> {
    Source { name: "acme", keys: "", config }
}

/// A host that has ended.
pub(crate) struct Finished(Output);

impl Finished {
    pub(crate) fn of(output: Output) -> Self {
        Self(output)
    }

    pub(crate) fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    /// The events that were written, each parsed.
    pub(crate) fn events(&self) -> Vec<serde_json::Value> {
        events(&self.stdout())
    }

    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "stderr:\n{}", self.stderr());
        self
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stderr().contains(text), "{text:?} is not in:\n{}", self.stderr());
        self
    }
}

/// The sum of a number over all lines of a log that tell of batches.
pub(crate) fn sum_of_batches(log: &str, field: &str) -> u64 {
    let field = format!(" {field}=");
    let lines = log.lines().filter(|line| line.contains(" batch source="));
    let numbers = lines.filter_map(|line| line.split_once(&field)?.1.split(' ').next());
    numbers.map(|number| number.parse::<u64>().unwrap()).sum()
}

pub(crate) fn events(lines: &str) -> Vec<serde_json::Value> {
    // On stdout a host begins with a line break if the one before may have cut a line.
    let lines = lines.strip_prefix('\n').unwrap_or(lines).lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A host in service.
pub(crate) struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until the log says this.
    #[track_caller]
    pub(crate) fn until(&self, text: &str) {
        wait_for(text, || self.log().contains(text));
    }

    pub(crate) fn signal(&self, name: &str) {
        assert!(self.try_signal(name));
    }

    /// Whether the process was there to get it.
    pub(crate) fn try_signal(&self, name: &str) -> bool {
        let pid = self.child.id().to_string();
        Command::new("kill").arg(format!("-{name}")).arg(pid).status().unwrap().success()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the system says of the process, such as `VmHWM`.
    pub(crate) fn status(&self, key: &str) -> Option<String> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let mut lines = status.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(found, _)| *found == key).map(|(_, value)| value.trim().to_owned())
    }

    /// The most memory that it ever had, in mebibytes.
    pub(crate) fn peak_mebibytes(&self) -> u64 {
        let peak = self.status("VmHWM").unwrap();
        peak.strip_suffix(" kB").unwrap().parse::<u64>().unwrap() >> 10
    }

    /// Whether the process has a handler of its own for a signal.
    pub(crate) fn catches_signal(&self, number: u32) -> bool {
        let caught = self.status("SigCgt");
        let caught = caught.and_then(|mask| u64::from_str_radix(&mask, 16).ok());
        caught.is_some_and(|mask| mask & (1 << (number - 1)) != 0)
    }

    /// Waits for the end, and tells its exit code and how long it took.
    pub(crate) fn end(mut self) -> (Option<i32>, Duration) {
        let begun = Instant::now();
        wait_for("the end of the host", || self.child.try_wait().unwrap().is_some());
        (self.child.wait().unwrap().code(), begun.elapsed())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for something that must come. The time is only to end a test that has failed.
#[track_caller]
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_mins(1), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Says, past the test harness that holds back what a test prints, that a test did not test.
pub(crate) fn skipped(test: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "\nSKIPPED, NOT TESTED: {test}: {why}\n");
}

/// What starts the host with names of the test's own, built once.
pub(crate) fn names() -> Option<Vec<String>> {
    static NAMES: OnceLock<Option<PathBuf>> = OnceLock::new();
    let library = NAMES.get_or_init(|| preloaded("names")).as_ref()?;
    Some(vec!["env".to_owned(), format!("LD_PRELOAD={}", library.display())])
}

/// A library for `LD_PRELOAD`, from the C source of that name beside this file.
pub(crate) fn preloaded(name: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let library = folder.join(format!("{name}-{}.so", std::process::id()));
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/host/{name}.c"));
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl");
    let built = compiler.status().is_ok_and(|status| status.success());
    if !built {
        skipped(name, "no C compiler builds a library for LD_PRELOAD");
    }
    built.then_some(library)
}

/// The scripted component, built once.
pub(crate) fn guest() -> &'static Path {
    static GUEST: OnceLock<PathBuf> = OnceLock::new();
    GUEST.get_or_init(|| build(&[], "scripted.wasm"))
}

/// The same with an import that no host of the contract gives.
pub(crate) fn foreign_guest() -> &'static Path {
    static GUEST: OnceLock<PathBuf> = OnceLock::new();
    GUEST.get_or_init(|| build(&["--features", "foreign"], "foreign.wasm"))
}

/// The same with a schema that is longer than a host looks at.
pub(crate) fn long_schema_guest() -> &'static Path {
    static GUEST: OnceLock<PathBuf> = OnceLock::new();
    GUEST.get_or_init(|| build(&["--features", "long-schema"], "long-schema.wasm"))
}

fn build(arguments: &[&str], name: &str) -> PathBuf {
    // One after the other: all come out under the same name.
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = ONE.lock().unwrap();
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("guest");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--locked", "--target", "wasm32-unknown-unknown"])
        .arg("--target-dir")
        .arg(&target)
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guest"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()
        .unwrap();
    assert!(built.success(), "the scripted component could not be built");
    let copy = target.join(name);
    std::fs::copy(target.join("wasm32-unknown-unknown/release/scripted_guest.wasm"), &copy)
        .unwrap();
    copy
}
