//! A stage for end-to-end tests: the real binaries, a real server process, people with profiles.
//!
//! Nothing here knows what a test is about. What a person does goes through the command line; what a
//! hostile person does goes over HTTP with the person's own token; what a lying server does goes
//! through [`liar`].

pub(crate) mod http;
pub(crate) mod liar;
pub(crate) mod relay;
pub(crate) mod room;
pub(crate) mod wheel;

use serde_json::Value;
use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

pub(crate) use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

/// How long anything may take before a test gives up on it. Nothing is measured against it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The program under test.
pub(crate) const SEALROOM: &str = env!("CARGO_BIN_EXE_sealroom");

/// Waits until `found` gives something.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(value) = found() {
            return value;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("it never came to this: {what}");
}

/// A `sealroom serve` process with a data directory of its own.
pub(crate) struct Server {
    child: Option<Child>,
    pub(crate) url: String,
    pub(crate) dir: tempfile::TempDir,
    args: Vec<String>,
    env: Vec<(&'static str, String)>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts with further options of `serve`.
    pub(crate) fn start_with(args: &[&str]) -> Self {
        let enclave = Path::new(SEALROOM).with_file_name("sealroom-enclave");
        assert!(
            enclave.is_file(),
            "`{}` is missing: build it first with `cargo build --release -p sealroom-enclave`",
            enclave.display()
        );
        let dir = tempfile::tempdir().unwrap();
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let mut server = Self { child: None, url: String::new(), dir, args, env: vec![] };
        server.launch("127.0.0.1:0");
        server
    }

    fn launch(&mut self, listen: &str) {
        let log = File::options().create(true).append(true).open(self.log_path()).unwrap();
        let mut child = Command::new(SEALROOM)
            .args(["serve", "--listen", listen, "--data-dir"])
            .arg(self.data_dir())
            .args(&self.args)
            .envs(self.env.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.child = Some(child);
        assert!(line.starts_with("http://"), "the server did not start:\n{}", self.log());
        line.trim().clone_into(&mut self.url);
    }

    /// Other options and variables for the next start.
    pub(crate) fn configure(&mut self, args: &[&str], env: &[(&'static str, String)]) {
        self.args = args.iter().map(|arg| (*arg).to_owned()).collect();
        self.env = env.to_vec();
    }

    /// Starts again on the same data and the same port.
    pub(crate) fn start_again(&mut self) {
        assert!(self.child.is_none(), "stop it first");
        let address = self.url.trim_start_matches("http://").to_owned();
        self.launch(&address);
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn stop(&mut self, signal: Signal) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        kill(child.id(), signal);
        child.wait().unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.path().join("server")
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("server.log")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// A new refresh token, by `sealroom account add`.
    pub(crate) fn token(&self, email: &str) -> String {
        let mut command = Command::new(SEALROOM);
        command.args(["account", "add", email, "--data-dir"]).arg(self.data_dir());
        let done = run(&mut command, None);
        assert!(done.code == 0 && done.stderr.is_empty(), "{done:?}");
        done.stdout.trim().to_owned()
    }

    /// Somebody with an account and a profile that is logged in.
    pub(crate) fn person(&self, email: &str) -> Person {
        let person = self.stranger(email);
        person.login(&self.url);
        person
    }

    /// Somebody with an account and an empty profile.
    pub(crate) fn stranger(&self, email: &str) -> Person {
        let profile = self.dir.path().join("profiles").join(email);
        let token = self.token(email);
        Person { email: email.to_owned(), token, profile, env: RefCell::default() }
    }

    /// A folder of the test's own, with these files.
    pub(crate) fn folder(&self, files: &[(&str, &[u8])]) -> PathBuf {
        let folder = tempfile::tempdir_in(self.dir.path()).unwrap().keep();
        for (name, content) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    /// The stored blob with these sealed bytes.
    pub(crate) fn blob(&self, sha256: &str) -> PathBuf {
        let digest: sealroom_seal::Digest = sha256.parse().unwrap();
        let found = files_below(&self.data_dir().join("blobs"))
            .into_iter()
            .find(|path| sealroom_seal::Digest::of(&fs::read(path).unwrap()) == digest);
        found.expect("the blob is in the data directory")
    }

    /// The process of the enclave that published the identity which stands now.
    pub(crate) fn enclave_of(&self, records: &Value) -> u32 {
        let published = |record: &&Value| record["event"]["type"] == "identity_published";
        let record = records.as_array().unwrap().iter().rfind(published).expect("an identity");
        let id = record["event"]["enclave"].as_str().unwrap();
        let ours = |pid: &u32| {
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            command.split(|byte| *byte == 0).any(|argument| argument == id.as_bytes())
        };
        descendants(self.pid()).into_iter().find(ours).expect("a child with the enclave's name")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            kill(child.id(), Signal::TERM);
            drop(child.wait());
        }
        // Enclaves outlive a server that was killed; none outlives its test.
        let mine = self.data_dir().display().to_string();
        for pid in processes() {
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if String::from_utf8_lossy(&command).contains(&mine) {
                kill(pid, Signal::KILL);
            }
        }
        if thread::panicking() {
            eprintln!("--- the server's log\n{}", self.log());
        }
    }
}

pub(crate) fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.cast_signed()).unwrap();
    // It may be gone already.
    let _ = kill_process(pid, signal);
}

fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Parent and state letter of a process.
fn parent_of(pid: u32) -> Option<(u32, char)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; what follows it does not.
    let mut rest = stat.get(stat.rfind(')')? + 2..)?.split(' ');
    let state = rest.next()?.chars().next()?;
    Some((rest.next()?.parse().ok()?, state))
}

/// Whether the process is there and not a corpse that waits to be collected.
pub(crate) fn is_alive(pid: u32) -> bool {
    parent_of(pid).is_some_and(|(_, state)| !matches!(state, 'Z' | 'X'))
}

/// Children, their children, and so on.
pub(crate) fn descendants(pid: u32) -> Vec<u32> {
    let mut parents: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for process in processes() {
        if let Some((parent, _)) = parent_of(process) {
            parents.entry(parent).or_default().push(process);
        }
    }
    let mut found = vec![pid];
    let mut at = 0;
    while let Some(next) = found.get(at) {
        found.extend(parents.remove(next).unwrap_or_default());
        at += 1;
    }
    found.split_off(1)
}

pub(crate) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files.extend(files_below(&entry.path())),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
    files
}

/// Somebody with an e-mail address, a token and a profile.
pub(crate) struct Person {
    pub(crate) email: String,
    pub(crate) token: String,
    pub(crate) profile: PathBuf,
    pub(crate) env: RefCell<Vec<(String, String)>>,
}

impl Person {
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(SEALROOM);
        command.arg("--profile").arg(&self.profile).args(args);
        command.envs(self.env.borrow().iter().cloned());
        command
    }

    /// Runs a command, whatever comes of it.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Done {
        run(&mut self.command(args), None)
    }

    /// Runs a command that has to succeed.
    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> Done {
        let done = self.run(args);
        assert_eq!(done.code, 0, "{}: sealroom {}: {done:?}", self.email, args.join(" "));
        done
    }

    /// Runs a command that has to succeed with `--json`, and parses what it prints.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        self.ok(&[args, &["--json"]].concat()).json()
    }

    /// Runs a command that has to be refused: exit code 1, `error:` and `hint:`.
    #[track_caller]
    pub(crate) fn refused(&self, args: &[&str]) -> Done {
        self.run(args).refused(1)
    }

    /// Gives the profile the account at `url`.
    pub(crate) fn login(&self, url: &str) -> Done {
        let done = run(&mut self.command(&["login", "--server", url]), Some(&self.token));
        assert_eq!(done.code, 0, "{done:?}");
        done
    }

    /// A second person with the same account and a copy of the profile, to go astray with.
    pub(crate) fn twin(&self, name: &str) -> Self {
        let profile = self.profile.with_file_name(name);
        for file in files_below(&self.profile) {
            let to = profile.join(file.strip_prefix(&self.profile).unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(&file, to).unwrap();
        }
        let (email, token) = (self.email.clone(), self.token.clone());
        Self { email, token, profile, env: self.env.clone() }
    }
}

/// What came of a command.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts an exit code, an error and a hint.
    #[track_caller]
    pub(crate) fn refused(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        let has = |start: &str| self.stderr.lines().any(|line| line.starts_with(start));
        assert!(has("error: ") && has("hint: "), "an error and a hint are wanted: {self:?}");
        self
    }

    /// Asserts what an error says.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "`{text}` is wanted: {self:?}");
        self
    }

    /// Asserts what is printed as data.
    #[track_caller]
    pub(crate) fn prints(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "`{text}` is wanted: {self:?}");
        self
    }
}

/// Runs a command to its end. A panic of the program fails any test.
#[track_caller]
pub(crate) fn run(command: &mut Command, input: Option<&str>) -> Done {
    for name in ["SEALROOM_TOKEN", "SEALROOM_SERVER", "SEALROOM_WORDS", "SEALROOM_PROFILE"] {
        command.env_remove(name);
    }
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        stdin.write_all(input.as_bytes()).unwrap();
    }
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(!stderr.contains("panicked at"), "{stderr}");
    Done { code: output.status.code().unwrap_or(-1), stdout, stderr }
}

pub(crate) fn sealroom(args: &[&str]) -> Done {
    run(Command::new(SEALROOM).args(args), None)
}
