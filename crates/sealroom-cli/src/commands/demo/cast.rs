//! The participants of the demo, and the stage: a real server, real commands, separate profiles.

use crate::{
    error::CliError,
    term::{Term, print},
};
use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

/// How long the demo waits for an enclave.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Cast<'a> {
    term: &'a Term,
    dir: tempfile::TempDir,
    program: PathBuf,
    server: Child,
    url: String,
}

/// Somebody with an e-mail address and a profile.
pub(super) struct Person<'a> {
    pub(super) name: &'static str,
    pub(super) email: &'static str,
    cast: &'a Cast<'a>,
    profile: PathBuf,
}

impl<'a> Cast<'a> {
    /// Starts the server and waits until it is ready.
    pub(super) fn gather(term: &'a Term) -> Result<Self, CliError> {
        let program = std::env::current_exe()
            .map_err(|error| CliError::new(error.to_string(), "start it by its path"))?;
        let temp = std::env::temp_dir();
        let dir = tempfile::tempdir().map_err(|error| CliError::io(&temp, &error))?;
        let data_dir = dir.path().join("server");
        let log_path = dir.path().join("server.log");
        let log = File::create(&log_path).map_err(|error| CliError::io(&log_path, &error))?;
        let mut command = Command::new(&program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&data_dir);
        let mut server = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(|error| CliError::io(&program, &error))?;
        let mut url = String::new();
        if let Some(out) = server.stdout.take() {
            let _ = BufReader::new(out).read_line(&mut url);
        }
        let url = url.trim().to_owned();
        if url.is_empty() {
            let _ = server.kill();
            let _ = server.wait();
            let log = fs::read_to_string(&log_path).unwrap_or_default();
            return Err(CliError::new(
                format!("the server did not start:\n{}", log.trim_end()),
                "prepare this machine with `make setup`",
            ));
        }
        Ok(Self { term, dir, program, server, url })
    }

    pub(super) fn title(&self, text: &str) {
        self.term.say(self.term.bold(&format!("\n=== {text} ===")));
    }

    pub(super) fn note(&self, text: &str) {
        self.term.say(format!("\n{}", self.term.yellow(text)));
    }

    /// An account on the server, and a profile that is logged in.
    pub(super) fn person(
        &'a self,
        name: &'static str,
        email: &'static str,
    ) -> Result<Person<'a>, CliError> {
        let profile = self.dir.path().join("profiles").join(email);
        let person = Person { name, email, cast: self, profile };
        let data_dir = self.dir.path().join("server");
        let added = self.run(
            Command::new(&self.program).args(["account", "add", email, "--data-dir"]).arg(data_dir),
            None,
        )?;
        let token = String::from_utf8_lossy(&added.stdout).into_owned();
        let mut login = person.command(&["login", "--server", &self.url]);
        self.run(&mut login, Some(&token))?;
        Ok(person)
    }

    /// Writes an example into a folder of the demo.
    pub(super) fn folder(&self, name: &str, files: &[(&str, &str)]) -> Result<PathBuf, CliError> {
        let folder = self.dir.path().join(name);
        for (file, text) in files {
            let path = folder.join(file);
            let parent = path.parent().unwrap_or(&folder);
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&path, text))
                .map_err(|error| CliError::io(&path, &error))?;
        }
        Ok(folder)
    }

    pub(super) fn show_text(&self, path: &Path) -> Result<(), CliError> {
        let text = fs::read_to_string(path).map_err(|error| CliError::io(path, &error))?;
        let lines: Vec<&str> = text.lines().collect();
        for line in lines.iter().take(12) {
            print(&format!("    {line}"));
        }
        if lines.len() > 12 {
            print(&format!("    … {} more lines", lines.len() - 12));
        }
        Ok(())
    }

    /// Looks through everything that the server has stored, as its operator could.
    pub(super) fn show_what_the_server_sees(&self, secrets: &[&str]) -> Result<(), CliError> {
        self.note("What the server sees, and everybody who has its disk:");
        let mut files = Vec::new();
        collect(&self.dir.path().join("server"), &mut files)
            .map_err(|error| CliError::io(self.dir.path(), &error))?;
        let largest = files.iter().max_by_key(|(_, bytes)| bytes.len());
        if let Some((_, bytes)) = files
            .iter()
            .find(|(path, _)| path.components().any(|c| c.as_os_str() == "blobs"))
            .or(largest)
        {
            let head: Vec<String> = bytes.iter().take(24).map(|b| format!("{b:02x}")).collect();
            print(&format!("    a stored file begins with {} …", head.join(" ")));
        }
        for secret in secrets {
            let found =
                files.iter().filter(|(_, bytes)| contains(bytes, secret.as_bytes())).count();
            print(&format!("    `{secret}` is in {found} of {} files", files.len()));
            if found > 0 {
                let message = format!("the server's disk holds `{secret}` in clear");
                return Err(CliError::new(message, "this is a fault: please report it"));
            }
        }
        Ok(())
    }

    pub(super) fn wait_for_identity(&self, person: &Person<'_>, id: &str) -> Result<(), CliError> {
        let waiting = self.term.waiting("an enclave takes it on");
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let status = person.quietly(&["status", id, "--json"])?;
            let status: serde_json::Value = serde_json::from_slice(&status.stdout)
                .map_err(|error| CliError::new(error.to_string(), "this is a fault"))?;
            if !status["enclave"]["identity"].is_null() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        drop(waiting);
        let log = fs::read_to_string(self.dir.path().join("server.log")).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(10).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        let message = format!("no enclave came; the server says:\n{}", tail.join("\n"));
        Err(CliError::new(message, "prepare this machine with `make setup`"))
    }

    /// Plays a command that must be refused.
    pub(super) fn expect_refusal(
        &self,
        person: &Person<'_>,
        args: &[&str],
    ) -> Result<(), CliError> {
        person.announce(args);
        let output = person.command(args).output();
        let output = output.map_err(|error| CliError::io(&self.program, &error))?;
        show(&output.stdout);
        if output.status.success() {
            let message = "the simulated enclave was trusted without being asked for";
            return Err(CliError::new(message, "this is a fault: please report it"));
        }
        Ok(())
    }

    fn run(&self, command: &mut Command, input: Option<&str>) -> Result<Output, CliError> {
        let fault = |error: std::io::Error| CliError::io(&self.program, &error);
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(fault)?;
        if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
            stdin.write_all(input.as_bytes()).map_err(fault)?;
        }
        let output = child.wait_with_output().map_err(fault)?;
        if output.status.success() {
            return Ok(output);
        }
        let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
        show(&output.stdout);
        Err(CliError::new(format!("a command of the demo failed:\n{said}"), "see above"))
    }
}

impl Drop for Cast<'_> {
    fn drop(&mut self) {
        // SIGTERM, so that the server takes its enclaves with it.
        if let Some(pid) = rustix::process::Pid::from_raw(self.server.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.server.wait();
    }
}

impl Person<'_> {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.cast.program);
        command.arg("--profile").arg(&self.profile).args(args);
        command
    }

    fn announce(&self, args: &[&str]) {
        let shown: Vec<String> = args
            .iter()
            .map(|arg| if arg.contains(' ') { format!("\"{arg}\"") } else { (*arg).to_owned() })
            .collect();
        let who = self.cast.term.green(&format!("{:>10}", self.name));
        self.cast.term.say(format!("{who} $ sealroom {}", shown.join(" ")));
    }

    /// Plays a command and shows all that it says.
    pub(super) fn play(&self, args: &[&str]) -> Result<Output, CliError> {
        self.announce(args);
        let output = self.quietly(args)?;
        show(&output.stderr);
        show(&output.stdout);
        Ok(output)
    }

    /// Plays a command and shows the command alone.
    pub(super) fn play_quietly(&self, args: &[&str]) -> Result<Output, CliError> {
        self.announce(args);
        self.quietly(args)
    }

    fn quietly(&self, args: &[&str]) -> Result<Output, CliError> {
        self.cast.run(&mut self.command(args), None)
    }

    /// Creates a computation; returns its identifier and the safety words.
    pub(super) fn create(&self, args: &[&str]) -> Result<(String, String), CliError> {
        let args: Vec<&str> = [&["new"], args].concat();
        self.announce(&args);
        let output = self.quietly(&[args.as_slice(), &["--json"]].concat())?;
        let made: serde_json::Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| CliError::new(error.to_string(), "this is a fault"))?;
        let field = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        let (id, words) = (field("computation"), field("safety_words"));
        print(&format!("    computation   {id}\n    safety words  {words}"));
        Ok((id, words))
    }
}

fn show(output: &[u8]) {
    for line in String::from_utf8_lossy(output).lines() {
        print(&format!("    {line}"));
    }
}

/// Every file below `dir` with its content; the demo's are small.
fn collect(dir: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), files)?;
        } else if kind.is_file() {
            let mut bytes = Vec::new();
            // A file may be gone again: the server is at work.
            if File::open(entry.path()).and_then(|mut f| f.read_to_end(&mut bytes)).is_ok() {
                files.push((entry.path(), bytes));
            }
        }
    }
    Ok(())
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
