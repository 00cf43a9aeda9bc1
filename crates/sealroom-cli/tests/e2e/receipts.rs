//! The file of a run: written by the server's side, checked by somebody who has nothing else.

use crate::harness::{
    Done, SEALROOM, Server,
    room::{JOIN_ALL, Room},
    run,
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Runs `sealroom receipt` as somebody with no profile, no home and no network to speak of.
fn receipt(args: &[&str]) -> Done {
    let mut command = Command::new(SEALROOM);
    command.arg("receipt").args(args).env("HOME", "/nonexistent");
    for proxy in ["http_proxy", "https_proxy", "ALL_PROXY"] {
        command.env(proxy, "http://127.0.0.1:1");
    }
    run(&mut command, None)
}

/// The codes of the checks that failed.
fn failures(done: &Done) -> Vec<String> {
    let shown = done.json();
    let checks = shown["then"]["checks"].as_array().unwrap();
    let failed = checks.iter().filter(|check| check["outcome"] == "failed");
    failed.map(|check| check["code"].as_str().unwrap().to_owned()).collect()
}

/// A room whose first run has ended, and the file of that run.
fn finished<'a>(server: &'a Server, name: &str) -> (Room<'a>, PathBuf) {
    let room = Room::new(server, 2, 1, &[]);
    room.prepare(JOIN_ALL);
    room.approve_all();
    room.wait_for_success(1);
    let path = server.dir.path().join(name);
    room.data[0].ok(&["receipt", "get", &room.id, "--out", path.to_str().unwrap()]);
    (room, path)
}

fn verify(path: &Path, more: &[&str]) -> Done {
    receipt(&[&["verify", path.to_str().unwrap(), "--json"], more].concat())
}

#[test]
fn a_run_is_checked_from_one_file_alone() {
    let server = Server::start();
    let (room, path) = finished(&server, "run.json");
    let file = path.to_str().unwrap();
    let folder = server.dir.path().join("sealed");
    let (of, results) = (format!("{}/1", room.id), folder.to_str().unwrap());
    let again = server.dir.path().join("again.json");
    let args = ["receipt", "get", &of, "--out", again.to_str().unwrap(), "--results", results];
    room.consumers[0].ok(&args);
    assert_eq!(fs::read(&path).unwrap(), fs::read(&again).unwrap(), "the same file for everybody");
    assert_eq!(
        room.owner.ok(&["receipt", "get", &of]).stdout.trim_end().as_bytes(),
        fs::read(&path).unwrap()
    );

    // Nothing vouches for the enclave of this test: that alone is refused.
    let refused = verify(&path, &[]);
    assert_eq!((refused.code, failures(&refused)), (1, vec!["simulated".to_owned()]));
    let shown = verify(&path, &["--allow-simulated", "--of", &of, "--results", results]);
    assert_eq!(shown.code, 0, "{shown:?}");
    let shown = shown.json();
    assert_eq!((&shown["trusted"], &shown["now"]), (&Value::Bool(true), &Value::Null));
    let said = &shown["receipt"];
    let inputs = said["inputs"].as_array().unwrap();
    assert_eq!((inputs.len(), said["releases"].as_array().unwrap().len()), (2, 4));
    let text = receipt(&["verify", file, "--allow-simulated"]);
    assert_eq!(text.code, 0, "{text:?}");
    text.prints("run 1 of").prints("SIMULATED").prints("the participants' approvals");

    // Of another run than the one that was meant; results that were altered.
    let other = verify(&path, &["--allow-simulated", "--of", &format!("{}/2", room.id)]);
    assert_eq!((other.code, failures(&other)), (1, vec!["other-run".to_owned()]));
    let index = folder.join("consumers/0/runs/1/index");
    let mut bytes = fs::read(&index).unwrap();
    bytes[0] ^= 1;
    fs::write(&index, bytes).unwrap();
    let altered = verify(&path, &["--allow-simulated", "--results", results]);
    assert_eq!((altered.code, failures(&altered)), (1, vec!["result".to_owned()]));
    let nothing = server.folder(&[]);
    let none = verify(&path, &["--allow-simulated", "--results", nothing.to_str().unwrap()]);
    assert_eq!((none.code, failures(&none)), (1, vec!["results-missing".to_owned()]));

    // A stranger gets no file; a run that is not there has none.
    room.owner.refused(&["receipt", "get", &format!("{}/7", room.id)]).says("no run 7");
    let stranger = server.person("stranger@example.org");
    stranger.refused(&["receipt", "get", &of]);
}

#[test]
fn each_altered_file_is_refused_for_its_own_reason() {
    let server = Server::start();
    let (_room, path) = finished(&server, "run.json");
    let (_other_room, other) = finished(&server, "other.json");
    let read = |path: &Path| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let (good, other) = (read(&path), read(&other));
    let altered = server.dir.path().join("altered.json");
    type Change = fn(&mut Value, &Value);
    let rows: [(&str, Change, &[&str]); 9] = [
        (
            "the receipt of another run",
            |v, o| v["receipt"] = o["receipt"].clone(),
            &["receipt-signature"],
        ),
        ("another identity", |v, o| v["identity"] = o["identity"].clone(), &["receipt-signature"]),
        (
            "releases of another computation",
            |v, o| v["releases"] = o["releases"].clone(),
            &["release-other", "release-other", "release-other", "release-other", "inputs-differ"],
        ),
        (
            "a release that was dropped",
            |v, _| drop(v["releases"].as_array_mut().unwrap().pop()),
            &["release-missing"],
        ),
        (
            "a list of files that was reordered",
            |v, _| v["releases"][1]["inventory"][0]["uploaded_at"] = 99_999_999_999_999_u64.into(),
            &["release-other", "inputs-differ"],
        ),
        (
            "another manifest",
            |v, _| {
                let manifest = v["identity"]["manifest"].as_str().unwrap();
                let wider = manifest.replace("\"max_runs\":1", "\"max_runs\":9");
                v["identity"]["manifest"] = wider.into();
            },
            &[
                "receipt-manifest",
                "receipt-policy",
                "release-refused",
                "release-refused",
                "release-refused",
                "release-refused",
                "report-data",
            ],
        ),
        (
            "evidence of another identity",
            |v, o| v["identity"]["evidence"] = o["identity"]["evidence"].clone(),
            &["receipt-evidence", "report-data"],
        ),
        (
            "another sealing key",
            |v, o| v["identity"]["keys"]["sealing"] = o["identity"]["keys"]["sealing"].clone(),
            &["report-data"],
        ),
        (
            "evidence of another kind",
            |v, _| v["identity"]["evidence"]["kind"] = "snp".into(),
            &["receipt-evidence"],
        ),
    ];
    for (name, change, wanted) in rows {
        let mut value = good.clone();
        change(&mut value, &other);
        fs::write(&altered, value.to_string()).unwrap();
        let refused = verify(&altered, &["--allow-simulated"]);
        assert_eq!(refused.code, 1, "{name}: {refused:?}");
        let found = failures(&refused);
        assert!(
            found.iter().zip(wanted).all(|(found, wanted)| found == wanted),
            "{name}: {found:?}"
        );
        assert!(found.len() >= wanted.len(), "{name}: {found:?}");
    }

    let whole = fs::read(&path).unwrap();
    let field = |value: &mut Value| value["note"] = "trust me".into();
    let mut with_field = good.clone();
    field(&mut with_field);
    let mut in_identity = good;
    field(&mut in_identity["identity"]);
    let files: [(&str, Vec<u8>, &str); 5] = [
        ("a field that is none", with_field.to_string().into_bytes(), "unknown field `note`"),
        ("one in the identity", in_identity.to_string().into_bytes(), "unknown field `note`"),
        ("a file that was cut", whole[..whole.len() / 2].to_vec(), "no dossier"),
        ("nothing", vec![], "no dossier"),
        ("100 MB", vec![b' '; 100 << 20], "more than the 67108864 bytes"),
    ];
    for (name, bytes, says) in files {
        fs::write(&altered, bytes).unwrap();
        let done = verify(&altered, &["--allow-simulated"]);
        assert_eq!(done.stdout, "", "{name}");
        done.refused(1).says(says);
    }
}

#[test]
fn archived_runs_are_looked_through_for_what_is_broken() {
    let server = Server::start();
    let (_room, path) = finished(&server, "run.json");
    let archive = server.folder(&[("not-a-run.txt", b"x")]);
    fs::create_dir(archive.join("2026")).unwrap();
    fs::copy(&path, archive.join("2026/run.json")).unwrap();
    let folder = archive.to_str().unwrap();
    receipt(&["affected", folder]).refused(2).says("what has been broken");
    receipt(&["affected", "--platform", "xyz", folder]).refused(2);
    let clean = receipt(&[
        "affected",
        "--platform",
        "AB12",
        "--advisory",
        "intel-sa-00615",
        folder,
        "--json",
    ]);
    assert_eq!(clean.code, 0, "{clean:?}");
    let shown = clean.json();
    assert_eq!((&shown["looked_at"], shown["affected"].as_array().unwrap().len()), (&1.into(), 0));
    // What can't be checked can't be ruled out.
    fs::write(archive.join("2026/bad.json"), b"{}").unwrap();
    let partial = receipt(&["affected", "--platform", "ab12", folder, "--json"]);
    assert_eq!(partial.code, 1, "{partial:?}");
    assert_eq!(partial.json()["unverified"].as_object().unwrap().len(), 1);
    partial.says("nothing can be said of it");
}
