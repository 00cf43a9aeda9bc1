//! Packages that the code brings: locked, listed, verified, run with; and those that nobody honest would bring.

use crate::harness::{
    Server, eventually, files_below,
    http::Caller,
    room::{Room, SAY_OK},
    sealroom,
    wheel::{Shelf, measure},
};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// Says what the package `demo` says.
const USE_DEMO: &str = "\
import demo
from sealroom import Enclave
with Enclave() as enclave:
    enclave.write(demo.said().encode())
";

const DEMO: &[(&str, &str)] = &[(
    "demo/__init__.py",
    "import helper\n\n\ndef said():\n    return 'helped by ' + helper.NAME\n",
)];

/// A shelf with `demo`, which needs `helper`.
fn demo_shelf(server: &Server) -> Shelf {
    let shelf = Shelf::new(server);
    shelf.wheel("demo", "1.0", "License: MIT\nRequires-Dist: helper>=1\n", DEMO);
    shelf.wheel("helper", "1.0", "License: AGPL-3.0-only\n", &[("helper.py", "NAME = 'one'\n")]);
    shelf.wheel("helper", "2.0", "License: AGPL-3.0-only\n", &[("helper.py", "NAME = 'two'\n")]);
    shelf
}

fn folder(server: &Server, requirements: &str, run_py: &str) -> String {
    let folder = server
        .folder(&[("run.py", run_py.as_bytes()), ("requirements.txt", requirements.as_bytes())]);
    folder.to_str().unwrap().to_owned()
}

/// A room whose code provider has pushed `run_py` with these requirements, on the bare runtime.
fn room_with<'a>(
    server: &'a Server,
    shelf: &Shelf,
    requirements: &str,
    run_py: &str,
    options: &[&str],
) -> Room<'a> {
    let room = Room::new(server, 1, 1, &[&["--runtime", "minimal"], options].concat());
    shelf.lend(&room.coder);
    room.join();
    room.push_data(0, "0.csv", b"data");
    room.data[0].ok(&["data", "done", &room.id]);
    let folder = folder(server, requirements, run_py);
    room.coder.ok(&["code", "push", &room.id, &folder]);
    room
}

#[test]
fn packages_of_the_code_are_locked_listed_and_run_with() {
    let server = Server::start();
    let shelf = demo_shelf(&server);
    let room = room_with(&server, &shelf, "demo  # what we need\n", USE_DEMO, &[]);
    room.wait_for_identity();
    // Everybody can read it, not only who pushed.
    let provider = &room.data[0];
    let shown = provider.ok(&["packages", &room.id]).stdout;
    for text in
        ["runtime `minimal`", "demo     1.0 ", "helper   2.0 ", "MIT", "AGPL-3.0-only", "the code"]
    {
        assert!(shown.contains(text), "`{text}` is not in:\n{shown}");
    }
    let listed = provider.json(&["packages", &room.id]);
    let helper = &listed["packages"][1];
    let (sha256, size) = measure(&shelf.folder.join("helper-2.0-py3-none-any.whl"));
    assert_eq!(helper["sha256"], sha256);
    assert_eq!(helper["size"], size);
    assert_eq!(helper["via"], json!(["demo"]));
    assert_eq!(listed["packages"][0]["via"], json!(["requirements.txt"]));
    let verified = provider.ok(&["verify", &room.id, "--allow-simulated"]).stdout;
    assert!(verified.contains("2 packages, 2 of them brought by the code"), "{verified}");
    room.coder.ok(&["verify", &room.id, "--allow-simulated"]).prints("are those that you locked");
    room.approve_all();
    room.wait_for_success(1);
    assert_eq!(room.result(), "helped by two");

    // The receipt names the bill of materials that anybody can make.
    let sbom = provider.ok(&["packages", "sbom", &format!("{}/1", room.id)]).stdout;
    let document: Value = serde_json::from_str(&sbom).unwrap();
    assert_eq!(document["bomFormat"], "CycloneDX");
    assert_eq!(document["components"][2]["hashes"][0]["content"], sha256);
    let run = Caller::of(&server.url, provider).get(&format!("/computations/{}/runs/1", room.id));
    let receipt = run.value()["receipt"]["payload"].as_str().unwrap().to_owned();
    let receipt = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, receipt).unwrap();
    let receipt: Value = serde_json::from_slice(&receipt).unwrap();
    let digest = sealroom_seal::Digest::of(sbom.trim_end().as_bytes()).to_string();
    assert_eq!(receipt["predicate"]["sbom"], digest, "{receipt}");
}

#[test]
fn the_same_packages_are_installed_once_and_other_ones_differ() {
    let server = Server::start();
    let shelf = demo_shelf(&server);
    let first = room_with(&server, &shelf, "demo\n", USE_DEMO, &[]);
    first.wait_for_identity();
    let layers = || {
        let kept = fs::read_dir(server.data_dir().join("packages")).unwrap();
        kept.filter(|entry| entry.as_ref().unwrap().path().join("layer.json").is_file()).count()
    };
    assert_eq!(layers(), 1);
    let second = room_with(&server, &shelf, "helper\ndemo\n", USE_DEMO, &[]);
    second.wait_for_identity();
    assert_eq!(layers(), 1, "asked for in other words, the same packages");
    let same = second.owner.twin("both");
    assert_eq!(first.owner.email, second.owner.email);
    same.ok(&["packages", "diff", &first.id, &second.id]).prints("the same packages");
    let third = room_with(&server, &shelf, "demo\nhelper<2\n", USE_DEMO, &[]);
    third.wait_for_identity();
    assert_eq!(layers(), 2);
    let differs = same.run(&["packages", "diff", &first.id, &third.id]);
    assert_eq!(differs.code, 1, "{differs:?}");
    differs.prints("~ helper 2.0 -> 1.0");
}

#[test]
fn a_lock_that_stays_with_the_code_is_taken_again() {
    let server = Server::start();
    let shelf = demo_shelf(&server);
    let room = Room::new(&server, 1, 1, &["--runtime", "minimal"]);
    shelf.lend(&room.coder);
    room.join();
    let folder = folder(&server, "demo\nhelper<2\n", USE_DEMO);
    room.coder.ok(&["packages", "lock", &folder, "--runtime", "minimal"]).prints("helper 1.0");
    let lock = fs::read_to_string(Path::new(&folder).join("sealroom.lock")).unwrap();
    // What comes out later changes nothing.
    shelf.wheel("helper", "1.5", "", &[("helper.py", "NAME = 'later'\n")]);
    room.coder.ok(&["code", "push", &room.id, &folder]);
    room.wait_for_identity();
    let clear = room.data[0].json(&["code", "show", &room.id]);
    assert_eq!(clear["sealroom.lock"], lock);
    assert_eq!(room.coder.json(&["packages", &room.id])["packages"][1]["version"], "1.0");
    // Another `requirements.txt` is not what was locked.
    fs::write(Path::new(&folder).join("requirements.txt"), "helper\n").unwrap();
    room.coder.ok(&["code", "reset", &room.id]);
    room.coder
        .refused(&["code", "push", &room.id, &folder])
        .says("is not the lock of the `requirements.txt` beside it");
    assert!(room.status()["code"].as_array().unwrap().is_empty());
}

#[test]
fn requirements_that_cannot_be_are_refused_and_nothing_is_pushed() {
    let server = Server::start();
    let shelf = demo_shelf(&server);
    shelf.tagged(("elsewhere", "1.0", "cp313-cp313-macosx_11_0_arm64"), "", &[("e.py", "")]);
    shelf.wheel("a", "1.0", "Requires-Dist: b[x]\nProvides-Extra: x\n", &[("a.py", "")]);
    shelf.wheel(
        "b",
        "1.0",
        "Provides-Extra: x\nRequires-Dist: a[x]; extra == 'x'\n",
        &[("b.py", "")],
    );
    shelf.wheel("trick", "1.0", "", &[("trick.pth", "import os\n")]);
    shelf.wheel("custom", "1.0", "", &[("sitecustomize.py", "")]);
    shelf.wheel("outside", "1.0", "", &[("../../evil.py", "")]);
    shelf.wheel("shadow", "1.0", "", &[("cosmian_lib_sgx/__init__.py", "")]);
    shelf.wheel("library", "1.0", "", &[("json/__init__.py", "")]);
    let room = Room::new(&server, 1, 1, &["--runtime", "minimal", "--forbid-package", "helper"]);
    shelf.lend(&room.coder);
    room.join();
    let many = "demo\n".repeat(10_000);
    let cases: &[(&str, &str)] = &[
        ("demo\n-e .\n", "line 2"),
        ("--index-url https://user:secret@example.org/simple\ndemo\n", "line 1"),
        ("demo\n\ndemo @ https://example.org/demo.whl\n", "line 3"),
        ("./demo-1.0-py3-none-any.whl\n", "line 1"),
        ("-r more.txt\n", "line 1"),
        ("helper==1.0\nhelper==2.0\n", "helper==1.0"),
        ("demo\nhelper<1\n", "helper"),
        ("nobody-has-this\n", "`nobody-has-this`"),
        ("elsewhere\n", "elsewhere"),
        ("trick\n", "`trick.pth` in it would run when Python starts"),
        ("custom\n", "`sitecustomize.py` in it would run when Python starts"),
        ("outside\n", "`../../evil.py` in it is no path within its folder"),
        ("shadow\n", "has the name of a package of Sealroom's"),
        ("library\n", "has the name of a module of Python's own"),
        ("demo\n", "`helper` is forbidden"),
        (&many, "1000"),
    ];
    for (requirements, says) in cases {
        let folder = folder(&server, requirements, SAY_OK);
        let refused = room.coder.refused(&["code", "push", &room.id, &folder]).says(says);
        assert!(!refused.stderr.contains("secret"), "{refused:?}");
    }
    assert!(room.status()["code"].as_array().unwrap().is_empty(), "nothing was pushed");
    // Circular extras are no fault.
    let folder = folder(&server, "a\n", SAY_OK);
    room.coder.ok(&["code", "push", &room.id, &folder]);
    room.wait_for_identity();
    assert_eq!(room.coder.json(&["packages", &room.id])["packages"].as_array().unwrap().len(), 2);
}

/// Pushes a code whose lock names `file`, as somebody would who does not use our client.
fn push_by_hand(room: &Room<'_>, file: &Path) -> crate::harness::http::Reply {
    let caller = Caller::of(&room.server.url, &room.coder);
    let (sha256, size) = measure(file);
    let put = caller
        .put(&format!("/computations/{}/packages/{sha256}", room.id), &fs::read(file).unwrap());
    assert_eq!(put.status, 204, "{}", put.text());
    let name = file.file_name().unwrap().to_str().unwrap();
    let mut parts = name.split('-');
    let requirements = "it\n";
    let runtime = caller.get("/runtimes/minimal").value();
    let python: Vec<&str> = runtime["python"].as_str().unwrap().split('.').collect();
    let lock = json!({
        "version": "sealroom/lock/v1", "runtime": "minimal", "python": python[..2].join("."),
        "platform": format!("linux_{}", runtime["arch"].as_str().unwrap()),
        "requirements": sealroom_seal::Digest::of(requirements.as_bytes()).to_string(),
        "packages": [{
            "name": parts.next().unwrap(), "version": parts.next().unwrap(), "file": name,
            "size": size, "sha256": sha256, "via": ["requirements.txt"],
        }],
    });
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in [
        ("run.py", SAY_OK),
        ("requirements.txt", requirements),
        ("sealroom.lock", &lock.to_string()),
    ] {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    let tar = tar.into_inner().unwrap();
    caller.call("PUT", &format!("/computations/{}/code", room.id), "application/x-tar", &tar)
}

#[test]
fn the_enclave_refuses_what_a_hostile_client_pushes_and_says_why() {
    let server = Server::start();
    let shelf = Shelf::new(&server);
    let room = Room::new(&server, 1, 1, &["--runtime", "minimal"]);
    room.join();
    let refused = |file: &Path, says: &str| {
        let pushed = push_by_hand(&room, file);
        assert_eq!(pushed.status, 200, "{}", pushed.text());
        eventually("the enclave refuses", || {
            let waiting = room.status()["waiting_for"].to_string();
            waiting.contains(says).then_some(())
        });
        assert!(room.status()["enclave"]["identity"].is_null());
        room.coder.ok(&["audit", &room.id]).prints("refused the code");
        room.coder.ok(&["code", "reset", &room.id]);
    };
    refused(
        &shelf.wheel("trick", "1.0", "", &[("trick.pth", "import os\n")]),
        "would run when Python starts",
    );
    refused(&shelf.wheel("outside", "1.0", "", &[("../evil.py", "")]), "no path within its folder");
    refused(
        &shelf.tagged(("other", "1.0", "cp27-cp27m-manylinux1_x86_64"), "", &[("o.py", "")]),
        "it is for cp27-cp27m-manylinux1_x86_64",
    );
    let garbage = shelf.folder.join("garbage-1.0-py3-none-any.whl");
    fs::write(&garbage, b"PK\x05\x06 no wheel at all").unwrap();
    refused(&garbage, "damaged");
    // Good code is welcome afterwards.
    let good = shelf.wheel("good", "1.0", "", &[("good.py", "")]);
    assert_eq!(push_by_hand(&room, &good).status, 200);
    room.wait_for_identity();
    // And a package that never came is asked for at once.
    room.coder.ok(&["code", "reset", &room.id]);
    let caller = Caller::of(&server.url, &room.coder);
    let absent = "0".repeat(64);
    let detail = caller
        .put(&format!("/computations/{}/packages/{absent}", room.id), b"x")
        .refused(422, "invalid");
    assert!(detail.contains("has SHA-256"), "{detail}");
}

#[test]
fn a_package_that_the_server_swaps_is_not_installed() {
    let mut server = Server::start_with(&["--enclaves", "0"]);
    let shelf = demo_shelf(&server);
    let id = {
        let room = room_with(&server, &shelf, "demo\n", USE_DEMO, &[]);
        room.id.clone()
    };
    let (sha256, _) = measure(&shelf.folder.join("helper-2.0-py3-none-any.whl"));
    let blob = server.blob(&sha256);
    // As long as before: who serves it would notice another length.
    let mut evil = fs::read(&blob).unwrap();
    evil[100] ^= 1;
    fs::write(&blob, evil).unwrap();
    server.stop(crate::harness::Signal::TERM);
    server.configure(&[], &[]);
    server.start_again();
    eventually("an enclave has looked", || server.log().contains("the lock has").then_some(()));
    let owner = server.stranger("owner@example.org");
    owner.login(&server.url);
    let status = owner.json(&["status", &id]);
    assert!(status["enclave"]["identity"].is_null(), "{status}");
    assert!(
        !status["waiting_for"].to_string().contains("take the code back"),
        "no fault of the code"
    );
}

#[test]
fn a_source_distribution_is_built_in_the_jail_if_that_is_allowed() {
    let server = Server::start();
    let shelf = Shelf::new(&server);
    let marks = server.folder(&[]);
    let source = shelf.source("fromsource", "1.0", &marks);
    let code = "import fromsource\nfrom sealroom import Enclave\nwith Enclave() as enclave:\n    \
                enclave.write(b'built' if fromsource.built else b'')\n";
    let room = Room::new(&server, 1, 1, &[]);
    shelf.lend(&room.coder);
    room.join();
    let path = folder(&server, "fromsource==1.0\n", code);
    room.coder.refused(&["code", "push", &room.id, &path]).says("fromsource");
    let allowed = Room::new(&server, 1, 1, &["--allow-source", "fromsource"]);
    shelf.lend(&allowed.coder);
    allowed.join();
    allowed.push_data(0, "0.csv", b"x");
    allowed.data[0].ok(&["data", "done", &allowed.id]);
    allowed.coder.ok(&["code", "push", &allowed.id, &path]);
    allowed.wait_for_identity();
    let listed = allowed.coder.json(&["packages", &allowed.id]);
    let all = listed["packages"].as_array().unwrap();
    let built = all.iter().find(|package| package["name"] == "fromsource").unwrap();
    assert_eq!(built["built_from"]["sha256"], measure(&source).0);
    assert_eq!(built["file"], "fromsource-1.0-py3-none-any.whl");
    assert_ne!(built["sha256"], built["built_from"]["sha256"]);
    assert!(files_below(&marks).is_empty(), "setup.py was run outside of the jail");
    // A participant who has not agreed to that is told.
    allowed.data[0]
        .run(&["verify", &allowed.id, "--allow-simulated"])
        .prints("may be built from source");
    allowed.everybody_allows(r#"{"packages": {"allow_source": ["fromsource"]}}"#);
    allowed.approve_all();
    allowed.wait_for_success(1);
    assert_eq!(allowed.result(), "built");
}

#[test]
fn participants_have_rules_of_their_own_about_packages_and_licences() {
    let server = Server::start();
    let shelf = demo_shelf(&server);
    let room = room_with(&server, &shelf, "demo\n", USE_DEMO, &[]);
    room.wait_for_identity();
    let hospital = &room.data[0];
    for (policy, says) in [
        (r#"{"packages": {"forbid": ["Helper"]}}"#, "`helper` is forbidden"),
        (r#"{"packages": {"forbid_licenses": ["AGPL-3"]}}"#, "has the licence `AGPL-3.0-only`"),
    ] {
        fs::write(hospital.profile.join("policy.json"), policy).unwrap();
        let verdict = hospital.run(&["verify", &room.id, "--allow-simulated"]);
        assert_eq!(verdict.code, 1);
        verdict.prints(says);
        hospital.refused(&["approve", &room.id, "--words", &room.words, "--allow-simulated"]);
    }
    fs::write(
        hospital.profile.join("policy.json"),
        r#"{"packages": {"forbid_licenses": ["GPL"]}}"#,
    )
    .unwrap();
    hospital.ok(&["verify", &room.id, "--allow-simulated"]);
    // What all have agreed to, the enclave enforces: it learns the licence when it opens the wheel.
    let strict = room_with(&server, &shelf, "demo\n", USE_DEMO, &["--forbid-license", "AGPL"]);
    eventually("the enclave refuses", || {
        let waiting = strict.status()["waiting_for"].to_string();
        waiting.contains("`helper` has the licence").then_some(())
    });
}

#[test]
fn known_vulnerabilities_are_told_with_their_date_and_refused_on_demand() {
    let advisories = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/advisories");
    let server = Server::start();
    let shelf = Shelf::new(&server);
    shelf.wheel("requests", "2.22.0", "License: Apache 2.0\n", &[("requests.py", "")]);
    shelf.wheel("PyYAML", "5.3.1", "License: MIT\n", &[("yaml.py", "")]);
    let room = room_with(
        &server,
        &shelf,
        "requests\npyyaml\n",
        SAY_OK,
        &["--refuse-advisories", "critical"],
    );
    room.wait_for_identity();
    let hospital = &room.data[0];
    // Agreed was that somebody looks.
    hospital.run(&["verify", &room.id, "--allow-simulated"]).prints("no advisories are imported");
    hospital.refused(&["approve", &room.id, "--words", &room.words, "--allow-simulated"]);
    hospital.refused(&["advisories", "show"]).says("no advisories are imported");
    let imported = hospital.json(&["advisories", "import", advisories]);
    assert!(imported["advisories"].as_u64().unwrap() > 0, "{imported}");
    let as_of = &imported["as_of"].as_str().unwrap()[..10];
    let verdict = hospital.run(&["verify", &room.id, "--allow-simulated"]);
    assert_eq!(verdict.code, 1, "{verdict:?}");
    verdict.prints("pyyaml 5.3.1").prints(&format!("as of {as_of}"));
    let shown = hospital.ok(&["packages", &room.id]);
    shown.prints("2020-14343").prints("fixed in 5.4").prints(&format!("as of {as_of}"));
    // Garbage takes nothing away.
    let garbage = server.folder(&[("x.json", b"{\"id\": 3}")]);
    hospital.refused(&["advisories", "import", garbage.to_str().unwrap()]);
    assert_eq!(hospital.json(&["advisories", "show"])["as_of"], imported["as_of"]);
}

#[test]
fn a_runtime_that_nobody_has_is_refused_at_once() {
    let server = Server::start();
    let owner = server.person("owner@example.org");
    let new = |runtime: &str| {
        let args =
            ["new", "--name", "x", "--code", "a@x.org", "--data", "b@x.org", "--result", "c@x.org"];
        owner.run(&[&args[..], &["--runtime", runtime]].concat())
    };
    new("nobody-has-it")
        .refused(1)
        .says("the server has no runtime `nobody-has-it`")
        .says("`minimal`");
    new("../../etc").refused(2);
    let known = owner.json(&["runtime", "list", "--server"]);
    let names: Vec<&str> =
        known.as_array().unwrap().iter().map(|runtime| runtime["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"default") && names.contains(&"minimal"), "{names:?}");
}

#[test]
fn code_that_runs_at_home_runs_with_the_same_packages() {
    let server = Server::start();
    let shelf = demo_shelf(&server);
    let person = server.stranger("home@example.org");
    shelf.lend(&person);
    let home = server.folder(&[
        ("code/run.py", USE_DEMO.as_bytes()),
        ("code/requirements.txt", b"demo\n"),
        ("data/0/a.csv", b"x"),
        ("expected/0/result.bin", b"helped by two"),
    ]);
    let home = home.to_str().unwrap();
    person.ok(&["test", home, "--runtime", "minimal"]).prints("results are as expected");
    person
        .refused(&["test", home, "--runtime", "minimal", "--forbid-package", "helper"])
        .says("forbidden");
    // Without a profile and without a server.
    sealroom(&["runtime", "list"]).prints("minimal");
}
