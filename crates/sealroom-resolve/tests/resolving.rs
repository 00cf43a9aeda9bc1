//! Resolving against an index on this machine: what comes out, and what each failure is called.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should say so")]

mod common;

use common::{
    bench::{Bench, chain, names_in, versions, via},
    target,
};
use sealroom_protocol::Digest;
use sealroom_resolve::{Limits, Requirements, ResolveError, Tools, resolve};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    thread,
    time::{Duration, Instant},
};

const INDEX: (&str, &str) = ("UV_INDEX_URL", "http://{}/simple");

fn index() -> Bench {
    Bench::index(None, INDEX.0, INDEX.1)
}

#[test]
fn packages_come_with_what_they_need() {
    for bench in [Bench::folder(), index()] {
        bench.wheel("a", "1.0", &["b>=1", "d ; python_version < '3'"]).wheel("b", "1.0", &[]);
        bench.wheel("b", "2.0", &["C_c"]).wheel("c_c", "1", &[]).wheel("unrelated", "1", &[]);
        let requirements = "a # why\nc-c ; sys_platform == 'linux'\n";
        let fetched = bench.resolve(requirements, &target("3.13.0", &[])).unwrap();
        let lock = &fetched.lock;
        assert_eq!(versions(lock), ["a 1.0", "b 2.0", "c-c 1"]);
        assert_eq!(via(lock, "a"), ["requirements.txt"]);
        assert_eq!(via(lock, "b"), ["a"]);
        assert_eq!(via(lock, "c-c"), ["requirements.txt", "b"]);
        assert_eq!((lock.python.as_str(), lock.platform.as_str()), ("3.13", "linux_x86_64"));
        assert_eq!(lock.requirements, Digest::of(requirements.as_bytes()));
    }
}

#[test]
fn nothing_is_asked_for_and_nothing_comes() {
    let fetched = Bench::folder().resolve("# nothing\n", &target("3.13.0", &[])).unwrap();
    assert!(fetched.files.is_empty() && fetched.lock.packages.is_empty());
}

/// Code of 2022 lists what its runtime has, and a server may have no way to an index.
#[test]
fn what_the_runtime_has_is_not_resolved() {
    let has = target("3.13.0", &[("pandas", "3.0"), ("numpy", "2.1")]);
    let bench = Bench::folder();
    // Nothing is in the folder: whatever has to be looked for is not found.
    let met = "pandas\nnumpy>=2,<3\nnumpy ; python_version < '3'\nabsent ; python_version < '3'\n";
    let fetched = bench.resolve(met, &has).unwrap();
    assert!(fetched.lock.packages.is_empty());
    assert_eq!(fetched.lock.requirements, Digest::of(met.as_bytes()));
    for more in ["pandas[excel]\n", "pandas<3\n", "absent\n"] {
        assert!(bench.resolve(more, &has).is_err(), "{more}");
    }
}

#[test]
fn of_several_wheels_the_one_for_the_target_comes() {
    let bench = index();
    for tag in [
        "cp313-cp313-manylinux_2_39_x86_64",
        "cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64",
        "cp312-cp312-manylinux_2_17_x86_64",
        "cp313-cp313-macosx_11_0_arm64",
        "cp313-cp313-manylinux_2_17_aarch64",
        "cp313-cp313t-manylinux_2_17_x86_64",
    ] {
        bench.package("a", "1", &[], &[], tag, tag);
    }
    bench.package("b", "1", &[], &[], "cp38-abi3-manylinux2014_x86_64", "");
    bench.package("c", "1", &[], &[], "py3-none-manylinux_2_5_x86_64.manylinux1_x86_64", "");
    bench.package("d", "1", &[], &[], "py2.py3-none-any", "");
    bench.package("e", "1", &[], &[], "cp313-none-linux_x86_64", "");
    let fetched = bench.resolve("a\nb\nc\nd\ne\n", &target("3.13.0", &[])).unwrap();
    let a = fetched.lock.packages[0].file.as_str();
    assert_eq!(a, "a-1-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl");
    assert_eq!(fetched.files.len(), 5);
}

#[test]
fn what_the_runtime_has_stays_and_is_not_fetched() {
    let bench = index();
    bench.wheel("a", "1", &["b"]).wheel("b", "1.0", &["c"]).wheel("b", "2.0", &["c"]).wheel(
        "c",
        "1",
        &[],
    );
    let target = target("3.13.0", &[("b", "1"), ("c", "1"), ("unused", "9")]);
    let fetched = bench.resolve("a\nb\n", &target).unwrap();
    assert_eq!(versions(&fetched.lock), ["a 1"]);
    let error = bench.clear().resolve("a\nb>=2\n", &target).unwrap_err();
    let ResolveError::Unsatisfiable { explanation } = &error else { panic!("{}", chain(&error)) };
    assert!(
        explanation.as_str().contains("b>=2") && explanation.as_str().contains("b==1"),
        "{explanation}"
    );
}

#[test]
fn an_override_of_uv_cannot_change_what_the_runtime_has() {
    let mut bench = index();
    bench.wheel("a", "1", &["b"]).wheel("b", "1", &[]).wheel("b", "2", &[]);
    let overrides = bench.path("home/overrides.txt");
    fs::write(&overrides, "b==2\n").unwrap();
    bench.tools = bench.tools.clone().with_variable("UV_OVERRIDE", overrides);
    let error = bench.resolve("a\n", &target("3.13.0", &[("b", "1")])).unwrap_err();
    let is_named = match &error {
        ResolveError::BaseChanged { name, .. } => name.as_str() == "b",
        ResolveError::Unsatisfiable { explanation } => explanation.as_str().contains("b==1"),
        _ => false,
    };
    assert!(is_named, "{}", chain(&error));
}

#[test]
fn circular_extras_resolve() {
    let bench = Bench::folder();
    let extra = "b[y] ; extra == 'x'";
    bench.package("a", "1", &[extra], &["x"], "py3-none-any", "");
    bench.package(
        "b",
        "1",
        &["a[x] ; extra == 'y'", "c ; extra == 'y'"],
        &["y"],
        "py3-none-any",
        "",
    );
    bench.wheel("c", "1", &[]);
    let fetched = bench.resolve("a[x]\n", &target("3.13.0", &[])).unwrap();
    assert_eq!(versions(&fetched.lock), ["a 1", "b 1", "c 1"]);
    assert_eq!(via(&fetched.lock, "a"), ["requirements.txt", "b"]);
}

#[test]
fn versions_that_do_not_fit_are_explained() {
    for bench in [Bench::folder(), index()] {
        bench.wheel("a", "1", &["c<2"]).wheel("b", "1", &["c>=2"]).wheel("c", "1", &[]).wheel(
            "c",
            "2",
            &[],
        );
        let error = bench.resolve("a\nb\n", &target("3.13.0", &[])).unwrap_err();
        let ResolveError::Unsatisfiable { explanation } = &error else {
            panic!("{}", chain(&error))
        };
        let text = explanation.as_str();
        assert!(
            text.contains("c<2") && text.contains("c>=2") && text.starts_with("Because"),
            "{text}"
        );
        assert!(error.hint().unwrap().contains("loosen one"));
        assert!(error.is_of_requirements());
    }
}

#[test]
fn a_name_that_nobody_has_is_named() {
    for bench in [Bench::folder(), index()] {
        bench.wheel("a", "1", &["missing-one"]);
        let error = bench.resolve("a\n", &target("3.13.0", &[])).unwrap_err();
        let ResolveError::NoSuchPackage { name, .. } = &error else { panic!("{}", chain(&error)) };
        assert_eq!(name, "missing-one");
        assert!(error.hint().unwrap().contains("spelling"));
    }
}

#[test]
fn a_wheel_for_other_machines_or_pythons_does_not_count() {
    for tag in [
        "cp313-cp313-macosx_11_0_arm64",
        "cp312-cp312-manylinux_2_17_x86_64",
        "cp313-cp313-manylinux_2_39_x86_64",
    ] {
        let bench = index();
        bench.package("only", "1", &[], &[], tag, "").wheel("a", "1", &["only"]);
        let error = bench.resolve("a\n", &target("3.13.0", &[])).unwrap_err();
        let ResolveError::NoWheel { name, .. } = &error else { panic!("{}", chain(&error)) };
        assert_eq!(name, "only");
        assert!(error.hint().unwrap().contains("`only==version`"), "{error:?}");
    }
}

#[test]
fn a_file_that_has_changed_is_refused() {
    let bench = index();
    bench.wheel("a", "1", &[]);
    let target = target("3.13.0", &[]);
    bench.resolve("a\n", &target).unwrap();
    bench.clear().package("a", "1", &[], &[], "py3-none-any", "another");
    let error = bench.resolve("a\n", &target).unwrap_err();
    assert!(matches!(error, ResolveError::HashMismatch { .. }), "{}", chain(&error));
}

#[test]
fn hashes_of_the_requirements_count() {
    let bench = index();
    bench.wheel("a", "1", &[]);
    let hash = Digest::of(&fs::read(bench.files().join("a-1-py3-none-any.whl")).unwrap());
    let other = Digest::of(b"");
    let good = format!("a==1 --hash=sha256:{hash} --hash=sha256:{other}\n");
    bench.resolve(&good, &target("3.13.0", &[])).unwrap();
    let bad = format!("a==1 --hash=sha256:{other}\n");
    let error = bench.clear().resolve(&bad, &target("3.13.0", &[])).unwrap_err();
    assert!(matches!(error, ResolveError::HashMismatch { .. }), "{}", chain(&error));
}

#[test]
fn an_index_that_only_pip_knows_is_used() {
    let bench = Bench::index(None, "PIP_INDEX_URL", "http://{}/simple");
    bench.wheel("a", "1", &[]);
    bench.resolve("a\n", &target("3.13.0", &[])).unwrap();
}

#[test]
fn settings_of_the_folders_above_do_not_count_those_of_the_user_do() {
    let bench = index();
    bench.wheel("a", "1", &[]);
    // Whoever can write to the system's temporary folder could put it there.
    fs::write(bench.path("temporary").join("uv.toml"), "index-url = \"http://127.0.0.1:9/\"")
        .unwrap();
    let requirements = Requirements::parse(b"a\n").unwrap();
    let into = bench.path("into");
    resolve(&requirements, &target("3.13.0", &[]), &bench.tools, &Limits::default(), &into)
        .unwrap();

    let bench = Bench::bare();
    bench.wheel("a", "1", &[]);
    let settings = bench.path("home/XDG_CONFIG_HOME/uv");
    fs::create_dir_all(&settings).unwrap();
    let text = format!("no-index = true\nfind-links = [\"{}\"]\n", bench.files().display());
    fs::write(settings.join("uv.toml"), text).unwrap();
    bench.resolve("a\n", &target("3.13.0", &[])).unwrap();
}

#[test]
fn an_index_that_is_not_there_is_unreachable() {
    let bench = Bench::bare();
    let tools = bench.tools.clone().with_variable("UV_INDEX_URL", "http://127.0.0.1:9/simple");
    let requirements = Requirements::parse(b"a\n").unwrap();
    let into = bench.path("into");
    let result = resolve(&requirements, &target("3.13.0", &[]), &tools, &Limits::default(), &into);
    let error = bench.check(result).unwrap_err();
    assert!(matches!(error, ResolveError::Unreachable { .. }), "{}", chain(&error));
    assert!(!error.is_of_requirements());
}

#[test]
fn an_index_that_does_not_answer_is_given_up() {
    let bench = index();
    let limits = Limits { time: Duration::from_secs(2), ..Limits::default() };
    let requirements = Requirements::parse(b"slow\n").unwrap();
    let start = Instant::now();
    let result =
        resolve(&requirements, &target("3.13.0", &[]), &bench.tools, &limits, &bench.path("into"));
    let error = bench.check(result).unwrap_err();
    assert!(matches!(error, ResolveError::Slow(_)), "{}", chain(&error));
    assert!(start.elapsed() < Duration::from_secs(4));
}

#[test]
fn a_tool_that_takes_too_long_is_ended_with_its_children() {
    let bench = Bench::folder();
    let (uv, alive) = (bench.path("home/uv"), bench.path("home/alive"));
    let script = format!(
        "#!/bin/sh\n(while :; do echo >>{}; sleep 0.05; done) &\nsleep 60\n",
        alive.display()
    );
    fs::write(&uv, script).unwrap();
    fs::set_permissions(&uv, Permissions::from_mode(0o755)).unwrap();
    let tools = Tools::named(uv, "/usr/bin/python3".into(), Vec::new())
        .with_temporary(bench.path("temporary"));
    let limits = Limits { time: Duration::from_millis(500), ..Limits::default() };
    let requirements = Requirements::parse(b"a\n").unwrap();
    let result =
        resolve(&requirements, &target("3.13.0", &[]), &tools, &limits, &bench.path("into"));
    let error = bench.check(result).unwrap_err();
    assert!(matches!(error, ResolveError::Slow(_)), "{}", chain(&error));
    let size = fs::metadata(&alive).unwrap().len();
    thread::sleep(Duration::from_millis(300));
    assert!(size > 0 && fs::metadata(&alive).unwrap().len() == size, "a child still runs");
}

#[test]
fn more_bytes_than_allowed_are_refused() {
    let bench = index();
    bench.package("a", "1", &[], &[], "py3-none-any", &"x".repeat(5000));
    let limits = Limits { total: 4000, ..Limits::default() };
    let requirements = Requirements::parse(b"a\n").unwrap();
    let result =
        resolve(&requirements, &target("3.13.0", &[]), &bench.tools, &limits, &bench.path("into"));
    let error = bench.check(result).unwrap_err();
    assert!(matches!(error, ResolveError::TooLarge(4000)), "{}", chain(&error));
}

#[test]
fn a_tool_that_is_none_is_an_error_of_this_machine() {
    let bench = Bench::folder();
    let tools = Tools::named("/nowhere/uv".into(), "/nowhere/python3".into(), Vec::new())
        .with_temporary(bench.path("temporary"));
    let requirements = Requirements::parse(b"a\n").unwrap();
    let into = bench.path("into");
    let result = resolve(&requirements, &target("3.13.0", &[]), &tools, &Limits::default(), &into);
    let error = bench.check(result).unwrap_err();
    assert!(matches!(error, ResolveError::Start { tool: "uv", .. }), "{}", chain(&error));
    assert_eq!(names_in(&bench.path("temporary")).len(), 0);
}
