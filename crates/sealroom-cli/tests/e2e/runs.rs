//! What code may do, and what comes of it.

use crate::harness::{
    Server,
    room::{Room, Solo},
};

fn code(body: &str) -> String {
    let indented: String = body.lines().map(|line| format!("    {line}\n")).collect();
    format!("from sealroom import Enclave, UserError\nwith Enclave() as enclave:\n{indented}")
}

#[test]
fn code_that_does_not_end_well_leaves_no_result_and_says_why() {
    let server = Server::start();
    let solo = Solo::new(&server);
    let rows = [
        ("raises", "enclave.write(b'half')\nraise ValueError('a secret')", 1),
        ("exits 3", "enclave.write(b'half')\nraise SystemExit(3)", 3),
        ("bad index for a result", "enclave.write(b'x', n=1)", 1),
        ("bad index for data", "list(enclave.read(5))", 1),
        ("bad name", "enclave.write(b'x', name='../x')", 1),
    ];
    for (name, body, exit_code) in rows {
        let (reason, code) = solo.run(&code(body), b"data", &[]).failure();
        assert_eq!(code, Some(exit_code), "{name}: {reason}");
        assert!(reason.contains(&format!("exit code {exit_code}")), "{name}: {reason}");
        assert!(!reason.contains("secret"), "{name}: what the code says is nobody's: {reason}");
    }
    let (reason, _) = solo.run(&code("import os\nos.kill(os.getpid(), 9)"), b"", &[]).failure();
    assert!(reason.contains("signal 9") || reason.contains("exit code"), "{reason}");
}

#[test]
fn code_that_never_ends_is_ended() {
    let server = Server::start();
    let solo = Solo::new(&server);
    let options = ["--max-run-seconds", "1"];
    for body in ["while True: pass", "import time\ntime.sleep(1000)"] {
        let (reason, _) = solo.run(&code(body), b"", &options).failure();
        assert!(reason.contains("longer than the policy allows"), "{reason}");
    }
}

#[test]
fn a_bad_index_is_a_user_error_that_code_can_handle() {
    let server = Server::start();
    let solo = Solo::new(&server);
    let body = "\
try:
    enclave.write(b'x', n=7)
except UserError as error:
    enclave.write(str(error).encode())
";
    let result = solo.run(&code(body), b"", &[]).result();
    assert!(String::from_utf8_lossy(&result).contains("there is no result consumer 7"));
}

#[test]
fn the_last_of_several_results_of_one_name_counts() {
    let server = Server::start();
    let solo = Solo::new(&server);
    let body = "enclave.write(b'first')\nenclave.write(b'second')\nenclave.write(b'last', n=0)";
    assert_eq!(solo.run(&code(body), b"", &[]).result(), b"last");
}

#[test]
fn a_run_that_writes_nothing_succeeds_and_says_so() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare("pass\n");
    room.approve_all();
    room.wait_for_success(1);
    let out = server.folder(&[]);
    let get = ["results", "get", &room.id, "--out", out.to_str().unwrap()];
    room.consumers[0].refused(&get).says("wrote no result for you");
}

#[test]
fn twenty_megabytes_of_output_are_cut_to_what_the_policy_keeps() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &["--logs", "code-provider"]);
    room.everybody_allows(r#"{"logs": "code_provider"}"#);
    room.prepare(&code("for _ in range(20):\n    print('x' * 1000000)\nenclave.write(b'ok')"));
    room.approve_all();
    room.wait_for_success(1);
    assert_eq!(room.result(), "ok");
    let log = room.coder.ok(&["results", "log", &room.id]).stdout;
    assert!(log.len() >= 64 << 10 && log.len() < (64 << 10) + 100, "{} bytes", log.len());
    assert!(log.contains("cut off"));
}

#[test]
fn the_jail_has_no_network_and_no_files_of_the_host() {
    let server = Server::start();
    let solo = Solo::new(&server);
    let port = server.url.rsplit(':').next().unwrap();
    let dir = server.dir.path();
    let body = format!(
        "\
import os, socket
found = []
for address in [('127.0.0.1', {port}), ('1.1.1.1', 53)]:
    try:
        socket.create_connection(address, timeout=2)
        found.append(str(address))
    except OSError:
        pass
try:
    socket.getaddrinfo('example.org', 80)
    found.append('names')
except OSError:
    pass
for path in ['{data}', '/etc/shadow', '/etc/hostname', '/proc/1/environ']:
    try:
        os.listdir(path) if os.path.isdir(path) else open(path).read()
        found.append(path)
    except OSError:
        pass
found += [name for name in os.environ if 'SEALROOM' in name or 'TOKEN' in name]
enclave.write(repr(found).encode())
",
        data = dir.display()
    );
    let result = solo.run(&code(&body), b"", &[]).result();
    assert_eq!(String::from_utf8_lossy(&result), "[]");
}

#[test]
fn more_results_than_agreed_fail_the_run() {
    let server = Server::start();
    let solo = Solo::new(&server);
    let options = ["--max-result-bytes", "1000"];
    let (_, exit_code) = solo.run(&code("enclave.write(b'x' * 2000)"), b"", &options).failure();
    assert!(exit_code != Some(0));
    let body = "enclave.write(b'x' * 900)\nenclave.write(b'y' * 1000)";
    assert_eq!(solo.run(&code(body), b"", &options).result(), vec![b'y'; 1000]);
}
