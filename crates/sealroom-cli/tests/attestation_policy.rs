//! `sealroom policy`, through the real program: what is printed where, exit codes, and what the profile keeps.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const MEASUREMENT: &str = "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1";

/// A profile, and room for files beside it.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn profile(&self) -> PathBuf {
        self.0.path().join("profile")
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn hospital(&self) -> String {
        let text = format!(
            "version = 1\nname = \"our hospital\"\nbase = \"standard\"\naccept = [\"snp\"]\n\n\
             [[snp.reference]]\nmeasurement = \"{MEASUREMENT}\"\n"
        );
        self.file("hospital.toml", text)
    }

    fn run(&self, args: &[&str]) -> Done {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealroom"));
        command.arg("--profile").arg(self.profile()).args(args).current_dir(self.0.path());
        Done::from(command.output().unwrap())
    }
}

#[derive(Debug)]
struct Done {
    code: i32,
    stdout: String,
    stderr: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Done {
    #[track_caller]
    fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// Refused, with nothing that a program could take for data.
    #[track_caller]
    fn refused(self, code: i32) -> Self {
        assert_eq!((self.code, &*self.stdout), (code, ""), "{self:?}");
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

#[test]
fn a_profile_without_a_policy_has_the_standard_one() {
    let desk = Desk::new();
    let own = desk.run(&["policy", "explain"]).ok().stdout;
    assert_eq!(own, desk.run(&["policy", "explain", "standard"]).ok().stdout);
    assert!(own.contains("policy  standard\n"), "{own}");
    assert!(own.contains("refuses   Milan\n") && own.contains("arXiv 2605.12990"), "{own}");
    assert!(own.contains("MISSING   nothing says what may run: add `[[snp.reference]]`"), "{own}");
    assert!(
        own.contains("accepts   `snp`: AMD SEV-SNP") && own.contains("refuses   `simulated`"),
        "{own}"
    );
    assert!(own.contains("ignores   ciphertext is hidden from the host"), "{own}");
    assert!(!own.contains('\u{1b}'), "no colour without a terminal");
}

#[test]
fn a_policy_is_checked_used_and_left_again() {
    let desk = Desk::new();
    let file = desk.hospital();
    let checked = desk.run(&["policy", "check", &file]).ok();
    assert_eq!(checked.stdout, "checked: `our hospital`, which accepts snp\n");
    assert_eq!(checked.stderr, "");
    let kept = desk.profile().join("attestation.toml");
    assert!(!kept.exists(), "checking changes nothing");

    desk.run(&["policy", "use", &file]).ok();
    assert_eq!(
        fs::read(&kept).unwrap(),
        fs::read(&file).unwrap(),
        "as it was written, comments and all"
    );
    let explained = desk.run(&["policy", "explain"]).ok().stdout;
    assert!(explained.contains("policy  our hospital\n") && explained.contains(MEASUREMENT));
    assert!(!explained.contains("MISSING"), "{explained}");

    desk.run(&["policy", "use", "trial"]).ok();
    assert!(desk.run(&["policy", "explain"]).ok().stdout.contains("accepts   `simulated`"));
    desk.run(&["policy", "use", "standard"]).ok();
    assert!(!kept.exists(), "what has none of its own has the standard one");
    desk.run(&["policy", "use", "standard"]).ok();
}

#[test]
fn a_broken_policy_is_refused_with_its_line_and_changes_nothing() {
    let desk = Desk::new();
    desk.run(&["policy", "use", &desk.hospital()]).ok();
    let before = fs::read(desk.profile().join("attestation.toml")).unwrap();
    let bad = desk
        .file("bad.toml", "version = 1\nname = \"x\"\naccept = [\"snp\"]\n\n[snp]\ndebug = true\n");
    for command in ["check", "use", "explain"] {
        let done = desk.run(&["policy", command, &bad]).refused(1);
        let wanted = format!(
            "error: `{bad}` is no attestation policy\n  caused by: line 6: there is no `debug`: the host of an enclave \
             that can be debugged reads everything, so no policy accepts one; leave it out\nhint: change the line as \
             the message says; `sealroom policy show standard` has an example with reasons\n"
        );
        assert_eq!(done.stderr, wanted);
    }
    assert_eq!(fs::read(desk.profile().join("attestation.toml")).unwrap(), before);
}

#[test]
fn what_is_no_file_no_text_or_too_long_is_refused() {
    let desk = Desk::new();
    let missing = desk.run(&["policy", "check", "nowhere.toml"]).refused(1).stderr;
    assert!(
        missing.contains("cannot read or write `nowhere.toml`") && missing.contains("hint: "),
        "{missing}"
    );
    let binary = desk.file("binary.toml", b"version = 1\nname = \"\xff\"\n");
    let binary = desk.run(&["policy", "check", &binary]).refused(1).stderr;
    assert!(binary.contains("line 2: this is not text (UTF-8)"), "{binary}");
    let long = desk.file("long.toml", vec![b'\n'; (256 << 10) + 10]);
    let long = desk.run(&["policy", "check", &long]).refused(1).stderr;
    assert!(long.contains("a policy can have 262144 bytes"), "{long}");
    desk.run(&["policy", "show", "lenient"]).refused(2);
    desk.run(&["policy"]).refused(2);
}

#[test]
fn a_damaged_policy_of_the_profile_is_never_passed_over() {
    let desk = Desk::new();
    desk.run(&["policy", "use", &desk.hospital()]).ok();
    fs::write(desk.profile().join("attestation.toml"), "version = 1\n").unwrap();
    let done = desk.run(&["policy", "explain"]).refused(1);
    assert!(done.stderr.contains("attestation.toml` is no attestation policy"), "{done:?}");
    assert!(done.stderr.contains("line 1: a policy needs `name`"), "{done:?}");
}

#[test]
fn programs_get_the_whole_policy() {
    let desk = Desk::new();
    let file = desk.hospital();
    let told = desk.run(&["--json", "policy", "explain", &file]).ok().json();
    assert_eq!(told["name"], "our hospital");
    assert_eq!(told["complete"], true);
    assert_eq!(told["policy"]["accept"], serde_json::json!(["snp"]));
    assert_eq!(told["policy"]["snp"]["reference"][0]["measurement"], MEASUREMENT);
    // Written as TOML again, it is the same policy.
    let text = toml(&told["policy"]);
    let again =
        desk.run(&["--json", "policy", "explain", &desk.file("again.toml", text)]).ok().json();
    assert_eq!(again, told);
    let checked = desk.run(&["policy", "--json", "check", &file]).ok().json();
    assert_eq!(checked["complete"], true);
    let standard = desk.run(&["policy", "--json", "explain", "standard"]).ok().json();
    assert_eq!(standard["complete"], false);
    let missing = standard["sections"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|s| s["statements"].as_array().unwrap());
    assert_eq!(missing.filter(|s| s["effect"] == "missing").count(), 3);
}

/// The keys of a policy as lines, what they hold as inline tables.
fn toml(policy: &Value) -> String {
    fn inline(value: &Value) -> String {
        match value {
            Value::Object(table) => {
                let pairs = table.iter().map(|(key, value)| format!("{key} = {}", inline(value)));
                format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
            }
            Value::Array(list) => {
                format!("[{}]", list.iter().map(inline).collect::<Vec<_>>().join(", "))
            }
            other => other.to_string(),
        }
    }
    let lines = policy.as_object().unwrap().iter();
    lines.map(|(key, value)| format!("{key} = {}\n", inline(value))).collect()
}

#[test]
fn a_shipped_policy_is_shown_as_it_is_and_can_be_started_from() {
    let desk = Desk::new();
    for name in ["standard", "strict", "trial"] {
        let shown = desk.run(&["policy", "show", name]).ok().stdout;
        let path =
            format!("{}/../sealroom-attest/policies/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        assert_eq!(shown, fs::read_to_string(Path::new(&path)).unwrap());
        // A copy is a file like others: it has to say what may run.
        let copy = desk.run(&["policy", "check", &desk.file("copy.toml", shown)]).refused(1);
        assert!(copy.stderr.contains("line "), "{copy:?}");
    }
}

#[test]
fn a_policy_can_be_named_for_one_command() {
    let desk = Desk::new();
    let id = "2f0c9d1e-58a1-4a51-9d5e-6b0f6b0f6b0f";
    for command in ["verify", "approve"] {
        let bad = desk.file("bad.toml", "version = 1\nname = \"x\"\naccept = [\"gpu\"]\n");
        let done = desk.run(&[command, id, "--policy", &bad]).refused(2);
        assert!(done.stderr.contains("line 3: `gpu` is no kind of evidence"), "{done:?}");
        // Read before anything is asked of a server.
        let done = desk.run(&[command, id, "--policy", &desk.hospital()]).refused(1);
        assert!(done.stderr.contains("no account"), "{done:?}");
        desk.run(&[command, id, "--policy", "strict"]).refused(1);
    }
}
