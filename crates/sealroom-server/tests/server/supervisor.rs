//! Local enclaves, with a shell script in the place of the enclave.

use crate::{enclave, harness::Server, party::Room};
use sealroom_lifecycle::EnclaveId;
use sealroom_server::LocalEnclaves;
use std::{os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

/// A program that writes down how it was started, and waits.
fn program(dir: &Path, then: &str) -> std::path::PathBuf {
    let path = dir.join("enclave.sh");
    let text = format!("#!/bin/sh\necho \"$$ $*\" >> {}/started\n{then}\n", dir.display());
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}

/// Process and arguments of every enclave that was started.
fn started(dir: &Path) -> Vec<(u32, Vec<String>)> {
    let text = std::fs::read_to_string(dir.join("started")).unwrap_or_default();
    let line = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        (words.next().unwrap().parse().unwrap(), words.collect())
    };
    text.lines().map(line).collect()
}

fn option(arguments: &[String], name: &str) -> String {
    let at = arguments.iter().position(|argument| argument == name).expect(name);
    arguments[at + 1].clone()
}

fn is_alive(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !status.is_empty() && !status.contains(") Z ")
}

#[test]
fn one_enclave_is_idle_and_each_claim_starts_another_up_to_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let program = program(dir.path(), "exec sleep 1000");
    let mut server = Server::start_with(|config| {
        config.local_enclaves = LocalEnclaves::Max(2);
        config.enclave_program = Some(program);
        config.lease = Duration::from_secs(60);
    });
    server.eventually("the first starts", || started(dir.path()).len() == 1);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(started(dir.path()).len(), 1, "one idle enclave is enough");
    let (pid, arguments) = started(dir.path()).remove(0);
    assert_eq!(option(&arguments, "--server"), format!("http://{}", server.address));
    let token_file = option(&arguments, "--token-file");
    let mode = std::fs::metadata(&token_file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // The first claims; a second gets ready; two is the limit.
    let token = std::fs::read_to_string(&token_file).unwrap();
    let body = serde_json::json!({ "type": "refresh_token", "refresh_token": token });
    let access = server.anonymous().post("/oauth/token", &body).ok()["access_token"].clone();
    let client = server.anonymous().with_token(access.as_str().unwrap());
    let room = Room::ready(&server);
    let first = EnclaveId(option(&arguments, "--id").parse().unwrap());
    assert_eq!(enclave::claim(&client, first).unwrap().computation, room.id);
    server.eventually("the second starts", || started(dir.path()).len() == 2);
    std::thread::sleep(Duration::from_millis(1200));
    assert_eq!(started(dir.path()).len(), 2);

    // The first dies: its computation is free at once, long before the lease would run out.
    let kill = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(kill.unwrap().success());
    let second = EnclaveId(option(&started(dir.path())[1].1, "--id").parse().unwrap());
    server.eventually("the computation is free", || enclave::claim(&client, second).is_some());
    server.eventually("a third starts", || started(dir.path()).len() == 3);

    let pids: Vec<u32> = started(dir.path()).into_iter().map(|(pid, _)| pid).collect();
    server.stop();
    assert!(pids.into_iter().all(|pid| !is_alive(pid)), "all enclaves end with the server");
}

#[test]
fn an_enclave_that_dies_at_once_is_not_started_all_the_time() {
    let dir = tempfile::tempdir().unwrap();
    let program = program(dir.path(), "exit 3");
    let _server = Server::start_with(|config| {
        config.local_enclaves = LocalEnclaves::Max(4);
        config.enclave_program = Some(program);
    });
    std::thread::sleep(Duration::from_secs(4));
    let count = started(dir.path()).len();
    assert!((2..=4).contains(&count), "{count} starts in four seconds");
}

/// A process that looks like an enclave that a server before this one has left.
fn leftover(data_dir: &Path, place: u32, id: &str, server: &str) -> std::process::Child {
    use std::os::unix::process::CommandExt as _;
    let child = std::process::Command::new("sh")
        .args(["-c", "sleep 1000", "run", "--server", server, "--id", id])
        .process_group(0)
        .spawn()
        .unwrap();
    let folder = data_dir.join(format!("enclaves/{place}"));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("pid"), format!("{} {id}", child.id())).unwrap();
    child
}

#[test]
fn an_enclave_that_outlived_its_server_is_kept_if_it_still_finds_it() {
    let dir = tempfile::tempdir().unwrap();
    let program = program(dir.path(), "exec sleep 1000");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let data_dir = dir.path().join("data");
    let [kept, lost] =
        ["11111111-0000-4000-8000-000000000000", "22222222-0000-4000-8000-000000000000"];
    let mut kept = leftover(&data_dir, 3, kept, &format!("http://{free}"));
    let mut lost = leftover(&data_dir, 4, lost, "http://127.0.0.1:9");
    let mut server = Server::start_with(|config| {
        config.listen = free;
        config.data_dir = data_dir;
        config.local_enclaves = LocalEnclaves::Max(4);
        config.enclave_program = Some(program);
    });
    server
        .eventually("the one that talks elsewhere is ended", || lost.try_wait().unwrap().is_some());
    std::thread::sleep(Duration::from_millis(1200));
    assert!(kept.try_wait().unwrap().is_none());
    assert_eq!(started(dir.path()).len(), 0, "the one that was left is the idle one");
    let waiting = std::thread::spawn(move || kept.wait().unwrap());
    server.stop();
    assert!(!waiting.join().unwrap().success(), "it ends with the server like any other");
}
