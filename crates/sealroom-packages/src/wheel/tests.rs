//! Wheels that an honest tool has made, and ones that nobody honest would make.

use super::*;
use proptest::prelude::*;
use std::io::Seek as _;
use zip::{ZipWriter, write::SimpleFileOptions};

const NAME: &str = "demo-1.0-py3-none-any.whl";
const METADATA: &str = "Metadata-Version: 2.1\nName: Demo\nVersion: 1.0\nLicense: MIT\n";

pub(crate) fn platform() -> Platform {
    Platform { python: (3, 13), arch: "x86_64".to_owned(), glibc: (2, 36) }
}

pub(crate) fn reserved() -> Reserved {
    Reserved::new(["json", "os", "typing"].map(str::to_owned))
}

/// A wheel with these files beside its `METADATA`.
pub(crate) fn wheel(files: &[(&str, &[u8])]) -> File {
    make(|zip| {
        for (name, content) in files {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
    })
}

fn make(fill: impl FnOnce(&mut ZipWriter<File>)) -> File {
    let mut zip = ZipWriter::new(tempfile::tempfile().unwrap());
    fill(&mut zip);
    zip.start_file("demo-1.0.dist-info/METADATA", SimpleFileOptions::default()).unwrap();
    zip.write_all(METADATA.as_bytes()).unwrap();
    let mut file = zip.finish().unwrap();
    file.rewind().unwrap();
    file
}

fn open(file: File, name: &str) -> Result<Wheel, WheelError> {
    Wheel::open(file, &name.parse().unwrap(), &platform(), &reserved())
}

fn unpacked(file: File) -> Result<Vec<(String, String)>, WheelError> {
    let folder = tempfile::tempdir().unwrap();
    open(file, NAME)?.unpack(folder.path())?;
    let mut found = Vec::new();
    let mut pending = vec![folder.path().to_owned()];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(&dir).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => pending.push(entry.path()),
                false => {
                    let path = entry.path();
                    let name = path.strip_prefix(folder.path()).unwrap().display().to_string();
                    found.push((name, fs::read_to_string(&path).unwrap_or_default()));
                }
            }
        }
    }
    found.sort();
    Ok(found)
}

#[test]
fn a_wheel_is_unpacked_without_what_has_no_place_here() {
    let files = unpacked(wheel(&[
        ("demo/__init__.py", b"x = 1\n"),
        ("demo/__pycache__/__init__.cpython-313.pyc", b"other code"),
        ("demo-1.0.data/purelib/pure.py", b"p"),
        ("demo-1.0.data/platlib/demo/plat.py", b"q"),
        ("demo-1.0.data/scripts/run", b"#!python"),
        ("demo-1.0.data/data/etc/x", b"x"),
        ("demo-1.0.data/headers/x.h", b"x"),
        ("demo-1.0-py3.13-nspkg.pth", b"import os"),
        ("distutils-precedence.pth", b"import os"),
        ("demo/inner.pth", b"a file as any other"),
    ]));
    let names: Vec<String> = files.unwrap().into_iter().map(|(name, _)| name).collect();
    let wanted = [
        "demo-1.0.dist-info/METADATA",
        "demo/__init__.py",
        "demo/inner.pth",
        "demo/plat.py",
        "pure.py",
    ];
    assert_eq!(names, wanted);
    let opened = open(wheel(&[]), NAME).unwrap();
    assert_eq!(opened.license(), Some("MIT"));
}

#[test]
fn each_trick_is_refused_for_its_own_reason() {
    let cases: &[(&str, &str)] = &[
        ("../evil.py", "no path within its folder"),
        ("/etc/cron.d/evil", "no path within its folder"),
        ("demo/../../evil.py", "no path within its folder"),
        ("demo\\..\\evil.py", "no path within its folder"),
        ("demo-1.0.data/purelib/../../evil.py", "no path within its folder"),
        ("demo-1.0.data/platlib", "no path within its folder"),
        ("demo-1.0.data/elsewhere/evil.py", "no path within its folder"),
        ("demo/\u{202e}yp.live", "no path within its folder"),
        ("evil.pth", "would run when Python starts"),
        ("demo-1.0.data/purelib/evil.pth", "would run when Python starts"),
        ("sitecustomize.py", "would run when Python starts"),
        ("sitecustomize/__init__.py", "would run when Python starts"),
        ("usercustomize.cpython-313-x86_64-linux-gnu.so", "would run when Python starts"),
        ("demo-1.0.data/platlib/sitecustomize.pyc", "would run when Python starts"),
        ("json/__init__.py", "a module of Python's own"),
        ("typing.py", "a module of Python's own"),
        ("os.abi3.so", "a module of Python's own"),
        ("cosmian_lib_sgx/__init__.py", "a package of Sealroom's"),
        ("sealroom.py", "a package of Sealroom's"),
        ("_sealroom.abi3.so", "a package of Sealroom's"),
        ("demo-1.0.data/purelib/sealroom/__init__.py", "a package of Sealroom's"),
        ("other-1.0.dist-info/METADATA", "several things"),
        ("numpy-2.0.dist-info/RECORD", "numpy-2.0.dist-info"),
    ];
    assert!(open(wheel(&[("demo/json.py", b"")]), NAME).is_ok(), "deeper, any name will do");
    for (path, reason) in cases {
        let refused = unpacked(wheel(&[("demo/__init__.py", b""), (path, b"x")]));
        let text = refused.map(drop).map_err(|error| error.to_string());
        assert!(text.as_ref().is_err_and(|text| text.contains(reason)), "{path}: {text:?}");
    }
}

#[test]
fn the_same_place_twice_is_refused() {
    for (a, b) in [
        ("demo.py", "demo-1.0.data/purelib/demo.py"),
        ("demo-1.0.data/purelib/x/y.py", "demo-1.0.data/platlib/x/y.py"),
        ("demo/a", "demo/a/b.py"),
    ] {
        let refused = unpacked(wheel(&[(a, b"1"), (b, b"2")]));
        assert!(matches!(refused, Err(WheelError::Twice(_))), "{a}: {refused:?}");
    }
}

#[test]
fn a_link_in_a_wheel_is_refused() {
    let link = make(|zip| {
        zip.add_symlink("demo/link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    });
    let refused = unpacked(link).unwrap_err().to_string();
    assert!(refused.contains("is a link"), "{refused}");
}

#[test]
fn a_wheel_is_what_its_name_says() {
    for (name, reason) in [
        ("demo-2.0-py3-none-any.whl", "demo 1.0"),
        ("other-1.0-py3-none-any.whl", "demo 1.0"),
        ("demo-1.0-cp312-cp312-manylinux2014_x86_64.whl", "not for CPython 3.13 on linux_x86_64"),
        ("demo-1.0-py3-none-macosx_11_0_arm64.whl", "it is for py3-none-macosx_11_0_arm64"),
        ("demo-1.0.tar.gz", "no wheel"),
    ] {
        let refused = open(wheel(&[]), name).unwrap_err().to_string();
        assert!(refused.contains(reason), "{name}: {refused}");
    }
    let mut empty = ZipWriter::new(tempfile::tempfile().unwrap());
    empty.start_file("demo.py", SimpleFileOptions::default()).unwrap();
    let refused = open(empty.finish().unwrap(), NAME).unwrap_err().to_string();
    assert!(refused.contains("it says that it is nothing"), "{refused}");
}

#[test]
fn what_promises_too_much_is_refused_before_it_is_unpacked() {
    let mut bytes = Vec::new();
    wheel(&[("demo/a", &[0; 100])]).read_to_end(&mut bytes).unwrap();
    // The size in the central directory: the second of the two records that have one.
    let at = bytes.windows(4).rposition(|w| w == 100_u32.to_le_bytes()).unwrap();
    bytes[at..at + 4].copy_from_slice(&u32::MAX.wrapping_sub(1).to_le_bytes());
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    file.rewind().unwrap();
    let refused = unpacked(file);
    assert!(refused.is_err(), "{refused:?}");
}

#[test]
fn too_many_files_are_refused_before_they_are_listed() {
    let crowd = make(|zip| {
        for n in 0..=MAX_ENTRIES {
            zip.start_file(format!("demo/{n}"), SimpleFileOptions::default()).unwrap();
        }
    });
    assert!(matches!(open(crowd, NAME), Err(WheelError::TooManyFiles(_))));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_write_elsewhere(
        at: Vec<(prop::sample::Index, u8)>, cut: prop::sample::Index
    ) {
        let mut bytes = Vec::new();
        wheel(&[("demo/a.py", b"aaaa"), ("demo/b.py", b"bbbb")]).read_to_end(&mut bytes).unwrap();
        for (at, byte) in at {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file.rewind().unwrap();
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("inner");
        fs::create_dir(&folder).unwrap();
        if let Ok(wheel) = open(file, NAME) {
            let _ = wheel.unpack(&folder);
        }
        prop_assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 1);
    }
}
