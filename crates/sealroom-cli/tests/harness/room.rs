//! One computation and its people.

use super::{Done, Person, Server, eventually};
use serde_json::Value;
use std::fs;

/// Writes `ok` to everybody.
pub(crate) const SAY_OK: &str = "\
from sealroom import Enclave
with Enclave() as enclave:
    enclave.write(b'ok')
";

/// Writes all inputs, one after the other, to everybody.
pub(crate) const JOIN_ALL: &str = "\
from sealroom import Enclave
with Enclave() as enclave:
    enclave.write(b'|'.join(file.read() for file in enclave.read()))
";

/// A computation and everybody in it. With [`Room::solo`] all are the same person.
pub(crate) struct Room<'a> {
    pub(crate) server: &'a Server,
    pub(crate) id: String,
    pub(crate) words: String,
    pub(crate) owner: Person,
    pub(crate) coder: Person,
    pub(crate) data: Vec<Person>,
    pub(crate) consumers: Vec<Person>,
}

impl<'a> Room<'a> {
    /// Separate people: `data` data providers, `consumers` result consumers. `options` are those of
    /// `sealroom new`.
    pub(crate) fn new(server: &'a Server, data: usize, consumers: usize, options: &[&str]) -> Self {
        let person = |name: &str| server.person(&format!("{name}@example.org"));
        let people = |name: &str, n: usize| (0..n).map(|i| person(&format!("{name}{i}"))).collect();
        let (owner, coder) = (person("owner"), person("coder"));
        Self::create(
            server,
            owner,
            coder,
            people("data", data),
            people("result", consumers),
            options,
        )
    }

    fn create(
        server: &'a Server,
        owner: Person,
        coder: Person,
        data: Vec<Person>,
        consumers: Vec<Person>,
        options: &[&str],
    ) -> Self {
        let mut args = vec!["new", "--name", "a room", "--code", &coder.email];
        args.extend(data.iter().flat_map(|person| ["--data", &*person.email]));
        args.extend(consumers.iter().flat_map(|person| ["--result", &*person.email]));
        args.extend(options);
        let made = owner.json(&args);
        let field = |name: &str| made[name].as_str().unwrap().to_owned();
        let (id, words) = (field("computation"), field("safety_words"));
        Self { server, id, words, owner, coder, data, consumers }
    }

    /// Participants, without the owner.
    pub(crate) fn participants(&self) -> impl Iterator<Item = &Person> {
        std::iter::once(&self.coder).chain(&self.data).chain(&self.consumers)
    }

    pub(crate) fn join(&self) {
        for person in self.participants() {
            person.ok(&["join", &self.id]);
        }
    }

    pub(crate) fn push_code(&self, files: &[(&str, &str)]) {
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
        let folder = self.server.folder(&files);
        self.coder.ok(&["code", "push", &self.id, folder.to_str().unwrap()]);
    }

    /// Pushes one file of data provider `n`.
    pub(crate) fn push_data(&self, n: usize, name: &str, content: &[u8]) {
        let folder = self.server.folder(&[(name, content)]);
        let path = folder.join(name);
        self.data[n].ok(&["data", "push", &self.id, path.to_str().unwrap()]);
    }

    /// Everybody joins, `run.py` and one file of every provider are pushed, an identity stands.
    pub(crate) fn prepare(&self, run_py: &str) {
        self.join();
        self.push_code(&[("run.py", run_py)]);
        for (n, person) in self.data.iter().enumerate() {
            self.push_data(n, &format!("{n}.csv"), format!("data of {n}").as_bytes());
            person.ok(&["data", "done", &self.id]);
        }
        self.wait_for_identity();
    }

    pub(crate) fn status(&self) -> Value {
        self.owner.json(&["status", &self.id])
    }

    pub(crate) fn events(&self) -> Value {
        self.owner.json(&["audit", &self.id])
    }

    /// How many events of a type there are.
    pub(crate) fn count(&self, event: &str) -> usize {
        let events = self.events();
        events.as_array().unwrap().iter().filter(|r| r["event"]["type"] == event).count()
    }

    /// Waits until an identity stands; returns its signing key.
    #[track_caller]
    pub(crate) fn wait_for_identity(&self) -> String {
        eventually("an identity stands", || {
            let status = self.status();
            status["enclave"]["identity"]["keys"]["signing"].as_str().map(str::to_owned)
        })
    }

    /// Waits until another identity than `before` stands.
    #[track_caller]
    pub(crate) fn wait_for_identity_after(&self, before: &str) -> String {
        eventually("another identity stands", || {
            Some(self.wait_for_identity()).filter(|now| now != before)
        })
    }

    /// Everybody's own policy: the widest limits that they agree to.
    pub(crate) fn everybody_allows(&self, policy: &str) {
        for person in self.participants() {
            fs::write(person.profile.join("policy.json"), policy).unwrap();
        }
    }

    /// Looks, then approves.
    #[track_caller]
    pub(crate) fn approve(&self, person: &Person) -> Done {
        person.ok(&["verify", &self.id, "--allow-simulated"]);
        person.ok(&["approve", &self.id, "--words", &self.words, "--allow-simulated"])
    }

    #[track_caller]
    pub(crate) fn approve_all(&self) {
        self.participants().for_each(|person| drop(self.approve(person)));
    }

    /// Waits until run `number` has ended; returns how.
    #[track_caller]
    pub(crate) fn wait_for_end(&self, number: usize) -> Value {
        eventually("the run has ended", || {
            let status = self.status()["runs"][number - 1]["status"].clone();
            (!status.is_null()).then_some(status)
        })
    }

    /// Waits for the end of a run that has to succeed.
    #[track_caller]
    pub(crate) fn wait_for_success(&self, number: usize) {
        let end = self.wait_for_end(number);
        assert_eq!(end["status"], "succeeded", "{end}");
    }

    /// Waits for the end of a run that has to fail, and to leave no result; returns why.
    #[track_caller]
    pub(crate) fn wait_for_failure(&self, number: usize) -> String {
        let end = self.wait_for_end(number);
        assert_eq!(end["status"], "failed", "{end}");
        assert_eq!(self.status()["runs"][number - 1]["results"], serde_json::json!([]));
        let shown = self.owner.ok(&["status", &self.id]).stdout;
        let reason = end["reason"].as_str().unwrap().to_owned();
        assert!(shown.contains(&reason), "`{reason}` is not in:\n{shown}");
        for person in &self.consumers {
            let out = person.profile.join("nothing");
            let out = out.to_str().unwrap();
            let run = number.to_string();
            person.refused(&["results", "get", &self.id, "--run", &run, "--out", out]);
            assert!(super::files_below(out.as_ref()).is_empty(), "a failed run left something");
        }
        reason
    }

    /// The newest results of a consumer: names and contents.
    #[track_caller]
    pub(crate) fn results(&self, n: usize) -> Vec<(String, Vec<u8>)> {
        let out = tempfile::tempdir_in(self.server.dir.path()).unwrap();
        let consumer = &self.consumers[n];
        consumer.ok(&["results", "get", &self.id, "--out", out.path().to_str().unwrap()]);
        let name =
            |path: &std::path::PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        let mut found: Vec<_> = super::files_below(out.path())
            .iter()
            .map(|path| (name(path), fs::read(path).unwrap()))
            .collect();
        found.sort();
        found
    }

    /// The one result of consumer 0, as text.
    #[track_caller]
    pub(crate) fn result(&self) -> String {
        let results = self.results(0);
        assert_eq!(results.len(), 1, "{results:?}");
        String::from_utf8(results[0].1.clone()).unwrap()
    }
}

/// A person who is everything in every computation: for what the code does, not for who may do what.
pub(crate) struct Solo<'a> {
    pub(crate) server: &'a Server,
    pub(crate) person: Person,
}

impl<'a> Solo<'a> {
    pub(crate) fn new(server: &'a Server) -> Self {
        Self { server, person: server.person("solo@example.org") }
    }

    /// A new computation that has run `run_py` over one file of `data`.
    #[track_caller]
    pub(crate) fn run(&self, run_py: &str, data: &[u8], options: &[&str]) -> SoloRoom<'_> {
        let email = &*self.person.email;
        let args = [
            &["new", "--name", "solo", "--code", email, "--data", email, "--result", email],
            options,
        ]
        .concat();
        let made = self.person.json(&args);
        let id = made["computation"].as_str().unwrap().to_owned();
        let words = made["safety_words"].as_str().unwrap().to_owned();
        let folder = self.server.folder(&[("code/run.py", run_py.as_bytes()), ("in.bin", data)]);
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        self.person.ok(&["join", &id]);
        self.person.ok(&["code", "push", &id, &path("code")]);
        self.person.ok(&["data", "push", &id, &path("in.bin")]);
        self.person.ok(&["data", "done", &id]);
        let solo = SoloRoom { solo: self, id, words };
        eventually("an identity stands", || {
            (!solo.status()["enclave"]["identity"].is_null()).then_some(())
        });
        self.person.ok(&["approve", &solo.id, "--words", &solo.words, "--allow-simulated"]);
        solo
    }
}

/// One computation of [`Solo`].
pub(crate) struct SoloRoom<'a> {
    solo: &'a Solo<'a>,
    pub(crate) id: String,
    pub(crate) words: String,
}

impl SoloRoom<'_> {
    pub(crate) fn status(&self) -> Value {
        self.solo.person.json(&["status", &self.id])
    }

    fn end(&self) -> Value {
        eventually("the run has ended", || {
            let status = self.status()["runs"][0]["status"].clone();
            (!status.is_null()).then_some(status)
        })
    }

    /// What the run gave as `result.bin`.
    #[track_caller]
    pub(crate) fn result(&self) -> Vec<u8> {
        let end = self.end();
        assert_eq!(end["status"], "succeeded", "{end}");
        let out = tempfile::tempdir_in(self.solo.server.dir.path()).unwrap();
        let dir = out.path().to_str().unwrap();
        self.solo.person.ok(&["results", "get", &self.id, "--out", dir]);
        fs::read(out.path().join("result.bin")).unwrap()
    }

    /// Why the run failed; it has no result then.
    #[track_caller]
    pub(crate) fn failure(&self) -> (String, Option<i64>) {
        let end = self.end();
        assert_eq!(end["status"], "failed", "{end}");
        self.solo.person.refused(&["results", "get", &self.id]).says("failed");
        let shown = self.solo.person.ok(&["status", &self.id]).stdout;
        assert!(shown.contains("state  failed"), "{shown}");
        (end["reason"].as_str().unwrap().to_owned(), end["exit_code"].as_i64())
    }
}
