//! Code folders that are none, and archives that no client of ours would make.

use crate::harness::{
    Server, files_below,
    http::Caller,
    room::{Room, SAY_OK},
    sealroom,
};
use std::{fs, os::unix::fs::symlink, path::Path};
use tar::EntryType;

#[test]
fn a_folder_that_is_no_code_is_refused_before_anything_is_sent() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.join();
    let head = room.status()["head"].clone();
    let refused = |folder: &Path, says: &str| {
        let folder = folder.to_str().unwrap();
        room.coder.refused(&["code", "push", &room.id, folder]).says(says);
        sealroom(&["test", folder, "--data", "/dev/null"]).refused(1).says(says);
    };
    refused(&server.folder(&[("main.py", b"1")]), "it has no `run.py`");
    refused(Path::new("/nonexistent/folder"), "it is not a folder");
    let broken = b"import os\n\n\ndef main(:\n    pass\n";
    refused(&server.folder(&[("run.py", broken)]), "line 4");
    refused(&server.folder(&[("run.py", b"print('\xff')\n")]), "run.py");
    let linked = server.folder(&[("run.py", SAY_OK.as_bytes())]);
    symlink("/etc/passwd", linked.join("passwords.txt")).unwrap();
    refused(&linked, "`passwords.txt` is neither a file nor a folder");
    let linked = server.folder(&[("run.py", SAY_OK.as_bytes())]);
    symlink("/etc", linked.join("etc")).unwrap();
    refused(&linked, "`etc` is neither a file nor a folder");
    assert_eq!(room.status()["head"], head, "nothing has changed");
    assert!(files_below(&server.data_dir().join("blobs")).is_empty());
}

/// One entry with any header that a hostile writer might make.
fn entry(name: &str, kind: EntryType, claimed: u64, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(claimed);
    header.set_cksum();
    let mut out = header.as_bytes().to_vec();
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

#[test]
fn hostile_archives_are_refused_and_change_nothing() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.join();
    let head = room.status()["head"].clone();
    let coder = Caller::of(&server.url, &room.coder);
    let path = format!("/computations/{}/code", room.id);
    let run = entry("run.py", EntryType::Regular, SAY_OK.len() as u64, SAY_OK.as_bytes());
    let archive = |more: &[Vec<u8>]| [run.clone(), more.concat(), vec![0; 1024]].concat();
    let file = |name: &str| entry(name, EntryType::Regular, 1, b"x");
    let many = || (0..10_000).map(|n| entry(&format!("{n}.enc"), EntryType::Regular, 0, b""));
    let tricks: [(&str, Vec<Vec<u8>>, &str); 12] = [
        ("absolute path", vec![file("/etc/x.enc")], "`/etc/x`"),
        ("..", vec![file("../x.enc")], "`../x`"),
        (".. within", vec![file("a/../../x.enc")], "`a/../../x`"),
        ("symbolic link", vec![entry("l.enc", EntryType::Symlink, 0, b"")], "symbolic link"),
        ("hard link", vec![entry("l.enc", EntryType::Link, 0, b"")], "hard link"),
        ("device", vec![entry("d.enc", EntryType::Char, 0, b"")], "device"),
        ("pipe", vec![entry("p.enc", EntryType::Fifo, 0, b"")], "pipe"),
        ("duplicate", vec![file("a.enc"), file("a.enc")], "twice"),
        ("second run.py", vec![run.clone()], "twice"),
        ("unsealed module", vec![file("module.py")], "`module.py` is not sealed"),
        ("10,000 entries", many().collect(), "more than 4096 files"),
        ("100 GB claim", vec![entry("b.enc", EntryType::Regular, 100 << 30, b"")], "claims"),
    ];
    for (name, trick, says) in tricks {
        let said = coder.put(&path, &archive(&trick)).refused(422, "invalid");
        assert!(said.contains(says), "{name}: {said}");
    }
    let cut = &archive(&[file("a.enc")])[..700];
    for (name, bytes) in [("nothing", &b""[..]), ("noise", &[0x55; 4096]), ("cut", cut)] {
        let said = coder.put(&path, bytes).refused(422, "invalid");
        assert!(!said.is_empty(), "{name}");
    }
    let no_entrypoint = [file("a.enc"), vec![0; 1024]].concat();
    assert!(coder.put(&path, &no_entrypoint).refused(422, "invalid").contains("run.py"));
    let broken = entry("run.py", EntryType::Regular, 9, b"x = 1\n)(\n");
    let said = coder.put(&path, &[broken, vec![0; 1024]].concat()).refused(422, "invalid");
    assert!(said.contains("line 2"), "{said}");
    assert_eq!(room.status()["head"], head, "nothing has changed");
    assert!(files_below(&server.data_dir().join("blobs")).is_empty(), "nothing is stored");
    assert!(files_below(&server.data_dir().join("tmp")).is_empty(), "nothing is left");
    // And an honest one is still welcome.
    assert_eq!(coder.put(&path, &archive(&[])).status, 200);
}

#[test]
fn hidden_files_and_caches_never_leave_the_code_provider() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.join();
    let folder = server.folder(&[
        ("run.py", SAY_OK.as_bytes()),
        ("requirements.txt", b""),
        ("pkg/module.py", b""),
        (".env", b"password"),
        (".git/config", b""),
        ("pkg/__pycache__/module.pyc", b""),
    ]);
    let pushed = room.coder.json(&["code", "push", &room.id, folder.to_str().unwrap()]);
    let files: Vec<(&str, bool)> = pushed["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| (file["path"].as_str().unwrap(), file["sealed"].as_bool().unwrap()))
        .collect();
    let wanted = [("pkg/module.py", true), ("requirements.txt", false), ("run.py", false)];
    assert_eq!(files, wanted);
    fs::remove_dir_all(folder).unwrap();
}
