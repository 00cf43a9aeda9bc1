//! Repositories, servers and programs for one test.

use crate::{
    Config,
    config::GitAccess,
    git::{Fetcher, GitSource},
};
use std::{
    fs::{self, File},
    io::{Read as _, Seek as _, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

/// A data directory, and a folder in the place of GitHub.
pub(super) struct Lab {
    dir: tempfile::TempDir,
}

impl Lab {
    pub(super) fn new() -> Self {
        let lab = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir_all(lab.path("data/tmp")).unwrap();
        fs::create_dir_all(lab.path("github/owner")).unwrap();
        lab
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn config(&self) -> Config {
        let mut config = Config::new(([127, 0, 0, 1], 0).into(), self.path("data"));
        let base = format!("file://{}/", self.path("github").display());
        let access = GitAccess::danger_instead_of_github(&base);
        let fake = self.path("git");
        let access = if fake.exists() { access.with_program(&fake) } else { access };
        config.code_from_git = Some(access);
        config
    }

    pub(super) fn fetcher(&self) -> Fetcher {
        self.fetcher_with(|_| {})
    }

    pub(super) fn fetcher_with(&self, change: impl FnOnce(&mut Config)) -> Fetcher {
        let mut config = self.config();
        change(&mut config);
        Fetcher::new(&config)
    }

    pub(super) fn fetcher_at(&self, base: &str) -> Fetcher {
        let access = GitAccess::danger_instead_of_github(base);
        self.fetcher_with(|config| config.code_from_git = Some(access))
    }

    /// What is left in the server's folder for temporary files.
    pub(super) fn leftovers(&self) -> Vec<PathBuf> {
        fs::read_dir(self.path("data/tmp")).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    /// The repository that `source` names, with nothing in it.
    pub(super) fn repo(&self) -> Repo {
        let repo = Repo(self.path("github/owner/code.git"));
        fs::create_dir(&repo.0).unwrap();
        repo.git(&["init", "-q", "-b", "main"]);
        repo
    }

    /// Puts a script in git's place, which does this when it is asked to fetch; it knows the lab's
    /// folder as `$LAB`.
    pub(super) fn fake_git(&self, on_fetch: &str) {
        let lab = self.path("");
        let script = format!(
            "#!/bin/sh\nLAB='{}'\nfor word; do [ \"$word\" != fetch ] || break; done\n\
             [ \"$word\" = fetch ] || exit 0\n{on_fetch}\n",
            lab.display()
        );
        // By another process: a program that this one still has open for writing can't be run.
        let write = "printf '%s' \"$1\" > \"$2\" && chmod +x \"$2\"";
        let mut shell = Command::new("sh");
        shell.args(["-c", write, "sh", &script]).arg(self.path("git"));
        assert!(shell.status().unwrap().success());
    }
}

/// The repository of all tests.
pub(super) fn source(reference: Option<&str>) -> GitSource {
    GitSource::parse("https://github.com/owner/code", reference).unwrap()
}

pub(super) struct Repo(PathBuf);

impl Repo {
    pub(super) fn git(&self, arguments: &[&str]) -> String {
        self.git_with(arguments, b"")
    }

    fn git_with(&self, arguments: &[&str], input: &[u8]) -> String {
        let mut git = Command::new("git");
        git.args(["-c", "core.protectHFS=false", "-c", "core.protectNTFS=false"]);
        git.args(arguments).current_dir(&self.0);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        for who in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{who}_NAME"), "A").env(format!("GIT_{who}_EMAIL"), "a@b.example");
        }
        git.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = git.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {complaint}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(super) fn write(&self, path: &str, content: &[u8]) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Commits everything, with `run.py` as given.
    pub(super) fn commit(&self, run: &str) -> String {
        self.write("run.py", run.as_bytes());
        self.git(&["add", "."]);
        self.commit_index();
        self.git(&["rev-parse", "HEAD"])
    }

    /// Commits what was put into the index, if something was.
    pub(super) fn commit_index(&self) {
        self.git(&["commit", "-q", "--allow-empty", "-m", "x"]);
    }

    /// Puts a file of any kind and name into the index.
    pub(super) fn entry(&self, mode: &str, content: &[u8], path: &[u8]) {
        let object = self.git_with(&["hash-object", "-w", "--stdin"], content);
        self.raw_entry(mode, &object, path);
    }

    pub(super) fn raw_entry(&self, mode: &str, object: &str, path: &[u8]) {
        let line = [format!("{mode} {object}\t").as_bytes(), path, b"\0"].concat();
        self.git_with(&["update-index", "-z", "--index-info"], &line);
    }

    /// Adds an empty file, without a process of its own.
    pub(super) fn later(&self, path: &str) {
        self.write(path, b"");
        if path.ends_with("/4095") {
            self.git(&["add", "."]);
        }
    }

    /// Makes a commit on `main`, past the index, of a tree with this one name; or ten of it that each hold ten
    /// of it, so many levels deep.
    pub(super) fn tree(&self, name: &str, mode: &str, levels: usize) {
        let run = self.git_with(&["hash-object", "-w", "--stdin"], b"pass");
        let mut inner = self.mktree(&[format!("{mode} blob {run}\t{name}\0")]);
        for _ in 1..levels {
            let ten: Vec<String> =
                (0..10).map(|n| format!("040000 tree {inner}\t{name}{n}\0")).collect();
            inner = self.mktree(&ten);
        }
        let top =
            [format!("100644 blob {run}\trun.py\0"), format!("040000 tree {inner}\tfolder\0")];
        let top = self.mktree(&top);
        let commit = self.git(&["commit-tree", "-m", "x", &top]);
        self.git(&["update-ref", "refs/heads/main", &commit]);
        // What is committed from now on is no concern of `main`.
        self.git(&["symbolic-ref", "HEAD", "refs/heads/aside"]);
    }

    fn mktree(&self, lines: &[String]) -> String {
        self.git_with(&["mktree", "-z"], lines.concat().as_bytes())
    }
}

/// A web server that gives one answer to everything, or none.
pub(super) struct Answering {
    pub(super) base: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Answering {
    pub(super) fn with(answer: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let paths = asked.clone();
        thread::spawn(move || {
            let mut silent = Vec::new();
            for mut stream in listener.incoming().flatten() {
                let mut head = [0; 4096];
                let read = stream.read(&mut head).unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..read]).into_owned();
                paths.lock().unwrap().extend(head.split(' ').nth(1).map(str::to_owned));
                match answer {
                    None => silent.push(stream),
                    Some(answer) => {
                        let rest = "Content-Length: 0\r\nConnection: close\r\n\r\n";
                        drop(write!(stream, "HTTP/1.1 {answer}\r\n{rest}"));
                    }
                }
            }
        });
        Self { base, asked }
    }

    /// What was asked for, in order.
    pub(super) fn paths(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// The files of an archive; every header is as plain as can be.
pub(super) fn listed(archive: &File) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in tar::Archive::new(bytes(archive).as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let header = entry.header();
        assert_eq!(header.entry_type(), tar::EntryType::Regular);
        assert_eq!((header.mode().unwrap(), header.mtime().unwrap()), (0o644, 0));
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        files.push((name, content));
    }
    files
}

/// From where the file is to its end; it is left at its start.
pub(super) fn bytes(mut archive: &File) -> Vec<u8> {
    let mut bytes = Vec::new();
    assert_eq!(archive.stream_position().unwrap(), 0);
    archive.read_to_end(&mut bytes).unwrap();
    archive.rewind().unwrap();
    bytes
}

/// Bytes that don't compress.
pub(super) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    next.flatten().take(length).collect()
}

/// Whether the process lives whose number is in the file. A dead one may wait to be buried.
pub(super) fn is_alive(file: &Path) -> bool {
    let Ok(pid) = fs::read_to_string(file) else { return false };
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !pid.trim().is_empty()
        && stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with(['R', 'S', 'D']))
}

/// Waits for something that has to come soon.
pub(super) async fn until(mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it did not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
