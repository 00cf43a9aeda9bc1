//! Source distributions: only where allowed, and never run.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should say so")]

mod common;

use common::{
    bench::{Bench, chain, versions, via},
    target,
};
use sealroom_resolve::{ResolveError, Target};
use std::{fs, process::Command};

fn allowing(names: &[&str]) -> Target {
    let mut target = target("3.13.0", &[]);
    target.allow_source = names.iter().map(|name| name.parse().unwrap()).collect();
    target
}

fn index() -> Bench {
    Bench::index(None, "UV_INDEX_URL", "http://{}/simple")
}

#[test]
fn a_source_distribution_comes_only_if_it_is_allowed_and_pinned() {
    for bench in [Bench::folder(), index()] {
        bench.source("s", "1.0", &["b>=1", "[:python_version<'3']", "gone", "[x]", "c"], "tar.gz");
        bench.wheel("b", "1", &[]).wheel("a", "1", &["s"]).source("z", "1", &[], "zip");
        for (requirements, target) in [
            ("s==1.0\n", target("3.13.0", &[])),
            ("s==1.0\n", allowing(&["b"])),
            ("s\n", allowing(&["s"])),
            ("s>=1.0\n", allowing(&["s"])),
            ("s==1.*\n", allowing(&["s"])),
            ("a\n", allowing(&["s"])),
            ("a\ns==1.0 ; python_version < '3'\n", allowing(&["s"])),
        ] {
            let error = bench.resolve(requirements, &target).unwrap_err();
            let ResolveError::NoWheel { name, .. } = &error else { panic!("{}", chain(&error)) };
            assert_eq!(name, "s");
            assert!(error.hint().unwrap().contains("allow_source"));
        }
        let fetched = bench.resolve("a\nS==1.0\nz==1\n", &allowing(&["s", "z", "b"])).unwrap();
        assert_eq!(versions(&fetched.lock), ["a 1", "b 1", "s 1.0", "z 1"]);
        assert_eq!(via(&fetched.lock, "b"), ["s"]);
        assert_eq!(via(&fetched.lock, "s"), ["requirements.txt", "a"]);
        let sources: Vec<_> = fetched.lock.sources().map(|p| p.file.to_string()).collect();
        assert_eq!(sources, ["s-1.0.tar.gz", "z-1.zip"]);
    }
}

#[test]
fn an_extra_of_a_source_distribution_can_be_asked_for() {
    let bench = index();
    bench.source("s", "1", &["[x]", "c"], "zip").wheel("c", "1", &[]);
    let fetched = bench.resolve("s[x]==1\n", &allowing(&["s"])).unwrap();
    assert_eq!(versions(&fetched.lock), ["c 1", "s 1"]);
}

#[test]
fn a_wheel_goes_before_a_source_distribution() {
    let bench = index();
    bench.source("s", "1", &[], "tar.gz").wheel("s", "1", &[]).source("t", "1", &[], "zip");
    let fetched = bench.resolve("s==1\nt==1\n", &allowing(&["s", "t"])).unwrap();
    let files: Vec<_> = fetched.lock.packages.iter().map(|p| p.file.to_string()).collect();
    assert_eq!(files, ["s-1-py3-none-any.whl", "t-1.zip"]);
}

#[test]
fn a_source_distribution_that_has_changed_is_refused() {
    let bench = index();
    bench.source("s", "1", &[], "tar.gz");
    bench.resolve("s==1\n", &allowing(&["s"])).unwrap();
    bench.clear().source("s", "1", &["b"], "tar.gz");
    let error = bench.resolve("s==1\n", &allowing(&["s"])).unwrap_err();
    assert!(matches!(error, ResolveError::HashMismatch { .. }), "{}", chain(&error));
}

#[test]
fn a_source_distribution_that_needs_an_address_is_refused() {
    let bench = index();
    bench.source("s", "1", &["b @ https://user:secret@example.org/b.zip"], "tar.gz");
    let error = bench.resolve("s==1\n", &allowing(&["s"])).unwrap_err();
    assert!(matches!(error, ResolveError::Source { .. }), "{}", chain(&error));
    assert!(error.to_string().contains("is an address") && !chain(&error).contains("secret"));
}

#[test]
fn a_source_distribution_that_is_none_is_refused() {
    let bench = index();
    fs::write(bench.files().join("s-1.tar.gz"), "no archive").unwrap();
    let error = bench.resolve("s==1\n", &allowing(&["s"])).unwrap_err();
    let ResolveError::Source { name, why } = &error else { panic!("{}", chain(&error)) };
    assert_eq!(name.as_str(), "s");
    assert!(why.contains("it is damaged"), "{why}");
}

#[test]
fn the_settings_of_uv_still_count() {
    for variable in ["UV_CONFIG_FILE", "UV_NO_CONFIG"] {
        let mut bench = Bench::bare();
        bench.source("s", "1", &["b"], "tar.gz").wheel("b", "1", &[]);
        let files = bench.files();
        let settings = bench.path("settings.toml");
        let text = format!("no-index = true\nfind-links = [\"{}\"]\n", files.display());
        fs::write(&settings, text).unwrap();
        bench.tools = match variable {
            "UV_CONFIG_FILE" => bench.tools.clone().with_variable(variable, settings),
            _ => {
                let tools = bench.tools.clone().with_variable(variable, "1");
                tools.with_variable("UV_NO_INDEX", "1").with_variable("UV_FIND_LINKS", files)
            }
        };
        let fetched = bench.resolve("s==1\n", &allowing(&["s"])).unwrap();
        assert_eq!(versions(&fetched.lock), ["b 1", "s 1"], "{variable}");
    }
}

#[test]
fn the_trap_in_these_source_distributions_works() {
    // Else no test here would show that nothing is run: uv, left alone, runs it.
    let bench = index();
    bench.source("s", "1", &[], "tar.gz");
    let list = bench.path("home/list.txt");
    fs::write(&list, "s==1\n").unwrap();
    assert!(!bench.uv(&["pip", "compile", list.to_str().unwrap(), "--python", "python3"]));
    assert!(bench.path("ran").exists());
}

/// Makes `s-1.tar.gz` or `s-1.zip` with a program, which gets its path as `path`.
fn made_by(bench: &Bench, name: &str, program: &str) {
    let path = bench.files().join(name);
    let program = format!("import io, sys, tarfile, zipfile\npath = sys.argv[1]\n{program}");
    let mut command = Command::new("python3");
    command.args(["-I", "-c", &program]).arg(path);
    assert!(command.status().unwrap().success());
}

#[test]
fn an_archive_that_is_made_to_be_too_much_is_refused() {
    for (name, program, why) in [
        (
            "s-1.tar.gz",
            "with tarfile.open(path, 'w:gz') as archive:\n    about = tarfile.TarInfo('s-1/PKG-INFO')\n    \
             about.size = 64 << 20\n    archive.addfile(about, io.BytesIO(bytes(about.size)))",
            "`s-1/PKG-INFO` is too large",
        ),
        (
            "s-1.zip",
            "with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:\n    \
             archive.writestr('s-1/PKG-INFO', bytes(64 << 20))",
            "`s-1/PKG-INFO` is too large",
        ),
        (
            "s-1.tar.gz",
            "with tarfile.open(path, 'w:gz') as archive:\n    for n in range(50001):\n        \
             archive.addfile(tarfile.TarInfo('s-1/%d' % n))",
            "it has more than 50000 files",
        ),
        (
            "s-1.zip",
            "with zipfile.ZipFile(path, 'w') as archive:\n    archive.writestr('s-1/setup.py', '')",
            "it has no PKG-INFO",
        ),
        (
            "s-1.zip",
            "with zipfile.ZipFile(path, 'w') as archive:\n    \
             archive.writestr('s-1/PKG-INFO', 'Name: other\\nVersion: 1\\n')",
            "it says that it is another package",
        ),
    ] {
        let bench = Bench::folder();
        made_by(&bench, name, program);
        let error = bench.resolve("s==1\n", &allowing(&["s"])).unwrap_err();
        assert!(matches!(&error, ResolveError::Source { .. }), "{}", chain(&error));
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn metadata_of_today_goes_before_what_setuptools_wrote() {
    for (info, versions_expected) in [
        ("Metadata-Version: 2.2\\nName: s\\nVersion: 1\\nRequires-Dist: b\\n", &["b 1", "s 1"][..]),
        ("Metadata-Version: 2.2\\nName: s\\nVersion: 1\\n", &["s 1"]),
        (
            "Metadata-Version: 2.2\\nName: s\\nVersion: 1\\nDynamic: Requires-Dist\\n",
            &["c 1", "s 1"],
        ),
        ("Metadata-Version: 2.1\\nName: s\\nVersion: 1\\n", &["c 1", "s 1"]),
        ("Metadata-Version: 2.1\\nName: s\\nVersion: 1\\nRequires-Dist: b\\n", &["b 1", "s 1"]),
    ] {
        let bench = Bench::folder();
        bench.wheel("b", "1", &[]).wheel("c", "1", &[]);
        let program = format!(
            "with zipfile.ZipFile(path, 'w') as archive:\n    archive.writestr('s-1/PKG-INFO', '{info}')\n    \
             archive.writestr('s-1/src/s.egg-info/requires.txt', 'c\\n')"
        );
        made_by(&bench, "s-1.zip", &program);
        let fetched = bench.resolve("s==1\n", &allowing(&["s"])).unwrap();
        assert_eq!(versions(&fetched.lock), versions_expected, "{info}");
    }
}

#[test]
fn a_source_distribution_for_other_pythons_does_not_fit() {
    let bench = Bench::folder();
    made_by(
        &bench,
        "s-1.zip",
        "with zipfile.ZipFile(path, 'w') as archive:\n    archive.writestr('s-1/PKG-INFO', \
         'Metadata-Version: 2.2\\nName: s\\nVersion: 1\\nRequires-Python: <3.9\\n')",
    );
    let error = bench.resolve("s==1\n", &allowing(&["s"])).unwrap_err();
    assert!(error.to_string().ends_with("it is for Python <3.9"), "{}", chain(&error));
}
