//! `sealroom collateral` against services that answer like the manufacturers'.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use sealroom_testpki::service::Service as Fake;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn vector(file: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/attestation")).join(file)
}

/// A person's folder and command line, with nothing of the tester's own.
struct Person(tempfile::TempDir);

impl Person {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealroom"));
        command.env_clear().env("SEALROOM_PROFILE", self.0.path()).arg("collateral").args(args);
        command
    }

    fn runs(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    #[track_caller]
    fn ok(&self, args: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.runs(args);
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    #[track_caller]
    fn refused(&self, args: &[&str], texts: &[&str]) {
        let Output { status, stderr, .. } = self.runs(args);
        let said = String::from_utf8(stderr).unwrap();
        assert!(!status.success(), "{said}");
        for text in texts {
            assert!(said.contains(text), "`{text}` is missing:\n{said}");
        }
        assert!(said.lines().any(|line| line.starts_with("hint: ")), "{said}");
    }
}

fn tdx() -> (Fake, String) {
    let set = fs::read(vector("tdx/gcp-v4-2026/collateral.json")).unwrap();
    let fake = Fake::start();
    fake.intel("tdx", "00806F050000", "platform", &serde_json::from_slice(&set).unwrap());
    (fake, vector("tdx/gcp-v4-2026/quote.bin").to_str().unwrap().to_owned())
}

#[test]
fn a_quotes_collateral_is_fetched_written_and_shown() {
    let ((fake, quote), person) = (tdx(), Person::new());
    let out = person.0.path().join("out.json");
    let out = out.to_str().unwrap();
    let shown = person.ok(&["fetch", &quote, "--service", &fake.url(), "--out", out]);
    let info = "TCB info of TDX, FMSPC 00806F050000, evaluation 19, issued 2026-06-30T07:53:47Z, counts until \
                2026-07-30T07:53:47Z";
    assert!(shown.starts_with("collateral for tdx\n") && shown.contains(info), "{shown}");
    assert_eq!(person.ok(&["show", out]), shown);
    let data: Value = serde_json::from_str(&person.ok(&["show", out, "--json"])).unwrap();
    assert_eq!((&data["kind"], &data["parts"][0]["evaluation"]), (&"tdx".into(), &19.into()));
    // To stdout it is the file itself.
    let text = person.ok(&["fetch", &quote, "--service", &fake.url()]);
    assert_eq!(text.trim_end(), fs::read_to_string(out).unwrap());
    let bare = vector("tdx/gcp-v4-2026/collateral.json");
    assert!(person.ok(&["show", bare.to_str().unwrap()]).contains(info), "other tools' files too");
}

#[test]
fn the_service_is_named_by_option_environment_or_profile() {
    let ((fake, quote), person) = (tdx(), Person::new());
    let from = |variable: &str, url: &str| {
        person.command(&["fetch", &quote]).env(variable, url).output().unwrap()
    };
    assert!(from("SEALROOM_COLLATERAL_SERVICE", &fake.url()).status.success());
    person.file("collateral.toml", format!("intel = \"{}\"\n", fake.url()));
    person.ok(&["fetch", &quote]);
    let elsewhere = ["fetch", &quote, "--service", "http://127.0.0.1:1"];
    person.refused(&elsewhere, &["cannot reach http://127.0.0.1:1/tdx/certification/v4/tcb?"]);
    person.file("collateral.toml", "intl = 1\n");
    person.refused(&["fetch", &quote], &["collateral.toml` is damaged"]);
}

#[test]
fn what_cannot_be_fetched_is_explained() {
    let (fake, person) = (Fake::start(), Person::new());
    let url = fake.url();
    let quote = vector("tdx/gcp-v4-2026/quote.bin");
    let quote = quote.to_str().unwrap();
    let words = ["answers with status 404", "the service does not know this platform"];
    person.refused(&["fetch", quote, "--service", &url], &words);
    let report = vector("snp/milan-v3-vlek/report.bin");
    let words = ["cannot tell what vouches", "signed with a VLEK", "no service gives it away"];
    person.refused(&["fetch", report.to_str().unwrap(), "--kds", &url], &words);
    let none = person.file("none", "hello");
    let words = ["is neither a DCAP quote nor an SNP report"];
    person.refused(&["fetch", none.to_str().unwrap()], &words);
    person.refused(&["show", none.to_str().unwrap()], &["is no collateral", "it is neither"]);
    let simulated = person.file("simulated.json", r#"{"kind":"simulated","quote":"AAAA"}"#);
    let words = ["nothing vouches for evidence of kind `simulated`"];
    person.refused(&["fetch", simulated.to_str().unwrap()], &words);
    person.refused(&["fetch", quote, "--service", "pccs"], &["has to begin with http"]);
    person.refused(&["fetch", quote, "--from-server"], &["needs a computation's identifier"]);
}

#[test]
fn evidence_as_json_is_read_too() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let ((fake, quote), person) = (tdx(), Person::new());
    let quote = STANDARD.encode(fs::read(quote).unwrap());
    let evidence = serde_json::json!({ "kind": "tdx", "quote": quote }).to_string();
    let file = person.file("evidence.json", evidence);
    person.ok(&["fetch", file.to_str().unwrap(), "--service", &fake.url()]);
}
