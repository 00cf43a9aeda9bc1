//! The reference example and the contract of `Enclave`, end to end in real jails.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should say so")]

mod common;

use common::{Room, launcher, runtime};
use sealroom_sandbox::Exit;

const REFERENCE: &str = r#"
import pandas as pd
from cosmian_lib_sgx import Enclave


def main():
    with Enclave() as enclave:
        import secret_module

        frames = [pd.read_csv(data) for data in enclave.read()]
        result = secret_module.join(frames)
        enclave.write(result.to_csv(index=False).encode("utf-8"))
    return 0


if __name__ == "__main__":
    main()
"#;

#[test]
fn the_reference_example_runs_unchanged() {
    let ran = Room::new(REFERENCE)
        .sealed("secret_module.py", "def join(f):\n    return f[0].merge(f[1], on='id')\n")
        .input(0, "a.csv", "id,a\n1,2\n3,4\n")
        .input(1, "b.csv", "id,b\n3,5\n1,6\n")
        .consumers(2)
        .succeed();
    for consumer in 0..2 {
        let text = String::from_utf8_lossy(ran.result(consumer)).into_owned();
        assert_eq!(text, "id,a,b\n1,2,6\n3,4,5\n", "consumer {consumer}");
    }
    assert_eq!(ran.log, "");
    println!("took {:?}, peak {} bytes", ran.outcome.duration, ran.outcome.peak_memory_bytes);
}

#[test]
fn the_probe_tells_what_there_is() {
    let report = launcher().probe(&runtime()).unwrap();
    println!("{} {:?}", report.python_version, report.jail);
    let installed = common::ready("default").unwrap().installed;
    assert_eq!(report.python_version, installed.python_version);
    assert_eq!(report.stdlib, installed.reserved);
    assert!(report.stdlib.iter().any(|name| name == "json"));
    for layer in ["rlimits", "seccomp"] {
        assert!(report.jail.iter().any(|name| name == layer), "{layer}");
    }
    assert!(report.jail.is_sorted());
}

#[test]
fn inputs_come_in_the_order_of_upload() {
    let code = r#"
from sealroom import Enclave, UserError

with Enclave() as enclave:
    order = [[f.read().decode() for f in enclave.read(n)] for n in (None, 0, 1, 2)]
    assert order == [["one", "two", "three"], ["one", "three"], ["two"], []], order
    again = [f.read() for f in enclave.read()]
    assert again == [b"one", b"two", b"three"]
    for bad in (-1, 3, "0", 10**30):
        files = enclave.read(bad)
        try:
            next(files)
        except UserError as error:
            print(error)
        else:
            raise AssertionError(bad)
"#;
    let room = Room::new(code).input(0, "a", "one").input(1, "b", "two").input(0, "a", "three");
    let ran = room.providers(3).succeed();
    assert!(ran.log.starts_with("there is no data provider -1: this computation has 3\n"));
    assert!(ran.results.is_empty());
}

#[test]
fn results_go_to_whom_they_are_for_and_replace_earlier_ones() {
    let code = r#"
import io
from sealroom import Enclave, UserError

with Enclave() as enclave:
    enclave.write(b"first")
    enclave.write(bytearray(b"second"))
    enclave.write(memoryview(b"only you"), n=1)
    file = io.BytesIO(b"skipped, from here")
    file.seek(9)
    enclave.write(file, name="file.bin")
    enclave.write(b"", n=0, name="empty")
    enclave.write(next(enclave.read()), name="copy")
    with open("local", "wb+") as local:
        local.write(b"local")
        local.seek(0)
        enclave.write(local, name="local")
    for wrong, error in ((("text",), TypeError), ((io.StringIO("text"),), TypeError),
                         ((b"", 2), UserError), ((b"", -1), UserError), ((None,), TypeError),
                         ((b"", 0, "a/b"), UserError), ((b"", 0, ".."), UserError),
                         ((b"", 0, ""), UserError), ((b"", 0, "\n"), UserError),
                         ((b"", 0, "é" * 128), UserError)):
        try:
            enclave.write(*wrong)
        except error:
            pass
        else:
            raise AssertionError(wrong)
"#;
    let big = vec![7; 3_000_001];
    let ran = Room::new(code).input(0, "big", &big).consumers(2).succeed();
    let get = |consumer, name: &str| ran.results.get(&(consumer, name.to_owned())).cloned();
    assert_eq!(ran.result(0), b"second");
    assert_eq!(ran.result(1), b"only you");
    assert_eq!(get(0, "file.bin"), Some(b"from here".to_vec()));
    assert_eq!((get(0, "empty"), get(1, "empty")), (Some(Vec::new()), None));
    assert_eq!((get(0, "copy"), get(1, "copy")), (Some(big.clone()), Some(big)));
    assert_eq!(get(1, "local"), Some(b"local".to_vec()));
    assert_eq!(ran.results.len(), 9);
}

#[test]
fn the_exit_code_is_the_programs() {
    let cases: &[(&str, Exit)] = &[
        ("", Exit::Code(0)),
        ("import sys; sys.exit(3)", Exit::Code(3)),
        ("import sys; sys.exit('words')", Exit::Code(1)),
        ("raise ValueError('x')", Exit::Code(1)),
        ("syntax error", Exit::Code(1)),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", Exit::Signal(15)),
        ("import os; os.abort()", Exit::Signal(6)),
    ];
    for (code, exit) in cases {
        let ran = Room::new(code).run();
        assert_eq!(ran.outcome.exit, *exit, "{code}: {}", ran.log);
    }
}

#[test]
fn a_traceback_begins_in_the_users_code() {
    let ran = Room::new("import secret\n\ndef main():\n    secret.fail()\n\nmain()\n")
        .sealed("secret.py", "def fail():\n    raise ValueError('no')\n")
        .run();
    let lines: Vec<&str> = ran.log.lines().collect();
    assert_eq!(lines.first(), Some(&"Traceback (most recent call last):"));
    assert!(lines[1].ends_with("run.py\", line 6, in <module>"), "{}", ran.log);
    assert_eq!(lines.last(), Some(&"ValueError: no"));
}
