//! Somebody with the client of 2022: a Python process that does what a test tells it to.

use crate::harness::{Person, Server};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use std::{
    cell::RefCell,
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// What somebody is, as the client writes it and as the wire has it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Side {
    Code,
    Data,
    Result,
}

impl Side {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Code => "CodeProvider",
            Self::Data => "DataProvider",
            Self::Result => "ResultConsumer",
        }
    }
}

/// One account in one role, with keys of its own.
pub(crate) struct Peer {
    child: Child,
    pipes: RefCell<(ChildStdin, BufReader<ChildStdout>)>,
    computation: String,
    noise: PathBuf,
}

impl Peer {
    /// A participant. Nothing has been registered yet.
    #[track_caller]
    pub(crate) fn new(server: &Server, person: &Person, side: Side, id: &str, words: &str) -> Self {
        Self::at(&server.url, server, person, side, id, words)
    }

    /// The same by way of another address, such as that of a proxy.
    #[track_caller]
    pub(crate) fn at(
        url: &str,
        server: &Server,
        person: &Person,
        side: Side,
        id: &str,
        words: &str,
    ) -> Self {
        let token = &person.token;
        let who = json!({"side": side.name(), "token": token, "computation": id, "words": words});
        Self::start(url, server, id, &who)
    }

    /// A computation owner.
    #[track_caller]
    pub(crate) fn owner(url: &str, server: &Server, person: &Person) -> Self {
        let who = json!({"side": "ComputationOwner", "token": person.token});
        Self::start(url, server, "", &who)
    }

    #[track_caller]
    fn start(url: &str, server: &Server, computation: &str, who: &Value) -> Self {
        let noise = server.folder(&[("stderr", b"")]).join("stderr");
        let mut child = python("participant.py", url, server)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&noise).unwrap())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let computation = computation.to_owned();
        let peer = Self { child, pipes: RefCell::new((stdin, stdout)), computation, noise };
        peer.order(who).unwrap();
        peer
    }

    /// Calls a method of the client, whatever comes of it. `with` names its arguments, without the
    /// computation.
    pub(crate) fn call(&self, method: &str, with: Value) -> Result<Value, String> {
        let mut with = with;
        if !self.computation.is_empty() {
            with["computation_uuid"] = self.computation.as_str().into();
        }
        self.order(&json!({"do": method, "with": with}))
    }

    /// Calls a method that has to succeed.
    #[track_caller]
    pub(crate) fn ok(&self, method: &str, with: Value) -> Value {
        match self.call(method, with) {
            Ok(value) => value,
            Err(raised) => panic!("{method}: {raised}"),
        }
    }

    /// Calls a method that has to raise; returns what it says.
    #[track_caller]
    pub(crate) fn raises(&self, method: &str, with: Value) -> String {
        match self.call(method, with) {
            Ok(value) => panic!("{method} has to raise, and gave {value}"),
            Err(raised) => raised,
        }
    }

    /// Calls a method that is about no computation.
    #[track_caller]
    pub(crate) fn plain(&self, method: &str, with: &Value) -> Value {
        self.order(&json!({"do": method, "with": with})).unwrap()
    }

    /// An attribute of the client's object or of its keys.
    #[track_caller]
    pub(crate) fn attribute(&self, name: &str) -> Value {
        self.order(&json!({"do": name, "with": null})).unwrap()
    }

    /// Goes on with the same keys and other safety words.
    #[track_caller]
    pub(crate) fn take_words(&self, words: &str) {
        self.order(&json!({"words": words})).unwrap();
    }

    fn order(&self, order: &Value) -> Result<Value, String> {
        let (orders, answers) = &mut *self.pipes.borrow_mut();
        let sent = writeln!(orders, "{order}");
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        let ended = || fs::read_to_string(&self.noise).unwrap_or_default();
        assert!(sent.is_ok() && !line.is_empty(), "the participant has ended:\n{}", ended());
        let answer: Value = serde_json::from_str(&line).unwrap();
        match answer.get("raised") {
            Some(raised) => Err(raised.as_str().unwrap().to_owned()),
            None => Ok(answer["ok"].clone()),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program of this folder, to be run with the client's interpreter against the server at `url`.
pub(crate) fn python(program: &str, url: &str, server: &Server) -> Command {
    let python = environment().join("bin/python");
    assert!(
        python.is_file(),
        "there is no `{}`: run scripts/setup-client-2022 first, or name its folder with \
         SEALROOM_CLIENT_2022",
        python.display()
    );
    // The client leaves copies of code in the folder of temporary files.
    let scratch = server.dir.path().join("scratch");
    fs::create_dir_all(&scratch).unwrap();
    let mut command = Command::new(python);
    command.arg("-I").arg(folder().join(program));
    command.env("COSMIAN_BASE_URL", url).env("NO_PROXY", "*").env("TMPDIR", scratch);
    command
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/client_2022")
}

/// Where `scripts/setup-client-2022` put the client.
fn environment() -> PathBuf {
    let named = |variable: &str| std::env::var_os(variable).map(PathBuf::from);
    named("SEALROOM_CLIENT_2022").unwrap_or_else(|| {
        named("SEALROOM_TARGET")
            .or_else(|| named("CARGO_TARGET_DIR"))
            .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"))
            .join("client-2022")
    })
}

/// Bytes as an argument.
pub(crate) fn bytes(bytes: &[u8]) -> Value {
    json!({"bytes": BASE64.encode(bytes)})
}

/// A path as an argument.
pub(crate) fn path(path: &Path) -> Value {
    json!({"path": path})
}

/// The bytes that the client gave.
#[track_caller]
pub(crate) fn given_bytes(value: &Value) -> Vec<u8> {
    let text = value["bytes"].as_str().unwrap_or_else(|| panic!("no bytes: {value}"));
    BASE64.decode(text).unwrap()
}

/// The path that the client gave.
#[track_caller]
pub(crate) fn given_path(value: &Value) -> PathBuf {
    value["path"].as_str().unwrap_or_else(|| panic!("no path: {value}")).into()
}

/// Lower case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
