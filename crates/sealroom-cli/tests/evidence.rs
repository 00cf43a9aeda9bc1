//! `sealroom evidence`: every real capture through the command, and what people do to them.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should say so")]

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/attestation");

fn sealroom(args: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealroom"));
    // Nothing of this is needed: no profile, no home, no server.
    command.args(args).env_clear().current_dir(home.path()).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// Every case: its folder and what is expected of it.
fn cases() -> Vec<(PathBuf, Value)> {
    let mut cases = Vec::new();
    for kind in ["sgx", "tdx", "snp"] {
        for entry in fs::read_dir(Path::new(VECTORS).join(kind)).unwrap() {
            let folder = entry.unwrap().path();
            let text = fs::read(folder.join("expected.json")).unwrap();
            cases.push((folder, serde_json::from_slice(&text).unwrap()));
        }
    }
    assert_eq!(cases.len(), 23);
    cases
}

fn check(folder: &Path, expected: &Value, more: &[&str]) -> (Option<i32>, Value) {
    let now = expected["now"].to_string();
    let accepted = expected["accept_status"].as_array().map_or_else(String::new, |list| {
        list.iter().map(|s| s.as_str().unwrap()).collect::<Vec<_>>().join(",")
    });
    let mut args = vec!["evidence", "check", folder.to_str().unwrap(), "--at", &now, "--json"];
    if !accepted.is_empty() {
        args.extend(["--accept-status", &accepted]);
    }
    args.extend(more);
    let output = sealroom(&args);
    (output.status.code(), json(&output))
}

/// What the case's reason is called here.
fn code_of(expected: &Value) -> &'static str {
    match expected["reason_contains"].as_str().unwrap() {
        "CrlExpired" => "not-expired",
        "Debug mode is enabled" | "debug policy is set" => "not-debug",
        "SEPT_VE_DISABLE is not enabled" => "guest-attributes",
        "Invalid MR service TD" => "service-td",
        "VEK signature" => "certificate-chain",
        other => panic!("no code for `{other}`"),
    }
}

#[test]
fn every_real_capture_comes_to_what_is_known_of_it() {
    for (folder, expected) in cases() {
        let (code, said) = check(&folder, &expected, &[]);
        let name = folder.display();
        let wanted = expected["verdict"].as_str().unwrap();
        assert_eq!(said["verdict"], wanted, "{name}: {said:#}");
        assert_eq!(code, Some(i32::from(wanted == "reject")), "{name}");
        if wanted == "accept" {
            assert_eq!(said["fields"], expected["fields"], "{name}");
            assert_eq!(said["reasons"], serde_json::json!([]), "{name}");
            let open: Vec<_> =
                said["open"].as_array().unwrap().iter().map(|c| &c["code"]).collect();
            for left in ["report-data", "measurement"] {
                assert!(open.iter().any(|code| *code == left), "{name}: {open:?}");
            }
        } else {
            let codes: Vec<_> =
                said["reasons"].as_array().unwrap().iter().map(|c| &c["code"]).collect();
            assert_eq!(codes, [code_of(&expected)], "{name}: {said:#}");
        }
        if let Some(nonce) = expected["tpm_nonce"].as_str() {
            assert_eq!(said["vtpm"]["tpm_nonce"], nonce, "{name}");
        }
    }
}

#[test]
fn a_state_that_was_not_named_is_refused() {
    for (folder, mut expected) in cases() {
        let status = expected["tcb_status"].as_str().unwrap_or("UpToDate").to_owned();
        if expected["verdict"] != "accept" || status == "UpToDate" {
            continue;
        }
        expected["accept_status"] = serde_json::json!([]);
        let (code, said) = check(&folder, &expected, &[]);
        assert_eq!(code, Some(1));
        assert_eq!(said["reasons"][0]["code"], "tcb-status", "{}", folder.display());
    }
}

#[test]
fn report_data_is_compared_to_its_end() {
    let expected = |name: &str| cases().into_iter().find(|(f, _)| f.ends_with(name)).unwrap();
    for name in ["snp/genoa-v5-vcek", "tdx/emr-v4-2026-near", "sgx/icelake-v3-outofdate"] {
        let (folder, expected) = expected(name);
        let data = expected["fields"]["report_data"].as_str().unwrap();
        let (code, said) = check(&folder, &expected, &["--report-data", data]);
        assert_eq!(code, Some(0), "{name}: {said:#}");
        let last = if data.ends_with('0') { '1' } else { '0' };
        let other = format!("{}{last}", &data[..127]);
        let (code, said) = check(&folder, &expected, &["--report-data", &other]);
        assert_eq!(code, Some(1), "{name}");
        assert_eq!(said["reasons"][0]["code"], "report-data", "{name}");
    }
}

#[test]
fn the_clock_is_the_callers() {
    let (folder, expected) =
        cases().into_iter().find(|(f, _)| f.ends_with("tdx/gcp-v4-2026")).unwrap();
    for (at, code) in [("1000000000", "not-yet-valid"), ("4000000000", "not-expired")] {
        let mut expected = expected.clone();
        expected["now"] = serde_json::from_str(at).unwrap();
        let (exit, said) = check(&folder, &expected, &[]);
        assert_eq!(exit, Some(1));
        assert_eq!(said["reasons"][0]["code"], code, "{said:#}");
    }
}

#[test]
fn a_file_is_decoded_however_it_was_written_down() {
    let quote = fs::read(Path::new(VECTORS).join("tdx/emr-v4-2026-near/quote.bin")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let base64 = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(&quote)
    };
    for (name, bytes) in [
        ("raw", quote.clone()),
        ("hex", hex::encode(&quote).into_bytes()),
        ("base64", base64.into_bytes()),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let said = json(&sealroom(&["evidence", "inspect", path.to_str().unwrap(), "--json"]));
        assert_eq!(said["verdict"], "reject", "nothing vouches for it");
        assert_eq!(said["fields"]["tee"], "tdx", "{name}: {said:#}");
        assert_eq!(said["reasons"][0]["code"], "endorsements-present", "{said:#}");
    }
    for (name, file, what) in [
        ("report", "snp/milan-v3-vcek/report.bin", "SEV-SNP"),
        ("paravisor", "snp/genoa-v3-azure-vtpm/hcl_report.bin", "paravisor"),
        ("statement", "tdx/azure-v4-vtpm/tpm_quote.msg", "TPM"),
        ("sgx", "sgx/icelake-v3-debug/quote.bin", "DCAP"),
    ] {
        let path = Path::new(VECTORS).join(file);
        let said = json(&sealroom(&["evidence", "inspect", path.to_str().unwrap(), "--json"]));
        assert!(said["what"].as_str().unwrap().contains(what), "{name}: {said:#}");
        assert!(!said["fields"].as_object().unwrap().is_empty(), "{name}: {said:#}");
    }
}

#[test]
fn a_spoiled_folder_is_refused_by_name() {
    let (folder, expected) =
        cases().into_iter().find(|(f, _)| f.ends_with("tdx/gcp-v4-ccel")).unwrap();
    let other = folder.with_file_name("gnr-v4-outofdate-noadvisory").join("collateral.json");
    let huge = vec![b'A'; 100 << 20];
    let quote = fs::read(folder.join("quote.bin")).unwrap();
    for (file, bytes, code) in [
        ("quote.bin", vec![], "evidence-size"),
        ("quote.bin", quote[..600].to_vec(), "evidence-format"),
        ("quote.bin", huge.clone(), "evidence-size"),
        ("collateral.json", huge, "evidence-size"),
        ("collateral.json", b"{".to_vec(), "endorsements-format"),
        ("collateral.json", fs::read(other).unwrap(), "collateral-platform"),
    ] {
        let spoiled = tempfile::tempdir().unwrap();
        for name in ["quote.bin", "collateral.json"] {
            fs::copy(folder.join(name), spoiled.path().join(name)).unwrap();
        }
        fs::write(spoiled.path().join(file), bytes).unwrap();
        let (exit, said) = check(spoiled.path(), &expected, &[]);
        assert_eq!(exit, Some(1));
        assert_eq!(said["verdict"], "reject");
        let codes: Vec<_> =
            said["reasons"].as_array().unwrap().iter().map(|c| c["code"].clone()).collect();
        assert!(codes.iter().any(|found| found == code), "{file}: {code}: {codes:?}");
    }
}

#[test]
fn what_is_no_evidence_is_refused_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for (bytes, says) in [
        (vec![], "no evidence that is known"),
        (vec![0; 1184], "no evidence that is known"),
        (b"{}".to_vec(), "no evidence that is known"),
        (vec![b'A'; 100 << 20], "has more than"),
        ([&b"\x81"[..], &[0; 1023]].concat(), "TDREPORT"),
    ] {
        fs::write(&path, bytes).unwrap();
        for command in ["check", "inspect"] {
            let output = sealroom(&["evidence", command, path.to_str().unwrap()]);
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8(said).unwrap();
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains(says), "{command}: {said}");
        }
    }
    let empty = tempfile::tempdir().unwrap();
    let output = sealroom(&["evidence", "check", empty.path().to_str().unwrap()]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("there is no evidence in"));
    let wrong = sealroom(&["evidence", "check", ".", "--accept-status", "Revoked"]);
    assert_eq!(wrong.status.code(), Some(2));
}
